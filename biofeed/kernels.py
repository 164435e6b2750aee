"""The compiled kernels: whether this machine has them all ready, and making them so, with progress.

numba compiles a kernel at its first use and keeps it on disk, until the kernel's file, numba or the processor changes.
In a session that would hold the loop up for most of a minute; so whoever begins one sees to the kernels first.
"""

import contextlib
import functools
import hashlib
import os
import tempfile
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np

import biofeed
from biofeed import offline
from biofeed.calm import CALM
from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.errors import UsageError
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Hello, Input, Levels, Packet, Stream
from biofeed.scene import Voice
from biofeed.signals import filters
from biofeed.sound.limiter import Limiter
from biofeed.sound.music import Music
from biofeed.sound.synth import Synth
from biofeed.sound.voices import KINDS

FOLDERS = ("sensors", "signals", "sound")  # where a session's kernels are
PULSE_S = 45.0  # of the simulated person: breath is read from the pulse after half a minute
ECG_S = 12.0
ECG = Stream(0, "ecg", 4.0 * TICKS_PER_S, "mV", -2048, 2047, 1e-3)
PER_TICK = 4  # samples
STAMPS = "kernels-*.ready"


def are_ready() -> bool:
    """Whether all were made ready here before, and nothing has changed since."""
    stamp = _stamp()
    return stamp is None or stamp.exists()


def see_to(say: Callable[[str], None]) -> None:
    """Compiles what is missing, unless they are ready."""
    if not are_ready():
        say("biofeed is new on this machine, or has changed: its kernels are compiled, once, in about a minute")
        warm(say)


def warm(say: Callable[[str], None]) -> None:
    """Uses every kernel of a session once, which compiles those that are not on disk yet."""
    parts: list[tuple[str, Callable[[], None]]] = [
        ("breath and pulse", _pulse),
        ("electrocardiogram", _ecg),
        ("calm and music", _music),
    ]
    parts += [(f"voice {kind}", functools.partial(_voice, kind)) for kind in KINDS]
    for number, (what, use) in enumerate(parts, 1):
        say(f"  [{number}/{len(parts)}] {what}")
        use()
    if stamp := _stamp():
        with contextlib.suppress(OSError):  # a disk that is full keeps nobody from a session
            for old in stamp.parent.glob(STAMPS):
                old.unlink(missing_ok=True)
            stamp.touch()


def _stamp() -> Path | None:
    """The empty file that says so, where numba keeps the kernels; None where nothing is compiled at all."""
    stats = getattr(filters.section, "stats", None)
    if stats is None:
        return None
    made_of = [numba.__version__, llvmlite.binding.get_host_cpu_name(), os.environ.get("NUMBA_CPU_NAME", "")]
    for folder in FOLDERS:
        for file in sorted((Path(biofeed.__file__).parent / folder).glob("*.py")):
            about = file.stat()
            made_of.append(f"{file} {about.st_mtime_ns} {about.st_size}")
    name = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    return Path(stats.cache_path) / STAMPS.replace("*", name)


def _pulse() -> None:
    offline.simulate(Config(), "", "calm", 1, PULSE_S, [])


def _ecg() -> None:
    engine = Engine(Config().engine, "")
    hello = Hello("ecg", 0.0, 1, "", "", "", 1.0 / ECG.rate_hz, (ECG,))
    beats = np.exp(-0.5 * ((np.arange(round(ECG_S * ECG.rate_hz)) / ECG.rate_hz % 0.8 - 0.4) / 0.011) ** 2)
    counts = np.round(1000.0 * beats).astype(np.int32)[:, None]
    for tick in range(1, len(counts) // PER_TICK + 1):
        first, time_s = (tick - 1) * PER_TICK, tick / TICKS_PER_S
        packet = Packet("ecg", ECG.id, tick, first, time_s, 0, counts[first : first + PER_TICK])
        inputs: list[Input] = [packet] if tick > 1 else [hello, packet]
        engine.step(tick - 1, time_s, inputs)


def _music() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "silence.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((2, 2, 44_100, 0, "NONE", ""))
            file.writeframes(bytes(4 * 44_100))
        try:
            music: Music | None = Music(path)
        except UsageError:  # libsndfile is missing: only those who bring music need to know
            music = None
        _play(Synth(CALM.soundscape, 1, music))
        if music:
            music.close()


def _voice(kind: str) -> None:
    _play(Synth(replace(CALM.soundscape, voices=(Voice(kind, kind, 1, {"roam": 0.5}, {}),)), 1))


def _play(synth: Synth) -> None:
    limiter = Limiter()
    for tick in range(2):
        limiter(synth(ControlFrame(tick, tick / TICKS_PER_S, Drive(), "calm", Levels(), "running", "")))
