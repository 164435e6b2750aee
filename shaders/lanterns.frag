/*
title = "Lanterns"
mood = "paper lanterns that rise from a dark lake on a long breath out"
tags = ["water", "dark", "fire"]
soundscape = "lanterns"

[comfort]
flow = 0.7       # degrees/s at full motion, 40 degrees wide picture; a lantern late in a long breath out 0.9
contrast = 0.40

# exhale: lifts the lanterns; the longer it lasts the faster they rise, and never back; without it they rise by themselves
# breath: the light of the whole night: the lanterns, the mist on the water and the glow behind the hills
# guide: the next lantern, waiting on the water near by, fills with light and empties
# touch: every lantern glows up softly
# pulse: the flames in the lanterns, under 2 % of the range
# calm: lays the water smooth; coherence: draws the lanterns' light together on the water
# progress: green dusk, blue night, stars, first light
# confidence: at 0 the light comes and goes by itself and asks nothing
# load: how many lanterns there are, and how long a breath out it takes to feel them glow; density: adds to their number
[uniforms]
u_lift = { from = "exhale", low = 0.010, high = 0.065, smooth_s = 0.8, integrate = true }
u_draught = { from = "exhale", smooth_s = 0.5 }
u_open = { from = "breath", smooth_s = 0.12 }
u_next = { from = "guide", smooth_s = 0.15 }
u_touch = { from = "touch", smooth_s = 0.1 }
u_flame = { from = "pulse", smooth_s = 0.12 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
u_load = { from = "load", smooth_s = 2.0 }
u_much = { from = "density", smooth_s = 2.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/sky.glsl"
#include "lib/water.glsl"
#include "lib/guide.glsl"

uniform float u_lift;
uniform float u_draught;
uniform float u_open;
uniform float u_next;
uniform float u_touch;
uniform float u_flame;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_load;
uniform float u_much;

const float SHORE = -0.22;  // where land and lake meet: fixed, the eye's resting place

// Lanterns that rise in columns `wide` apart from water lines about `line`; `size` is a half width at the water. Each
// column has a pace and a line of its own and holds a lantern in about `share` of its places, one above the other; they
// grow smaller and slower with height. `tilt` is the slope of the water that mirrors them. x: paper, y: halo, z: warmth.
vec3 rising(vec2 p, float line, float wide, float size, float share, float salt, vec2 tilt, float px) {
    float across = p.x * (1.0 / wide) + salt;
    float column = floor(across);
    uint bits = mix_bits(uint(int(column)) * 0x9e3779b1u + uint(int(salt * 64.0)));
    float foot = line + 0.20 * wide * (float(bits & 255u) * (1.0 / 255.0) - 0.5);
    float above = p.y - foot;
    float below = max(-above, 0.0);
    float up = abs(above + tilt.y * below);
    float pace = (0.75 + 0.5 * float((bits >> 8) & 255u) * (1.0 / 255.0)) * u_motion;
    float every = 0.66 * wide;
    float q = (up + 0.5 * up * up - pace * u_lift) * (1.0 / every) - 19.0 * float((bits >> 16) & 255u) * (1.0 / 255.0);
    float place = floor(q);
    uint own = mix_bits(bits ^ (uint(int(place)) * 0x85ebca77u));
    // They go up in loose crowds; when `share` changes, each comes and goes as slowly as it does.
    float crowd = corner(uint(int(floor(0.43 * column + 0.31 * place))) * 0x9e3779b1u);
    float there = clamp(6.0 * (share * (0.15 + 1.7 * crowd) - float(own & 1023u) * (1.0 / 1024.0)), 0.0, 1.0);
    float away = 1.0 / (1.0 + up);
    float dy = (q - place - 0.30 - 0.40 * float((own >> 10) & 63u) * (1.0 / 63.0)) * every * away;
    float high = up - dy;
    // It starts anywhere in the middle of its column and goes its own way in a bow.
    float at = 0.54 * float((own >> 24) & 63u) * (1.0 / 63.0) + 0.23;
    float bow = (0.40 * float((own >> 16) & 255u) * (1.0 / 255.0) - 0.20) * up * (1.4 - 0.7 * up);
    float dx = (across - column - at - bow) * wide + tilt.x * below;
    bool mirrored_ = above < 0.0;
    dy *= mirrored_ ? 0.6 : 1.0;
    float k = size * (0.65 + 0.04 * float((own >> 20) & 15u)) * away * (0.5 + 0.5 * away);
    float least = max(k, 0.9 * px);
    float drawn = 1.0 / least;
    vec2 light = lantern(vec2(dx, dy) * drawn, 0.7, min(0.125 * least * u_size.y, 4.0));
    // Its glow ends inside its own place.
    vec2 rim = vec2(across - column, q - place);
    rim *= 4.0 - 4.0 * rim;
    light.y *= rim.x * rim.x * rim.y * rim.y;
    float top = 0.75 + 0.55 * float((bits >> 24) & 255u) * (1.0 / 255.0);
    float dissolved = clamp(2.5 * (top - high), 0.0, 1.0);
    float seen = there * ramp(-0.3 * size, 2.5 * size, high) * dissolved * min(k * drawn, 1.0);
    light.y *= 1.0 - min(5.0 * below, 0.65);
    return vec3(light * (mirrored_ ? vec2(0.6, 1.0) * seen : vec2(seen)), float((own >> 12) & 255u) * (1.0 / 255.0));
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    float drift = 0.32 + 0.17 * (slow_wave(0.025 * t + u_seed.z) + slow_wave(0.0095 * t));
    float breath = mix(mix(0.45, drift, u_motion), u_open, u_trust);
    float guide = mix(0.42, u_next, u_trust);
    float reach = min(u_aspect, 1.8);
    float side = u_seed.x < 0.5 ? -1.0 : 1.0;

    // --- the lake's surface, and the thin clouds above it: two noises that serve either ---
    float below = max(SHORE - p.y, 0.0);
    bool is_lake = p.y < SHORE;
    vec2 w = on_water(p.x, below, 1.0);
    vec2 w2 = on_water(p.x, below, 4.0);
    float flat_ = 1.0 / (max(p.y - SHORE, 0.0) + 0.32);
    vec2 thin = vec2(p.x * flat_ * 0.7, flat_ * 1.7) + vec2(0.008, 0.0021) * t + u_seed.wx * 30.0;
    vec2 at = is_lake ? vec2(0.6 * w.x, 1.3 * w.y) + vec2(0.03, 0.05) * t + u_seed.yz * 20.0 : thin;
    vec3 r1 = noise_slope(at);
    at = is_lake ? vec2(2.3 * w2.x + 0.5 * w2.y, 4.4 * w2.y) + vec2(-0.08, 0.07) * t : TURN * thin * 2.3 + 0.8 * r1.x;
    vec3 r2 = noise_slope(at);
    float rough = is_lake ? mix(1.0, 0.45, u_calm) * mix(1.1, 0.6, u_whole) : 0.0;
    vec2 slope = rough * vec2(0.05 * r1.y + 0.05 * r2.y, 0.07 * r1.z + 0.07 * r2.z);
    float x = p.x + 0.6 * slope.x * below;
    float up = abs(p.y - SHORE + 1.4 * slope.y * below);

    // --- night sky, hills, mist ---
    vec3 zenith = over_hours(hour, lch(0.29, 0.060, 250.0), lch(0.20, 0.055, 262.0), lch(0.16, 0.045, 272.0), lch(0.32, 0.060, 285.0));
    vec3 middle = over_hours(hour, lch(0.40, 0.060, 220.0), lch(0.30, 0.060, 255.0), lch(0.25, 0.050, 268.0), lch(0.44, 0.060, 305.0));
    vec3 low = over_hours(hour, lch(0.58, 0.055, 192.0), lch(0.43, 0.055, 230.0), lch(0.36, 0.050, 250.0), lch(0.62, 0.070, 45.0));
    float valley = side * 0.25 * reach * (0.4 + u_seed.z);
    float open = soft_glow(vec2(x - valley, up), vec2(0.9, 0.34));
    float cloud = is_lake ? 0.0 : ramp(0.35, 0.85, 0.6 * r1.x + 0.4 * r2.x);
    vec3 lab = mix(low, middle, ramp(0.0, 0.45, up));
    lab = mix(lab, zenith, ramp(0.25, 1.20, up));
    lab.x += (0.10 * breath - 0.03) * open + 0.10 * cloud * (0.5 + open) * mix(0.6, 1.2, breath);
    // In the deep of the night the milky way stands over the valley.
    float off = dot(vec2(x - valley, up - 0.4), vec2(0.78, side * 0.62));
    float milky = is_lake ? 0.12 : r1.x * r2.x + 0.15 * r1.x;
    lab.x += 0.26 * milky * (hour.z + 0.4 * hour.y) * ramp(0.0, 0.5, up) / (1.0 + 14.0 * off * off);
    vec3 colour = from_oklab(lab);
    if (!is_lake) {
        vec2 g = p + vec2(0.00016, 0.00009) * t + 5.0 * u_seed.zw;
        float clear = (1.0 - 0.7 * cloud) * ramp(0.1, 0.7, up);
        colour += stars(g, 0.110, 0.8, px) * clear * (0.2 * hour.x + 0.7 * hour.y + hour.z + 0.1 * hour.w);
    }

    vec3 warm = from_oklab(lch(0.76, 0.120, 70.0));
    vec3 rose = from_oklab(lch(0.70, 0.125, 48.0));
    vec3 dark = over_hours(hour, from_oklab(lch(0.18, 0.035, 230.0)), from_oklab(lch(0.14, 0.035, 258.0)), from_oklab(lch(0.115, 0.030, 265.0)), from_oklab(lch(0.20, 0.035, 285.0)));
    vec3 mist = from_oklab(low + vec3(0.10 * breath - 0.09, 0.0, 0.0));
    float dip = 1.0 - 0.75 * soft_glow(vec2(x - valley, 0.0), vec2(0.60, 1.0));
    float far = dip * (0.58 * noise1(1.1 * x + 40.0 * u_seed.w) + 0.42 * noise1(3.1 * x + 9.0));
    float near = dip * (0.62 * noise1(1.7 * x - 30.0 * u_seed.y) + 0.38 * noise1(4.7 * x + 5.0)) - 0.10;
    near += 0.05 * noise1(71.0 * x) * ramp(0.0, 0.2, near);
    colour = mix(colour, mix(mist, dark, 0.60 * ramp(0.0, 0.40, up)), ramp(0.012, -0.012, up - 0.46 * far));
    colour = mix(colour, mix(mist, dark, 0.35 + 0.6 * ramp(0.0, 0.12, up)), ramp(px, -px, up - 0.30 * near));
    float power = mix(0.50, 0.95, breath);
    if (is_lake) {
        colour = mix(dark, colour, mix(0.82, 0.42, ramp(0.0, 0.8, below)));
    }
    float bank = (0.4 + 0.6 * r1.x) / (1.0 + (p.y - SHORE) * (p.y - SHORE) * mix(1200.0, 300.0, breath));
    colour += (mist + 0.10 * warm * power) * bank * mix(0.25, 0.5, breath);

    // --- the lanterns ---
    vec2 ripple = rough * vec2(0.07 * r2.y, 0.12 * r2.z);
    float felt = ramp(0.5 * u_load, 0.5 + 0.5 * u_load, u_draught);
    power *= 1.0 + 0.35 * felt + 0.6 * u_touch + 0.012 * u_flame;
    float share = clamp(0.34 + 0.45 * u_load + 0.35 * (u_much - 0.5), 0.05, 0.95);
    vec2 lean = vec2(p.x - side * 0.10 * (p.y - SHORE) * abs(p.y - SHORE), p.y);
    vec3 a = rising(lean, -0.56, 0.68, 0.050, 0.75 * share, 3.0 + 9.0 * u_seed.x, ripple, px);
    vec3 b = rising(lean, -0.38, 0.43, 0.028, 0.9 * share, 17.3 + 9.0 * u_seed.y, ripple, px);
    vec3 c = rising(lean, -0.27, 0.23, 0.014, share, 31.7 + 9.0 * u_seed.z, ripple, px);
    colour += mix(rose, warm, a.z) * (a.x * 0.95 + a.y * 0.5) * power;
    colour += mix(rose, warm, b.z) * (b.x * 0.95 + b.y * 0.5) * power;
    colour += mix(rose, warm, c.z) * (c.x * 0.85 + c.y * 0.4) * power;

    // --- the guide: the next lantern waits on the water ---
    vec2 wait = vec2(side * -0.30 * reach, -0.66);
    float k = 0.060;
    float water = wait.y - 1.20 * k;
    float under = max(water - p.y, 0.0);
    vec2 stirred = ripple * min(under * (1.5 + 12.0 * under), 0.4);
    vec2 e = vec2(p.x - wait.x + stirred.x, abs(p.y - water + stirred.y) + water - wait.y);
    vec2 own = lantern(e * (1.0 / k), guide, 4.0);
    float full = mix(0.16, 0.85, guide) * (1.0 + 0.5 * u_touch);
    float fades = 1.0 / (1.0 + 10.0 * under);
    own.x *= under > 0.0 ? 0.6 : 1.0;
    colour *= 1.0 - 0.6 * clamp(3.0 * own.x, 0.0, 1.0) * fades;
    colour += mix(rose, warm, 0.8) * (own.x + 0.25 * own.y) * full * fades;
    vec2 pool = vec2(p.x - wait.x, p.y - water);
    colour += warm * soft_glow(pool, vec2(mix(0.14, 0.40, guide), mix(0.05, 0.14, guide))) * full * 0.16 * (0.7 + 0.6 * r2.x);
    return colour * mix(1.5, 1.0, u_light);  // a night of small lights needs more of what low light leaves
}
