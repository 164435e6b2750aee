"""What every test of pictures needs: a context without a screen, small scenes and frames."""

from collections.abc import Callable, Iterator

import pytest

from biofeed.errors import OutputError
from biofeed.graphics.context import Context, headless
from biofeed.messages import ControlFrame, Drive, Levels
from biofeed.scene import Scene, parse

MakeScene = Callable[..., Scene]
MakeFrame = Callable[..., ControlFrame]


@pytest.fixture(scope="session")
def shared_context() -> Iterator[Context]:
    try:
        made = headless((64, 36))
    except OutputError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def context(shared_context: Context) -> Context:
    shared_context.make_current()
    return shared_context


@pytest.fixture(scope="session")
def make_scene() -> MakeScene:
    """A scene of that body; `uniforms` are lines of its manifest, `lib` the text that it may include."""

    def make(body: str, uniforms: str = "", lib: str = "", name: str = "probe") -> Scene:
        manifest = f'/*\ntitle = "Probe"\nmood = "test"\nsoundscape = "probe"\n[uniforms]\n{uniforms}\n*/\n'
        files = {f"{name}.frag": manifest + body, "probe.toml": '[[voice]]\nkind = "silence"\n'}
        if lib:
            files["lib/part.glsl"] = lib
        return parse(name, files)

    return make


@pytest.fixture(scope="session")
def make_frame() -> MakeFrame:
    def make(tick: int, scene: str = "probe", picture: float = 1.0, **drive: float) -> ControlFrame:
        levels = Levels(picture=picture, sound=0.0, intensity=0.5)
        return ControlFrame(tick, tick / 60, Drive(**drive), scene, levels, "running", "test")

    return make
