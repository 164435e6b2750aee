/*
title = "Field"
mood = "a quiet field of colour that hardly changes"
tags = ["abstract"]
soundscape = "field"

[comfort]
flow = 0.12      # degrees/s at full motion, 40 degrees wide picture: nearly all of it is light that wells up
contrast = 0.2

# breath: light wells up from within the forms and lies down again; nothing moves
# guide: light of another colour falls in from one edge and goes back
# pulse: a breath of light in the veils, under 2 % of the range
# calm: smooths the veils; coherence: brings the forms' lights together
# progress: warm dusk, deep colour, night colour, pale morning; the hues turn all along
# confidence: at 0 the light drifts on its own and asks nothing
# density: how far the forms stand out from each other, and the veils upon them
[uniforms]
u_well = { from = "breath", curve = "smooth", smooth_s = 0.25 }
u_edge = { from = "guide", smooth_s = 0.30 }
u_beat = { from = "pulse", smooth_s = 0.20 }
u_calm = { from = "calm", smooth_s = 8.0 }
u_whole = { from = "coherence", smooth_s = 10.0 }
u_hour = { from = "progress", smooth_s = 6.0 }
u_trust = { from = "confidence", curve = "smooth", smooth_s = 3.0 }
u_much = { from = "density", smooth_s = 4.0 }
*/
#include "lib/noise.glsl"
#include "lib/palette.glsl"

uniform float u_well;
uniform float u_edge;
uniform float u_beat;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_trust;
uniform float u_much;

// A step without corners in any derivative: the eye finds the kinks of a smoothstep as lines (Mach bands).
float rise(float x) {
    return 1.0 / (1.0 + exp(-x));
}

// A slow wander, -1..1, that does not come back within hours.
float wander(float rate, float phase) {
    return 1.2 * slow_wave(rate * u_time + phase) + 0.8 * slow_wave(0.618 * rate * u_time + 2.1 * phase) - 1.0;
}

// 0 at the heart of a form, 1 on its edge; `square` 0 an ellipse .. 1 a rounded rectangle.
float away(vec2 p, vec2 at, vec2 size, float square) {
    vec2 d = (p - at) / size;
    d *= d;
    return sqrt(mix(d.x + d.y, sqrt(dot(d, d)), square));
}

// Hues lie on one arc, from sea blue over violet and rose to amber: neighbours mix without a grey between them. What is
// dark goes along a shorter part of it, because a dark amber is brown.
float hue(float x, float span) {
    return 225.0 + span * (0.5 - 0.5 * cos(PI * x));
}

// A colour that stays paint: what is dark is not vivid, least of all the reds (red below 0.8 of the light).
vec3 paint(float lightness, float chroma, float hue_deg) {
    vec3 full = lch(lightness, chroma, hue_deg);
    float most = lightness * (0.25 - 0.50 * dot(full.yz, vec2(0.82, 0.57)));
    vec2 both = vec2(most * most, chroma * chroma);
    return vec3(lightness, full.yz * most / sqrt(sqrt(dot(both, both))));
}

vec3 scene(vec2 p) {
    float t = u_time;
    vec4 hour = hours(u_hour);
    float drift = 0.45 + 0.16 * wander(0.0250, 0.1);
    float breath = mix(drift, u_well, u_trust);
    float guide = mix(0.40 + 0.10 * wander(0.0180, 0.3), u_edge, u_trust);
    float reach = min(u_aspect, 1.9);

    // Veils: paint laid on thinly. They soften the edges here and there and tint the forms.
    vec2 q = p + vec2(0.0031, -0.0023) * t + 19.0 * u_seed.xy;
    float veil = noise_slope(0.70 * q).x - 0.5;
    float wash = noise_slope(vec2(0.8, 1.9) * (TURN * q) + vec2(0.0011, 0.0017) * t + 0.9 * veil).x - 0.5;
    float haze = (0.6 * veil + 0.4 * wash) * mix(1.0, 0.55, u_calm) * (0.3 + 1.4 * u_much);

    // Three forms. By the seed they are nested (an opening into light) or stacked (fields above each other).
    float stack = step(0.5, u_seed.z);
    float square = mix(0.25, 1.0, max(stack, step(0.5, u_seed.w)));
    vec2 lean = vec2((u_seed.y - 0.5) * 0.30 * reach, (u_seed.w - 0.5) * 0.30) * (1.0 - stack);
    vec2 roam = 0.035 * vec2(wander(0.00164, 0.2), wander(0.00138, 0.8));
    float seam = mix(-0.26, 0.26, u_seed.x);
    float far = mix(1.0, 1.7, stack * step(0.55, u_seed.w));  // some fields run on beyond the picture's sides
    vec2 at0 = roam + vec2(0.0, seam * stack * 0.2);
    vec2 at1 = mix(0.5 * lean, vec2(0.0, 0.5 * seam + 0.46), stack) - roam;
    vec2 at2 = mix(lean, vec2(0.0, 0.5 * seam - 0.42), stack) + roam.yx;
    vec2 size0 = vec2(0.92 * reach * far, 0.86);
    vec2 size1 = mix(vec2(0.68 * reach, 0.66), vec2(0.82 * reach * far, 0.36 - 0.5 * seam), stack);
    vec2 size2 = mix(vec2(0.36 * reach, 0.34), vec2(0.82 * reach * far, 0.40 + 0.5 * seam), stack);
    float r0 = away(p, at0, size0, square);
    float r1 = away(p, at1, size1, square);
    float r2 = away(p, at2, size2, square);
    float soft = 1.1 + 0.8 * wash;
    float m0 = rise((1.0 - r0 + 0.12 * veil) / (0.085 * soft));
    float m1 = rise((1.0 - r1 + 0.09 * wash) / (0.060 * soft));
    float m2 = rise((1.0 - r2 - 0.09 * veil) / (0.070 * soft));

    // Where on the arc of hues this hour stands: it goes on all the time, by the hour and by a slow wander.
    float turn = u_seed.x + 2.0 * u_seed.y + 0.05 * wander(0.00097, 0.4) + dot(hour, vec4(0.0, 0.22, 0.46, 0.82));
    float step_ = (u_seed.w < 0.5 ? -1.0 : 1.0) * mix(0.14, 0.27, fract(7.0 * u_seed.y)) * (0.6 + 0.8 * u_much);
    float level = dot(hour, vec4(0.0, -0.01, -0.05, 0.035));
    float join = mix(1.0, 0.6, u_whole);
    float one = turn + step_ - 0.12 * haze;
    float two = turn + 2.0 * step_ + 0.12 * haze;
    vec3 ground = paint(0.235 + level, 0.068, hue(turn - step_, 105.0));
    vec3 first = paint(0.41 + level - 0.07 * join * r0 + 0.07 * haze, 0.105, hue(turn + 0.10 * haze, 140.0));
    vec3 second = paint(0.515 + level - 0.10 * join * r1 - 0.08 * haze, 0.130, hue(one, 175.0));
    vec3 third = paint(0.605 + level - 0.10 * join * r2 + 0.07 * haze, 0.130, hue(two, 200.0));

    // The guide: light of another colour that falls in from one edge, which the seed chooses, over ground and forms.
    // Breath: light that wells up from the middle. Both only multiply what is there: no edge shifts, so nothing moves.
    vec2 face = stack < 0.5 || far > 1.0 ? vec2(0.0, 1.0) : vec2(1.0, 0.0);
    float from_edge = rise(3.0 * (u_seed.w < 0.5 ? -1.0 : 1.0) * dot(face, p / vec2(reach, 1.0)) - 1.2);
    vec2 middle = p / vec2(reach, 1.0);
    float gain = 1.0 + (breath - 0.4) * mix(0.17, 0.26, exp(-0.7 * dot(middle, middle)));
    vec3 other = paint(0.36 + level, 0.115, hue(turn - step_ + 1.0, 135.0));
    ground = mix(ground, vec3(ground.x, other.yz), 0.7 * from_edge);

    vec3 lab = mix(ground, first, m0);
    lab = mix(lab, second, mix(0.82, 1.0, u_much) * m1);
    lab = mix(lab, third, mix(0.74, 1.0, u_much) * m2);
    lab.yz = mix(lab.yz, 0.6 * lab.yz + other.yz, from_edge * guide * 0.6);
    lab *= gain * (1.0 + 0.24 * (guide - 0.3) * from_edge);
    lab.x += 0.008 * u_beat * haze;
    return from_oklab(lab);
}
