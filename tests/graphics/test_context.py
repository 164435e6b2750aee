import subprocess
import sys
from types import SimpleNamespace

import pytest

from biofeed.errors import OutputError
from biofeed.graphics import context as module
from biofeed.graphics.context import Context, headless, window


def test_a_context_without_a_screen_needs_no_pygame(context: Context) -> None:
    text = (
        "import sys\n"
        "from biofeed.graphics import film, picture, preview, renderer\n"
        "from biofeed.graphics.context import headless\n"
        "made = headless((32, 18))\n"
        "assert made.poll() == [] and made.size == (32, 18)\n"
        "made.present(); made.toggle_full_screen(); made.close()\n"
        "assert 'pygame' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


def test_software_rendering_is_known_by_its_name(context: Context) -> None:
    assert context.is_software == ("llvmpipe" in context.renderer_name or "swrast" in context.renderer_name)


def test_without_egl_the_packages_to_install_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLCONTEXT_LINUX_LIBEGL", "libnone.so")
    with pytest.raises(OutputError, match=r"libnone\.so not loaded.*libegl1 libgl1-mesa-dri libgl1"):
        headless()


def test_without_a_screen_the_window_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(OutputError, match=r"no window.*--headless"):
        window((64, 36), False, "test")


def test_keys_have_words_and_escape_ends_it() -> None:
    assert module.KEYS["escape"] == "stop"
    assert set(module.KEYS.values()) >= {"stop", "pause", "full_screen"}


def test_a_tool_hears_every_event_first_and_draws_before_the_picture_is_shown(context: Context) -> None:
    pygame = pytest.importorskip("pygame")
    done: list[str] = []
    keys = [pygame.event.Event(pygame.KEYDOWN, key=key) for key in (pygame.K_TAB, pygame.K_q, pygame.K_SPACE)]
    stand_in = SimpleNamespace(
        **{name: getattr(pygame, name) for name in ("QUIT", "KEYDOWN", "MOUSEBUTTONDOWN", "JOYBUTTONDOWN", "key")},
        event=SimpleNamespace(get=lambda: keys),
        display=SimpleNamespace(get_window_size=lambda: (64, 36), flip=lambda: done.append("shown")),
    )
    made = Context(context.gl, (64, 36), stand_in)  # type: ignore[arg-type]
    assert made.poll() == ["stop", "pause"]
    made.on_event = lambda event: bool(event.key == pygame.K_q)
    assert made.poll() == ["pause"]
    made.on_present = lambda: done.append("drawn over")
    made.present()
    assert done == ["drawn over", "shown"]
