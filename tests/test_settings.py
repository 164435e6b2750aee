"""Settings out of tables: bounds hold, unknown keys are named with their path and the nearest right name."""

from dataclasses import dataclass, field

import pytest

from biofeed.errors import SettingError
from biofeed.settings import bounded, build, check, choice


@dataclass(frozen=True, slots=True)
class Inner:
    rate_per_min: float = bounded(6.0, 4.5, 7.0, "/min", "where the guide leads to")
    shape: str = choice("round", ("round", "flat"), "of the wave")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Outer:
    count: int = bounded(3, 1, 9, "1", "how many")
    inner: Inner = field(default_factory=Inner)
    label: str = "none"

    def __post_init__(self) -> None:
        check(self)


def test_a_table_overrides_defaults_and_an_integer_is_a_float_where_one_is_due() -> None:
    made = build(Outer, {"inner": {"rate_per_min": 5}, "label": "x"}, "")
    assert made == Outer(inner=Inner(rate_per_min=5.0), label="x")
    assert isinstance(made.inner.rate_per_min, float)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"inner": {"rate": 5}}, "inner.rate is not a setting; did you mean rate_per_min?"),
        ({"inner": {"rate_per_min": 9}}, "inner.rate_per_min is 9.0; it must lie from 4.5 to 7.0 /min"),
        ({"inner": {"rate_per_min": float("nan")}}, "inner.rate_per_min must be a number from 4.5 to 7.0 /min"),
        ({"inner": {"rate_per_min": "six"}}, "inner.rate_per_min must be of the kind float, not 'six'"),
        ({"inner": {"shape": "rond"}}, "inner.shape is 'rond'; did you mean round?"),
        ({"inner": 3}, "inner must be a table, not 3"),
        ({"count": True}, "count must be of the kind int, not True"),
        ({"count": 10}, "count is 10; it must lie from 1 to 9 1"),
        ({"cuont": 3}, "cuont is not a setting; did you mean count?"),
    ],
)
def test_a_wrong_setting_is_named_with_its_path(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        build(Outer, table, "")
    assert str(caught.value).startswith(message)
