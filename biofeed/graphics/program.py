"""A scene's text becomes a GL program, and the compiler's words become a SceneError at the artist's own line.

A scene defines `vec3 scene(vec2 p)`: p.y from -1 (bottom) to 1 (top), p.x from -u_aspect to u_aspect; it returns linear
light, 1.0 being display white before the film curve. Everything round it stands here: the declarations of the standard
uniforms before, and behind it the finish, which ends in display-encoded sRGB.
"""

import re
from collections.abc import Iterator

import moderngl

from biofeed.errors import SceneError
from biofeed.scene import STANDARD_UNIFORMS, Scene

Values = dict[str, float | tuple[float, ...]]  # uniforms by name

# One triangle over the whole picture, made from the vertex numbers: no buffers.
VERTEX = """#version 330 core
void main() {
    gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}
"""

# sRGB (IEC 61966-2-1) and relative luminance, shared by all passes.
COLOR = """
vec3 biofeed_encode(vec3 c) { return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }
vec3 biofeed_decode(vec3 v) { return mix(v / 12.92, pow((v + 0.055) / 1.055, vec3(2.4)), step(0.04045, v)); }
float biofeed_luminance(vec3 c) { return dot(c, vec3(0.2126, 0.7152, 0.0722)); }
"""

# The finish. The film curve is x (a x + b) / (x (c x + d) + 1) per channel, with b = 0.6 (a soft toe: darks stay open),
# fixed points 0 and 0.18 (middle grey stays), 1.0 -> 0.72 and the limit 1.02 reached about 4 stops above white.
# Channels lean 6 % towards grey before it and away from it after it, so that very bright colours turn to white.
# Colours made safe keep blue and luminance, and red and green follow from those two: what is left are blue and amber,
# which those who cannot tell red from green (Vienot 1999: both kinds) tell apart as everybody does.
FINISH = (
    COLOR
    + """
out vec4 biofeed_color;
uniform float u_biofeed_exposure;
uniform float u_biofeed_safe;
void main() {
    vec2 p = (2.0 * gl_FragCoord.xy / u_size - 1.0) * vec2(u_aspect, 1.0);
    vec3 c = scene(p);
    // Not a number fails every comparison: such a pixel is black, and so is an infinite one.
    c = vec3(c.r >= 0.0 && c.r < 1e30 ? c.r : 0.0, c.g >= 0.0 && c.g < 1e30 ? c.g : 0.0,
             c.b >= 0.0 && c.b < 1e30 ? c.b : 0.0);
    c = min(c * u_biofeed_exposure, 1e4);
    c = mix(vec3(dot(c, vec3(1.0 / 3.0))), c, 0.94);
    c = c * (4.9527 * c + 0.6) / (c * (4.8556 * c + 1.8565) + 1.0);
    c = mix(vec3(dot(c, vec3(1.0 / 3.0))), c, 1.0 / 0.94);
    float warm = dot(c.rg, vec2(0.2291, 0.7709));
    vec2 amber = 1.0 + vec2(0.5, -0.149) * clamp(1.0 - c.b / max(warm, 1e-4), 0.0, 1.0);
    c = clamp(mix(c, vec3(warm * amber, c.b), u_biofeed_safe), 0.0, 1.0);
    biofeed_color = vec4(biofeed_encode(c), biofeed_luminance(c));
}
"""
)

# Mesa's messages leave the file's index out, so it travels inside the line number: index * STRIDE + line.
_STRIDE = 10_000
_LINE = re.compile(r"^#line (\d+) (\d+)$", re.MULTILINE)
_MESSAGES = (
    re.compile(r"^\d+:(\d+)\(\d+\):\s*(?:preprocessor )?error:\s*(.*)$"),  # Mesa
    re.compile(r"^\d+\((\d+)\)\s*:\s*(?:fatal )?error\s*(?:\w+\s*)?:\s*(.*)$"),  # NVIDIA
    re.compile(r"^ERROR:\s*\d+:(\d+):\s*(.*)$"),  # Intel, AMD, Apple
)


def source(scene: Scene) -> str:
    """The whole fragment shader of a scene."""
    uniforms = "\n".join(f"uniform {kind} {name};" for name, kind in STANDARD_UNIFORMS.items())
    body = _LINE.sub(lambda found: f"#line {int(found[2]) * _STRIDE + int(found[1])}", scene.glsl)
    finish = f"#line {len(scene.glsl_files) * _STRIDE + 1}\n{FINISH}"
    text = f"#version 330 core\n#define PI 3.14159265358979\n#define TAU 6.28318530717959\n{uniforms}\n{body}\n{finish}"
    return text.encode("ascii", "replace").decode("ascii")  # comments in any language; some compilers want ASCII


def errors(scene: Scene, log: str) -> Iterator[SceneError]:
    """The errors in a driver's compile log, in order, each at its own file and line."""
    for line in log.splitlines():
        for pattern in _MESSAGES:
            found = pattern.match(line.strip())
            if found:
                index, number = divmod(int(found[1]), _STRIDE)
                if index < len(scene.glsl_files) and number:
                    yield SceneError(scene.glsl_files[index], number, found[2])
                else:
                    yield _no_scene(scene, found[2])
    if "unresolved" in log and "scene" in log:  # the function is declared, and never defined
        yield _no_scene(scene, "unresolved")


def _no_scene(scene: Scene, message: str) -> SceneError:
    return SceneError(scene.glsl_files[0], 0, f"the shader must define `vec3 scene(vec2 p)` ({message})")


class Program:
    """A compiled scene, in the current context; `draw` fills the framebuffer in use.

    Raises SceneError when the scene does not compile.
    """

    def __init__(self, gl: moderngl.Context, scene: Scene) -> None:
        self._gl = gl
        self.scene = scene
        self._program, self._array = self._compile(scene)

    def reload(self, scene: Scene) -> SceneError | None:
        """Puts `scene` in place; when it does not compile, what was there stays and the error is returned."""
        try:
            compiled = self._compile(scene)
        except SceneError as error:
            return error
        self.release()
        self.scene = scene
        self._program, self._array = compiled
        return None

    def draw(self, values: Values) -> None:
        """One full picture with these uniforms; those that the compiler found unused are left out."""
        for name, value in values.items():
            if name in self._program:
                self._program[name] = value
        self._array.render(vertices=3)

    def release(self) -> None:
        """Gives the GL objects back."""
        self._array.release()
        self._program.release()

    def _compile(self, scene: Scene) -> tuple[moderngl.Program, moderngl.VertexArray]:
        try:
            return full_screen(self._gl, source(scene))
        except moderngl.Error as error:
            found = next(errors(scene, str(error)), None)
            raise found or SceneError(scene.glsl_files[0], 0, " ".join(str(error).split())) from None


def full_screen(gl: moderngl.Context, fragment: str) -> tuple[moderngl.Program, moderngl.VertexArray]:
    """A program that runs `fragment` for every pixel; render its vertex array with 3 vertices."""
    program = gl.program(vertex_shader=VERTEX, fragment_shader=fragment)
    return program, gl.vertex_array(program, [])
