/*
title = "Mandala"
mood = "a flower of light that opens and closes"
tags = ["abstract", "dark"]
soundscape = "mandala"

[comfort]
flow = 1.0       # degrees/s at full motion, 40 degrees wide picture: petals reaching out; it never turns
contrast = 0.35

# breath: the petals reach out and fill with light from the heart, and fold back into the dark
# guide: a halo of another hue round the flower widens and narrows
# pulse: a glimmer in the finest filigree, under 2 % of the range
# calm: the filigree softens; coherence: the petals' light joins into one glow
# progress: sapphire, emerald and gold, amethyst, rose dawn
# confidence: at 0 the flower opens and closes on its own and asks nothing
# density: how much filigree there is
[uniforms]
u_bloom = { from = "breath", smooth_s = 0.20 }
u_reach = { from = "breath", smooth_s = 1.0 }  # places follow more slowly than light: a quick breath must not push
u_halo = { from = "guide", smooth_s = 0.20 }
u_glint = { from = "pulse", smooth_s = 0.15 }
u_calm = { from = "calm", smooth_s = 8.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
u_much = { from = "density", smooth_s = 3.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/fractal.glsl"

uniform float u_bloom;
uniform float u_reach;
uniform float u_halo;
uniform float u_glint;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

// A ring of petals: how deep within the outline r lies, in parts of its reach (negative outside); `a` 0 the petal's
// axis .. 1 between two, `point` 0 round .. 1 pointed.
float petals(float r, float a, float reach, float point) {
    return 1.0 - r / (reach * mix(1.0 - 0.40 * a * a, 1.0 - 0.60 * a + 0.14 * a * a, point));
}

vec3 scene(vec2 p) {
    float t = u_time;
    vec4 hour = hours(u_hour);
    float drift = 0.30 + 0.28 * slow_wave(0.0253 * t) * slow_wave(0.0098 * t + 0.3) + 0.14 * slow_wave(0.0157 * t);
    float breath = mix(drift, u_bloom, u_trust);
    float guide = mix(0.40, u_halo, u_trust);
    float open = mix(0.5, mix(drift, u_reach, u_trust), u_motion);

    float size = 0.98 * min(u_aspect, 1.0) + 0.16 * clamp(u_aspect - 1.0, 0.0, 0.8);
    float count = 5.0 + floor(7.99 * u_seed.x);
    vec2 c = p / size;
    float r = length(c);
    float sector = fold_angle(c, count);
    float a = sector * count / PI;
    float reach = mix(0.90, 1.04, open);
    vec2 z = r / reach * vec2(cos(sector), sin(sector));

    // The rough light: its place in the noise wanders over many minutes and does not come back.
    vec2 form = 2.0 * vec2(slow_wave(0.00113 * t + u_seed.y), slow_wave(0.00075 * t + u_seed.z)) - 1.0;
    vec2 shift = vec2(0.36, 0.18) + 0.16 * u_seed.zw + 0.02 * form;
    vec2 y = refold(z, shift, 0.45 + 0.95 * u_seed.w, 1.45);
    float f = rough(1.60 * y + 23.0 * u_seed.yx + vec2(0.0061, 0.0043) * t, 0.98) - 0.5;
    f *= mix(2.15, 1.65, u_calm) * mix(0.80, 1.15, u_much) + 0.022 * u_glint;

    vec3 night = over_hours(
        hour, lch(0.13, 0.050, 275.0), lch(0.13, 0.045, 215.0), lch(0.12, 0.055, 295.0), lch(0.16, 0.050, 320.0)
    );
    vec3 outer = over_hours(
        hour, lch(0.40, 0.125, 268.0), lch(0.40, 0.080, 205.0), lch(0.38, 0.130, 300.0), lch(0.45, 0.115, 345.0)
    );
    vec3 inner = over_hours(
        hour, lch(0.62, 0.100, 218.0), lch(0.64, 0.100, 165.0), lch(0.58, 0.120, 275.0), lch(0.67, 0.110, 25.0)
    );
    vec3 heart = over_hours(
        hour, lch(0.90, 0.040, 130.0), lch(0.91, 0.085, 95.0), lch(0.86, 0.070, 340.0), lch(0.92, 0.065, 80.0)
    );
    float fill = mix(0.24, 1.15, breath);
    float glow_r = mix(0.55, 1.20, breath);
    float glow = exp(-r * r / (glow_r * glow_r));

    // Five rings of petals, the widest behind; each rises towards its rim and lies in the shadow of the ring before it.
    float v = 0.26 + 0.9 * f;
    float wide = 1.62 * reach;
    for (int k = 0; k < 5; k++) {
        float odd = (k == 1 || k == 3) ? 1.0 : 0.0;
        float near = float(k) / 4.0;
        float wave = mix(f, -f, odd);
        float deep = petals(r, mix(a, 1.0 - a, odd), wide, fract(u_seed.y + 0.37 * float(k))) + 0.26 * wave;
        float level = mix(0.06, 0.40, near) + 0.40 * exp(-3.2 * max(deep, 0.0)) + mix(0.90, 0.55, near) * wave;
        v = mix(v - 0.20 * exp(-6.0 * max(-deep, 0.0)), level, ramp(-0.06, 0.20, deep));
        wide *= 0.655;
    }
    v = clamp(v + 0.35 * exp(-24.0 * r * r), 0.0, 1.0);
    vec3 lab = mix(night, outer, ramp(0.05, 0.42, v));
    lab = mix(lab, inner, ramp(0.34, 0.68, v));
    lab = mix(lab, heart, ramp(0.60, 1.0, v));
    vec3 gem = from_oklab(lab);
    vec3 colour = gem * (fill * (0.16 + 1.0 * glow) * exp(-0.20 * r * r) + 0.25);
    colour += from_oklab(inner) * glow * fill * mix(0.01, 0.06, u_whole);
    float dim = ramp(-0.25, 0.40, f);

    // The guide: a halo of another hue, caught by the pattern's outer parts.
    float ring = (r - mix(0.94, 1.12, mix(0.5, guide, u_motion))) / mix(0.10, 0.24, guide);
    vec3 other = from_oklab(over_hours(
        hour, lch(0.72, 0.090, 65.0), lch(0.68, 0.090, 320.0), lch(0.74, 0.090, 85.0), lch(0.72, 0.075, 230.0)
    ));
    colour += other * exp(-ring * ring) * (0.15 + 1.1 * dim) * mix(0.04, 0.25, guide);
    return colour;
}
