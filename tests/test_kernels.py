"""Kernels are compiled before a session, not in it, and only where something is new."""

import subprocess
import sys
from pathlib import Path

import pytest

from biofeed import kernels

A_SESSION = """
import gc
from numba.core.dispatcher import Dispatcher
from biofeed import kernels, offline, scene
from biofeed.config import Config
from biofeed.messages import ControlFrame, Drive, Levels
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

def loaded():
    ours = [one for one in gc.get_objects() if isinstance(one, Dispatcher) and one.py_func.__module__ in modules]
    return {(one.py_func.__module__, one.py_func.__name__, str(each)) for one in ours for each in one.signatures}

import sys
modules = [name for name in sys.modules if name.startswith("biofeed.")]
kernels.warm(lambda text: None)
before = loaded()
offline.simulate(Config(), "tide", "panic", 2, 120.0, [])
for name in scene.names():
    synth, limiter = Synth(scene.load(name).soundscape, 1), Limiter()
    for tick in range(20):
        limiter(synth(ControlFrame(tick, tick / 60.0, Drive(breath=0.05 * tick), name, Levels(), "running", "")))
print(len(before), *sorted(loaded() - before), sep="\\n")
"""


@pytest.mark.hazard("H-24")
def test_a_session_uses_no_kernel_that_was_not_made_ready() -> None:
    told = subprocess.run([sys.executable, "-c", A_SESSION], capture_output=True, text=True, check=True)
    n_ready, *missing = told.stdout.splitlines()
    assert int(n_ready) > 20
    assert missing == []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one kernel's file in it, and a place of its own for what says that all is ready."""
    for folder in kernels.FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "signals" / "kernel.py").write_text("1")
    monkeypatch.setattr(kernels.biofeed, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(kernels.filters, "section", Compiled(tmp_path))
    for name in ("_pulse", "_ecg", "_music", "_voice"):
        monkeypatch.setattr(kernels, name, lambda *_: None)
    return tmp_path


class Compiled:
    """As much of a kernel as is asked where it is kept."""

    def __init__(self, cache_path: Path) -> None:
        self.stats = self
        self.cache_path = str(cache_path)


@pytest.mark.hazard("H-24")
def test_kernels_are_seen_to_once_and_again_when_a_file_has_changed(machine: Path) -> None:
    told: list[str] = []
    kernels.see_to(told.append)
    assert "compiled, once" in told[0]
    assert len(told) == 1 + 3 + len(kernels.KINDS)
    assert told[-1].startswith(f"  [{len(told) - 1}/{len(told) - 1}] ")
    told.clear()
    assert kernels.are_ready()
    kernels.see_to(told.append)
    assert told == []
    (machine / "signals" / "kernel.py").write_text("12")
    assert not kernels.are_ready()
    kernels.see_to(told.append)
    assert told
    assert len(list(machine.glob("*.ready"))) == 1


def test_where_nothing_is_compiled_nothing_is_seen_to(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels.filters, "section", len)
    told: list[str] = []
    kernels.see_to(told.append)
    assert told == []
    assert not list(machine.glob("*.ready"))
