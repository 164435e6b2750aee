import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed.errors import OutputError
from biofeed.graphics import context as module
from biofeed.graphics.context import Context, Inputs, headless, window


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


@pytest.mark.hazard("H-11", "H-40")
def events(*made: Any) -> Any:
    """pygame with a queue of such events."""
    return SimpleNamespace(**{**vars(pygame), "event": SimpleNamespace(get=lambda: list(made)), "display": DISPLAY})


DISPLAY = SimpleNamespace(get_window_size=lambda: (64, 36), flip=lambda: None)
KEY_NUMBERS = sorted({value for name, value in vars(pygame).items() if name.startswith("K_")} - {0})
ALONE = {
    getattr(pygame, f"K_{name}")
    for name in ["LSHIFT", "RSHIFT", "LCTRL", "RCTRL", "LALT", "RALT", "LGUI", "RGUI", "MODE"]
}
BARE = sorted(set(KEY_NUMBERS) - ALONE - {pygame.K_F11, pygame.K_ESCAPE})
OTHER_MODS = st.sampled_from([0, pygame.KMOD_SHIFT, pygame.KMOD_CAPS, pygame.KMOD_NUM, pygame.KMOD_MODE])


def key(number: int, mod: int = 0) -> Any:
    return pygame.event.Event(pygame.KEYDOWN, key=number, mod=mod)


def words(*made: Any, asks: bool = False, inputs: Inputs | None = None) -> list[str]:
    return (inputs or Inputs(pygame))(made, asks)


@pytest.mark.hazard("H-11", "H-40")
@given(st.sampled_from(BARE), OTHER_MODS, st.booleans())
def test_every_key_alone_stops(number: int, mod: int, asks: bool) -> None:
    """H-11: but for the person's one button in a world that asks for it."""
    is_button = asks and number == pygame.K_SPACE
    assert words(key(number, mod), asks=asks) == ["press" if is_button else "stop"]


@given(st.sampled_from(KEY_NUMBERS), st.sampled_from([pygame.KMOD_LCTRL, pygame.KMOD_RCTRL]), st.booleans())
def test_with_ctrl_a_key_is_the_therapist_s_or_nothing(number: int, mod: int, asks: bool) -> None:
    name = pygame.key.name(number)
    wanted = [] if number in ALONE else [module.KEYS[name]] if name in module.KEYS else []
    assert words(key(number, mod), asks=asks) == (["full_screen"] if number == pygame.K_F11 else wanted)


@pytest.mark.parametrize("mod", [pygame.KMOD_LALT, pygame.KMOD_RALT, pygame.KMOD_LGUI])
def test_the_desktop_s_own_keys_do_nothing_here(mod: int) -> None:
    assert words(*(key(number, mod) for number in BARE)) == []
    assert words(*(key(number) for number in sorted(ALONE))) == []


@pytest.mark.hazard("H-11")
def test_escape_and_the_closed_window_are_stops_that_can_leave() -> None:
    assert words(key(pygame.K_ESCAPE)) == ["leave"]
    assert words(pygame.event.Event(pygame.QUIT)) == ["stop", "leave"]


@pytest.mark.hazard("H-11")
@pytest.mark.parametrize("asks", [False, True])
def test_clicks_and_pads_stop_but_a_wheel_does_not(asks: bool) -> None:
    for button in (1, 2, 3, 6, 7):
        assert words(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=button, pos=(0, 0)), asks=asks) == ["stop"]
    for button in (4, 5):
        assert words(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=button, pos=(0, 0)), asks=asks) == []
    for button in range(16):
        wanted = "press" if asks and button == 0 else "stop"
        assert words(pygame.event.Event(pygame.JOYBUTTONDOWN, button=button), asks=asks) == [wanted]
    hat = [pygame.event.Event(pygame.JOYHATMOTION, value=value) for value in ((0, 0), (0, 1))]
    assert words(*hat, asks=asks) == ["stop"]
    assert words(pygame.event.Event(pygame.MOUSEMOTION, pos=(3, 3))) == []


@pytest.mark.hazard("H-11")
def test_a_window_that_is_lost_stops_and_one_that_never_had_the_focus_has_not_lost_it() -> None:
    gained, lost, minimised = (
        pygame.event.Event(kind) for kind in (pygame.WINDOWFOCUSGAINED, pygame.WINDOWFOCUSLOST, pygame.WINDOWMINIMIZED)
    )
    inputs = Inputs(pygame)
    assert words(lost, inputs=inputs) == []
    assert words(gained, inputs=inputs) == []
    assert words(lost, gained, inputs=inputs) == []  # a window manager that changes its mind
    assert words(lost, inputs=inputs) == ["stop"]
    assert words(lost, inputs=inputs) == []
    assert words(gained, lost, inputs=inputs) == ["stop"]
    assert words(minimised, inputs=inputs) == ["stop"]
    words(gained, inputs=inputs)
    inputs.expect_change()
    assert words(lost, inputs=inputs) == []
    assert words(gained, inputs=inputs) == []
    for _ in range(60):
        words(inputs=inputs)
    assert words(lost, inputs=inputs) == ["stop"]


def test_a_pad_that_is_plugged_in_is_heard_and_one_that_is_gone_again_is_no_harm() -> None:
    held = SimpleNamespace(get_instance_id=lambda: 7)
    pads = SimpleNamespace(Joystick=lambda _index: held)
    inputs = Inputs(SimpleNamespace(**{**vars(pygame), "joystick": pads}))  # type: ignore[arg-type]
    assert words(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=0), inputs=inputs) == []
    assert inputs._pads == {7: held}
    assert words(pygame.event.Event(pygame.JOYDEVICEREMOVED, instance_id=7), inputs=inputs) == []
    assert inputs._pads == {}

    def gone(_index: int) -> None:
        raise pygame.error("no such device")

    pads.Joystick = gone
    assert words(pygame.event.Event(pygame.JOYDEVICEADDED, device_index=0), inputs=inputs) == []


def test_at_an_author_s_desk_keys_mean_what_the_table_says() -> None:
    inputs = Inputs(pygame)
    pressed = [key(pygame.K_TAB), key(pygame.K_q), key(pygame.K_SPACE), key(pygame.K_RETURN), key(pygame.K_x)]
    assert inputs.at_desk(pressed) == ["stop", "pause", "press"]
    assert inputs.at_desk([pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1)]) == ["press"]
    assert inputs.at_desk([pygame.event.Event(pygame.QUIT)]) == ["stop"]


def test_a_tool_hears_every_event_first_and_draws_before_the_picture_is_shown(context: Context) -> None:
    done: list[str] = []
    stand_in = events(key(pygame.K_TAB), key(pygame.K_q), key(pygame.K_SPACE))
    stand_in.display = SimpleNamespace(get_window_size=lambda: (64, 36), flip=lambda: done.append("shown"))
    made = Context(context.gl, (64, 36), stand_in)
    assert made.poll() == ["stop", "stop", "stop"]
    made.is_desk = True
    assert made.poll() == ["stop", "pause"]
    made.on_event = lambda event: bool(event.key == pygame.K_q)
    assert made.poll() == ["pause"]
    made.on_present = lambda: done.append("drawn over")
    made.present()
    assert done == ["drawn over", "shown"]
