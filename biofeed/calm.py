"""The calm: what STOP, a silent engine and a world that cannot be drawn give way to, as a scene of its own.

It stands in code and not in a folder, asks nothing of the body, and does not move: a dusk that is over, warm and dim,
with a level horizon to hold on to, and a soft bed of the lowest tones. H numbers are hazards of the clinical reference.
"""

from biofeed.scene import parse

# Its mean relative luminance is 0.045 (tests/test_calm.py): out of the dark it is there within a second at the 10 %
# of full range that light may rise in that time (H-05). Hardly any blue, no edge but the horizon, nothing that moves.
_PICTURE = """/*
title = "Calm"
mood = "a still, warm dusk over a level horizon"
soundscape = "calm"
*/
vec3 scene(vec2 p) {
    float y = p.y + 0.16;                                    // the horizon lies a little below the middle
    float x = p.x * 1.8 / max(u_aspect, 1.0), far = exp(-0.3 * x * x);  // the light is where the sun went down
    float up = abs(y) * (y > 0.0 ? 1.0 : 1.5);               // the water below gives it back, drawn closer
    vec3 light = vec3(0.300, 0.142, 0.040) * exp(-6.5 * up) * far
               + vec3(0.165, 0.062, 0.040) * exp(-2.0 * up) * (0.5 + 0.5 * far)
               + vec3(0.050, 0.0175, 0.0175);
    float land = 0.020 + 0.012 * cos(1.9 * p.x + 0.6) + 0.005 * cos(4.7 * p.x - 1.0);
    float shore = smoothstep(-0.014, 0.006, y) * (1.0 - smoothstep(land - 0.012, land + 0.018, y));
    light *= mix(1.0, 0.52, 1.0 - smoothstep(-0.016, 0.008, y));
    return mix(light, vec3(0.046, 0.018, 0.013), 0.75 * shore);
}
"""

_BED = """
title = "Calm"
[mix]
level_db = 3.9
root_hz = 98.0 # G2
t60_s = 5.0
damping = 0.6
arc = 0.0
tones = ["1/1", "3/2", "2/1", "5/2", "3/1"]
chords = [["1/1", "3/2", "2/1", "5/2", "3/1"]]

[[voice]]
name = "ground"
kind = "pad"
partials = 5
level = 0.8
brightness = 0.22
motion = 0.3
space = 0.35
width = 0.9
tilt = 1.4

[[voice]]
name = "air"
kind = "wind"
level = 0.05
pitch = 0.2
brightness = 0.2
density = 0.6
width = 1.0
space = 0.6
"""

CALM = parse("calm", {"calm.frag": _PICTURE, "calm.toml": _BED})
