"""The JSON descriptor of a BFS/1 HELLO (keys in `hardware/protocol.md`): text in, checked streams out."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from biofeed.messages import Stream

# Counts that each sample format of the wire can hold.
FMT_RANGES = {
    "u8": (0, 255),
    "u16": (0, 65535),
    "u10in16": (0, 1023),
    "i16": (-(2**15), 2**15 - 1),
    "i24": (-(2**23), 2**23 - 1),
    "i32": (-(2**31), 2**31 - 1),
}

_MAX_RATE_HZ = 10_000.0  # above what 115200 baud or a full-speed USB serial port can carry for a body signal


class Layout(NamedTuple):
    """How a stream's samples lie in DATA."""

    fmt: str
    channels: int


def _number(item: Mapping[str, Any], key: str, default: float | None, low: float, high: float) -> float:
    value = item.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{key} must be a number from {low:g} to {high:g}, not {_short(value)}")
    return value


def _integer(item: Mapping[str, Any], key: str, default: int | None, low: int, high: int) -> int:
    value = _number(item, key, default, low, high)
    if value != int(value):
        raise ValueError(f"{key} must be a whole number, not {_short(value)}")
    return int(value)


def _text(item: Mapping[str, Any], key: str, default: str | None) -> str:
    value = item.get(key, default)
    if not isinstance(value, str) or len(value) > 100:
        raise ValueError(f"{key} must be a short text, not {_short(value)}")
    return value


def _short(value: object) -> str:
    return "missing" if value is None else repr(value)[:40]


def _rate_hz(item: Mapping[str, Any]) -> float:
    rate = item.get("rate")
    if isinstance(rate, list) and len(rate) == 2:
        pair = {"rate numerator": rate[0], "rate denominator": rate[1]}
        numerator = _number(pair, "rate numerator", None, 0, 2**32)
        rate = numerator / _number(pair, "rate denominator", None, 1e-9, 2**32)
    rate_hz = float(_number({"rate": rate}, "rate", None, 0, _MAX_RATE_HZ))
    if rate_hz <= 0.0:
        raise ValueError("rate must be above 0")
    return rate_hz


def _stream(item: object) -> tuple[Stream, Layout]:
    if not isinstance(item, dict):
        raise ValueError(f"a stream must be an object, not {_short(item)}")  # noqa: TRY004 one error for bad text
    fmt = _text(item, "fmt", None)
    if fmt not in FMT_RANGES:
        raise ValueError(f"fmt {fmt!r} is unknown; known are {', '.join(FMT_RANGES)}")
    low, high = FMT_RANGES[fmt]
    polarity = _text(item, "pol", "")
    if polarity and polarity[0] not in "+-":
        raise ValueError(f"pol must begin with + or -, not {polarity!r}")
    _integer(item, "n", 1, 1, 1000)
    stream = Stream(
        id=_integer(item, "id", None, 0, 255),
        kind=_text(item, "kind", None),
        rate_hz=_rate_hz(item),
        unit=_text(item, "unit", "1"),
        count_min=_integer(item, "min", low, -(2**31), 2**31 - 1),
        count_max=_integer(item, "max", high, -(2**31), 2**31 - 1),
        scale=float(_number(item, "scale", 1, -1e12, 1e12)),
        offset=float(_number(item, "off", 0, -1e12, 1e12)),
        polarity={"": 0, "+": 1, "-": -1}[polarity[:1]],
    )
    if not stream.kind:
        raise ValueError("kind is empty")
    if stream.count_min >= stream.count_max:
        raise ValueError(f"min {stream.count_min} is not below max {stream.count_max}")
    if stream.scale == 0.0:
        raise ValueError("scale is 0")
    return stream, Layout(fmt, _integer(item, "ch", 1, 1, 32))


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def parse_descriptor(text: bytes) -> tuple[dict[str, Any], dict[int, tuple[Stream, Layout]]]:
    """The descriptor and its streams by id; ValueError says what is wrong with it."""
    try:
        table = json.loads(text.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(table, dict) or table.get("p") != "bfs":
        raise ValueError('not an object with "p":"bfs"')
    items = table.get("streams")
    if not isinstance(items, list) or not items:
        raise ValueError("streams must be a list with one stream at least")
    streams = {stream.id: (stream, layout) for stream, layout in map(_stream, items)}
    if len(streams) < len(items):
        raise ValueError("two streams have the same id")
    return {key: _text(table, key, "") for key in ("dev", "sn", "fw")}, streams
