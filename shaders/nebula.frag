/*
title = "Nebula"
mood = "a lit cloud among near and far stars"
tags = ["dark", "space"]
soundscape = "nebula"

[comfort]
flow = 0.8       # degrees/s at full motion, 40 degrees wide picture: the shell; the gas itself 0.1
# At low motion the viewer stays where he is and only light wanders through the gas.
contrast = 0.35

# breath: the heart of the cloud opens and its light goes out through the gas, over the cliffs of dust
# guide: a shell of gas in another hue round the heart widens and narrows
# pulse: the lit rims of the dust glimmer, under 2 % of the range
# calm: takes the grain out of the gas; coherence: closes the shell, joins the veils
# progress: blue hour, sea and amber, violet depth, pearl and first gold
# density: how much dust and how many stars
# confidence: at 0 the cloud opens and closes slowly by itself and asks nothing
[uniforms]
u_open = { from = "breath", smooth_s = 0.12 }
u_shell = { from = "guide", smooth_s = 0.15 }
u_glimmer = { from = "pulse", smooth_s = 0.12 }
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
uniform float u_shell;
uniform float u_glimmer;
uniform float u_calm;
uniform float u_whole;
uniform float u_hour;
uniform float u_rich;
uniform float u_trust;

vec3 scene(vec2 p) {
    float fit = clamp(0.50 + 0.42 * u_aspect, 0.5, 1.0);  // a narrow picture shows as much of the cloud
    p /= fit;
    float px = 2.0 / (u_size.y * fit);
    float t = u_time;
    vec4 hour = hours(u_hour);
    float reach = min(u_aspect, 1.8) / fit;

    float drift = 0.26 + 0.40 * noise1(0.05 * t + 7.0 * u_seed.y);
    float breath = mix(mix(0.45, drift, u_motion), u_open, u_trust);
    float guide = mix(0.42, u_shell, u_trust);
    float g = mix(0.5, guide, u_motion);

    // Where this hour's cloud has its heart, and from which side the dust stands up before it.
    vec2 heart = vec2(0.55 * reach * (u_seed.x - 0.5), 0.10 + 0.30 * (u_seed.y - 0.5));
    vec2 side = normalize(vec2(2.4 * (u_seed.z - 0.5), -0.9));
    vec2 out_ = p - heart;
    float away = length(out_);

    // Near things drift faster than far ones, none so fast that it pulls.
    float sail = t * ramp(0.2, 0.9, u_motion);
    vec2 way = vec2(0.0046, 0.0013) * (u_seed.w < 0.5 ? 1.0 : -1.0);
    vec2 home = 40.0 * u_seed.zw;

    // Gas: a slow curl bends it, finer octaves grain it.
    vec2 q = 1.15 * p + way * sail + home;
    vec3 curl = noise_slope(0.85 * q + 0.0037 * t);
    vec2 bent = q + 0.34 * vec2(curl.z, -curl.y);
    vec3 gas = fbm3_slope(1.5 * bent + 3.1);
    float veil = noise(0.7 * bent + 0.011 * t + 19.0);

    // Fine threads that follow the gas's own slopes.
    vec2 f = 3.4 * bent + 0.50 * vec2(gas.z, -gas.y);
    float thread = 1.0 - abs(2.0 * noise(f + home) - 1.0);
    float hair = 1.0 - abs(2.0 * noise(2.3 * (TURN * f) + 0.35 * thread) - 1.0);
    float threads = thread * thread * (0.55 + 0.75 * hair * hair);
    threads = mix(threads, 0.35, 0.5 * u_calm);

    // Dust: the cliff before the heart, and lanes through it.
    vec2 n = 1.6 * p + 2.1 * way * sail + home.yx;
    vec3 dust = fbm3_slope(n + 0.30 * vec2(curl.z, -curl.y) + 8.0);
    float edge = noise(4.6 * n + 1.2 * vec2(dust.z, -dust.y));
    float deep = 1.5 * (dust.x - 0.5) + 0.75 * dot(out_, side) - mix(0.40, 0.20, u_rich) + 0.16 * (edge - 0.5);
    float inner = 1.0 / (1.0 + 8.0 * away * away);
    deep = mix(deep, -0.35, 0.55 * inner) - 0.12 * inner * mix(0.5, breath, u_motion);  // the heart stays open
    float cover = clamp(deep / (0.08 + 0.34 * veil * veil), 0.0, 1.0);  // crisp here, wisps there
    cover = cover * cover * (3.0 - 2.0 * cover);
    float lane = ramp(0.45, 0.85, 1.0 - abs(2.0 * gas.x - 1.0)) * ramp(0.35, 0.65, veil);

    vec3 night = over_hours(hour, from_oklab(lch(0.19, 0.060, 275.0)), from_oklab(lch(0.17, 0.050, 250.0)),
        from_oklab(lch(0.16, 0.060, 300.0)), from_oklab(lch(0.22, 0.040, 275.0)));
    vec3 near = over_hours(hour, from_oklab(lch(0.74, 0.080, 235.0)), from_oklab(lch(0.78, 0.085, 195.0)),
        from_oklab(lch(0.72, 0.100, 285.0)), from_oklab(lch(0.84, 0.060, 85.0)));
    vec3 far = over_hours(hour, from_oklab(lch(0.46, 0.120, 285.0)), from_oklab(lch(0.48, 0.095, 235.0)),
        from_oklab(lch(0.44, 0.130, 325.0)), from_oklab(lch(0.52, 0.080, 250.0)));
    vec3 warm = over_hours(hour, from_oklab(lch(0.60, 0.095, 350.0)), from_oklab(lch(0.66, 0.095, 65.0)),
        from_oklab(lch(0.60, 0.095, 25.0)), from_oklab(lch(0.68, 0.090, 55.0)));
    vec3 shell_hue = over_hours(hour, from_oklab(lch(0.66, 0.085, 175.0)), from_oklab(lch(0.62, 0.110, 310.0)),
        from_oklab(lch(0.66, 0.085, 190.0)), from_oklab(lch(0.64, 0.090, 345.0)));

    // Light: from the heart outwards, wider with the breath; and one that wanders.
    float wide = mix(2.6, 1.25, breath);
    float lit = 1.0 / (1.0 + wide * wide * away * away);
    float wander = 0.55 + 0.9 * veil;
    float grain = ramp(0.10, 0.95, gas.x) * (0.62 + 0.75 * threads);
    float open = mix(0.40, 1.15, breath);
    vec3 light = far * (0.10 + 0.95 * grain * grain) * wander * mix(0.5, 1.1, breath) * (0.22 + 0.78 * sqrt(lit));
    light += near * (0.25 + grain) * grain * lit * lit * 1.1 * open;
    light += warm * 0.55 * ramp(0.40, 0.80, veil) * threads * lit * open;
    light += near * mix(0.10, 0.42, breath) * exp(-away * mix(9.0, 5.0, breath)) * (0.35 + 1.1 * grain);
    // The young star that lights it all: where the eye can rest.
    light += (near + 0.4) * mix(0.45, 0.9, breath) * (0.0006 / (away * away + 0.0012));

    // The guide's shell: a bubble's rim, soft inwards, as thick as the gas it lights.
    float swell = 0.22 * (curl.x - 0.5) + 0.20 * (gas.x - 0.5);
    float ring = away * (1.0 + swell * (1.0 - 0.5 * mix(0.4, u_whole, u_motion))) - mix(0.46, 0.74, g);
    float rim = exp(-ring * ring * (ring > 0.0 ? 110.0 : 26.0));
    light += shell_hue * rim * (0.15 + 0.65 * grain + 0.5 * threads) * mix(0.10, 0.44, guide);

    vec3 colour = night + light * (1.0 - 0.75 * lane * (1.0 - lit));

    // Stars behind, shining through thin gas.
    vec2 s = p + 0.3 * way * sail;
    vec3 points = stars(s + 9.0 * u_seed.xy, 0.058, mix(0.35, 0.6, u_rich), px);
    points += 1.2 * stars(s * 0.93 + 0.4 * way * sail + 9.0 * u_seed.zw, 0.16, 0.5, px);
    colour += points * (1.0 - 0.6 * lane) * (1.0 - 0.5 * grain);

    // The dust takes light away; where it faces the heart its skin is lit.
    float facing = clamp(0.20 + 0.42 * dot(dust.yz, out_) / (away + 0.1) + 0.55 * (edge - 0.5), 0.0, 1.0);
    float skin = exp(-4.0 * max(deep, 0.0));
    float lamp = mix(lit, sqrt(lit), 0.5) * mix(0.30, 1.0, breath) * (1.0 + 0.05 * u_glimmer);
    vec3 rock = night * (0.55 + 0.7 * facing) + far * (0.06 + 0.18 * facing * wander);
    rock += warm * facing * (0.16 + 0.80 * skin) * lamp;
    rock += mix(near, warm, 0.35) * skin * skin * facing * facing * lamp * 0.9;
    colour = mix(colour, rock, cover * 0.94);

    // The nearest stars stand before everything.
    colour += lamps(p + 1.6 * way * sail + 5.0 * u_seed.yx, 0.74, mix(0.2, 0.45, u_rich), px);
    return colour;
}
