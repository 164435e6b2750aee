"""ControlFrames in, pictures out: scene at internal size, measure, guard, then one pass at full size; sizes in pixels.

The same scene, seed and frames give the same bytes on the same GL driver.
"""

from dataclasses import dataclass, field

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed.graphics.context import Context
from biofeed.graphics.guard import GRID, Guard
from biofeed.graphics.guard import Settings as GuardSettings
from biofeed.graphics.program import COLOR, Program, Values, full_screen
from biofeed.messages import TICKS_PER_S, ControlFrame
from biofeed.scene import Bindings, Scene
from biofeed.settings import bounded, check

SOFTWARE_HEIGHT = 360  # a scene of 18 octaves of noise takes 7 ms there on two cores, and 40 ms at 720
HARDWARE_HEIGHT = 1080  # soft worlds gain nothing visible above it, and small graphics chips keep their 60 pictures/s
LOW_LIGHT = 0.25  # exposure at light 0: two stops down
VEIL_S = 1.0  # from one world to black, and again to the next
_BLOCKS = (72, 128)  # rows, columns of the measured picture: 4x4 to a guard cell, and enough tiles for every core

_MEASURE = f"""#version 330 core
{COLOR}
uniform sampler2D picture;
out float luminance;
void main() {{
    ivec2 size = textureSize(picture, 0), blocks = ivec2({_BLOCKS[1]}, {_BLOCKS[0]}), at = ivec2(gl_FragCoord.xy);
    ivec2 low = at * size / blocks, high = max((at + 1) * size / blocks, low + 1);
    luminance = 0.0;
    for (int y = low.y; y < high.y; y++)
        for (int x = low.x; x < high.x; x++)
            luminance += biofeed_luminance(biofeed_decode(texelFetch(picture, ivec2(x, y), 0).rgb));
    luminance /= float((high.x - low.x) * (high.y - low.y));
}}
"""

# The dither is interleaved gradient noise (Jimenez, SIGGRAPH 2014), shifted at each tick: one code value, even spread.
# Only a picture that the guard dims pays for the way through linear light: compilers turn a branch into both sides.
_PRESENT = """#version 330 core
%s
uniform sampler2D picture;
uniform vec2 texel;
uniform float shift;
uniform float gain;
out vec4 color;
void main() {
    vec3 v = texture(picture, gl_FragCoord.xy * texel).rgb;
    %s
    vec2 at = gl_FragCoord.xy + shift;
    float noise = fract(52.9829189 * fract(dot(at, vec2(0.06711056, 0.00583715))));
    color = vec4(floor(v * 255.0 + noise) / 255.0, 1.0);
}
"""
_DIM = "v = biofeed_encode(biofeed_decode(v) * gain);"
_SHIFT, _SHIFTS = 5.588238, 64  # the step that keeps the noise even over time, and when it begins again


@dataclass(frozen=True, slots=True)
class Settings:
    """How the picture is made on this machine, and for this person."""

    scale: float = bounded(
        0.0, 0.0, 1.0, "1", "height of the computed picture as a part of the shown; 0: by the machine"
    )
    motion: float = bounded(1.0, 0.0, 1.0, "1", "how fast the world moves; 0 is still")
    light: float = bounded(1.0, 0.0, 1.0, "1", "how bright the world is; 0 is for dark rooms and tired eyes")
    guard: GuardSettings = field(default_factory=GuardSettings)

    def __post_init__(self) -> None:
        check(self)


class Renderer:
    """Draws one scene's pictures to a context's window, or to a picture of its own when there is none.

    Raises SceneError when the scene does not compile. `guarded=False` leaves the last gate out, for tests only.
    """

    def __init__(
        self,
        context: Context,
        scene: Scene,
        size: tuple[int, int],
        seed: int,
        settings: Settings | None = None,
        guarded: bool = True,
    ) -> None:
        self._context = context
        self._gl = context.gl
        self._settings = settings or Settings()
        self._seed = tuple(float(x) for x in np.random.default_rng(seed).random(4))
        context.make_current()
        self._program = Program(self._gl, scene)
        self._measure, self._measure_array = full_screen(self._gl, _MEASURE)
        self._blocks = self._gl.framebuffer([self._gl.texture(_BLOCKS[::-1], 1, dtype="f4")])
        self._present, self._present_array = full_screen(self._gl, _PRESENT % ("", ""))
        self._dim, self._dim_array = full_screen(self._gl, _PRESENT % (COLOR, _DIM))
        self._bindings = Bindings(scene.bindings)
        self._following: tuple[Program, Bindings] | None = None  # the world to come, while the veil falls
        self._veil = 1.0
        self.guard = Guard(self._settings.guard) if guarded else None
        self._tick: int | None = None
        self._guard_tick = 0
        self._time_ticks = 0.0
        self._values: Values = {}
        self._exposure = 0.0
        self._made: list[moderngl.Framebuffer | moderngl.Texture] = []
        self.resize(size)

    @property
    def scene(self) -> Scene:
        """The scene that is drawn, or that is about to be."""
        return (self._following[0] if self._following else self._program).scene

    def resize(self, size: tuple[int, int]) -> None:
        """From here on pictures have this width and height."""
        self.size = size
        scale = self._settings.scale or (SOFTWARE_HEIGHT if self._context.is_software else HARDWARE_HEIGHT) / size[1]
        scale = min(scale, 1.0)
        self.internal_size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        self._rows = np.empty((size[1], size[0], 3), dtype=np.uint8)  # kept: fresh pages cost 3 ms a picture
        self._context.make_current()
        for made in self._made:
            made.release()
        self._picture = self._gl.texture(self.internal_size, 4, dtype="f2")
        near = self.internal_size == size  # then every pixel passes as it is
        self._picture.filter = (moderngl.NEAREST, moderngl.NEAREST) if near else (moderngl.LINEAR, moderngl.LINEAR)
        self._picture.repeat_x = self._picture.repeat_y = False
        self._inside = self._gl.framebuffer([self._picture])
        self._made = [self._inside, self._picture]
        if self._context.screen is not None:
            self._shown = self._context.screen
            self._shown.viewport = (0, 0, *size)
        else:
            shown = self._gl.texture(size, 4)
            self._shown = self._gl.framebuffer([shown])
            self._made += [self._shown, shown]

    def set_scene(self, scene: Scene) -> None:
        """Leads over to another world: to black, then up from it. Raises SceneError, and the world stays as it is."""
        self._context.make_current()
        following = Program(self._gl, scene)
        if self._following:
            self._following[0].release()
        self._following = following, Bindings(scene.bindings)

    def reload(self, scene: Scene) -> None:
        """The same world with its text changed, in place at once. Raises SceneError, and the world stays as it is."""
        self._context.make_current()
        error = self._program.reload(scene)
        if error:
            raise error
        self._bindings = Bindings(scene.bindings)

    def advance(self, frame: ControlFrame) -> None:
        """Takes a frame without drawing it; ticks may be skipped.

        To see one picture late in a session, advance to some seconds before it, then draw: the guard's light rises
        from black.
        """
        self._context.make_current()
        ticks = 0 if self._tick is None else max(0, frame.tick - self._tick)
        if self._tick is None:
            self._time_ticks = frame.tick * self._settings.motion
            self._guard_tick = frame.tick
        self._tick = frame.tick
        self._time_ticks += ticks * self._settings.motion
        step = ticks / TICKS_PER_S / VEIL_S
        if self._following:
            self._veil = max(0.0, self._veil - step)
            if self._veil == 0.0:
                self._program.release()
                self._program, self._bindings = self._following
                self._following = None
        else:
            self._veil = min(1.0, self._veil + step)
        low_light = LOW_LIGHT + (1.0 - LOW_LIGHT) * self._settings.light
        veil = self._veil * self._veil * (3.0 - 2.0 * self._veil)  # eyes see the last of a straight ramp as a drop
        self._exposure = frame.levels.picture * veil * low_light
        self._values = dict(self._bindings(frame))

    def draw(self, frame: ControlFrame) -> None:
        """Takes a frame and draws it; `Context.present` or `read` then shows it."""
        self.advance(frame)
        self._inside.use()
        standard: Values = {
            "u_time": self._time_ticks / TICKS_PER_S,
            "u_aspect": self.size[0] / self.size[1],
            "u_size": self.internal_size,
            "u_seed": self._seed,
            "u_motion": self._settings.motion,
            "u_light": self._settings.light,
            "u_biofeed_exposure": self._exposure,
        }
        self._program.draw({**self._values, **standard})
        self._picture.use(0)
        gain = 1.0
        if self.guard:
            gain = self.guard((frame.tick - self._guard_tick) / TICKS_PER_S, self._cells())
            self._guard_tick = frame.tick
        present, array = (self._present, self._present_array) if gain == 1.0 else (self._dim, self._dim_array)
        self._shown.use()
        present["texel"] = (1.0 / self.size[0], 1.0 / self.size[1])
        present["shift"] = _SHIFT * (frame.tick % _SHIFTS)
        if "gain" in present:
            present["gain"] = gain
        array.render(vertices=3)

    def read(self) -> npt.NDArray[np.uint8]:
        """The last picture: (height, width, 3), sRGB, the top row first."""
        self._context.make_current()
        self._shown.read_into(self._rows, viewport=(0, 0, *self.size), components=3, alignment=1)
        return np.ascontiguousarray(self._rows[::-1])

    def close(self) -> None:
        """Gives the GL objects back; the context stays."""
        self._context.make_current()
        for program in (self._program, *(self._following or ())[:1]):
            program.release()
        arrays = (self._measure_array, self._present_array, self._dim_array)
        for made in (*arrays, self._measure, self._present, self._dim, self._blocks, *self._made):
            made.release()

    def _cells(self) -> npt.NDArray[np.float32]:
        """Mean relative luminance by guard cell, of the picture that is bound."""
        self._blocks.use()
        self._measure_array.render(vertices=3)
        blocks = np.frombuffer(self._blocks.read(components=1, dtype="f4"), dtype=np.float32)
        rows, columns = GRID
        shaped = blocks.reshape(rows, _BLOCKS[0] // rows, columns, _BLOCKS[1] // columns)
        return np.asarray(shaped.mean(axis=(1, 3)), dtype=np.float32)
