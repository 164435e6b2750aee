"""What biofeed is not, held in the code: no network, no names, no words in a patient's picture, nothing read is run."""

import ast
import dataclasses
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from hazards import load

from biofeed import adaptation, cli, flow, limits, machine
from biofeed.errors import BiofeedError
from biofeed.session.capsule import Opening

ROOT = Path(__file__).parent.parent
MODULES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in (ROOT / "biofeed").rglob("*.py")}
README = (ROOT / "README.md").read_text()
SAFETY = (ROOT / "SAFETY.md").read_text()
NETWORK = {"socket", "http", "urllib", "ssl", "asyncio", "smtplib", "ftplib", "xmlrpc", "requests", "aiohttp", "httpx"}
LETTERS = {"biofeed.graphics.panel", "biofeed.graphics.panel_drawing", "biofeed.graphics.preview"}


def imported(module: ast.Module) -> set[str]:
    """The full names of all that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def called(module: ast.Module) -> set[str]:
    """What a module calls, as it is written: "pygame.font.init"."""
    return {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}


def reached(start: str) -> set[str]:
    """The modules of biofeed that this one needs, directly or not, and itself."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        file = f"{name.replace('.', '/')}.py"
        if name not in found and file in MODULES:
            found.add(name)
            waiting += imported(MODULES[file])
    return found


def words(text: str) -> str:
    return re.sub(r"[\s*]+", " ", text).lower()


@pytest.mark.hazard("H-10", "H-17", "H-18", "H-26", "H-40")
def test_a_patient_s_picture_holds_no_letters_and_no_numbers() -> None:
    needed = reached("biofeed.graphics.picture")
    assert {"biofeed.graphics.renderer", "biofeed.graphics.context"} <= needed
    assert not needed & LETTERS  # the author's panel
    for name in needed:
        calls = called(MODULES[f"{name.replace('.', '/')}.py"])
        assert not [call for call in calls if re.search(r"\b(font|freetype)\b", call)], name


@pytest.mark.hazard("H-31", "H-32")
def test_no_module_speaks_to_a_network() -> None:
    users = {file for file, module in MODULES.items() if {name.split(".")[0] for name in imported(module)} & NETWORK}
    assert users == {"biofeed/sensors/simulated_port.py"}
    servers = [
        node
        for node in ast.walk(MODULES["biofeed/sensors/simulated_port.py"])
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("socket.")
    ]
    assert [ast.unparse(node) for node in servers] == ["socket.create_server(('127.0.0.1', 0))"]


@pytest.mark.hazard("H-30")
def test_nothing_that_is_read_is_run() -> None:
    for file, module in MODULES.items():
        calls = called(module)
        assert not calls & {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}, file
        assert not {call for call in calls if call.split(".")[0] in ("pickle", "marshal", "shelve")}, file
        for node in ast.walk(module):
            assert not (isinstance(node, ast.keyword) and node.arg == "shell"), file
    between_processes = {file for file, module in MODULES.items() if "ForkingPickler.loads" in called(module)}
    assert between_processes == {"biofeed/children.py", "biofeed/holding.py"}  # nothing that any file or cable brings


@pytest.mark.hazard("H-23", "H-26", "H-32", "H-42")
def test_a_capsule_names_nobody() -> None:
    about = {"started_utc", "seed", "scene", "duration_s", "settings", "sensors", "person", "version", "format"}
    assert {field.name for field in dataclasses.fields(Opening)} == about  # `person` is the simulated one


@pytest.mark.hazard("H-29")
def test_nothing_is_computed_from_the_time_of_day() -> None:
    asked = {
        file
        for file, module in MODULES.items()
        for call in called(module)
        if call in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")
    }
    assert asked == {"biofeed/commands.py", "biofeed/holding.py"}  # a folder's name, and the date that people read


@pytest.mark.hazard("H-28")
def test_the_check_says_whether_the_disk_has_room_for_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # as shutil's own
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, machine.SESSION_BYTES))
    assert "free" in machine._disk()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, machine.SESSION_BYTES - 1))
    with pytest.raises(BiofeedError, match="make room for"):
        machine._disk()


@pytest.mark.hazard("H-19", "H-42")
def test_every_page_and_command_says_what_biofeed_is_not() -> None:
    for text in (README, SAFETY, cli.EXAMPLES):
        assert "not a medical device" in words(text)
        assert re.search(r"monitor", words(text))
    for text in (README, SAFETY):
        assert re.search(r"not (monitor|diagnose|treat)", words(text))


@pytest.mark.hazard("H-34", "H-35")
def test_sensors_are_asked_for_that_carry_no_current() -> None:
    for text in (README, SAFETY):
        assert "without conductive skin contact" in words(text)
        assert "battery" in words(text)
        assert "medically rated isolator" in words(text)


@pytest.mark.hazard("H-33", "H-34")
def test_the_page_names_who_should_ask_a_doctor_first() -> None:
    asked = words(SAFETY.partition("## Who should ask a doctor first")[2].partition("\n## ")[0])
    for word in ("epilepsy", "migraine", "psychosis", "pregnan", "child", "pacemaker", "hearing", "vertigo", "sedat"):
        assert word in asked, word
    assert "the program judges nobody" in asked


@pytest.mark.hazard("H-07", "H-10", "H-36", "H-37")
def test_the_page_tells_staff_what_they_must_set_up_themselves() -> None:
    told = words(SAFETY.partition("## What people must see to")[2].partition("\n## ")[0])
    for word in (
        "volume",
        "light of its own",
        "cables",
        "disinfection",
        "loosen the belt",
        "move the clip",
        "40 degrees",
    ):
        assert word in told, word


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    mean = limits.MEAN_LUMINANCE
    for told in (
        f"more often than once a second; wcag 2.2 fails more than {limits.WCAG_FLASHES_PER_S}",
        f"reds from {limits.RED_SHARE:g} of all light on",
        f"more than {limits.STRIPE_PAIRS} pairs over a quarter of the picture, lose their contrast within",
        f"lose their contrast within {limits.STRIPE_S:g} s",
        f"rises by at most {100.0 * limits.LUMINANCE_RISE_PER_S:g} % of full range a second",
        f"under {100.0 * mean['full']:g}, {100.0 * mean['gentle']:g} or {100.0 * mean['post-infusion']:g} % by comfort",
        f"less than {limits.FLOW_DEG_PER_S:g} degrees a second on a display 40 degrees wide",
        f"no true peak over {limits.TRUE_PEAK_DBTP:g} dbtp",
        f"under {limits.LOUDEST_LUFS:g} lufs",
        f"grows by at most {limits.LOUDNESS_RISE_DB_PER_S:g} db a second",
        f"is neutral within {limits.GLIDE_TO_NEUTRAL_S:g} s",
        f"leads to {limits.LEAD_LOW_PER_MIN:g} to {limits.LEAD_HIGH_PER_MIN:g} breaths a minute",
        f"slows by at most {limits.LEAD_GLIDE_PER_MIN2:g} a minute per minute",
        f"yields after {adaptation.YIELD_BREATHS} breaths that are not followed and at {limits.EXCESS:g} times",
        f"leads within {limits.STOP_CALM_S:g} s to a warm",
        f"after {limits.SESSION_MAX_S / 60.0:g} minutes at most",
        f"nobody ends after {flow.PAUSE_MAX_S / 60.0:g}",
        f"never over {limits.LEVEL_CAP_DBA:g}",
        f"{len(load())} hazards",
    ):
        assert told in words(SAFETY), told
