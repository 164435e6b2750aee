/*
title = "Aurora"
mood = "curtains of light over a still lake"
tags = ["dark", "water", "height"]
soundscape = "aurora"

[comfort]
flow = 0.6       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.35

# breath: the curtains lift, open and brighten; their light lies on the lake and on the snow
# guide: a quiet pale arch behind the mountains widens and narrows
# pulse: a shimmer within the rays, under 2 % of the range
# calm: smooths the folds, stills the lake; coherence: joins the curtains into one sweep
# progress: blue dusk, green night, violet crowns, first warm light
# density: one quiet curtain .. three with fine rays
# confidence: at 0 the curtains breathe slowly by themselves and ask nothing
[uniforms]
u_open = { from = "breath", smooth_s = 0.12 }
u_arch = { from = "guide", smooth_s = 0.15 }
u_shimmer = { from = "pulse", smooth_s = 0.12 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_rich = { from = "density", smooth_s = 4.0 }
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
uniform float u_rich;
uniform float u_trust;

const float SHORE = -0.46;  // where lake and land meet: fixed, the eye's resting place

// One curtain: light per colour zone (hem, body, crown) at height `up` above the shore. A ribbon hangs over a plain and
// is seen in perspective: where it is near, its hem stands high and its rays are long; where it runs along the line of
// sight, more of it lies behind one place. `k` tells the curtains apart, `low` is the hem's height on the whole.
vec3 curtain(float fan, float up, float k, float low, float lean, float breath) {
    float t = u_time;
    float seed = 23.0 * k + 90.0 * u_seed.z;
    float bend = mix(1.0, 0.5, mix(0.6, u_calm, u_motion)) * mix(1.0, 0.6, mix(0.4, u_whole, u_motion));
    vec2 wide = noise1_slope(0.62 * fan + seed + 0.011 * t);
    vec2 bow = noise1_slope(1.5 * fan - seed - 0.026 * t) - vec2(0.5, 0.0);
    vec2 fold = bend * bow;
    vec2 curl = bend * (noise1_slope(3.9 * fan + 2.0 * seed + 0.048 * t) - vec2(0.5, 0.0));
    float nearness = lean * fan + 2.3 * (wide.x - 0.5) + 1.0 * fold.x + 0.22 * curl.x;  // log2 of 1 / distance
    float run = lean + 1.43 * wide.y + 1.5 * fold.y + 0.86 * curl.y;
    float hem = low * exp2(nearness);
    float distance_ = 1.0 / hem;
    float thick = min(sqrt(0.35 + 0.45 * run * run), 2.2);
    // Rays, coarse to fine; each octave drifts its own way, so that the sum is never the same. Where they crowd closer
    // than pixels they blur into a veil.
    float along = (0.9 * fan + 0.7) * low * distance_;
    float crowd = low * distance_ * (0.9 + 0.55 * abs(run));
    float coarse = noise1(5.0 * along + seed + 0.09 * t);
    float middle = mix(noise1(12.0 * along - seed - 0.19 * t), 0.5, ramp(1.0, 4.5, crowd));
    float fine = mix(noise1(31.0 * along + seed + 0.36 * t), 0.5, ramp(0.5, 1.9, crowd));
    float tall = (0.12 + hem) * mix(0.40, 0.95, breath) * (0.40 + 0.75 * coarse + 0.55 * middle * coarse);
    float above = up - hem * (0.93 + 0.10 * middle + 0.05 * fine);  // rays do not all end at the same height
    float h = max(above, 0.0) / tall;
    float crisp = exp(-1.1 * h);  // rays blur upwards
    float rays = 0.20 + 0.9 * coarse * coarse + 0.8 * middle * coarse;
    rays *= mix(1.0, 0.45 + 1.1 * fine, crisp * mix(0.9, 0.5, u_calm));
    rays *= 1.0 + 0.07 * u_shimmer * (fine - 0.5);
    float presence = ramp(-0.55, 0.05, bow.x + 0.8 * (wide.x - 0.5) + 0.2 * u_whole);
    float edge = ramp(-0.09, 0.05, above * distance_);
    float light = thick * rays * presence * edge;
    return light * vec3(crisp * crisp, 0.55 * crisp * min(h, 1.0), 0.42 * sqrt(crisp) * ramp(0.35, 1.5, h));
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    float drift = 0.28 + 0.36 * noise1(0.055 * t + 7.0 * u_seed.y);
    float breath = mix(mix(0.45, drift, u_motion), u_open, u_trust);
    float guide = mix(0.42, u_arch, u_trust);
    float rise = mix(0.5, breath, u_motion);
    float reach = min(u_aspect, 1.8);

    // The lake mirrors what stands above it, a little stirred and drawn out downwards.
    float is_lake = step(p.y, SHORE);
    float below = max(SHORE - p.y, 0.0);
    float far = 1.0 / (below + 0.06);
    vec3 r = noise_slope(vec2(1.1 * p.x * far, 3.1 * far) + vec2(0.04, 0.11) * t);
    vec2 q = noise1_slope(6.7 * far + 2.0 * r.x + 0.7 * p.x * far - 0.13 * t);
    vec2 stir = is_lake * mix(1.0, 0.45, mix(0.6, u_calm, u_motion)) * (0.005 + 0.05 * below) * vec2(0.5 * r.y, r.z + 0.5 * q.y);
    float x = p.x + stir.x;
    float up = max(mix(p.y - SHORE, 1.45 * below + stir.y, is_lake), 0.0);

    vec3 zenith = over_hours(hour, lch(0.25, 0.060, 268.0), lch(0.185, 0.045, 262.0),
        lch(0.165, 0.060, 300.0), lch(0.29, 0.050, 262.0));
    vec3 middle = over_hours(hour, lch(0.35, 0.065, 262.0), lch(0.25, 0.055, 246.0),
        lch(0.22, 0.066, 294.0), lch(0.40, 0.045, 275.0));
    vec3 low = over_hours(hour, lch(0.50, 0.055, 250.0), lch(0.33, 0.045, 215.0),
        lch(0.285, 0.055, 268.0), lch(0.60, 0.065, 58.0));
    vec3 lab = mix(low, middle, ramp(0.0, 0.40, up));
    lab = mix(lab, zenith, ramp(0.25, 1.35, up));
    vec3 sky = from_oklab(lab);

    // The guide: the moon behind the mountains, and its wide halo.
    float notch = reach * 0.6 * (u_seed.w - 0.5);
    float g = mix(0.5, guide, u_motion);
    vec2 away = vec2(x - notch, up - 0.06);
    float halo = 1.0 / (1.0 + dot(away, away) * mix(26.0, 9.0, g));
    halo = halo * halo * (0.45 + 0.55 * halo);
    vec3 silver = over_hours(hour, from_oklab(lch(0.72, 0.045, 260.0)), from_oklab(lch(0.72, 0.035, 240.0)),
        from_oklab(lch(0.72, 0.050, 300.0)), from_oklab(lch(0.78, 0.070, 75.0)));
    sky += silver * halo * mix(0.12, 0.62, guide);

    // Two curtains: each a great sweep from far behind the land to high overhead.
    float side = u_seed.x < 0.5 ? -1.0 : 1.0;
    // Rays lean towards a point far overhead; a narrow picture shows as much of them as a wide one.
    float fan = sqrt(1.78 / reach) * (x - 0.4 * side * reach * u_seed.y) / (1.0 - 0.26 * up);
    float lean = side * (0.25 + 0.55 * u_seed.w) * mix(0.6, 1.0, mix(0.4, u_whole, u_motion));
    vec3 zones = curtain(fan, up, 0.0, 0.42, lean, rise);
    zones += mix(0.2, 1.0, u_rich) * curtain(1.2 * fan + 3.0, up, 1.0, 0.34, -0.7 * lean, rise);
    vec3 hem = over_hours(hour, from_oklab(lch(0.70, 0.110, 178.0)), from_oklab(lch(0.76, 0.145, 160.0)),
        from_oklab(lch(0.73, 0.125, 172.0)), from_oklab(lch(0.72, 0.080, 150.0)));
    vec3 body = over_hours(hour, from_oklab(lch(0.55, 0.095, 235.0)), from_oklab(lch(0.60, 0.105, 190.0)),
        from_oklab(lch(0.58, 0.110, 240.0)), from_oklab(lch(0.60, 0.070, 215.0)));
    vec3 crown = over_hours(hour, from_oklab(lch(0.54, 0.130, 292.0)), from_oklab(lch(0.56, 0.135, 292.0)),
        from_oklab(lch(0.60, 0.160, 312.0)), from_oklab(lch(0.62, 0.100, 335.0)));
    float power = mix(0.22, 0.85, breath) * dot(hour, vec4(0.7, 1.0, 1.0, 0.55));
    vec3 lights = (hem * zones.x + body * zones.y + crown * zones.z) * power;

    vec2 heaven = vec2(x, up) + vec2(0.00019, 0.00011) * t;
    float dim = ramp(0.05, 0.6, up) * dot(hour, vec4(0.35, 0.9, 1.0, 0.15));
    vec3 points = stars(heaven + u_seed.xy * 9.0, 0.075, 0.45, px);
    sky += (0.6 * hem + 0.4 * body) * 0.045 * power * exp(-1.1 * abs(up - 0.45));  // what shines all over the sky
    sky += points * dim * (1.0 - is_lake) / (1.0 + 6.0 * lights.y) + lights;

    // Snow mountains take up the light above them; the shore with its spruces lies before them.
    vec2 range = mountains(0.9 * x + 40.0 * u_seed.x);
    float valley = 1.0 - 0.7 * exp(-6.0 * (x - notch) * (x - notch));
    float ridge = 0.03 + 0.62 * range.x * valley;
    float land = smoothstep(-px, px, ridge - up);
    float depth = (ridge - up) / ridge;
    vec3 aloft = (hem + 0.6 * body) * power;
    float gully = noise(vec2(19.0 * x + 7.0 * range.x + 6.0 * side * depth, 7.0 * depth + 5.0 * x));
    float lit = clamp(0.55 + 0.22 * side * range.y * (1.0 - 0.5 * depth) + 0.9 * (gully - 0.5), 0.0, 1.0);
    float white = lit * ramp(0.0, 0.14, up + 0.10 * (gully - 0.5));
    vec3 glare = mix(aloft, vec3(dot(aloft, vec3(0.333))), 0.35);  // snow pales the light that falls on it
    vec3 snow = from_oklab(mix(middle, zenith, 0.5)) * (0.45 + 1.7 * white) + glare * (0.02 + 0.22 * white);
    snow += silver * 0.12 * guide * white / (1.0 + 9.0 * (x - notch) * (x - notch));
    vec3 colour = mix(sky, snow, land);
    float grove = noise1(2.3 * x + 3.0 + 40.0 * u_seed.y);
    float wood = 0.008 + 0.022 * grove + (0.012 + 0.045 * grove) * spruces(43.0 * x);
    float dark = smoothstep(-px, px, wood - up);
    colour = mix(colour, from_oklab(lch(0.10, 0.02, 255.0)) + aloft * 0.006, dark);

    float mirror = mix(0.80, 0.42, ramp(0.0, 0.6, below));
    vec3 water = from_oklab(lch(0.13, 0.030, 240.0));
    colour = mix(colour, mix(water, colour, mirror), is_lake);
    // A breath of mist along the shore.
    float mist = exp(-abs(p.y - SHORE) * 26.0);
    return colour + (0.05 * silver * guide + 0.02 * aloft) * mist;
}
