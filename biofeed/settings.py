"""Bounded settings: every module's `Settings` is a frozen dataclass whose fields carry bounds and a line of help.

A table (from TOML) becomes such a dataclass by `build`; an unknown key, a wrong type or a value out of bounds is a
`SettingError` that names the key's path and the nearest right name.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from biofeed.errors import SettingError, nearest

T = TypeVar("T")


def bounded(default: float, low: float, high: float, unit: str, why: str) -> Any:
    """A number with a default, inclusive bounds, a unit (UCUM, "1" for none) and one line that says what it does."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "unit": unit, "why": why})


def choice(default: str, options: tuple[str, ...], why: str) -> Any:
    """One word out of `options`."""
    return dataclasses.field(default=default, metadata={"options": options, "why": why})


def words(why: str) -> Any:
    """A list of words, none by default; which of them mean something is for the module to say that uses them."""
    return dataclasses.field(default=(), metadata={"why": why})


def check(settings: Any, path: str = "") -> None:
    """Raises SettingError when a field of the dataclass instance is out of its bounds; call it in `__post_init__`."""
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        name = f"{path}.{item.name}" if path else f"{type(settings).__name__}.{item.name}"
        if "low" in item.metadata:
            low, high, unit = item.metadata["low"], item.metadata["high"], item.metadata["unit"]
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise SettingError(f"{name} must be a number from {low} to {high} {unit}, not {value!r}")
            if not low <= value <= high:
                raise SettingError(f"{name} is {value}; it must lie from {low} to {high} {unit}")
        elif "options" in item.metadata and value not in item.metadata["options"]:
            raise SettingError(f"{name} is {value!r}{nearest(str(value), item.metadata['options'])}")


def build(cls: type[T], table: Mapping[str, Any], path: str) -> T:
    """The settings dataclass `cls` with the values of `table`; nested dataclasses take nested tables."""
    hints = typing.get_type_hints(cls)
    known = {item.name: item for item in dataclasses.fields(typing.cast(Any, cls))}
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{path}.{key}" if path else key
        if key not in known:
            raise SettingError(f"{where} is not a setting{nearest(key, known)}")
        kind = hints[key]
        if dataclasses.is_dataclass(kind):
            if not isinstance(value, Mapping):
                raise SettingError(f"{where} must be a table, not {value!r}")
            values[key] = build(typing.cast(type[Any], kind), value, where)
        elif typing.get_origin(kind) is tuple:
            if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
                raise SettingError(f'{where} must be a list of words such as ["one", "two"], not {value!r}')
            values[key] = tuple(value)
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            values[key] = float(value)
        elif isinstance(kind, type) and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise SettingError(f"{where} must be of the kind {kind.__name__}, not {value!r}")
        else:
            values[key] = value
    try:
        return cls(**values)
    except SettingError as error:
        raise SettingError(str(error).replace(f"{cls.__name__}.", f"{path}." if path else "", 1)) from None
