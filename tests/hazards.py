"""The hazard log: the records of `safety/hazards/`, what is wrong with them, and the overview in `safety/README.md`.

    python tests/hazards.py     writes the overview into safety/README.md

Tests are read, not imported: which there are, and which hazards their `@pytest.mark.hazard("H-01")` names.
"""

import ast
import dataclasses
import importlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
LOG = ROOT / "safety" / "hazards"
README = ROOT / "safety" / "README.md"
LIMITS = "biofeed.limits"
KINDS = ("inherent", "protective", "information")
STATES = ("in place", "partly", "planned")
# Risk classes by severity (rows, 1 to 5) and likelihood (columns, 1 to 5); what is above ACCEPTED must come down.
MATRIX = ((1, 1, 2, 2, 3), (1, 2, 2, 3, 4), (2, 2, 3, 3, 4), (2, 3, 3, 4, 5), (3, 4, 4, 5, 5))
ACCEPTED = 2
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that lowers a risk; a limit is "module:name = value", a test "tests/file.py::test_name"."""

    id: str
    kind: str
    does: str
    status: str
    where: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Risk:
    """How bad and how likely, each 1 to 5; `class_` is the matrix's."""

    severity: int
    likelihood: int

    @property
    def class_(self) -> int:
        return MATRIX[self.severity - 1][self.likelihood - 1]

    def __str__(self) -> str:
        return f"{self.class_} ({self.severity} × {self.likelihood})"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One record."""

    id: str
    title: str
    causes: tuple[str, ...]
    sequence: str
    harm: str
    before: Risk
    after: Risk
    sources: tuple[str, ...]
    controls: tuple[Control, ...]

    @property
    def status(self) -> str:
        """One word for all of its controls: "partly" when they differ."""
        states = {control.status for control in self.controls}
        return states.pop() if len(states) == 1 else "partly"


@dataclass(frozen=True, slots=True)
class Found:
    """A test as it is written: the hazards that it is marked with, and whether it is left out whatever happens."""

    hazards: frozenset[str]
    is_left_out: bool


def parse(text: str) -> Hazard:
    """A record from its TOML. Raises ValueError that says what is missing or unknown."""
    table = tomllib.loads(text)
    table["controls"] = tuple(_made(Control, control) for control in table.pop("control", ()))
    for when in ("before", "after"):
        table[when] = _made(Risk, table.get(when, {}))
        if not all(score in range(1, 6) for score in dataclasses.astuple(table[when])):
            raise ValueError(f"{when}: severity and likelihood go from 1 to 5")
    return _made(Hazard, table)


def _made(kind: type[Made], table: Mapping[str, Any]) -> Made:
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # all are dataclasses
    needed = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    if unknown := table.keys() - fields.keys():
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if lacking := {name for name in needed if table.get(name) in (None, "", [], ())}:
        raise ValueError(f"missing: {', '.join(sorted(lacking))}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})


def load() -> list[Hazard]:
    """Every record, in the order of their ids. Raises ValueError with the file's name."""
    records = []
    for path in sorted(LOG.iterdir()):
        try:
            record = parse(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        if path.name != f"{record.id}.toml":
            raise ValueError(f"{path.name}: it is the record of {record.id}")
        records.append(record)
    return records


def found_tests(folder: Path = ROOT / "tests") -> dict[str, Found]:
    """Every test under the folder, by its id ("tests/test_flow.py::test_stop")."""
    found = {}
    for path in sorted(folder.rglob("test_*.py")):
        name = path.relative_to(folder.parent).as_posix()
        for test, hazards, is_left_out in _tests(ast.parse(path.read_text(encoding="utf-8"))):
            found[f"{name}::{test}"] = Found(frozenset(hazards), is_left_out)
    return found


def _tests(module: ast.Module) -> Iterator[tuple[str, set[str], bool]]:
    """Name, hazards and being left out, of functions and of what a state machine calls its TestCase."""
    marks = [
        mark
        for node in module.body
        if isinstance(node, ast.Assign) and any(_name(target) == "pytestmark" for target in node.targets)
        for mark in (node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value])
    ]
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            named = [*marks, *node.decorator_list]
            yield node.name, _hazards(named), any(_name(mark) in ("skip", "xfail") for mark in named)
        elif isinstance(node, ast.Assign) and _name(node.value) == "TestCase":
            for target in node.targets:
                yield f"{_name(target)}::runTest", _hazards(marks), False


def _hazards(marks: Iterable[ast.expr]) -> set[str]:
    return {
        str(ast.literal_eval(argument))
        for mark in marks
        if isinstance(mark, ast.Call) and _name(mark) == "hazard"
        for argument in mark.args
    }


def _name(node: ast.expr) -> str:
    """The last part of what is named, called or not: "hazard" of pytest.mark.hazard(...)."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def complaints(records: Iterable[Hazard], tests: Mapping[str, Found]) -> list[str]:
    """All that is wrong with the log, a sentence each; none when records, tests and code fit together."""
    records = list(records)
    ids = [record.id for record in records] + [control.id for record in records for control in record.controls]
    told = [f"{id_}: this id is there twice" for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1})]
    known = {record.id for record in records}
    for name, test in tests.items():
        told += [f"{name} is marked with {hazard}, which no record has" for hazard in sorted(test.hazards - known)]
    for record in records:
        told += [f"{record.id}: {fault}" for fault in _about(record)]
        for control in record.controls:
            told += [f"{control.id}: {fault}" for fault in _about_control(control, record.id, tests)]
    return told


def _about(record: Hazard) -> Iterator[str]:
    if not re.fullmatch(r"H-\d\d", record.id):
        yield "an id is H- and two digits"
    if record.after.severity > record.before.severity or record.after.likelihood > record.before.likelihood:
        yield "the risk that is left is higher than the one before"
    if record.after != record.before and all(control.status == "planned" for control in record.controls):
        yield "what is only planned lowers no risk"
    if record.after.class_ > ACCEPTED and record.status == "in place":
        yield f"class {record.after.class_} is left, and nothing more is planned"


def _about_control(control: Control, hazard: str, tests: Mapping[str, Found]) -> Iterator[str]:
    if not re.fullmatch(rf"C{hazard[1:]}[a-z]", control.id):
        yield f"a control of {hazard} is C{hazard[1:]} and a letter"
    if control.kind not in KINDS or control.status not in STATES:
        yield f"its kind is one of {KINDS}, its status one of {STATES}"
    if (control.status == "in place") == bool(control.missing):
        yield "what is missing is said of a control that is partly in place or planned, and of no other"
    if control.status != "planned":
        for field in ("verified", "where"):
            if not getattr(control, field):
                yield f"it is {control.status}, and {field} names nothing"
    for name in control.where:
        if not (ROOT / name).exists():
            yield f"there is no {name}"
    for name in control.verified:
        yield from _about_test(name, hazard, tests)
    for limit in control.limits:
        yield from _about_limit(limit, control)


def _about_test(name: str, hazard: str, tests: Mapping[str, Found]) -> Iterator[str]:
    if name not in tests:
        yield f"there is no test {name}"
    elif hazard not in tests[name].hazards:
        yield f"{name} is not marked with {hazard}"
    elif tests[name].is_left_out:
        yield f"{name} is always skipped, or may fail"


def _about_limit(limit: str, control: Control) -> Iterator[str]:
    path, _, told = limit.partition(" = ")
    module, _, name = path.partition(":")
    try:
        value: Any = importlib.import_module(module)
        for part in name.split("."):
            value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        is_same = value == ast.literal_eval(told)
    except (ImportError, AttributeError, KeyError, ValueError, SyntaxError) as error:
        yield f"{limit}: {error or 'it cannot be read'}"
        return
    if not is_same:
        yield f"{path} is {value!r} in the code and {told} in the record"
    file = f"{module.replace('.', '/')}.py"
    if control.status != "in place" or file in control.where:
        return
    files = {name.split("::")[0] for name in (*control.where, *control.verified)}
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files if (ROOT / file).is_file()]
    if module != LIMITS or not any(re.search(rf"\b{name.split('.')[0]}\b", text) for text in texts):
        yield f"{path} is used in none of the files where it is said to hold, nor in their tests"


def named_limits(records: Iterable[Hazard]) -> set[str]:
    """The constants of `biofeed.limits` that the log names."""
    limits = (limit for record in records for control in record.controls for limit in control.limits)
    return {limit.partition(" = ")[0].partition(":")[2].split(".")[0] for limit in limits if limit.startswith(LIMITS)}


def overview(records: Iterable[Hazard]) -> str:
    """The table of `safety/README.md`."""
    rows = ["| id | hazard | risk before | risk left | controls |", "|---|---|---|---|---|"]
    for record in records:
        told = ", ".join(
            f"{n} {state}" for state in STATES if (n := sum(control.status == state for control in record.controls))
        )
        rows.append(
            f"| [{record.id}](hazards/{record.id}.toml) | {record.title} | {record.before} | {record.after} | {told} |"
        )
    return "\n".join(rows)


def with_overview(text: str, table: str) -> str:
    """The page with this table in the place of the one that it has."""
    return re.sub(r"^\| id \|.*?(?=\n\n|\n?\Z)", lambda _: table, text, count=1, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    README.write_text(with_overview(page, overview(load())), encoding="utf-8")
