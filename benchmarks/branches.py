"""Do the tests of the limits, the number gate and the guards go through every branch of them?

    python benchmarks/branches.py [biofeed/safety.py ...]

Without a name it takes every module of `TESTS`, each with its own tests only. Exit code 1 when a line or a branch is
left out; each is told. Only plain Python can be watched, so kernels are run as such: a second of sound takes several,
and `sound/guard.py` some minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mutants
import numpy as np

ROOT = Path(__file__).parent.parent
SOUND = "tests/sound/test_limiter.py::test_{}"
KERNELS = {  # with the tests that are short enough for them
    "biofeed/sound/guard.py": [
        SOUND.format("any_numbers_whatever_give_finite_sound_below_the_ceiling"),
        SOUND.format("a_click_over_a_quiet_bed_is_held_to_what_was_heard_before"),
        SOUND.format("a_sudden_noise_over_a_quiet_bed_is_held_down"),
        SOUND.format("what_is_not_a_number_becomes_silence_that_fades_in_again"),
        SOUND.format("a_constant_offset_goes_away"),
    ]
}
TESTS = mutants.TESTS | KERNELS


def pytest_configure() -> None:
    """This file is also a plugin of those runs: in plain Python, only such records have their fields as attributes."""
    if "NUMBA_DISABLE_JIT" in os.environ:
        from biofeed.sound import guard  # noqa: PLC0415  # imported while it is watched

        guard.STATE, guard.RULES = (np.dtype((np.record, fields)) for fields in (guard.STATE, guard.RULES))


def left_out(module: str, folder: Path) -> list[str]:
    """The lines of a module that its tests do not reach, and the branches that they do not take."""
    data, report = folder / "data", folder / "report.json"
    coverage = [sys.executable, "-m", "coverage"]
    watched = ["run", "--branch", f"--include={module}", f"--data-file={data}", "-m", "pytest", "-q", "-x"]
    environment = os.environ | {"CI": "1", "PYTHONPATH": str(Path(__file__).parent)}
    environment |= {"NUMBA_DISABLE_JIT": "1"} if module in KERNELS else {}
    tests = ["-p", "branches", *TESTS[module]]
    subprocess.run([*coverage, *watched, *tests], cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
    told = ["json", "-q", f"--data-file={data}", "-o", str(report)]
    subprocess.run([*coverage, *told], cwd=ROOT, check=True)
    seen = json.loads(report.read_text(encoding="utf-8"))["files"][module]
    branches = [f"{begin} to {end}" if end > 0 else f"{begin} to the end" for begin, end in seen["missing_branches"]]
    summary = seen["summary"]
    print(
        f"{module}: {summary['covered_branches']} of {summary['num_branches']} branches, "
        f"{summary['covered_lines']} of {summary['num_statements']} lines",
        flush=True,
    )
    return [f"{module}:{place}" for place in [*seen["missing_lines"], *branches]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], metavar="MODULE", help=f"one of {', '.join(TESTS)}")
    asked = parser.parse_args()
    left = []
    with tempfile.TemporaryDirectory() as place:
        for module in asked.modules or TESTS:
            left += left_out(module, Path(place))
    for it in left:
        print(it)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
