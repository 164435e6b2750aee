"""From the computed picture to the shown one: its light by cells for the guard, then one pass at full size with dither.

The computed picture is display-encoded sRGB with its relative luminance in the fourth channel; sizes are in pixels.
"""

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed.graphics.guard import GRID
from biofeed.graphics.program import COLOR, full_screen

_BLOCKS = (72, 128)  # rows, columns of the measured picture: 4x4 to a guard cell, and enough tiles for every core

# A picture carries its relative luminance in the fourth channel: measuring it is adding up, and a linear fetch between
# four texels adds them up.
_MEASURE = f"""#version 330 core
uniform sampler2D picture;
out float luminance;
void main() {{
    ivec2 size = textureSize(picture, 0);
    ivec2 fours = (size + 1) / 2, blocks = ivec2({_BLOCKS[1]}, {_BLOCKS[0]}), at = ivec2(gl_FragCoord.xy);
    ivec2 low = at * fours / blocks, high = max((at + 1) * fours / blocks, low + 1);
    luminance = 0.0;
    for (int y = low.y; y < high.y; y++)
        for (int x = low.x; x < high.x; x++)
            luminance += textureLod(picture, vec2(2 * x + 1, 2 * y + 1) / vec2(size), 0.0).a;
    luminance /= float((high.x - low.x) * (high.y - low.y));
}}
"""

# What is added is one code value, spread evenly, little of it in low frequencies. Only a picture that the guard dims
# pays for the way through linear light: compilers turn a branch into both sides.
_PRESENT = """#version 330 core
uniform sampler2D picture;
uniform sampler2D noise;
uniform vec2 texel;
uniform float shift;
uniform float gain;
out vec4 color;
%s
void main() {
    vec3 v = texture(picture, gl_FragCoord.xy * texel).rgb;
    %s
    color = vec4(floor(v * 255.0 + %s) / 255.0, 1.0);
}
"""
_DIM = "v = biofeed_encode(biofeed_decode(v) * gain);"

# By figures (benchmarks/reconstruction.py): one linear fetch comes as near to the picture computed at full size as
# a cubic does in five, or four pictures blended; interleaved gradient noise (Jimenez, SIGGRAPH 2014) leaves a software
# renderer within 1.3 textured passes, a second fetch for blue noise does not. A graphics card does not notice that one.
_GRADIENT_NOISE = "fract(52.9829189 * fract(dot(gl_FragCoord.xy + 5.588238 * shift, vec2(0.06711056, 0.00583715))))"
_BLUE_NOISE = "fract(texelFetch(noise, ivec2(gl_FragCoord.xy) & 63, 0).r + 0.61803399 * shift)"
_SHIFTS = 64  # ticks after which the dither begins again


class LastPass:
    """Measures and presents pictures in the current context; what it draws with is chosen by the kind of renderer."""

    def __init__(self, gl: moderngl.Context, is_software: bool) -> None:
        self._measure, self._measure_array = full_screen(gl, _MEASURE)
        self._blocks = gl.framebuffer([gl.texture(_BLOCKS[::-1], 1, dtype="f4")])
        dither = _GRADIENT_NOISE if is_software else _BLUE_NOISE
        self._present, self._present_array = full_screen(gl, _PRESENT % ("", "", dither))
        self._dim, self._dim_array = full_screen(gl, _PRESENT % (COLOR, _DIM, dither))
        self._noise = gl.texture((64, 64), 1, data=blue_noise(64).tobytes(), dtype="f4")
        self._noise.filter = (moderngl.NEAREST, moderngl.NEAREST)

    def cells(self, picture: moderngl.Texture) -> npt.NDArray[np.float32]:
        """Mean relative luminance of the picture by guard cell, (rows, columns)."""
        kept, picture.filter = picture.filter, (moderngl.LINEAR, moderngl.LINEAR)
        picture.use(0)
        self._blocks.use()
        self._measure_array.render(vertices=3)
        picture.filter = kept
        blocks = np.frombuffer(self._blocks.read(components=1, dtype="f4"), dtype=np.float32)
        rows, columns = GRID
        shaped = blocks.reshape(rows, _BLOCKS[0] // rows, columns, _BLOCKS[1] // columns)
        return np.asarray(shaped.mean(axis=(1, 3)), dtype=np.float32)

    def present(
        self, picture: moderngl.Texture, shown: moderngl.Framebuffer, size: tuple[int, int], tick: int, gain: float
    ) -> None:
        """Draws the picture at full size, its light times `gain` (0..1)."""
        picture.use(0)
        self._noise.use(1)
        program, array = (self._present, self._present_array) if gain == 1.0 else (self._dim, self._dim_array)
        shown.use()
        program["texel"] = (1.0 / size[0], 1.0 / size[1])
        program["shift"] = float(tick % _SHIFTS)
        if "gain" in program:
            program["gain"] = gain
        if "noise" in program:
            program["noise"] = 1
        array.render(vertices=3)

    def release(self) -> None:
        """Gives the GL objects back."""
        arrays = (self._measure_array, self._present_array, self._dim_array)
        for made in (*arrays, self._measure, self._present, self._dim, self._blocks, self._noise):
            made.release()


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
