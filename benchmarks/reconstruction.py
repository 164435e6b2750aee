"""How a picture computed at half size is best brought to full size: what each way costs, and how near it comes.

Every world is drawn at full size (the reference) and at half size, once or, for the temporal way, as four pictures
shifted by parts of a pixel, a tick apart, that are blended. The error is the root mean square in code values of 8 bits;
sharpness is the mean step between neighbouring pixels against the reference's. The cost is told in passes: medians
against one textured full-size pass, taken in turns.

    python benchmarks/reconstruction.py [SCENE...]
"""

import argparse
import time

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed import scene
from biofeed.bindings import Bindings
from biofeed.graphics.context import headless
from biofeed.graphics.last_pass import blue_noise
from biofeed.graphics.program import full_screen, source
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Scene

SIZE, HALF = (1280, 720), (640, 360)
BODY = Drive(breath=0.6, guide=0.5, calm=0.6, coherence=0.4, progress=0.35, confidence=1.0)
HEAD = """#version 330 core
uniform sampler2D picture;
uniform sampler2D noise;
uniform sampler2D past;
uniform float shift;
uniform vec2 texel;
out vec4 color;
"""
LINEAR = "vec3 shown(vec2 uv) { return texture(picture, uv).rgb; }\n"
# A Catmull-Rom cubic in five linear fetches: the four corners' small weights are left out, and the rest scaled up.
CUBIC = """
vec3 shown(vec2 uv) {
    vec2 size = vec2(textureSize(picture, 0));
    vec2 at = uv * size, centre = floor(at - 0.5) + 0.5, f = at - centre;
    vec2 w0 = f * (-0.5 + f * (1.0 - 0.5 * f)), w3 = f * f * (0.5 * f - 0.5);
    vec2 w2 = f * (0.5 + f * (2.0 - 1.5 * f)), w12 = 1.0 - w0 - w3;
    vec2 low = (centre - 1.0) / size, middle = (centre + w2 / w12) / size, high = (centre + 2.0) / size;
    vec4 sum = vec4(texture(picture, middle).rgb, 1.0) * w12.x * w12.y;
    sum += vec4(texture(picture, vec2(middle.x, low.y)).rgb, 1.0) * w12.x * w0.y;
    sum += vec4(texture(picture, vec2(low.x, middle.y)).rgb, 1.0) * w0.x * w12.y;
    sum += vec4(texture(picture, vec2(high.x, middle.y)).rgb, 1.0) * w3.x * w12.y;
    sum += vec4(texture(picture, vec2(middle.x, high.y)).rgb, 1.0) * w12.x * w3.y;
    return clamp(sum.rgb / sum.a, 0.0, 1.0);
}
"""
PLAIN = "void main() { color = vec4(shown(gl_FragCoord.xy * texel), 1.0); }\n"
DITHERED = "void main() { color = vec4(floor(shown(gl_FragCoord.xy * texel) * 255.0 + %s) / 255.0, 1.0); }\n"
GRADIENT_NOISE = "fract(52.9829189 * fract(dot(gl_FragCoord.xy + shift, vec2(0.06711056, 0.00583715))))"
BLUE_NOISE = "fract(texelFetch(noise, ivec2(gl_FragCoord.xy) & 63, 0).r + shift)"
BLEND = """void main() {
    vec2 uv = gl_FragCoord.xy * texel;
    color = vec4(mix(texture(past, uv).rgb, shown(uv), 0.25), 1.0);
}
"""
WAYS = {
    "linear": HEAD + LINEAR + PLAIN,
    "linear, gradient noise": HEAD + LINEAR + DITHERED % GRADIENT_NOISE,
    "linear, blue noise": HEAD + LINEAR + DITHERED % BLUE_NOISE,
    "cubic": HEAD + CUBIC + PLAIN,
    "temporal": HEAD + LINEAR + BLEND,
}
SHIFTS = ((-0.25, -0.25), (0.25, 0.25), (-0.25, 0.25), (0.25, -0.25))  # of a half-size pixel


class Bench:
    """One context with everything that the ways need."""

    def __init__(self) -> None:
        self.context = headless(SIZE)
        gl = self.gl = self.context.gl
        self.full, self.half = (gl.texture(size, 4, dtype="f2") for size in (SIZE, HALF))
        self.half.repeat_x = self.half.repeat_y = False
        self.past = gl.texture(SIZE, 4, dtype="f2")
        self.target = gl.framebuffer([gl.texture(SIZE, 4, dtype="f2")])
        self.shown = gl.framebuffer([gl.texture(SIZE, 4)])
        self.inside = {SIZE: gl.framebuffer([self.full]), HALF: gl.framebuffer([self.half])}
        self.noise = gl.texture((64, 64), 1, data=blue_noise(64).tobytes(), dtype="f4")
        self.ways = {name: full_screen(gl, text) for name, text in WAYS.items()}
        for program, _ in self.ways.values():
            for name, unit in (("noise", 1), ("past", 2)):
                if name in program:
                    program[name] = unit
            program["texel"] = (1.0 / SIZE[0], 1.0 / SIZE[1])

    def scene(self, world: Scene, size: tuple[int, int], tick: int, shift: tuple[float, float]) -> None:
        text = source(world).replace(
            "gl_FragCoord.xy / u_size", f"(gl_FragCoord.xy + vec2({shift[0]}, {shift[1]})) / u_size"
        )
        program, array = full_screen(self.gl, text)
        bindings = Bindings(world.bindings)
        frame = ControlFrame(tick, tick / TICKS_PER_S, BODY, world.name, Levels(1.0, 1.0, 0.5), "running", "")
        values = {
            **bindings(frame),
            "u_time": tick / TICKS_PER_S,
            "u_aspect": SIZE[0] / SIZE[1],
            "u_size": size,
            "u_seed": (0.2, 0.4, 0.6, 0.8),
            "u_motion": 1.0,
            "u_light": 1.0,
            "u_biofeed_exposure": 1.0,
        }
        for name, value in values.items():
            if name in program:
                program[name] = value
        self.inside[size].use()
        array.render(vertices=3)
        program.release()
        array.release()

    def way(self, name: str, target: moderngl.Framebuffer) -> None:
        self.half.use(0)
        self.noise.use(1)
        self.past.use(2)
        target.use()
        self.ways[name][1].render(vertices=3)

    def read(self, picture: moderngl.Framebuffer) -> npt.NDArray[np.float64]:
        raw = np.frombuffer(picture.read(components=3, dtype="f4"), np.float32).astype(np.float64)
        return raw.reshape(SIZE[1], SIZE[0], 3) * 255.0

    def costs(self) -> dict[str, float]:
        """Each way's median against that of the textured pass (the first way)."""
        times: dict[str, list[float]] = {name: [] for name in self.ways}
        for _ in range(60):
            for name, values in times.items():
                began_s = time.perf_counter()
                self.way(name, self.target if name == "temporal" else self.shown)
                self.gl.finish()
                values.append(time.perf_counter() - began_s)
        floor = float(np.median(times["linear"]))
        return {name: float(np.median(values)) / floor for name, values in times.items()}

    def errors(self, world: Scene) -> dict[str, tuple[float, float]]:
        """Root mean square error in code values and relative sharpness, by way."""
        tick = 300 * TICKS_PER_S
        self.scene(world, SIZE, tick, (0.0, 0.0))
        wanted = self.read(self.inside[SIZE])
        told = {}
        for name in ("linear", "cubic"):
            self.scene(world, HALF, tick, (0.0, 0.0))
            self.way(name, self.target)
            told[name] = self.read(self.target)
        pictures = []
        for age, shift in enumerate(SHIFTS):
            self.scene(world, HALF, tick - age, shift)
            self.way("linear", self.target)
            pictures.append(_moved(self.read(self.target), shift))
        told["temporal"] = np.mean(pictures, axis=0)
        edges = _steps(wanted)
        return {
            name: (float(np.sqrt(np.square(picture - wanted).mean())), _steps(picture) / edges)
            for name, picture in told.items()
        }


def _moved(picture: npt.NDArray[np.float64], shift: tuple[float, float]) -> npt.NDArray[np.float64]:
    """The picture put back by the half pixel that a quarter of a half-size pixel is, as a linear sampler would."""
    for axis, by in ((1, shift[0]), (0, shift[1])):
        picture = 0.5 * (picture + np.roll(picture, int(np.sign(by)), axis))
    return picture


def _steps(picture: npt.NDArray[np.float64]) -> float:
    return float(np.abs(np.diff(picture, axis=1)).mean() + np.abs(np.diff(picture, axis=0)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="which (default: all)")
    names = parser.parse_args().scenes or scene.names()
    bench = Bench()
    print(bench.context.renderer_name)
    for name, cost in bench.costs().items():
        print(f"{name:24} {cost:.2f} textured passes")
    for name in names:
        found = bench.errors(scene.load(name))
        print(f"{name:16}", "  ".join(f"{way} {error:5.2f} ({sharp:.2f})" for way, (error, sharp) in found.items()))


if __name__ == "__main__":
    main()
