/*
title = "Aurora"
mood = "curtains of light over a still lake"
tags = ["dark", "water", "height"]
soundscape = "aurora"

[comfort]
flow = 0.9       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.35

# breath: the curtains lift, open and brighten; their light lies on the lake
# guide: a low arch of pale light behind the hills widens and narrows
# pulse: a shimmer within the rays, under 2 % of the range
# calm: smooths the folds, stills the lake; coherence: joins the curtains into one sweep
# progress: blue dusk, green night, violet crowns, first warm light
# confidence: at 0 the curtains breathe slowly by themselves and ask nothing
[uniforms]
u_open = { from = "breath", smooth_s = 0.12 }
u_arch = { from = "guide", smooth_s = 0.15 }
u_shimmer = { from = "pulse", smooth_s = 0.12 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/sky.glsl"

uniform float u_open;
uniform float u_arch;
uniform float u_shimmer;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;

const float SHORE = -0.42;  // where lake and land meet: fixed, the eye's resting place

// One curtain: light per colour zone (foot, body, crown) at height `up` above the shore; `k` tells the curtains apart.
vec3 curtain(float x, float up, float k, float breath) {
    float t = u_time;
    float fan = x * (1.0 - 0.16 * up);  // rays lean towards a point far overhead
    float seed = 37.0 * k + 50.0 * u_seed.z;
    // The ribbon seen from below wanders to and fro: where it turns, more of it lies behind the same place.
    vec3 slow = noise_slope(vec2(0.85 * fan + seed + 0.011 * t, 0.023 * t + 3.0 * k));
    vec3 fold = noise_slope(vec2(2.3 * fan - seed - 0.017 * t, 0.041 * t + 7.0 * k));
    float bend = mix(1.0, 0.45, u_calm);
    float turn = abs(1.0 + bend * (1.0 * slow.y + 1.1 * fold.y));
    float density = 0.35 + 0.50 / (0.28 + turn);
    // Its foot hangs in slow arcs, higher with the inhale.
    float foot = 0.24 + 0.20 * k + 0.10 * breath + 0.42 * (slow.x - 0.5) + 0.12 * bend * (fold.x - 0.5);
    float along = fan + 0.35 * slow.x + 0.12 * fold.x;
    float rays = 0.58 * noise(vec2(6.5 * along + seed, 0.08 * t + 0.3 * up)) + 0.42 * noise(vec2(17.0 * along - seed, 0.11 * t));
    rays = smoothstep(0.12, 0.88, rays);
    rays = mix(0.5, rays, mix(1.0, 0.6, u_calm)) * (1.0 + 0.05 * u_shimmer * (rays - 0.5));
    float tall = mix(0.22, 0.50, breath) * (0.45 + 1.1 * rays);
    float above = (up - foot) / tall;
    float edge = smoothstep(-0.12, 0.07, above);
    float presence = smoothstep(0.22, 0.80, noise(vec2(0.62 * fan + 0.5 * seed - 0.006 * t, 0.011 * t)) + 0.2 * u_whole);
    float light = density * rays * edge * presence;
    float h = max(above, 0.0);
    float crown = smoothstep(0.30, 1.25, h);
    return light * vec3(exp(-3.6 * h), 0.66 * exp(-1.75 * h) * smoothstep(0.0, 0.5, h), 0.62 * exp(-0.85 * h) * crown);
}

// The height of the hills above the shore.
float hills(float x) {
    float mass = fbm3(vec2(1.25 * x + 31.0 * u_seed.x, 4.0 + u_seed.y));
    float peaks = 1.0 - abs(2.0 * noise(vec2(2.9 * x - 17.0 * u_seed.y, 9.0)) - 1.0);
    float valley = 1.0 - 0.75 * exp(-4.0 * (x + 0.5 * (u_seed.w - 0.5)) * (x + 0.5 * (u_seed.w - 0.5)));
    float trees = 0.006 * noise(vec2(60.0 * x, 3.0)) + 0.004 * noise(vec2(140.0 * x, 5.0));
    return 0.028 + (0.16 * mass * mass * 1.6 + 0.05 * peaks * mass) * valley + trees;
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    float drift = 0.46 + 0.12 * sin(0.161 * t) * sin(0.0571 * t + 0.9);
    float breath = mix(mix(0.45, drift, u_motion), u_open, u_trust);
    float guide = mix(0.42, u_arch, u_trust);
    float reach = min(u_aspect, 1.8);

    // The lake mirrors what stands above it, a little stirred and drawn out downwards.
    float is_lake = step(p.y, SHORE);
    float below = max(SHORE - p.y, 0.0);
    float near = below / (below + 0.25);
    vec2 stir = vec2(0.0);
    if (is_lake > 0.5) {
        float depth = 1.0 / (below + 0.05);
        vec3 r = noise_slope(vec2(1.6 * p.x * depth, 2.6 * depth) * 0.9 + vec2(0.05, 0.11) * t);
        vec3 q = noise_slope(vec2(4.1 * p.x * depth, 5.2 * depth) + vec2(-0.09, 0.07) * t);
        stir = mix(1.0, 0.4, u_calm) * (0.012 + 0.03 * near) * (r.yz + 0.5 * q.yz);
    }
    float x = p.x + stir.x;
    float up = mix(p.y - SHORE, below * 1.08 + 0.6 * stir.y, is_lake);
    up = max(up, 0.0);

    vec3 zenith = over_hours(hour, lch(0.25, 0.060, 268.0), lch(0.165, 0.040, 262.0), lch(0.15, 0.040, 285.0), lch(0.29, 0.050, 262.0));
    vec3 middle = over_hours(hour, lch(0.35, 0.065, 262.0), lch(0.225, 0.045, 245.0), lch(0.20, 0.045, 270.0), lch(0.40, 0.045, 270.0));
    vec3 low = over_hours(hour, lch(0.46, 0.055, 245.0), lch(0.30, 0.045, 205.0), lch(0.26, 0.045, 240.0), lch(0.58, 0.060, 55.0));
    vec3 lab = mix(low, middle, smoothstep(0.0, 0.40, up));
    lab = mix(lab, zenith, smoothstep(0.25, 1.35, up));
    vec3 sky = from_oklab(lab);

    // The guide: an arch low over the land, as the quiet aurora shows itself between its curtains.
    float wide = mix(0.45, 1.30, guide) * reach;
    vec2 a = vec2((x - 0.1 * (u_seed.w - 0.5)) / wide, up / mix(0.16, 0.34, guide));
    float ring = length(a);
    float arch = exp(-9.0 * (ring - 1.0) * (ring - 1.0)) * 0.50 + exp(-2.4 * ring * ring) * 0.40;
    vec3 pale = from_oklab(over_hours(hour, lch(0.60, 0.070, 210.0), lch(0.56, 0.090, 178.0), lch(0.54, 0.080, 200.0), lch(0.66, 0.070, 75.0)));
    sky += pale * arch * mix(0.20, 0.42, guide);

    // Three curtains, the nearest the highest.
    vec3 zones = curtain(x, up, 0.0, breath) + 0.8 * curtain(1.13 * x + 3.0, up, 1.0, breath);
    zones += 0.55 * curtain(0.87 * x - 5.0, up, 2.0, breath);
    vec3 foot = from_oklab(over_hours(hour, lch(0.70, 0.110, 178.0), lch(0.74, 0.140, 160.0), lch(0.71, 0.125, 172.0), lch(0.70, 0.080, 150.0)));
    vec3 body = from_oklab(over_hours(hour, lch(0.55, 0.095, 235.0), lch(0.60, 0.105, 198.0), lch(0.58, 0.110, 240.0), lch(0.60, 0.070, 215.0)));
    vec3 crown = from_oklab(over_hours(hour, lch(0.54, 0.130, 292.0), lch(0.56, 0.135, 292.0), lch(0.60, 0.160, 308.0), lch(0.62, 0.100, 335.0)));
    float power = mix(0.26, 0.95, breath) * mix(1.0, 0.55, hour.w) * mix(1.0, 0.75, hour.x);
    vec3 lights = (foot * zones.x + body * zones.y + crown * zones.z) * power;

    vec2 g = vec2(x, up) + vec2(0.00019, 0.00011) * t;
    float dim = smoothstep(0.05, 0.6, up) * (0.35 * hour.x + 0.9 * hour.y + hour.z + 0.15 * hour.w);
    vec3 points = stars(g + u_seed.xy * 9.0, 0.150, 0.7, px) * 1.3 + stars(g + 4.1 + u_seed.yx * 9.0, 0.066, 0.26, px) * 0.6;
    sky += points * dim * (1.0 - is_lake) / (1.0 + 6.0 * dot(lights, vec3(0.33)));

    sky += lights;

    // Hills, and the snow on them that takes up the light above.
    float ridge = hills(x);
    float land = smoothstep(px, -px, up - ridge);
    vec3 aloft = (foot + 0.6 * body) * power * (0.35 + 0.3 * noise(vec2(1.2 * x + 9.0, 0.05 * t)));
    float snow = smoothstep(0.42, 0.75, fbm2(vec2(7.0 * x, 16.0 * up) + 21.0)) * smoothstep(0.02, 0.10, up);
    vec3 ground = from_oklab(lch(0.115, 0.025, 255.0)) + aloft * (0.030 + 0.10 * snow);
    vec3 colour = mix(sky, ground, land);

    if (is_lake > 0.5) {
        float mirror = mix(0.72, 0.34, smoothstep(0.0, 0.75, below));
        vec3 water = from_oklab(lch(0.13, 0.030, 240.0));
        colour = water * (1.0 - mirror) + colour * mirror;
    }
    // A breath of mist along the shore.
    float mist = exp(-abs(p.y - SHORE) * 26.0) * (0.5 + 0.5 * noise(vec2(1.4 * p.x + 0.012 * t, 0.02 * t)));
    return colour + (0.25 * pale * mix(0.4, 1.0, guide) + 0.25 * aloft) * mist * 0.35;
}
