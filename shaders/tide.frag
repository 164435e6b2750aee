/*
title = "Tide"
mood = "a night sea that breathes"
tags = ["water", "dark"]
soundscape = "tide"

[comfort]
flow = 0.6       # degrees/s at full motion, 40 degrees wide picture
contrast = 0.35

# breath: the swell rises, the path of the moon opens, light wells up in the water: the whole sea at once
# guide: the low warm glow on the horizon widens and narrows
# pulse: faint phosphorescence in the crests, under 2 % of the range
# calm: orders the waves, thins the clouds; coherence: joins the broken path of the moon
# progress: dusk, night, the milky way, first light
# confidence: at 0 the sea drifts on its own and asks nothing
# density: how many stars, how many sparks on the water, how much cloud
[uniforms]
u_swell = { from = "breath", smooth_s = 0.12 }
u_glow = { from = "guide", smooth_s = 0.15 }
u_spark = { from = "pulse", smooth_s = 0.10 }
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

uniform float u_swell;
uniform float u_glow;
uniform float u_spark;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

const float HORIZON = -0.20;  // fixed: the eye's resting place

vec3 scene(vec2 p) {
    float px = 2.0 / u_size.y;
    float t = u_time;
    vec4 hour = hours(u_hour);

    // What the sea follows: the person, or, without trust, a drift of its own.
    float drift = 0.32 + 0.17 * (slow_wave(0.0275 * t + u_seed.z) + slow_wave(0.00985 * t));
    float breath = mix(mix(0.45, drift, u_motion), u_swell, u_trust);
    float guide = mix(0.42, u_glow, u_trust);
    float rise = mix(0.5, breath, u_motion);

    float side = u_seed.x < 0.5 ? -1.0 : 1.0;
    float reach = min(u_aspect, 1.8);
    // The moon climbs towards the middle and sinks again, a hand's width in the hour.
    float arc = t * (1.0 / 5400.0) - 0.45;
    vec2 moon = vec2(side * reach * (0.22 + 0.16 * u_seed.y - 0.30 * arc), 0.62 + 0.10 * u_seed.z - 0.9 * arc * arc);

    float up = p.y - HORIZON;
    float down = max(-up, 0.0);
    bool is_sea = up < 0.0;

    // Sky and sea each need a handful of noises, never both: the same calls serve either with places of its own.
    // Sea: a long swell from afar, one that crosses it, wind waves, ripples.
    vec2 k0 = vec2(0.13, 0.46);
    float lean = 0.5 * (u_seed.w - 0.5);
    float tall = mix(0.16, 0.40, rise);
    vec2 w = on_water(p.x, down, 0.5);
    vec2 s0 = vec2(w.x * k0.x + lean * w.y * 0.1, w.y * k0.y) + vec2(0.013, 0.055) * t + u_seed.xy * 40.0;
    // Sky: the milky way's light and dust, clouds; they turn about a pole near the horizon, a few degrees in the hour.
    float turn = 3.4e-5 * t;
    mat2 spin = mat2(1.0 - 0.5 * turn * turn, turn, -turn, 1.0 - 0.5 * turn * turn);
    vec2 pole = vec2(-side * 0.55 * reach, 0.12);
    vec2 g = spin * (vec2(p.x, up) - pole);
    float flat_ = 1.0 / (max(up, 0.0) + 0.28);
    vec2 c = vec2(p.x * flat_ * 0.8, flat_ * 2.1) + vec2(0.010, 0.0023) * t + u_seed.zw * 30.0;

    vec3 n0 = noise_slope(is_sea ? s0 : g * 3.1 + u_seed.yx * 20.0);
    float lift = is_sea ? tall * (n0.x - 0.5) / (1.0 + 0.02 / (down * down + 0.002)) : 0.0;
    float below = down / (1.0 - lift);
    w = on_water(p.x, below, 0.5);
    vec2 w2 = on_water(p.x, below, 3.2);
    vec2 w4 = on_water(p.x, below, 12.0);
    vec2 w5 = on_water(p.x, below, 32.0);
    vec2 s1 = vec2(w.x * k0.x + lean * w.y * 0.1, w.y * k0.y) + vec2(0.013, 0.055) * t + u_seed.xy * 40.0;
    vec2 s2 = vec2(0.27 * w.x - 0.24 * w.y, 0.12 * w.x + 0.83 * w.y) + vec2(-0.047, 0.052) * t + 31.7;
    vec2 s3 = vec2(1.7 * w2.x + 0.6 * w2.y, 3.2 * w2.y - 0.4 * w2.x) + vec2(0.11, 0.14) * t + 11.3;
    vec2 s4 = TURN * (vec2(7.0, 12.0) * w4) + vec2(-0.19, 0.16) * t + 7.7;
    vec2 s5 = (vec2(20.0, 32.0) * w5) * TURN + vec2(0.25, 0.22) * t + 21.7;
    vec3 n1 = noise_slope(is_sea ? s1 : TURN * g * 6.9 + 4.1);
    vec3 n2 = noise_slope(is_sea ? s2 : g * 4.4 + 11.0 + u_seed.x * 9.0);
    vec3 n3 = noise_slope(is_sea ? s3 : c);
    vec3 n4 = noise_slope(is_sea ? s4 : TURN * c * 2.2 + 0.9 * n3.x + 9.1);
    vec3 n5 = noise_slope(is_sea ? s5 : TURN * (vec2(p.x, up) - moon) * 22.0 + 3.7);

    float rough = mix(1.0, 0.5, u_calm);
    vec2 slope = tall * vec2(k0.x * n1.y, 0.05 * lean * n1.y + k0.y * n1.z);
    slope += tall * 0.35 * vec2(0.27 * n2.y + 0.12 * n2.z, -0.24 * n2.y + 0.83 * n2.z);
    slope += rough * 0.040 * vec2(1.7 * n3.y - 0.4 * n3.z, 0.6 * n3.y + 3.2 * n3.z);
    vec2 fine = 0.0130 * vec2(7.0, 12.0) * (n4.yz * TURN) + 0.0045 * vec2(20.0, 32.0) * (TURN * n5.yz);
    slope += rough * fine;
    float face = facing(p.x, down, slope, 0.10);
    vec2 seen = is_sea ? mirrored(p.x, down, slope, face) : vec2(p.x, up);
    float x = seen.x;
    float e = min(seen.y, 1.3);

    vec3 zenith = over_hours(hour, lch(0.33, 0.075, 268.0), lch(0.245, 0.060, 262.0), lch(0.215, 0.050, 268.0), lch(0.36, 0.060, 256.0));
    vec3 middle = over_hours(hour, lch(0.46, 0.070, 280.0), lch(0.36, 0.065, 252.0), lch(0.315, 0.055, 252.0), lch(0.50, 0.045, 262.0));
    vec3 low = over_hours(hour, lch(0.60, 0.055, 330.0), lch(0.45, 0.055, 238.0), lch(0.39, 0.050, 235.0), lch(0.66, 0.060, 60.0));
    vec3 lab = mix(low, middle, ramp(0.0, 0.42, e));
    lab = mix(lab, zenith, ramp(0.15, 1.20, e));
    // Every night has its own tint and its own weather.
    float tint = 0.45 * (u_seed.w - 0.5);
    lab.yz += tint * vec2(-lab.z, lab.y);
    vec3 sky = from_oklab(lab);

    // The guide: a warm low light behind the horizon.
    float gx = -side * 0.12 * reach;
    float wide = mix(0.16, 0.95, guide) * reach;
    float high = mix(0.035, 0.15, guide);
    float dx = (x - gx) / wide;
    float glow = exp(-dx * dx - e / high) * mix(0.35, 1.0, guide);
    vec3 ember = over_hours(hour, from_oklab(lch(0.62, 0.085, 45.0)), from_oklab(lch(0.60, 0.080, 62.0)), from_oklab(lch(0.58, 0.080, 75.0)), from_oklab(lch(0.66, 0.085, 62.0)));
    sky += ember * glow * 0.55;

    vec2 m = vec2(x, e) - moon;
    float far = length(m);
    float halo = exp(-far * mix(6.5, 4.2, breath)) * 0.30;
    float air = 0.085 / (1.0 + 2.2 * far * far);
    vec3 silver = vec3(0.80, 0.92, 1.05) * (1.0 - 0.25 * hour.z);
    sky += (silver * halo + vec3(0.52, 0.74, 1.06) * air * (1.0 - 0.4 * hour.z)) * (is_sea ? 0.4 : 1.0);

    // --- sky alone ---
    float veil = 0.60 * n3.x + 0.30 * n4.x + 0.10 * n1.x;
    float cover = ramp(mix(0.47, 0.57, u_calm) - 0.08 * u_much - 0.12 * u_seed.z, 0.86, veil);
    float across = dot(g, side * vec2(0.80, -side * 0.60)) - 0.12;
    float a2 = across * across;
    float band = 1.0 / (1.0 + 9.0 * a2 + 60.0 * a2 * a2);
    float cloudy = 0.57 * n0.x + 0.34 * n1.x + 0.09 * n5.x;
    float dust = ramp(0.40, 0.70, 0.70 * n2.x + 0.30 * n1.x) / (1.0 + 50.0 * a2);
    float milky = band * (0.15 + 1.7 * cloudy * cloudy) * (1.0 - 0.85 * dust);
    float deep = hour.y * 0.45 + hour.z + hour.x * 0.05 + 0.12 * hour.w;
    float clear = (1.0 - 0.8 * cover) * ramp(0.02, 0.45, up) * (1.0 - 0.8 / (1.0 + 60.0 * far * far));
    float many = mix(0.45, 1.0, u_much);
    vec3 lights = stars(g, 0.155, many, px) * 1.5 + stars(g + 3.3, 0.062, 0.32 * many + 0.6 * milky, px) * 0.7;
    vec3 above = sky + lights * clear * (0.25 * hour.x + 0.85 * hour.y + hour.z + 0.2 * hour.w);
    above += vec3(0.125, 0.140, 0.190) * milky * deep * clear;
    float edge = cover * (1.0 - cover);
    above = mix(above, above * 0.75 + vec3(0.006, 0.009, 0.013) + 0.42 * silver * halo, cover * 0.75);
    above += (vec3(0.018, 0.026, 0.037) + 0.5 * silver * halo) * edge * ramp(0.05, 0.5, up);
    float disc = ramp(0.048 + 1.2 * px, 0.048 - 1.2 * px, far);
    float maria = 0.66 + 0.34 * ramp(0.30, 0.70, n5.x);
    // Full or waning, as the night's seed says.
    float limb = sqrt(max(0.0023 - m.y * m.y, 0.0));
    disc *= ramp(-0.006, 0.006, mix(0.15, 1.5, u_seed.w) * limb - side * m.x);
    above += silver * disc * 0.66 * maria * (1.0 - 0.6 * cover);
    // A far headland on the side away from the moon: low, and still.
    float cape = clamp(-side * p.x / reach * 0.9 - 0.15 - 0.5 * u_seed.y, 0.0, 1.0);
    float ridge = cape * (0.06 + 0.20 * u_seed.x) * (0.40 + noise1(2.2 * p.x + 40.0 * u_seed.w) + 0.15 * noise1(23.0 * p.x));
    above = mix(above, from_oklab(lch(0.17, 0.030, 260.0)), 0.9 * ramp(px, -px, up - ridge));

    // --- sea alone ---
    float mirror = fresnel(face);
    vec3 deep_water = over_hours(hour, from_oklab(lch(0.25, 0.050, 250.0)), from_oklab(lch(0.18, 0.045, 240.0)), from_oklab(lch(0.17, 0.045, 232.0)), from_oklab(lch(0.27, 0.042, 240.0)));
    vec3 sea = mix(deep_water, sky, mirror);
    float crest = ramp(0.32, 0.90, n1.x + 0.35 * (n2.x - 0.5) + 0.25 * (n3.x - 0.5));
    float near = ramp(0.03, 0.5, down);
    crest *= clamp(0.55 - 1.6 * slope.y + 0.6 * side * slope.x, 0.0, 1.6);
    sea += from_oklab(lch(0.55, 0.085, 205.0)) * (0.03 + 0.26 * breath * crest) * near * 0.75;
    sea += from_oklab(lch(0.60, 0.10, 190.0)) * 0.035 * u_spark * crest * near;
    vec2 off = slope - glint_slope(moon, p.x, down);
    float broad = glitter(off, mix(0.09, 0.16, breath));
    float spark = glitter(off + mix(0.5, 1.0, breath) * fine, mix(0.040, 0.055, u_whole));
    sea += silver * (broad * mix(0.07, 0.20, breath) + spark * mix(0.5, 0.75, breath) * mix(0.6, 1.2, u_much));

    // Haze: the far sea takes up the light that hangs over the horizon.
    vec3 colour = mix(above, sea, ramp(0.6 * px, -0.6 * px, up));
    vec3 haze = from_oklab(low) * 0.8 + ember * glow * 0.3 + silver * halo * 0.3;
    return mix(colour, haze, 0.55 / (1.0 + 1600.0 * down * down) * (is_sea ? 1.0 : 1.0 / (1.0 + 900.0 * up * up)));
}
