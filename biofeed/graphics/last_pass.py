"""From the computed picture to the shown one: its light by cells for the guard, then one pass at full size with dither.

The computed picture is display-encoded sRGB with its relative luminance in the fourth channel; sizes are in pixels.
"""

import math

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed.graphics.guard import GRID, NONE, RED_SEEN, Correction
from biofeed.graphics.program import COLOR, full_screen
from biofeed.graphics.waiting import wait
from biofeed.limits import RED_SHARE

Cells = npt.NDArray[np.float32]

_RED_KEPT = 0.96 * RED_SHARE  # 8 bits, dither and the cubic below need some room

# A picture carries its relative luminance in the fourth channel: measuring it is adding up, and a linear fetch between
# four texels adds them up. How red those four are together is told from a cubic in place of sRGB's power: it tells the
# share of red to within 0.008 where that matters. A cell in which a saturated red might make a flash has its luminance
# told as negative: so one number tells both. How many fetches a cell takes is written into the program: counted while
# it runs, they cost a software renderer double.
_MEASURE = """#version 330 core
uniform sampler2D picture;
out float cell;
void main() {
    const vec2 cells = vec2(%d.0, %d.0), fours = vec2(%d.0, %d.0);
    vec2 corner = floor(gl_FragCoord.xy);
    float light = 0.0, red = 0.0;
    for (float y = 0.5; y < fours.y; y++)
        for (float x = 0.5; x < fours.x; x++) {
            vec4 four = textureLod(picture, (corner + vec2(x, y) / fours) / cells, 0.0);
            vec3 c = four.rgb * (four.rgb * (four.rgb * 0.4480 + 0.5065) + 0.0455);
            float others = c.g + c.b;
            light += four.a;
            red += c.r > %.4f * (c.r + others) ? c.r - others : 0.0;
        }
    float n = fours.x * fours.y;
    cell = red > %.4f * n ? -light / n - 1e-6 : light / n;
}
"""

SPARED = 0.1  # of a fetch: a picture that is so much larger than fetches reach is seen nearly as well

# What is added is nearly half a code value to either side, spread evenly, little of it in low frequencies: the target
# rounds to the nearest one, and what is a whole code value stays. Only a picture that the guard
# corrects pays for the way through linear light, and only one with a peak for the cap: compilers turn a branch into
# both sides.
_PRESENT = """#version 330 core
uniform sampler2D picture;
uniform sampler2D noise;
uniform vec2 texel;
uniform float shift;
uniform float peak;
out vec4 color;
%s
void main() {
    vec3 v = texture(picture, gl_FragCoord.xy * texel).rgb;
    %s
    color = vec4(v + (%s - 0.5) * (0.998 / 255.0), 1.0);
}
"""

# A red is led towards the grey of its own luminance until its share is just under saturation.
_CORRECT = (
    COLOR
    + """
uniform float red_share;
uniform float contrast;
uniform float ground;
uniform float gain;
vec3 corrected(vec3 v) {
    vec3 c = biofeed_decode(v);
    float light = biofeed_luminance(c), sum = c.r + c.g + c.b;
    float over = (c.r - light) - red_share * (sum - 3.0 * light);
    if (c.r > red_share * sum) c = light + (c - light) * clamp((3.0 * red_share - 1.0) * light / over, 0.0, 1.0);
    return biofeed_encode(clamp(mix(vec3(ground), c, contrast) * gain, 0.0, 1.0));
}
"""
)

# By figures (benchmarks/reconstruction.py): one linear fetch comes as near to the picture computed at full size as
# a cubic does in five, or four pictures blended; interleaved gradient noise (Jimenez, SIGGRAPH 2014) leaves a software
# renderer within 1.3 textured passes, a second fetch for blue noise does not. A graphics card does not notice that one.
_GRADIENT_NOISE = "fract(52.9829189 * fract(dot(gl_FragCoord.xy + 5.588238 * shift, vec2(0.06711056, 0.00583715))))"
_BLUE_NOISE = "fract(texelFetch(noise, ivec2(gl_FragCoord.xy) & 63, 0).r + 0.61803399 * shift)"
_SHIFTS = 64  # ticks after which the dither begins again


class LastPass:
    """Measures and presents pictures in the current context; what it draws with is chosen by the kind of renderer."""

    def __init__(self, gl: moderngl.Context, is_software: bool) -> None:
        self._gl = gl
        self._measures: dict[tuple[int, int], tuple[moderngl.Program, moderngl.VertexArray]] = {}  # by fetches a cell
        self._cells = gl.framebuffer([gl.texture(GRID[::-1], 1, dtype="f4")])
        self._read = np.empty(GRID, np.float32)
        dither = _GRADIENT_NOISE if is_software else _BLUE_NOISE
        self._plain = full_screen(gl, _PRESENT % ("", "", dither))
        self._capped = full_screen(gl, _PRESENT % ("", "v = min(v, peak);", dither))
        self._corrected = full_screen(gl, _PRESENT % (_CORRECT, "v = min(corrected(v), peak);", dither))
        self._noise = gl.texture((64, 64), 1, data=blue_noise(64).tobytes(), dtype="f4")
        self._noise.filter = (moderngl.NEAREST, moderngl.NEAREST)

    def cells(self, picture: moderngl.Texture) -> tuple[Cells, bool]:
        """Mean relative luminance of the picture by guard cell, (rows, columns), and whether any is saturated red.

        The array is the same each time.
        """
        kept, picture.filter = picture.filter, (moderngl.LINEAR, moderngl.LINEAR)
        picture.use(0)
        self._cells.use()
        self._measure(picture.size).render(vertices=3)
        picture.filter = kept
        wait(self._gl)
        self._cells.read_into(self._read, components=1, dtype="f4")
        has_red = bool(self._read.min() < 0.0)
        if has_red:
            np.abs(self._read, out=self._read)
        return self._read, has_red

    def _measure(self, size: tuple[int, int]) -> moderngl.VertexArray:
        """What measures a picture of that size."""
        rows, columns = GRID
        wide, high = (
            max(1, math.ceil(n / (2 * cells) - SPARED)) for n, cells in zip(size, (columns, rows), strict=True)
        )
        if (wide, high) not in self._measures:
            text = _MEASURE % (columns, rows, wide, high, _RED_KEPT, RED_SEEN)
            self._measures[wide, high] = full_screen(self._gl, text)
        return self._measures[wide, high][1]

    def present(
        self,
        picture: moderngl.Texture,
        shown: moderngl.Framebuffer,
        size: tuple[int, int],
        tick: int,
        correction: Correction = NONE,
        peak: float = 1.0,
    ) -> None:
        """Draws the picture at full size, corrected, no channel over `peak` (linear light)."""
        picture.use(0)
        self._noise.use(1)
        program, array = self._plain
        if correction is NONE and peak < 1.0:
            program, array = self._capped
        elif correction is not NONE:
            program, array = self._corrected
            program["red_share"] = _RED_KEPT if correction.is_red else 1.0
            program["contrast"] = correction.contrast
            program["ground"] = correction.ground
            program["gain"] = correction.gain
        shown.use()
        program["texel"] = (1.0 / size[0], 1.0 / size[1])
        program["shift"] = float(tick % _SHIFTS)
        if "peak" in program:
            program["peak"] = 1.0 if peak >= 1.0 else 1.055 * peak ** (1.0 / 2.4) - 0.055
        if "noise" in program:
            program["noise"] = 1
        array.render(vertices=3)

    def release(self) -> None:
        """Gives the GL objects back."""
        for program, array in (self._plain, self._capped, self._corrected, *self._measures.values()):
            array.release()
            program.release()
        self._cells.release()
        self._noise.release()


def blue_noise(size: int) -> npt.NDArray[np.float32]:
    """(size, size) of 0..1, each value once, without low frequencies; it tiles, and is always the same.

    White noise is high-passed and given even ranks again, in turns, until both hold.
    """
    hz = np.fft.fftfreq(size)
    high = np.clip((np.sqrt(np.add.outer(hz**2, hz**2)) - 0.28) / 0.06, 0.0, 1.0)  # cycles a pixel
    values = np.random.default_rng(1).random((size, size))
    for _ in range(24):
        values = np.fft.ifft2(np.fft.fft2(values - 0.5) * high).real
        values = (values.ravel().argsort().argsort().reshape(values.shape) + 0.5) / values.size
    return values.astype(np.float32)
