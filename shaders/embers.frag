/*
title = "Embers"
mood = "a ring of stones round a bed of embers"
tags = ["fire", "dark"]
soundscape = "embers"

[comfort]
flow = 0.3       # degrees/s at full motion, 40 degrees wide picture: sparks; the bed itself lies still
contrast = 0.4

# breath: air over the embers: the whole bed glows up, its light reaches out over ground and stones, and sinks
# guide: light upon the stones: it spreads round the ring from the nearest stone and draws back
# pulse: a warmth in the finest cracks, under 2 % of the range
# calm: the bed settles, its heat evens out; coherence: the wandering heat joins into one heart
# progress: violet dusk, full gold, deep embers under ash, grey dawn
# confidence: at 0 the embers glow up and down on their own and ask nothing
# density: how many sparks rise, and how much of the bed is alight
[uniforms]
u_air = { from = "breath", smooth_s = 0.25 }
u_ring = { from = "guide", smooth_s = 0.25 }
u_beat = { from = "pulse", smooth_s = 0.15 }
u_calm = { from = "calm", smooth_s = 8.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
u_much = { from = "density", smooth_s = 3.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/cells.glsl"

uniform float u_air;
uniform float u_ring;
uniform float u_beat;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

// The light of something hot, 0 cold .. 1 bright gold. Chroma stays in step with lightness, so that red is less than
// 0.8 of the light also after the film curve.
vec3 hot(float heat) {
    float h = clamp(heat, 0.0, 1.0);
    float lightness = 0.05 + 0.74 * sqrt(h);
    return from_oklab(lch(lightness, min(0.185 * lightness, 0.122), mix(45.0, 76.0, h))) * ramp(0.0, 0.14, h);
}

// Sparks: few, faint, rising slowly and going out; `w` in picture units, cells move with them.
float sparks(vec2 p, float high, float px) {
    float size = 0.17;
    vec2 q = vec2(p.x, p.y - 0.035 * u_time) / size + vec2(37.0 * u_seed.z, 11.0);
    vec2 i = floor(q);
    uint bits = cell_bits(i);
    vec2 at = 0.25 + 0.5 * vec2(float(bits & 255u), float((bits >> 8) & 255u)) * (1.0 / 255.0);
    vec2 d = (q - i - at) * size / max(1.1 * px, 0.0045);
    float rank = float((bits >> 16) & 1023u) * (1.0 / 1023.0);
    float some = smoothstep(mix(0.92, 0.55, u_much), 1.0, rank);
    float ends = mix(0.35, 1.0, float(bits >> 26) * (1.0 / 63.0));
    return some * exp(-dot(d, d)) * ramp(0.0, 0.12, high) * (1.0 - smoothstep(0.3 * ends, ends, high));
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);
    float drift = 0.28 + 0.26 * slow_wave(0.0266 * t) * slow_wave(0.0094 * t + 0.3) + 0.16 * slow_wave(0.0163 * t);
    float breath = mix(drift, u_air, u_trust);
    float guide = mix(0.40, u_ring, u_trust);

    // The ground plane, seen from above and before it; the ring of stones has radius 1 there.
    float reach = clamp(u_aspect, 0.56, 1.5);
    float wide = mix(0.56, 0.68, u_seed.w) * reach;
    float steep = mix(0.95, 0.62, ramp(0.7, 1.5, reach));
    vec2 at = vec2(1.2 * max(u_aspect - 0.95 * reach, 0.0) * (u_seed.x - 0.5), -0.10 + 0.10 * (u_seed.y - 0.5));
    float back = 1.0 / (1.0 - 0.20 * (p.y - at.y));
    vec2 w = (p - at) * vec2(back, back / steep) / wide;
    float r = length(w);
    vec2 out_ = w / max(r, 1e-3);

    // --- heat: wanders through the bed, joins in the middle, follows the air ---
    vec2 h = 1.25 * w + 23.0 * u_seed.zw;
    float wander = noise(h + vec2(0.013, 0.009) * t);
    float veins = noise(2.7 * h + vec2(-0.021, 0.017) * t + 5.1);
    float patchy = mix(0.60 * wander + 0.40 * veins, 0.5, 0.35 * u_calm);
    patchy = mix(patchy, 0.74 - 0.45 * r * r, 0.4 * u_whole);
    float fuel = dot(hour, vec4(0.48, 0.60, 0.43, 0.37)) + 0.10 * (u_much - 0.5);
    float heat = (fuel + 1.1 * (patchy - 0.50)) * mix(0.55, 1.35, breath);
    heat = max(heat, 0.0) * (1.0 - ramp(0.50, 1.04, r + 0.14 * (veins - 0.5)));

    // --- the bed: lumps, some hot through and through, some dark, grey where ash lies; light wells up between them ---
    vec2 b = w * vec2(1.09, 1.0) * mix(3.6, 5.2, u_seed.z) + 31.0 * u_seed.xw;
    vec3 bend = noise_slope(1.1 * b);
    vec3 rough = noise_slope(3.3 * b + 0.5 * bend.yz);
    Cell lump = cells(b + 0.30 * bend.yz + 0.07 * rough.yz, 1.0);
    float heated = mix(0.5, lump.id, ramp(0.0, 0.16, lump.border));
    float fine = noise(10.0 * b + 2.0 * rough.yz);
    float low = ramp(0.12, 0.80, lump.near + 0.16 * (fine - 0.5)) * (1.0 - ramp(0.0, 0.5, lump.border));
    float ashy = ramp(0.30, 0.85, (1.0 - low) * (0.25 + 0.45 * rough.x + 0.5 * fine) + 0.5 * (heated - 0.5));
    float body = heat * (0.45 + 1.0 * heated) - 0.34 * ashy - 0.20 * (1.0 - fine) * (1.0 - low);
    vec2 tip = -lump.to * 1.3 * ramp(0.0, 0.10, lump.border);
    tip += 0.20 * rough.yz;
    float round_ = clamp(0.70 - 0.50 * tip.y - 0.30 * dot(tip, tip), 0.06, 1.0);
    vec3 glow = hot(body * (1.0 + 0.04 * u_beat * fine)) * mix(round_, 1.0, 0.5 * heat);
    glow += hot(heat * 1.1) * low * low * (0.25 + 0.75 * fine) * 0.9;
    float inside = 1.0 - ramp(0.95, 1.06, r);
    float ash = mix(0.025, 0.22, ashy * dot(hour, vec4(0.55, 0.65, 0.95, 1.0)));

    // --- the light that the bed throws, and the sky's ---
    float power = fuel * mix(0.70, 1.75, breath);
    vec3 warm = from_oklab(lch(0.72, 0.105, 58.0)) * power;
    vec3 sky = from_oklab(over_hours(
        hour, lch(0.52, 0.075, 278.0), lch(0.36, 0.040, 310.0), lch(0.40, 0.055, 258.0), lch(0.60, 0.045, 238.0)
    ));

    // --- the ring of stones ---
    float count = 11.0 + floor(4.99 * u_seed.y);
    float turn = atan(w.y, w.x) / TAU + u_seed.w;
    float k = turn * count;
    float which = floor(k);
    uint bits = cell_bits(vec2(which - count * floor(which / count), 71.0));
    vec4 own = vec4(uvec4(bits, bits >> 8, bits >> 16, bits >> 24) & 255u) * (1.0 / 255.0);
    float mid = 1.14 + 0.07 * own.x;
    vec2 half_ = vec2(PI / count * mid * (0.98 - 0.10 * own.y), 0.155 + 0.05 * own.z);
    vec3 grain = noise_slope(9.0 * w + 3.0 * own.xy);
    vec2 s = vec2((k - which - 0.5) * TAU / count * mid, r - mid) / half_;
    s += 0.10 * (grain.yz - 0.5 * s * grain.x);
    vec2 s2 = s * s;
    float edge = sqrt(mix(s2.x + s2.y, sqrt(dot(s2, s2)), 0.75));
    float tall = sqrt(max(1.0 - edge * edge, 0.0));
    float is_stone = 1.0 - smoothstep(0.93, 1.0 + 2.0 * px / half_.y, edge);
    vec3 n = normalize(vec3(s.x * (1.0 + s2.x) * 0.7, s.y * (1.0 + s2.y), 0.35 + tall) + vec3(0.16 * grain.yz, 0.0));
    float facing = max(-0.86 * n.y + 0.34 * n.z + 0.05, 0.0);
    float albedo = 0.13 + 0.12 * own.w + 0.08 * grain.x;
    float front = abs(fract(turn - u_seed.w + 0.75) - 0.5) * 2.0;
    float around = 1.0 - ramp(-0.45, 0.15, 1.0 - front - mix(-0.10, 1.0, guide));
    vec3 honey = from_oklab(lch(0.80, 0.090, 76.0));
    vec3 stone = albedo * (warm * 2.2 * facing * facing + sky * (0.5 + 0.9 * n.z));
    stone += albedo * honey * around * mix(0.25, 1.0, guide) * (0.12 + 0.88 * n.z * n.z) * 0.55;

    // --- the ground: light goes out between the stones ---
    float way = ramp(0.55, 1.05, abs(s.x));
    float beyond = max(r - 1.2, 0.0);
    float past = mix(way, 0.6, ramp(0.1, 1.0, beyond));
    float relief = clamp(0.8 + 0.35 * dot(bend.yz, -out_), 0.2, 1.6);
    float soil = 0.075 + 0.07 * bend.x + 0.03 * rough.x;
    vec3 ground = soil * relief * (warm * past * 2.4 / (0.6 + 3.0 * beyond + 3.0 * beyond * beyond) + 1.3 * sky);
    ground *= 0.35 + 0.65 * ramp(0.0, 0.22, abs(r - 1.16) - 0.08);

    vec3 colour = mix(ground, ash * round_ * (sky + warm * (0.22 + 0.7 * heat)) * (1.0 - 0.8 * low) + glow, inside);
    colour = mix(colour, stone, is_stone);

    // --- air: a veil of light over the bed, and sparks ---
    float high = p.y - at.y;
    vec2 a = vec2((p.x - at.x) / (0.8 * wide), (high - 0.16) / 0.5);
    float veil = exp(-1.6 * dot(a, a));
    colour += warm * (0.06 * veil + 0.11 * heat * heat * inside);
    colour += hot(0.62) * sparks(p, high + 0.1, px) * step(abs(p.x - at.x), 0.75 * wide);
    return colour;
}
