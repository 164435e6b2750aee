"""ControlFrames in, pictures out: scene at internal size, measure, guard, then one pass at full size; sizes in pixels.

The same scene, seed and frames give the same bytes on the same GL driver.
"""

from dataclasses import dataclass, field

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed.bindings import Bindings
from biofeed.graphics.calm_picture import CalmPicture
from biofeed.graphics.context import Context
from biofeed.graphics.guard import NONE, Guard
from biofeed.graphics.guard import Settings as GuardSettings
from biofeed.graphics.last_pass import LastPass
from biofeed.graphics.program import Program, Values
from biofeed.graphics.waiting import wait
from biofeed.messages import TICKS_PER_S, ControlFrame
from biofeed.scene import Scene
from biofeed.settings import bounded, check

SOFTWARE_HEIGHT = 360  # a scene of 18 octaves of noise takes 7 ms there on two cores, and 40 ms at 720
HARDWARE_HEIGHT = 1080  # soft worlds gain nothing visible above it, and small graphics chips keep their 60 pictures/s
LOW_LIGHT = 0.25  # exposure at light 0: two stops down
VEIL_S = 1.0  # from one world to black, and again to the next


@dataclass(frozen=True, slots=True)
class Settings:
    """How the picture is made on this machine, and for this person."""

    scale: float = bounded(
        0.0, 0.0, 1.0, "1", "height of the computed picture as a part of the shown; 0: by the machine"
    )
    motion: float = bounded(1.0, 0.0, 1.0, "1", "how fast the world moves; 0 is still")
    light: float = bounded(1.0, 0.0, 1.0, "1", "how bright the world is; 0 is for dark rooms and tired eyes")
    safe: float = bounded(0.0, 0.0, 1.0, "1", "1: no colour differs by red against green alone, as some cannot see it")
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
        self._seed = seed_numbers(seed)
        context.make_current()
        self._program = Program(self._gl, scene)
        self._calm_picture = CalmPicture(self._gl)
        self._last_pass = LastPass(self._gl, context.is_software)
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
        self._made_inside: list[moderngl.Framebuffer | moderngl.Texture] = []
        self.internal_size = (0, 0)
        self.resize(size)

    @property
    def scene(self) -> Scene:
        """The scene that is drawn, or that is about to be."""
        return (self._following[0] if self._following else self._program).scene

    def resize(self, size: tuple[int, int]) -> None:
        """From here on pictures have this width and height."""
        self.size = size
        self._rows = np.empty((size[1], size[0], 3), dtype=np.uint8)  # kept: fresh pages cost 3 ms a picture
        self._context.make_current()
        for made in self._made:
            made.release()
        self._made = []
        if self._context.screen is not None:
            self._shown = self._context.screen
            self._shown.viewport = (0, 0, *size)
        else:
            shown = self._gl.texture(size, 4)
            self._shown = self._gl.framebuffer([shown])
            self._made = [self._shown, shown]
        self._calm_picture.resize(size, self._settings.safe)
        height = SOFTWARE_HEIGHT if self._context.is_software else HARDWARE_HEIGHT
        self.set_scale(self._settings.scale or height / size[1])

    def set_scale(self, scale: float) -> None:
        """From here on the scene is computed at this part of the shown height, at most all of it."""
        self.scale = min(scale, 1.0)
        inside = (max(1, round(self.size[0] * self.scale)), max(1, round(self.size[1] * self.scale)))
        if inside == self.internal_size:
            return
        self.internal_size = inside
        self._context.make_current()
        for made in self._made_inside:
            made.release()
        self._picture = self._gl.texture(inside, 4, dtype="f2")
        near = inside == self.size  # then every pixel passes as it is
        self._picture.filter = (moderngl.NEAREST, moderngl.NEAREST) if near else (moderngl.LINEAR, moderngl.LINEAR)
        self._picture.repeat_x = self._picture.repeat_y = False
        self._inside = self._gl.framebuffer([self._picture])
        self._inside.clear()
        self._made_inside = [self._inside, self._picture]

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

    def tune(self, settings: Settings, seed: int, time_s: float | None = None) -> None:
        """From the next picture on other settings, another seed, another moment: for an author who looks around."""
        self._settings = settings
        self._seed = seed_numbers(seed)
        if time_s is not None:
            self._time_ticks = time_s * TICKS_PER_S * settings.motion

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
        if self._calm_picture.needs_world(frame):
            self._draw_world()
        self._calm_picture.lay(self._inside, frame, self._settings.light)
        self.show_again()

    def _draw_world(self) -> None:
        self._inside.use()
        standard: Values = {
            "u_time": self._time_ticks / TICKS_PER_S,
            "u_aspect": self.size[0] / self.size[1],
            "u_size": self.internal_size,
            "u_seed": self._seed,
            "u_motion": self._settings.motion,
            "u_light": self._settings.light,
            "u_biofeed_exposure": self._exposure,
            "u_biofeed_safe": self._settings.safe,
        }
        self._program.draw({**self._values, **standard})

    def show_again(self) -> None:
        """Shows the picture computed last: guard and last pass, and nothing of the scene."""
        tick, correction, peak = self._tick or 0, NONE, 1.0
        if self.guard:
            dt_s = (tick - self._guard_tick) / TICKS_PER_S
            correction = self.guard(dt_s, *self._last_pass.cells(self._picture))
            peak = self._settings.guard.peak_max
            self._guard_tick = tick
        self._last_pass.present(self._picture, self._shown, self.size, tick, correction, peak)

    def read(self) -> npt.NDArray[np.uint8]:
        """The last picture: (height, width, 3), sRGB, the top row first."""
        self._context.make_current()
        wait(self._gl)
        self._shown.read_into(self._rows, viewport=(0, 0, *self.size), components=3, alignment=1)
        return np.ascontiguousarray(self._rows[::-1])

    def close(self) -> None:
        """Gives the GL objects back; the context stays."""
        self._context.make_current()
        for program in (self._program, *(self._following or ())[:1]):
            program.release()
        for made in (*self._made, *self._made_inside):
            made.release()
        self._calm_picture.release()
        self._last_pass.release()


def seed_numbers(seed: int) -> tuple[float, ...]:
    """What a scene is told of the session's seed: four numbers, 0..1."""
    return tuple(float(x) for x in np.random.default_rng(seed).random(4))
