/*
title = "Forest"
mood = "a clearing, and light through leaves"
tags = ["forest", "insects"]
soundscape = "forest"

[comfort]
flow = 0.2       # degrees/s at full motion, 40 degrees wide picture: mist and shafts; trunks and floor stand still
contrast = 0.35

# breath: the canopy opens, shafts of light and mist brighten; the whole clearing fills with light and dims
# guide: a warm pool of light on the clearing's floor widens and narrows
# pulse: a stir of light in the leaves, under 2 % of the range
# calm: the shafts grow even and the mist lies still; coherence: the light gathers into one
# progress: early morning, high green day, gold, blue evening with the first fireflies
# confidence: at 0 the light comes and goes on its own and asks nothing
# density: how many leaves let light through, how many fireflies
[uniforms]
u_open = { from = "breath", smooth_s = 0.20 }
u_pool = { from = "guide", smooth_s = 0.20 }
u_stir = { from = "pulse", smooth_s = 0.15 }
u_calm = { from = "calm", smooth_s = 8.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
u_much = { from = "density", smooth_s = 3.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/guide.glsl"
#include "lib/leaves.glsl"

uniform float u_open;
uniform float u_pool;
uniform float u_stir;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

// Fireflies: each in a cell of its own, drifting in a small slow orbit, glowing up and away over many seconds.
float fireflies(vec2 p, float cell, float px) {
    vec2 q = p / cell + vec2(17.0 * u_seed.z, 3.0);
    vec2 i = floor(q);
    uint bits = cell_bits(i);
    float phase = float(bits & 255u) * (1.0 / 256.0);
    vec2 orbit = 0.30 * vec2(slow_wave(0.0175 * u_time + phase), slow_wave(0.0132 * u_time + 1.7 * phase)) - 0.15;
    vec2 at = 0.5 + 0.22 * (vec2(float((bits >> 8) & 255u), float((bits >> 16) & 255u)) / 127.5 - 1.0) + orbit;
    vec2 d = (q - i - at) * cell / max(1.3 * px, 0.007);
    float some = step(float(bits >> 24) * (1.0 / 255.0), mix(0.15, 0.55, u_much));
    float lit = slow_wave((0.055 + 0.0003 * float(bits & 63u)) * u_time + 5.0 * phase);
    float near = 1.0 / (1.0 + 0.5 * dot(d, d));
    return some * lit * lit * near * near * near;
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);
    float drift = 0.31 + 0.28 * slow_wave(0.026 * t) * slow_wave(0.0093 * t + 0.3) + 0.12 * slow_wave(0.0171 * t);
    float breath = mix(drift, u_open, u_trust);
    float guide = mix(0.40, u_pool, u_trust);
    float reach = clamp(u_aspect, 0.56, 1.8);

    vec3 light_ = over_hours(
        hour, lch(0.83, 0.050, 105.0), lch(0.88, 0.085, 108.0), lch(0.82, 0.110, 76.0), lch(0.64, 0.055, 250.0)
    );
    vec3 mist_ = over_hours(
        hour, lch(0.48, 0.045, 205.0), lch(0.49, 0.060, 155.0), lch(0.43, 0.045, 130.0), lch(0.38, 0.062, 260.0)
    );
    vec3 deep_ = over_hours(
        hour, lch(0.19, 0.040, 200.0), lch(0.19, 0.048, 160.0), lch(0.17, 0.040, 170.0), lch(0.175, 0.045, 245.0)
    );
    mist_.yz += 0.045 * (u_seed.wx - 0.5);  // each wood has its own green
    // Between gold and blue the sky is rose, not grey.
    float dusk = 4.0 * hour.z * hour.w;
    light_ += dusk * lch(0.0, 0.055, 20.0);
    mist_ += dusk * lch(0.0, 0.040, 330.0);
    vec3 light = from_oklab(light_);
    vec3 deep = from_oklab(deep_);
    vec3 mist = from_oklab(mist_);
    float side = u_seed.x < 0.5 ? -1.0 : 1.0;
    vec2 sun = vec2(side * reach * (0.10 + 0.28 * u_seed.y), 0.62 + 0.14 * u_seed.z);
    float power = mix(0.50, 1.20, breath);

    // --- the far end: mist with the light behind it ---
    vec2 m = p - sun;
    float far = length(m * vec2(0.85, 1.0));
    vec2 drifting = vec2(0.008, 0.0024) * t + 13.0 * u_seed.xy;
    float leaves = fbm3(2.7 * p + 21.0 * u_seed.zw + vec2(0.003, 0.002) * t);
    float cloud = mix(0.7 * noise(vec2(1.6, 2.8) * p + drifting) + 0.3 * leaves, 0.5, 0.45 * u_calm);
    float open = exp(-far * mix(2.5, 1.35, breath));
    vec3 haze = mist * (0.30 + 0.55 * cloud) * power + light * open * (0.22 + 0.45 * cloud) * power;
    vec3 colour = haze;

    // --- trunks from far to near, each row deeper in shadow; undergrowth hides their feet ---
    float ground_y = mix(-0.66, -0.46, u_seed.z);  // where the floor meets the far trunks
    float up = p.y - ground_y;
    float x = p.x * (1.0 + mix(0.16, 0.34, u_seed.y) * up);
    float fade = mix(0.75, 0.35, ramp(0.2, 1.3, up)) * (1.0 - 0.6 * open);
    vec3 row = trunks(vec2(x + 31.0 * u_seed.x, up), mix(0.12, 0.20, u_seed.w), 0.021, 0.62, 0.0, 0.010, 1.0);
    colour = mix(colour, mix(mist, deep, 0.63) * power * 0.8, fade * row.x);
    vec2 middle = vec2(x * 1.04 + 17.0 * u_seed.y, up + 0.05);
    row = trunks(middle, 0.37, mix(0.030, 0.050, u_seed.w), 0.62, 0.0, 0.008, 2.0);
    colour = mix(colour, mix(mist, deep, 0.88) * mix(0.6, 1.1, breath), (0.55 + 0.6 * fade) * row.x);

    float shrubs = 0.15 + 0.7 * noise1(3.9 * p.x + 11.0 * u_seed.w);
    float bush = 1.0 - ramp(-0.03, 0.12, up - (0.10 + 0.14 * u_seed.w) * shrubs - 0.34 * (leaves - 0.5));
    colour = mix(colour, mix(mist, deep, 0.75) * (0.45 + 0.5 * shrubs) * power, 0.85 * bush);

    // --- shafts of light, from behind the canopy's opening down to the pool on the floor ---
    vec2 from = sun + vec2(side * 0.62, 1.25);
    float slope = (p.x - from.x) / (from.y - p.y);
    float through = from.x + slope * 1.25 - sun.x;
    float shafts = 0.6 * noise1(9.0 * slope + 0.012 * t + 90.0 * u_seed.z);
    shafts += 0.4 * noise1(23.0 * slope - 0.019 * t + 9.0);
    shafts = smoothstep(mix(0.36, 0.30, u_whole), mix(0.74, 0.92, u_calm), shafts);
    float beam = shafts * exp(-2.2 * through * through) * ramp(-0.85, 0.35, p.y) * (0.55 + 0.9 * cloud);
    colour += light * beam * mix(0.05, 0.46, breath) * mix(0.75, 1.25, u_much) * (1.0 - 0.4 * hour.w);

    // --- the floor: moss in broken light, and the guide's pool ---
    float down = max(-up, 0.0) + 0.02;
    vec2 g = vec2(p.x, 0.62) / (down + 0.24) + 0.22 * (leaves - 0.5);
    float moss = 0.75 * noise(vec2(4.6, 12.0) * g + 7.0 * u_seed.w) + 0.25 * leaves;
    float is_floor = ramp(-0.02, 0.06, -up + 0.10 * (moss - 0.5) - 0.02);
    vec3 green = from_oklab(mix(deep_, mist_, 0.40) + vec3(0.0, -0.012, 0.018));
    vec3 ground = green * (0.25 + 1.0 * moss) * power * (1.0 - 0.55 * ramp(0.15, 0.42, down));
    ground = mix(haze * 0.6, ground, ramp(0.0, 0.20, down));
    float gx = sun.x - side * 0.70 * min(reach / 1.4, 1.0);
    vec2 off = vec2(p.x - gx, p.y - ground_y + 0.20);
    vec2 wide = vec2(mix(0.34, 0.95, guide) * reach, mix(0.11, 0.22, guide));
    float warm = soft_glow(off, wide);
    vec3 honey = from_oklab(over_hours(
        hour, lch(0.78, 0.080, 88.0), lch(0.82, 0.090, 95.0), lch(0.76, 0.105, 62.0), lch(0.66, 0.090, 70.0)
    ));
    ground += honey * warm * (0.15 + 0.85 * moss) * mix(0.14, 0.42, guide);
    colour = mix(colour, ground, is_floor);
    colour += honey * 0.06 * soft_glow(off, wide * vec2(1.5, 2.6)) * guide;

    // --- near trunks: dark, with a rim of light, framing the clearing ---
    float near_x = x * 1.10 + side * (0.55 * u_seed.w - 0.1) * reach;
    float thick = mix(0.070, 0.125, fract(3.0 * u_seed.x));
    row = trunks(vec2(near_x, up + 0.12), mix(0.46, 0.72, u_seed.x), thick, 0.92, 1.0 * reach, 0.007, 3.0);
    float bark = noise1(26.0 * p.x + 1.5 * p.y + 40.0 * row.z);
    float rim = ramp(0.0, 1.0, row.y * sign(sun.x - p.x + 0.001));
    vec3 wood = deep * vec3(1.45, 1.30, 1.25) * (0.5 + 0.8 * bark);
    wood += light * rim * rim * (0.2 + 0.8 * bark) * 0.16 * power * exp(-0.9 * far);
    colour = mix(colour, wood + haze * 0.10, row.x);

    // --- the canopy: leaves dark against the light, lit through near it, and gaps out of focus ---
    float opening = exp(-2.0 * far * far) * mix(0.55, 1.10, mix(0.5, breath, u_motion));
    float roof = 0.52 * p.y + (0.30 * abs(p.x) + 0.28 * (u_seed.y - 0.5) * p.x) / reach - 0.80 * opening - 0.06;
    float body = roof + 0.95 * (leaves - 0.5);
    float cover = ramp(0.10, 0.34, body + 0.16 * (u_much - 0.5));
    vec3 leaf = from_oklab(mix(light_, mist_, 0.45) + vec3(0.0, -0.035, 0.035));
    float thin = exp(-7.0 * max(body - 0.10, 0.0)) * (0.25 + open);
    colour = mix(colour, deep * (0.45 + 0.8 * leaves) + leaf * thin * 0.60 * power, 0.94 * cover);
    vec2 big = spots(p + 5.0 * u_seed.xy, 0.21, 0.60, 0.40);
    vec2 small = spots(p * 1.01 + 9.0 * u_seed.yz, 0.105, 0.55, 0.55);
    float glints = 0.40 * big.x * big.y + 0.75 * small.x * small.y * small.y;
    float within = ramp(0.02, 0.22, body) * (1.0 - ramp(0.30, 0.75, body)) * (0.12 + 1.4 * open);
    colour += mix(leaf, light, small.y) * glints * within * power * mix(0.4, 1.4, u_much) * (0.8 + 0.05 * u_stir);

    float night = hour.w * hour.w * (1.0 - ramp(-0.25, 0.35, p.y));
    colour += from_oklab(lch(0.85, 0.13, 108.0)) * fireflies(p, 0.30, px) * night * 0.8;
    return colour;
}
