/*
title = "Tide"
mood = "a night sea that breathes"
tags = ["water", "dark"]
soundscape = "tide"

[comfort]
flow = 1.2       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.35

# breath: the swell rises, the path of the moon opens, light wells up in the water: the whole sea at once
# guide: the low warm glow on the horizon widens and narrows
# pulse: faint phosphorescence in the crests, under 2 % of the range
# calm: orders the waves, thins the clouds; coherence: joins the broken path of the moon
# progress: dusk, night, the milky way, first light
# confidence: at 0 the sea drifts on its own and asks nothing
[uniforms]
u_swell = { from = "breath", smooth_s = 0.12 }
u_glow = { from = "guide", smooth_s = 0.15 }
u_spark = { from = "pulse", smooth_s = 0.10 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/sky.glsl"

uniform float u_swell;
uniform float u_glow;
uniform float u_spark;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;

const float HORIZON = -0.24;  // fixed: the eye's resting place

// The sea's long waves at a place on the water: height about -0.5..0.5 and its slopes.
vec3 swell(vec2 w) {
    float t = u_time;
    vec3 a = noise_slope(vec2(0.34 * w.x + 0.10 * w.y, 0.62 * w.y) + vec2(0.021, 0.047) * t + u_seed.xy * 40.0);
    vec3 b = noise_slope(vec2(0.50 * w.x - 0.33 * w.y, 0.23 * w.x + 0.95 * w.y) + vec2(-0.037, 0.029) * t + 31.7);
    float height = 0.62 * (a.x - 0.5) + 0.38 * (b.x - 0.5);
    vec2 slope = 0.62 * vec2(0.34 * a.y, 0.10 * a.y + 0.62 * a.z);
    slope += 0.38 * vec2(0.50 * b.y + 0.23 * b.z, -0.33 * b.y + 0.95 * b.z);
    return vec3(height, slope);
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    // What the sea follows: the person, or, without trust, a drift of its own.
    float drift = 0.46 + 0.10 * sin(0.173 * t) * sin(0.0619 * t + 1.3);
    float breath = mix(drift, u_swell, u_trust);
    float guide = mix(0.42, u_glow, u_trust);
    float rise = mix(0.5, breath, u_motion);

    float side = u_seed.x < 0.5 ? -1.0 : 1.0;
    float reach = min(u_aspect, 1.8);
    vec2 moon = vec2(side * reach * (0.26 + 0.12 * u_seed.y), 0.40 + 0.14 * u_seed.z);

    float up = p.y - HORIZON;
    float is_sky = smoothstep(-0.6 * px, 0.6 * px, up);

    // --- the water's surface: where this ray meets the swell ---
    float down = max(-up, 0.0) + 0.012;
    float tall = 0.30 + 0.55 * rise;
    float depth = 1.0 / down;
    vec3 s = vec3(0.0);
    for (int i = 0; i < 2; i++) {
        s = swell(vec2(p.x * depth, depth));
        float lift = tall * s.x / (1.0 + 0.05 * depth * depth);
        depth = (1.0 - 0.8 * lift) / down;
    }
    vec2 w = vec2(p.x * depth, depth);
    float near = 1.0 / (1.0 + 0.06 * depth * depth);

    // Ripples, finer with nearness; the far sea is smooth because its waves are smaller than a pixel.
    float rough = mix(1.0, 0.45, u_calm);
    vec3 r1 = noise_slope(vec2(1.7, 3.1) * (TURN * w) + vec2(0.11, 0.16) * t);
    vec3 r2 = noise_slope(vec2(3.9, 6.3) * w + vec2(-0.17, 0.13) * t + 7.7);
    vec2 ripple = rough * (0.050 * near * r1.yz + 0.030 * near * near * r2.yz);
    vec2 slope = tall * s.yz * mix(1.0, 0.25, smoothstep(3.0, 14.0, depth)) + ripple;

    // --- the light that the sky and its mirror share ---
    float tilt = is_sky > 0.5 ? 0.0 : 1.0;
    float away = clamp(1.0 - 1.2 * slope.y, 0.3, 2.0);
    float e = mix(up, (0.02 + 0.55 * down) * away, tilt);
    e = clamp(e, 0.0, 1.25);
    float x = p.x + tilt * slope.x * 0.5;

    vec3 zenith = over_hours(hour, lch(0.33, 0.075, 268.0), lch(0.245, 0.060, 262.0), lch(0.215, 0.050, 268.0), lch(0.36, 0.060, 256.0));
    vec3 middle = over_hours(hour, lch(0.46, 0.070, 280.0), lch(0.36, 0.065, 252.0), lch(0.315, 0.055, 252.0), lch(0.50, 0.045, 262.0));
    vec3 low = over_hours(hour, lch(0.60, 0.055, 330.0), lch(0.45, 0.055, 238.0), lch(0.39, 0.050, 235.0), lch(0.66, 0.060, 60.0));
    vec3 lab = mix(low, middle, smoothstep(0.0, 0.42, e));
    lab = mix(lab, zenith, smoothstep(0.15, 1.20, e));
    vec3 sky = from_oklab(lab);

    // The guide: a warm low light behind the horizon.
    float gx = -side * 0.12 * reach;
    float wide = mix(0.16, 0.95, guide) * reach;
    float high = mix(0.035, 0.15, guide);
    float dx = (x - gx) / wide;
    float glow = exp(-dx * dx - e / high) * mix(0.35, 1.0, guide);
    vec3 ember = from_oklab(over_hours(hour, lch(0.62, 0.085, 45.0), lch(0.60, 0.080, 62.0), lch(0.58, 0.080, 75.0), lch(0.66, 0.085, 62.0)));
    sky += ember * glow * 0.55;

    vec2 m = vec2(x - moon.x, e + HORIZON - moon.y);
    float far = length(m);
    float halo = exp(-far * mix(6.5, 4.2, breath)) * 0.30 + exp(-far * 1.7) * 0.07;
    vec3 silver = vec3(0.80, 0.92, 1.05);

    if (tilt < 0.5) {
        // Clouds: thin veils, flattened towards the horizon.
        float flat_ = 1.0 / (up + 0.30);
        vec2 c = vec2(p.x * flat_ * 0.8, flat_ * 1.9) + vec2(0.010, 0.0023) * t + u_seed.zw * 30.0;
        float veil = fbm3(c + 0.6 * fbm2(c * 0.7 - 0.004 * t));
        float cover = smoothstep(mix(0.40, 0.58, u_calm), 0.88, veil);
        // Milky way.
        vec2 dir = normalize(vec2(side * 0.62, 0.80));
        vec2 g = p + vec2(0.00021, 0.00013) * t;
        float across = dot(g - vec2(-side * 0.35 * reach, 0.30), vec2(dir.y, -dir.x));
        float cloudy = fbm3(g * 3.3 + u_seed.yx * 20.0);
        float band = exp(-across * across * 9.0);
        float dust = smoothstep(0.42, 0.66, fbm3(g * vec2(4.2, 4.0) + 11.0 + u_seed.x * 9.0)) * exp(-across * across * 40.0);
        float milky = band * (0.25 + 1.3 * cloudy * cloudy) * (1.0 - 0.8 * dust);
        float deep = hour.y * 0.35 + hour.z + hour.x * 0.05 + 0.12 * hour.w;
        float clear = (1.0 - 0.85 * cover) * smoothstep(0.02, 0.45, up) * (1.0 - 0.8 * exp(-far * 3.5));
        vec3 lights = stars(g, 0.155, 0.75, px) * 1.5 + stars(g + 3.3, 0.062, 0.22 + 0.6 * milky, px) * 0.7;
        sky += lights * clear * (0.25 * hour.x + 0.85 * hour.y + hour.z + 0.2 * hour.w);
        sky += vec3(0.080, 0.088, 0.115) * milky * deep * clear;
        sky += silver * halo * (1.0 + 0.8 * cover);
        sky = mix(sky, sky * 0.75 + silver * (0.020 + 0.22 * halo), cover * 0.6);
        float disc = 1.0 - smoothstep(0.050 - 1.5 * px, 0.050 + 1.5 * px, far);
        float maria = 0.62 + 0.38 * smoothstep(0.35, 0.62, fbm2(m * 26.0 + 3.7));
        float limb = 1.0 - 0.35 * far * far / 0.0025;
        sky += silver * disc * 0.62 * maria * limb * (1.0 - 0.6 * cover);
        return sky;
    }

    // --- water ---
    float graze = clamp(1.0 - 0.9 * down - 0.7 * slope.y, 0.0, 1.0);
    float mirror = 0.05 + 0.80 * graze * graze * graze;
    vec3 deep_water = from_oklab(over_hours(hour, lch(0.27, 0.055, 250.0), lch(0.20, 0.050, 240.0), lch(0.19, 0.048, 232.0), lch(0.29, 0.045, 240.0)));
    vec3 sea = mix(deep_water, sky + silver * halo * 0.3, mirror);
    // Light wells up with the breath, most in the crests.
    float crest = smoothstep(-0.25, 0.40, s.x);
    sea += from_oklab(lch(0.58, 0.085, 200.0)) * (0.04 + 0.30 * breath * crest) * near * 0.6;
    sea += from_oklab(lch(0.60, 0.10, 190.0)) * 0.035 * u_spark * crest * near * smoothstep(0.55, 0.9, r2.x);
    // The path of the moon.
    float open = mix(0.10, 0.34, breath);
    float px_ = (p.x - moon.x * (1.0 - 0.25 * down)) + 0.55 * slope.x;
    float width = open * (0.35 + 1.5 * down);
    float path = exp(-px_ * px_ / (width * width));
    float broken = smoothstep(-0.35, 0.45, slope.y + 0.25 * (1.0 - near));
    path *= mix(broken, 1.0, 0.35 * u_whole);
    sea += silver * path * mix(0.10, 0.30, breath) * exp(-down * 1.1);
    return sea;
}
