"""One soundscape after the other under three processors' instruction sets: the samples must be the same, bit for bit.

python benchmarks/processors.py [seconds]; exits with 1 when any hash differs. Each set compiles all kernels anew.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from biofeed import scene
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import TICKS_PER_S
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

PROCESSORS = ("x86-64", "haswell", "znver4")


def hashes(seconds: float) -> list[str]:
    """A line for each soundscape: its name, and the SHA-1 of its samples."""
    lines = []
    for path in sorted(scene.folders()[1].glob("*.toml")):
        synth = Synth(scene.soundscape(path), 1)
        limiter, sha1 = Limiter(), hashlib.sha1(usedforsecurity=False)
        for tick in range(round(seconds * TICKS_PER_S)):
            sha1.update(limiter(synth(made_up_frame(600 + tick, path.stem))).tobytes())
        lines.append(f"{path.stem} {sha1.hexdigest()}")
    return lines


def under(processor: str, seconds: str) -> list[str]:
    """`hashes` in a process of its own that compiles for this processor."""
    with tempfile.TemporaryDirectory() as folder:
        # Without the features named as none, numba would add this machine's own to every processor's.
        env = os.environ | {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": folder}
        args = [sys.executable, str(Path(__file__)), seconds, "--here"]
        return subprocess.run(args, env=env, capture_output=True, text=True, check=True).stdout.splitlines()


def main() -> int:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "5"
    if "--here" in sys.argv:
        print("\n".join(hashes(float(seconds))))
        return 0
    told = {processor: under(processor, seconds) for processor in PROCESSORS}
    for processor, lines in told.items():
        print(processor)
        print("\n".join(f"  {line}" for line in lines))
    same = len({tuple(lines) for lines in told.values()}) == 1
    print("all the same" if same else "they differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
