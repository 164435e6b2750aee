"""The calm picture over a world's: how far the calm has come goes in, the picture at internal size is mixed in place.

All that it needs is compiled and drawn when it is made: to show it, neither the world nor the compiler is asked, so it
is there however slow a world is. A world that gives way to it stands still, as it was drawn last.
"""

from typing import Final, NamedTuple

import moderngl

from biofeed.calm import CALM
from biofeed.graphics.program import COLOR, Program, Values, full_screen
from biofeed.messages import ControlFrame

LINES: Final = 360  # of the picture kept: it is soft, and is brought to any size
WORLD_GONE: Final = 0.5  # of the way into the calm: 0.4 s after STOP
DIMMEST: Final = 0.5  # of its light in low light: nobody is left in the dark (H-10)

# Both pictures are display-encoded; light is added in linear light. What was never drawn may hold no numbers.
_MIX = f"""#version 330 core
uniform sampler2D world;
uniform sampler2D calm;
uniform vec2 texel;
uniform float left;
uniform float light;
out vec4 color;
{COLOR}
void main() {{
    vec2 at = gl_FragCoord.xy * texel;
    vec3 c = biofeed_decode(texture(calm, at).rgb) * light;
    if (left > 0.0) c += biofeed_decode(texture(world, at).rgb) * left;
    c = min(c, 1.0);
    color = vec4(biofeed_encode(c), biofeed_luminance(c));
}}
"""


def left_of_world(rest: float) -> float:
    """Light of the world, 0..1: it falls at once and ends softly."""
    return max(0.0, 1.0 - rest / WORLD_GONE) ** 2


def light_of_calm(rest: float) -> float:
    """Light of the calm picture, 0..1: it rises so evenly that the guard need not hold it (H-05)."""
    return rest * rest * (3.0 - 2.0 * rest)


class _Target(NamedTuple):
    picture: moderngl.Texture
    framebuffer: moderngl.Framebuffer


class CalmPicture:
    """Keeps the calm picture, and the world's last one while that gives way; in the current context."""

    def __init__(self, gl: moderngl.Context) -> None:
        self._gl = gl
        self._program = Program(gl, CALM)
        self._mix, self._array = full_screen(gl, _MIX)
        self._mix["world"], self._mix["calm"] = 0, 1
        self._calm = self._target((1, 1))
        self._world = self._target((1, 1))
        self._left = 1.0
        self._laid: tuple[object, ...] | None = None  # what was mixed last; None: the world stands alone

    def resize(self, size: tuple[int, int], safe: float) -> None:
        """Draws it for pictures of these proportions, its colours made safe or not."""
        aspect = size[0] / size[1]
        inside = (max(1, round(LINES * aspect)), LINES)
        self._drop(self._calm)
        self._calm = self._target(inside)
        self._calm.framebuffer.use()
        values: Values = {"u_aspect": aspect, "u_size": inside, "u_biofeed_exposure": 1.0, "u_biofeed_safe": safe}
        self._program.draw(values)

    def needs_world(self, frame: ControlFrame) -> bool:
        """Whether the world has to be drawn for this frame: it is to be seen, and it moves."""
        gives_way = frame.rest > 0.0 and frame.state in ("calm", "ending")
        return not gives_way and left_of_world(frame.rest) > 0.0

    def lay(self, inside: moderngl.Framebuffer, frame: ControlFrame, light: float) -> None:
        """Mixes it into `inside`, which holds the world wherever this frame needs one; `light` 0..1 as in Settings."""
        if frame.rest == 0.0:
            self._laid = None
            return
        left = left_of_world(frame.rest)
        if self._laid is None or self.needs_world(frame):
            self._hold(inside)
            self._left = left
        self._left = min(self._left, left)  # what has gone does not come back while the calm fades
        weights = self._left, light_of_calm(frame.rest) * (DIMMEST + (1.0 - DIMMEST) * light)
        if self._laid == (*weights, inside):
            return
        self._laid = (*weights, inside)
        inside.use()
        self._world.picture.use(0)
        self._calm.picture.use(1)
        self._mix["texel"] = (1.0 / inside.width, 1.0 / inside.height)
        self._mix["left"], self._mix["light"] = weights
        self._array.render(vertices=3)

    def release(self) -> None:
        """Gives the GL objects back."""
        self._drop(self._calm)
        self._drop(self._world)
        self._program.release()
        self._array.release()
        self._mix.release()

    def _hold(self, inside: moderngl.Framebuffer) -> None:
        if self._world.picture.size != inside.size:
            self._drop(self._world)
            self._world = self._target(inside.size)
        self._gl.copy_framebuffer(self._world.framebuffer, inside)

    def _target(self, size: tuple[int, int]) -> _Target:
        picture = self._gl.texture(size, 4, dtype="f2")
        picture.repeat_x = picture.repeat_y = False
        return _Target(picture, self._gl.framebuffer([picture]))

    def _drop(self, target: _Target) -> None:
        for made in target:
            made.release()
