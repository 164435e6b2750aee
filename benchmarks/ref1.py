"""The reference patch alone: processor seconds for each second of it. python benchmarks/ref1.py [seconds]"""

import hashlib
import sys
import time

import numpy as np

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.ref1 import BLOCK, Ref1


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    ref1 = Ref1()
    ref1()  # compiled or loaded
    n_blocks = round(seconds * SAMPLE_RATE_HZ / BLOCK)
    began_s = time.process_time()
    sound = np.concatenate([ref1() for _ in range(n_blocks)])
    used_s = time.process_time() - began_s
    sha1 = hashlib.sha1(sound.astype(np.float32).tobytes(), usedforsecurity=False).hexdigest()
    print(f"cpu_s_per_s {used_s / (n_blocks * BLOCK / SAMPLE_RATE_HZ):.4f}  sha1 {sha1[:10]}")


if __name__ == "__main__":
    main()
