"""How many pictures a second the offline analyser takes, of one core's time, against the bar of 150 at 320x180.

    python benchmarks/analyser.py [--seconds 5]

Noise that flashes everywhere is the worst case, a still picture the usual one; both without optical flow, which costs a
quarter of the whole. Exit code 1 when the bar is missed.
"""

import argparse
import sys
import time

import numpy as np

from biofeed.certify.analyser import Analyser

SIZE = (320, 180)
BAR = 150.0  # pictures/s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of pictures at 60 a second, for each case (default 5)"
    )
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8) for _ in range(16)]
    slowest = np.inf
    for name, shown in (("noise", noise), ("still", noise[:1])):
        for has_flow in (False, True):
            analyser = Analyser(SIZE, 60.0, has_flow)
            analyser.add(shown[0])  # the kernels are loaded
            n_pictures = round(asked.seconds * 60.0)
            started_s = time.process_time()
            for n in range(n_pictures):
                analyser.add(shown[n % len(shown)])
            per_s = n_pictures / (time.process_time() - started_s)
            slowest = slowest if has_flow else min(slowest, per_s)
            print(f"{name}, {'with' if has_flow else 'without'} optical flow: {per_s:.0f} pictures/s")
    print(f"bar {BAR:.0f} pictures/s without optical flow: {'held' if slowest >= BAR else 'MISSED'}")
    return 0 if slowest >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
