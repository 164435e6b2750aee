/*
title = "Rain"
mood = "rain on a still lake at dusk"
tags = ["water", "rain"]
soundscape = "rain"

[comfort]
flow = 0.4       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.30

# breath: the mist lifts and light comes through the cloud, over the hills and the whole lake
# guide: the lamp in the hut on the shore: its halo and its long light on the water open and close
# pulse: a shimmer in the rings, under 2 % of the range
# calm: thins the rain, lays the water smooth; coherence: makes the mirror whole
# progress: rose dusk, blue hour, night with a bright mist, clear first light
# confidence: at 0 the mist rises and settles by itself and asks nothing
# density: how many drops fall, how thick the veils of rain hang
[uniforms]
u_open = { from = "breath", smooth_s = 0.12 }
u_lamp = { from = "guide", smooth_s = 0.15 }
u_shimmer = { from = "pulse", smooth_s = 0.12 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
u_much = { from = "density", smooth_s = 2.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/sky.glsl"
#include "lib/water.glsl"
#include "lib/guide.glsl"

uniform float u_open;
uniform float u_lamp;
uniform float u_shimmer;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

const float SHORE = 0.04;  // where land and lake meet: fixed, the eye's resting place

// One range of hills, from the mist at its foot to its crest: how much of it is there, and how high in it this is.
vec2 range(float x, float up, float high, float soft) {
    float ridge = high * x;
    return vec2(ramp(soft, -soft, up - ridge), clamp(up / max(ridge, 0.01), 0.0, 1.0));
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    float drift = 0.32 + 0.17 * (slow_wave(0.0259 * t + u_seed.z) + slow_wave(0.00928 * t));
    float breath = mix(mix(0.45, drift, u_motion), u_open, u_trust);
    float guide = mix(0.42, u_lamp, u_trust);
    float rise = mix(0.5, breath, u_motion);
    float reach = min(u_aspect, 1.8);
    float side = u_seed.x < 0.5 ? -1.0 : 1.0;

    // --- the lake: rings and a light stir tilt the mirror ---
    float below = max(SHORE - p.y, 0.0);
    bool is_lake = p.y < SHORE;
    float rain = u_much * mix(1.3, 0.8, u_calm) * (0.80 + 0.40 * hour.y + 0.1 * hour.z - 0.30 * hour.w);
    float moves = ramp(0.0, 0.25, u_motion);
    vec3 drops = rings(TURN * on_water(0.7 * p.x, below, 1.2) * 1.3 + u_seed.zw * 31.0, t * (1.0 / 6.1), 0.25 + 0.6 * rain);
    drops += 0.8 * rings(TURN * TURN * on_water(0.7 * p.x, below, 2.0) * 2.3 + 17.0, t * (1.0 / 4.7), 0.20 + 0.8 * rain);
    drops += 0.6 * rings(on_water(0.7 * p.x, below, 3.5) * 4.1 + 5.0, t * (1.0 / 3.7), 0.15 + 0.9 * rain);
    vec2 w = on_water(p.x, below, 1.0);
    vec3 stir = noise_slope(vec2(0.5 * w.x, 1.1 * w.y) + vec2(0.02, 0.05) * t + u_seed.yz * 20.0);
    vec3 fine = noise_slope(vec2(1.9 * w.x + 0.4 * w.y, 3.6 * w.y) + vec2(-0.06, 0.05) * t);
    float stirred = mix(1.7, 0.35, u_calm) * mix(1.2, 0.5, u_whole);
    vec2 slope = stirred * (0.010 * stir.yz + 0.006 * fine.yz) + 0.055 * moves * drops.xy * (1.0 + 0.10 * u_shimmer);
    float x = p.x;
    float up = p.y - SHORE;
    if (is_lake) {
        x += 0.6 * slope.x * (0.1 + below);
        up = max(below + 2.0 * LENS * slope.y * (0.25 + below), 0.0);
    }

    // --- sky: one wide cloud, brighter where it is thin ---
    vec3 high_ = over_hours(hour, lch(0.46, 0.045, 285.0), lch(0.34, 0.050, 258.0), lch(0.27, 0.045, 262.0), lch(0.42, 0.050, 245.0));
    vec3 low = over_hours(hour, lch(0.59, 0.060, 35.0), lch(0.50, 0.045, 235.0), lch(0.41, 0.045, 232.0), lch(0.62, 0.065, 72.0));
    float flat_ = 1.0 / (up + 0.35);
    vec2 c = vec2(p.x * flat_ * 0.55, flat_ * 1.3) + vec2(0.007, 0.0031) * t + u_seed.xy * 30.0;
    float cloud = 0.62 * noise(c) + 0.38 * noise(TURN * c * 2.3 + 9.1);
    cloud += 0.22 * (noise(TURN * TURN * c * 5.1 + 4.7) - 0.5);
    float gap = soft_glow(vec2(x + side * reach * (0.15 + 0.25 * u_seed.z), up - 0.30), vec2(1.1, 0.42));
    float thin = ramp(0.25, 0.85, cloud + 0.25 * gap);
    vec3 lab = mix(low, high_, ramp(0.0, 0.95, up));
    lab.x += (thin - 0.45) * 0.20 + gap * (0.16 * breath - 0.08) + 0.05 * (breath - 0.5);
    vec3 colour = from_oklab(lab);

    // --- hills in the mist ---
    vec3 mist = from_oklab(low + vec3(0.13 * breath - 0.07, 0.0, 0.0));
    vec3 dark = over_hours(hour, from_oklab(lch(0.26, 0.030, 285.0)), from_oklab(lch(0.20, 0.035, 250.0)), from_oklab(lch(0.14, 0.030, 250.0)), from_oklab(lch(0.28, 0.030, 250.0)));
    float lift = mix(0.25, 0.75, rise);
    float seed = 40.0 * u_seed.w;
    float far = 0.50 * noise1(0.9 * x + seed) + 0.34 * noise1(2.1 * x - seed) + 0.16 * noise1(5.3 * x + 3.0);
    float mid = 0.55 * noise1(1.3 * x + 7.0 - seed) + 0.30 * noise1(3.1 * x + seed) + 0.15 * noise1(8.7 * x);
    float edge = ramp(-0.1, 1.0, side * x / reach);
    float near = edge * (0.7 * noise1(1.9 * x + 11.0 + seed) + 0.45);
    float trees = spruces(34.0 * x) * 0.030 + spruces(23.0 * x + 0.5) * 0.042;
    vec2 a = range(far, up, 0.62, 0.03);
    vec2 b = range(mid, up, 0.36, 0.012);
    vec2 n = vec2(ramp(px, -px, up - 0.17 * near - trees * edge), clamp(5.0 * up, 0.0, 1.0));
    float shroud = 0.70 * noise(vec2(1.3 * x + 0.010 * t, 3.1 * up - 0.006 * t + 3.0)) + 0.30 * noise1(3.1 * x - 0.013 * t);
    float veil = noise(vec2(2.3 * (x + 0.35 * up) + 0.011 * t, 0.6 * up + 0.02 * t)) * (0.50 + 0.50 * noise1(9.0 * (x + 0.35 * up) + 0.03 * t));
    veil = ramp(0.16, 0.60, veil) * min(0.10 + 1.1 * rain, 1.0);
    float thick = mix(1.0, 0.30, breath);
    colour = mix(colour, mix(mist, dark, 0.34 * ramp(0.1, 1.0, a.y) * (1.0 - 0.5 * thick)), a.x);
    colour = mix(colour, 0.62 * mist, 0.80 * veil * ramp(0.85, 0.25, up));
    colour = mix(colour, mix(mist, dark, 0.66 * ramp(0.0, 0.9, b.y) * (1.0 - 0.3 * thick)), b.x);
    float bank = ramp(0.30, 0.75, shroud) * ramp(0.16 + 0.25 * lift, 0.02, up);
    colour = mix(colour, mist, thick * 0.85 * bank);
    colour = mix(colour, mix(mist * 0.5, dark * 0.7, 0.75 + 0.25 * n.y), n.x * 0.94);

    // --- the guide: a lamp in a window on the shore ---
    float lamp_x = side * reach * (0.42 + 0.18 * u_seed.y);
    vec3 warm = from_oklab(lch(0.74, 0.115, 68.0));
    vec2 dl = vec2(x - lamp_x, up - 0.022);
    float window = ramp(0.004 + 1.6 * px, 0.004, max(abs(dl.x), abs(dl.y)));
    colour += warm * (window * mix(0.5, 0.9, guide) + soft_glow(dl, vec2(mix(0.03, 0.11, guide))) * mix(0.12, 0.45, guide));

    if (is_lake) {
        vec3 water = dark * 0.6;
        float mirror = mix(0.86, 0.42, ramp(0.0, 1.0, below)) - 0.8 * slope.y;
        colour = mix(water, colour, clamp(mirror, 0.0, 1.0));
        float column = light_column(p.x - lamp_x + 2.5 * slope.x, below, mix(0.03, 0.16, guide), mix(0.16, 0.60, guide));
        colour += warm * column * mix(0.10, 0.42, guide) * clamp(1.0 + 14.0 * slope.y + 0.8 * (fine.x - 0.5), 0.2, 2.0);
        colour += mist * 0.05 * u_shimmer * ramp(0.45, 0.8, fine.x);
        // Where a drop falls the water catches the sky; without motion these still lights are all there is of the rain.
        float glint = drops.z * mix(0.30 + 0.5 * breath, 0.25, moves);
        float lit = moves * (drops.y - 0.35 * side * drops.x);
        colour = colour * (1.0 + clamp(0.9 * lit, -0.5, 1.0)) + mist * (0.5 * glint + 0.10 * max(lit, 0.0));
    }
    float bank_low = exp(-abs(p.y - SHORE) * mix(18.0, 30.0, breath));
    return mix(colour, mist, bank_low * thick * 0.55);
}
