"""Breaks a module in many small ways, one at a time: does some test of that module fail each time?

    python benchmarks/mutants.py [biofeed/safety.py ...] [--sample 200] [--seed 1]

Without a name it takes every module of `TESTS`, which says what tests are run. Numbers are moved by a tenth (whole
ones by one); comparisons, min and max, and and or, plus and minus, times and over are exchanged; conditions are
negated and statements left out. Each mutant is tried in a copy of the tree, in a process of its own. Exit code 1 when
one survives: then a test is missing, or a line may be simpler. Those that change nothing but the text are for people
to tell apart.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis  # noqa: F401  # imported before the processes part: each of them starts sooner
import numpy as np  # noqa: F401
import pytest
import scipy.fft  # noqa: F401

ROOT = Path(__file__).parent.parent
SETTINGS = "tests/test_limits.py::test_what_may_be_set_ends_where_it_is_written[biofeed.{}]"
TESTS = {  # the quickest first: few mutants need the others
    "biofeed/limits.py": ["tests/test_limits.py"],
    "biofeed/safety.py": ["tests/test_safety_edges.py", SETTINGS.format("safety"), "tests/test_safety.py"],
    "biofeed/graphics/guard.py": [
        "tests/graphics/test_guard_edges.py",
        SETTINGS.format("graphics.guard"),
        "tests/graphics/test_guard.py",
    ],
    "biofeed/graphics/stripes.py": ["tests/graphics/test_stripes.py"],
    "biofeed/graphics/patterns.py": ["tests/graphics/test_patterns_edges.py", "tests/graphics/test_patterns.py"],
    "biofeed/sound/limiter.py": [
        SETTINGS.format("sound.limiter"),
        "tests/sound/test_limiter.py",
        "tests/sound/test_dose.py",
        "tests/sound/test_sound_guard.py",
    ],
}
NEEDED = ("biofeed", "tests", "shaders", "audio", "pyproject.toml")
LONGEST = 5.0  # times as long as the whole module takes: then a mutant hangs, and that is noticed
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "ceil": "floor", "floor": "ceil"}
ASIDE = ("annotation", "returns", "decorator_list")
Change = Callable[[ast.AST], ast.AST]


def changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """What may be done to this node: in words, and as a function from it to what takes its place."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for value in _other(node.value):
            yield f"{node.value} becomes {value}", _replaced(ast.Constant(value))
    elif isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if swap := SWAPS.get(type(operator)):
                yield f"{type(operator).__name__} becomes {swap.__name__}", _with_operator(at, swap)
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign):
        if swap := SWAPS.get(type(node.op)):
            yield f"{type(node.op).__name__} becomes {swap.__name__}", _with("op", swap())
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield f"{node.id} becomes {NAMES[node.id]}", _with("id", NAMES[node.id])
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{node.attr} becomes {NAMES[node.attr]}", _with("attr", NAMES[node.attr])
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "the condition is negated", _with("test", ast.UnaryOp(ast.Not(), node.test))
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.If | ast.Return) and not is_text:
        yield f"left out: {ast.unparse(node).splitlines()[0]}", _replaced(ast.Pass())


def _other(value: float) -> list[float]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    return [1.1 * value, 0.9 * value] if value else [0.1, -0.1]


def _replaced(other: ast.AST) -> Change:
    return lambda _: other


def _with(field: str, value: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, field, value)
        return node

    return change


def _with_operator(at: int, operator: type[ast.AST]) -> Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        node.ops[at] = operator()  # type: ignore[call-overload]  # SWAPS leads from comparisons to comparisons
        return node

    return change


class Numbered(ast.NodeTransformer):
    """Numbers every node that is run, and makes the change at the wanted one; types, decorators and texts are left."""

    def __init__(self, wanted: int = -1, change: Change | None = None) -> None:
        self.nodes: list[ast.AST] = []
        self._wanted, self._change = wanted, change

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            return node
        at = len(self.nodes)
        self.nodes.append(node)
        aside = {field: getattr(node, field) for field in ASIDE if hasattr(node, field)}
        for field, value in aside.items():
            setattr(node, field, [] if isinstance(value, list) else None)
        self.generic_visit(node)
        for field, value in aside.items():
            setattr(node, field, value)
        return self._change(node) if at == self._wanted and self._change else node


def mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """Every mutant of a module: its line, what was done, its text."""
    tree = ast.parse(text)
    counted = Numbered()
    counted.visit(copy.deepcopy(tree))
    for at, node in enumerate(counted.nodes):
        for what, change in changes(node):
            made = Numbered(at, change).visit(copy.deepcopy(tree))
            yield getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(made))


def fails(folder: Path, tests: Sequence[str], longest_s: float) -> bool:
    """Whether a test fails, or does not come to an end, in a process of its own."""
    child = os.fork()
    if child == 0:
        os.environ["CI"] = "1"  # the same examples for every mutant
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code: int = 1
        try:
            code = pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests])
        finally:
            os._exit(int(code))
    until_s = time.monotonic() + longest_s
    while time.monotonic() < until_s:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def survivors(folder: Path, module: str, tests: Sequence[str], sample: int, seed: int) -> list[str]:
    """What no test noticed, a line each."""
    path = folder / module
    text = path.read_text(encoding="utf-8")
    began_s = time.monotonic()
    if fails(folder, tests, 600.0):
        raise SystemExit(f"{module}: its tests fail before anything is broken; {' '.join(tests)} must pass first")
    longest_s = 10.0 + LONGEST * (time.monotonic() - began_s)
    made = list(mutants(text))
    chosen = sorted(random.Random(seed).sample(made, min(sample, len(made))), key=lambda mutant: mutant[0])
    left = []
    for n, (line, what, mutated) in enumerate(chosen, 1):
        path.write_text(mutated, encoding="utf-8")
        if not any(fails(folder, [test], longest_s) for test in tests):
            left.append(f"{module}:{line}: {what}")
            print(f"\r{left[-1]}", flush=True)
        print(f"\r{module}: {n} of {len(chosen)}, {len(left)} survived", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    path.write_text(text, encoding="utf-8")
    print(f"{module}: {len(chosen)} of {len(made)} mutants tried, {len(left)} survived")
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], metavar="MODULE", help=f"one of {', '.join(TESTS)}")
    parser.add_argument("--sample", type=int, default=100_000, help="how many mutants of each module (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    asked = parser.parse_args()
    sys.dont_write_bytecode = True  # two mutants may be written within one tick of the file system's clock
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    left = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        for module in asked.modules or TESTS:
            left += survivors(folder, module, TESTS[module], asked.sample, asked.seed)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
