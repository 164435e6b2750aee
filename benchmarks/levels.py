"""How loud and how calm every soundscape is before the last gate: `python benchmarks/levels.py [NAME ...] --minutes 5`.

A made-up session at the pace of a real one; the first 15 s, in which the sound comes in, are left out.
"""

import argparse

import numpy as np

from biofeed import scene
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S
from biofeed.scene import Soundscape
from biofeed.sound import loudness
from biofeed.sound.synth import Synth

START_S = 15
COLUMNS = {  # with the bar, where there is one
    "LUFS": "-23 to -18",
    "momentary": "max over median, LU: 6 at most",
    "true peak": "dBTP: under -6",
    "onset": "dB in 20 ms over the 300 ms before: 6 at most",
    "attack": "shortest of the onsets of 3 dB, 10 to 90 %, ms: 40 at least",
    "LRA": "LU",
    "crest": "dB",
    "centroid": "Hz",
    "rumble": "power under 30 Hz, dB: under -50",
}


def levels(soundscape: Soundscape, minutes: float, seed: int) -> list[float]:
    """One number for each of COLUMNS."""
    synth = Synth(soundscape, seed)
    n_ticks = START_S * TICKS_PER_S + round(60.0 * minutes * TICKS_PER_S)
    sound = np.concatenate([synth(made_up_frame(tick, "x")) for tick in range(n_ticks)])[START_S * SAMPLE_RATE_HZ :]
    momentary = loudness.momentary_lufs(sound)
    return [
        loudness.integrated_lufs(sound),
        float(momentary.max() - np.median(momentary)),
        loudness.true_peak_dbfs(sound),
        float(loudness.onset_rises_db(sound).max()),
        1000.0 * float(loudness.attacks_s(sound).min(initial=np.inf)),
        loudness.range_lu(sound),
        loudness.crest_db(sound),
        loudness.centroid_hz(sound),
        loudness.rumble_db(sound),
    ]


def main() -> None:
    files = sorted(scene.folders()[1].glob("*.toml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="soundscapes; all of them when none is named")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for name, meaning in COLUMNS.items():
        print(f"{name:10} {meaning}")
    print("\n" + " " * 16 + "".join(f"{name:>11}" for name in COLUMNS))
    for path in files:
        if not asked.names or path.stem in asked.names:
            numbers = levels(scene.soundscape(path), asked.minutes, asked.seed)
            print(f"{path.stem:16}" + "".join(f"{number:11.1f}" for number in numbers), flush=True)


if __name__ == "__main__":
    main()
