"""The hazard log holds: records, tests and code fit together, and whatever does not is found."""

import dataclasses
from pathlib import Path

import pytest
from hazards import (
    ACCEPTED,
    MATRIX,
    README,
    Control,
    Found,
    Hazard,
    Risk,
    complaints,
    found_tests,
    load,
    named_limits,
    overview,
    parse,
    with_overview,
)

from biofeed import limits

TEST = "tests/test_limits.py::test_every_limit_stands_as_written"
OTHER = "tests/test_clock.py::test_x"
CONTROL = Control(
    id="C-77a",
    kind="protective",
    does="It holds.",
    status="in place",
    where=("biofeed/limits.py",),
    limits=("biofeed.limits:FLASH_DELTA = 0.10",),
    verified=(TEST,),
)
RECORD = Hazard(
    id="H-77",
    title="A hazard",
    causes=("a cause",),
    sequence="One thing leads to another.",
    harm="It hurts.",
    before=Risk(3, 3),
    after=Risk(3, 2),
    sources=("a source",),
    controls=(CONTROL,),
)
TESTS = dict.fromkeys((TEST, OTHER), Found(frozenset({"H-77"}), False))
TEXT = """
id = "H-77"
title = "A hazard"
causes = ["a cause"]
sequence = "One thing leads to another."
harm = "It hurts."
before = { severity = 3, likelihood = 3 }
after = { severity = 3, likelihood = 2 }
sources = ["a source"]
[[control]]
id = "C-77a"
kind = "protective"
does = "It holds."
status = "in place"
where = ["biofeed/limits.py"]
limits = ["biofeed.limits:FLASH_DELTA = 0.10"]
verified = ["tests/test_limits.py::test_every_limit_stands_as_written"]
"""

ONE = """
pytestmark = [pytest.mark.hazard("H-01"), pytest.mark.slow]
TestStop = Machine.TestCase
@pytest.mark.hazard("H-02", "H-03")
def test_a(): ...
@pytest.mark.xfail
def test_b(): ...
def helper(): ...
"""
TWO = """
pytestmark = mark.hazard("H-04")
@given(x)
@mark.skip("why")
def test_c(): ...
"""


def told(tests: dict[str, Found] | None = None, control: dict[str, object] | None = None, **record: object) -> str:
    """The complaints about the one record above, with these changes."""
    changed = dataclasses.replace(CONTROL, **(control or {}))  # type: ignore[arg-type]  # as each test has it
    made = dataclasses.replace(RECORD, **{"controls": (changed,), **record})  # type: ignore[arg-type]
    return "\n".join(complaints([made], TESTS if tests is None else tests))


def test_records_tests_and_code_fit_together() -> None:
    assert complaints(load(), found_tests()) == []


def test_there_are_all_hazards_and_every_limit_belongs_to_one() -> None:
    records = load()
    assert [record.id for record in records] == [f"H-{number:02}" for number in range(1, 45)]
    assert {name for name in vars(limits) if name.isupper()} - named_limits(records) == set()


def test_the_overview_is_what_the_records_give() -> None:
    page = README.read_text()
    assert with_overview(page, overview(load())) == page, "python tests/hazards.py writes it anew"


def test_a_log_that_fits_has_no_complaints() -> None:
    assert told() == ""
    assert parse(TEXT) == RECORD


@pytest.mark.parametrize(
    ("control", "complaint"),
    [
        ({"verified": ()}, "verified names nothing"),
        ({"where": ()}, "where names nothing"),
        ({"verified": ("tests/test_limits.py::test_no_such",)}, "there is no test"),
        ({"where": ("biofeed/no_such.py", "biofeed/limits.py")}, "there is no biofeed/no_such.py"),
        ({"limits": ("biofeed.limits:FLASH_DELTA = 0.11",)}, "is 0.1 in the code and 0.11 in the record"),
        ({"limits": ("biofeed.limits:NO_SUCH = 1",)}, "NO_SUCH"),
        ({"limits": ("biofeed.no_such:X = 1",)}, "no_such"),
        ({"limits": ("biofeed.limits:FLASH_DELTA = ten",)}, "FLASH_DELTA = ten"),
        ({"where": ("biofeed/clock.py",), "verified": (OTHER,)}, "used in none of the files"),
        ({"where": ("biofeed/limits.py",), "limits": ("biofeed.pacer:ALIGN_S = 4.0",)}, "used in none of the files"),
        ({"id": "C-78a"}, "is C-77 and a letter"),
        ({"kind": "magic"}, "its kind is one of"),
        ({"status": "nearly"}, "its status one of"),
        ({"status": "partly"}, "what is missing is said"),
        ({"missing": "something"}, "what is missing is said"),
        ({"status": "planned", "missing": "all", "verified": ()}, "what is only planned lowers no risk"),
    ],
)
def test_a_control_that_does_not_hold_is_found(control: dict[str, object], complaint: str) -> None:
    assert complaint in told(control=control)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"id": "H-7"}, "an id is H- and two digits"),
        ({"after": Risk(3, 4)}, "higher than the one before"),
        ({"after": Risk(4, 2)}, "higher than the one before"),
        ({"after": Risk(3, 3)}, "class 3 is left, and nothing more is planned"),
        ({"controls": (CONTROL, CONTROL)}, "C-77a: this id is there twice"),
    ],
)
def test_a_record_that_does_not_hold_is_found(record: dict[str, object], complaint: str) -> None:
    assert complaint in told(**record)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tests", "complaint"),
    [
        ({TEST: Found(frozenset(), False)}, "is not marked with H-77"),
        ({TEST: Found(frozenset({"H-77"}), True)}, "is always skipped"),
        ({**TESTS, "tests/x.py::test_x": Found(frozenset({"H-99"}), False)}, "marked with H-99, which no record has"),
    ],
)
def test_a_test_that_proves_nothing_is_found(tests: dict[str, Found], complaint: str) -> None:
    assert complaint in told(tests)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('harm = "It hurts."', ""), "missing: harm"),
        (('causes = ["a cause"]', "causes = []"), "missing: causes"),
        (('does = "It holds."', ""), "missing: does"),
        (("[[control]]", "[nothing]"), "unknown: nothing"),
        (('kind = "protective"', 'kind = "protective"\nowner = "x"'), "unknown: owner"),
        (("severity = 3, likelihood = 3", "severity = 3"), "missing: likelihood"),
        (("severity = 3, likelihood = 3", "severity = 3, likelihood = 6"), "from 1 to 5"),
        (("id =", "id"), "line 2"),
    ],
)
def test_a_record_that_lacks_a_field_is_found(change: tuple[str, str], complaint: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(ValueError, match=complaint):
        parse(TEXT.replace(*change, 1))


def test_marks_are_read_on_tests_on_modules_and_on_state_machines(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "deep"
    tests.mkdir(parents=True)
    (tests / "test_one.py").write_text(ONE)
    (tests / "test_two.py").write_text(TWO)
    assert found_tests(tmp_path / "tests") == {
        "tests/deep/test_one.py::TestStop::runTest": Found(frozenset({"H-01"}), False),
        "tests/deep/test_one.py::test_a": Found(frozenset({"H-01", "H-02", "H-03"}), False),
        "tests/deep/test_one.py::test_b": Found(frozenset({"H-01"}), True),
        "tests/deep/test_two.py::test_c": Found(frozenset({"H-04"}), True),
    }


def test_more_severe_or_more_likely_is_never_a_lower_class() -> None:
    assert [len(row) for row in MATRIX] == [5] * 5
    for severity, row in enumerate(MATRIX, 1):
        assert f"\n| {severity} | {' | '.join(str(class_) for class_ in row)} |\n" in README.read_text()
    for rows in (MATRIX, tuple(zip(*MATRIX, strict=True))):
        assert all(list(row) == sorted(row) for row in rows)
    assert Risk(1, 1).class_ <= ACCEPTED < Risk(5, 1).class_ < Risk(5, 5).class_
