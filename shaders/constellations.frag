/*
title = "Constellations"
mood = "figures that join in a quiet sky"
tags = ["dark", "space", "forest"]
soundscape = "constellations"

[comfort]
flow = 0.3       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.30

# breath: the sky's own light wells up, the milky way and the airglow
# guide: the glow over the valley widens and narrows
# even: fine lines of light join the stars of the figures, and dissolve as gently
# load: how even a breath it takes, and how many figures take part; touch: all figures glow softly
# pulse: the figures' stars glimmer, under 2 % of the range
# calm: thins the haze; coherence: fills the milky way
# progress: last blue, night, the milky way over all, first light; each figure fades for another one as the hour goes
# density: how many stars
# confidence: at 0 figures come and go slowly by themselves
[uniforms]
u_well = { from = "breath", smooth_s = 0.12 }
u_glow = { from = "guide", smooth_s = 0.15 }
u_glimmer = { from = "pulse", smooth_s = 0.12 }
u_even = { from = "even", smooth_s = 3.0 }
u_load = { from = "load", smooth_s = 3.0 }
u_touch = { from = "touch", smooth_s = 0.3 }
u_calm = { from = "calm", smooth_s = 6.0 }
u_whole = { from = "coherence", smooth_s = 8.0 }
u_hour = { from = "progress", smooth_s = 4.0 }
u_rich = { from = "density", smooth_s = 4.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 2.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"
#include "lib/sky.glsl"

uniform float u_well;
uniform float u_glow;
uniform float u_glimmer;
uniform float u_even;
uniform float u_load;
uniform float u_touch;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_rich;
uniform float u_trust;

const float GROUND = -0.66;  // where the land begins: fixed, the eye's resting place
const float ROW = 0.66;  // height of a figure's place in the sky; two rows stand over the land
const float CHANGES = 7.0;  // how often a place shows another figure in an hour

// The figure of this place in the sky: (light of its stars, light of its lines). Only its own segments are looked at.
vec2 figure(vec2 p, float px) {
    vec2 size = vec2(2.0 * u_aspect / max(floor(2.0 * u_aspect / 0.95 + 0.5), 2.0), ROW);
    vec2 q = (p - vec2(-u_aspect, 1.0 - 2.0 * ROW)) / size;
    vec2 place = floor(q);
    uint home = cell_bits(place + floor(u_seed.xy * 900.0));
    float phase = u_hour * CHANGES + unit(home);
    float epoch = floor(phase);
    float age = phase - epoch;
    float shown = ramp(0.0, 0.12, age) * (1.0 - ramp(0.88, 1.0, age)) * step(-0.5, place.y);
    uint bits = mix_bits(home + uint(int(epoch)) * 0x9e3779b1u);
    float rank = fract(0.618 * (place.x + 5.0 * place.y) + 0.382 * epoch + u_seed.z);  // spread evenly over the sky
    shown *= step(rank, 0.75);

    // How far it has joined: with more load more figures take part, and each waits for more evenness.
    float share = mix(0.40, 0.75, u_load);
    float need = mix(0.15, 0.42, u_load) + 0.22 * rank / share;
    float alone = ramp(0.46, 0.72, noise1(0.021 * u_time + 20.0 * u_hour + 60.0 * rank));
    float joined = mix(alone, ramp(0.0, 0.30, u_even - need) * step(rank, share), u_trust);

    vec2 middle = (place + 0.5) * size + vec2(-u_aspect, 1.0 - 2.0 * ROW);
    return figure_light(p - middle, size, bits, joined, 0.5 * u_touch, u_motion, px) * shown;
}

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);
    float reach = min(u_aspect, 1.8);

    float drift = 0.26 + 0.40 * noise1(0.05 * t + 7.0 * u_seed.y);
    float breath = mix(mix(0.45, drift, u_motion), u_well, u_trust);
    float guide = mix(0.42, u_glow, u_trust);
    float g = mix(0.5, guide, u_motion);
    float side = u_seed.x < 0.5 ? -1.0 : 1.0;
    float up = p.y - GROUND;

    vec3 zenith = over_hours(hour, lch(0.26, 0.075, 272.0), lch(0.20, 0.058, 246.0),
        lch(0.155, 0.062, 298.0), lch(0.28, 0.060, 260.0));
    vec3 middle = over_hours(hour, lch(0.36, 0.075, 266.0), lch(0.285, 0.062, 238.0),
        lch(0.215, 0.068, 292.0), lch(0.42, 0.055, 245.0));
    vec3 low = over_hours(hour, lch(0.52, 0.060, 320.0), lch(0.375, 0.055, 214.0),
        lch(0.295, 0.060, 278.0), lch(0.66, 0.070, 70.0));
    vec3 lab = mix(low, middle, ramp(0.0, 0.5, up));
    lab = mix(lab, zenith, ramp(0.3, 1.6, up));
    vec3 sky = from_oklab(lab);

    // Airglow in wide soft bands, and the milky way: they well up with the breath.
    float haze = noise(vec2(0.9 * p.x + 0.006 * t + 9.0 * u_seed.z, 2.6 * up - 0.4 * p.x * side + 0.009 * t));
    vec3 air = over_hours(hour, from_oklab(lch(0.52, 0.060, 250.0)), from_oklab(lch(0.52, 0.070, 170.0)),
        from_oklab(lch(0.50, 0.070, 285.0)), from_oklab(lch(0.56, 0.060, 210.0)));
    haze = (0.35 + 0.9 * haze) * mix(1.15, 0.85, u_calm) * exp(-1.5 * max(up, 0.0)) * ramp(0.0, 0.3, up);
    sky += air * haze * mix(0.05, 0.50, breath);
    vec2 along = normalize(vec2(side * (0.35 + 0.7 * u_seed.y), 1.0));
    vec2 heaven = p + vec2(0.00017, 0.00009) * t;
    float milky = milky_way(heaven, vec2(side * reach * (0.10 - 0.5 * u_seed.z), 0.1), along, 20.0 * u_seed.w);
    vec3 pale = over_hours(hour, from_oklab(lch(0.50, 0.040, 270.0)), from_oklab(lch(0.60, 0.030, 260.0)),
        from_oklab(lch(0.68, 0.035, 285.0)), from_oklab(lch(0.56, 0.030, 250.0)));
    float clear = ramp(0.02, 0.40, up);
    float full = mix(0.8, 1.1, u_whole) * dot(hour, vec4(0.6, 0.85, 1.1, 0.5));
    sky += pale * milky * clear * full * mix(0.12, 0.62, breath);

    // Stars, and the figures among them.
    float dark = dot(hour, vec4(0.55, 0.9, 1.0, 0.35)) * clear;
    vec3 points = stars(heaven + 9.0 * u_seed.xy, 0.060, mix(0.2, 0.5, u_rich) + 0.6 * milky, px) * 0.75;
    sky += points * dark;
    vec2 drawn = figure(p, px) * mix(0.6, 1.0, dark);
    sky += vec3(0.95, 0.97, 1.00) * drawn.x * 0.55 * (1.0 + 0.03 * u_glimmer);
    vec3 gold = over_hours(hour, from_oklab(lch(0.80, 0.050, 80.0)), from_oklab(lch(0.80, 0.055, 90.0)),
        from_oklab(lch(0.80, 0.050, 230.0)), from_oklab(lch(0.84, 0.050, 85.0)));
    sky += gold * drawn.y * 0.26;

    // The guide: a low warm glow over the valley.
    float valley = -side * reach * (0.15 + 0.25 * u_seed.w);
    float dx = (p.x - valley) / (mix(0.34, 0.90, g) * reach);
    float near_glow = exp(-dx * dx);
    float glow = near_glow * exp(-max(up, 0.0) / mix(0.08, 0.22, g));
    vec3 ember = over_hours(hour, from_oklab(lch(0.66, 0.090, 30.0)), from_oklab(lch(0.64, 0.085, 65.0)),
        from_oklab(lch(0.60, 0.085, 50.0)), from_oklab(lch(0.72, 0.085, 65.0)));
    sky += ember * glow * mix(0.14, 0.46, guide);

    // Land: ridge behind ridge in the valley's haze, and near spruces that frame one side.
    float dip = 1.0 / (1.0 + 2.6 * (p.x - valley) * (p.x - valley));
    vec3 veil = over_hours(hour, from_oklab(lch(0.36, 0.060, 290.0)), from_oklab(lch(0.27, 0.055, 240.0)),
        from_oklab(lch(0.235, 0.055, 285.0)), from_oklab(lch(0.45, 0.050, 270.0)));
    veil += air * 0.05 * breath + ember * 0.08 * guide * near_glow;
    vec3 under = over_hours(hour, from_oklab(lch(0.155, 0.045, 285.0)), from_oklab(lch(0.125, 0.035, 255.0)),
        from_oklab(lch(0.110, 0.038, 290.0)), from_oklab(lch(0.19, 0.035, 275.0)));
    vec3 colour = sky;
    float sharp = 0.6 / px;
    for (int k = 0; k < 4; k++) {
        float near = float(k) / 3.0;
        float x = p.x * (1.0 - 0.2 * near) + 7.0 * float(k) + 30.0 * u_seed.x;
        float high = 0.05 - 0.30 * near + (0.24 - 0.10 * near) * noise1(1.2 * x) * (1.0 - (0.7 - 0.3 * near) * dip);
        vec3 tone = mix(veil, under, 0.30 + 0.65 * near);
        tone += veil * (0.50 - 0.28 * near) * ramp(0.0, 0.15, high - up);  // haze lies in the dips
        float wood = k < 2 ? 0.0 : (k == 2 ? 0.045 * spruces(31.0 * p.x) : 0.085 * spruces(17.0 * p.x + 5.0));
        colour = mix(colour, tone, clamp(0.5 + (high + wood - up) * sharp, 0.0, 1.0));
    }
    float stand = 1.0 - ramp(0.20, 0.85, side * p.x / reach);
    float tree = near_spruce(vec2(p.x * 5.6 + 40.0 * u_seed.z, (p.y + 1.05) * 2.6 + 2.3 * stand));
    return mix(colour, under * 0.5, clamp(0.5 + 0.17 * tree * sharp, 0.0, 1.0));
}
