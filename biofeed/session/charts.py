"""Curves for the report, as inline SVG without scripts: numbers over session time go in, markup comes out.

What is not known (NaN) stays a hole in the curve, however far the curve is thinned out: two points are joined only when
every sample of both is known and no time is missing between them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from biofeed.session.capsule import clock_text

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WIDTH_PX = 720
LEFT_PX, RIGHT_PX = 40, 6
MOST_POINTS = 900  # more than the chart has pixels on A4
STRIP_S, STRIP_PX, STRIP_RATE_HZ = 60.0, 40, 6.0  # 14 points in the fastest breath that is shown, at 25/min
GRAIN = 10  # coordinates are whole tenths of a pixel: short to write


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A thinned curve: points, whether each continues the one before, and how much time one stands for."""

    time_s: Floats
    values: Floats
    joined: Bools
    step_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line of a chart; `kind` is its class in the style sheet."""

    kind: str
    time_s: Floats
    values: Floats


def thin(time_s: Floats, values: Floats, most: int = MOST_POINTS) -> Points:
    """At most `most` points, each the mean of the known ones among as many neighbours."""
    size = max(1, math.ceil(values.size / most))
    if not values.size:
        return Points(values, values, np.zeros(0, dtype=np.bool_), 0.0)
    at = np.arange(0, values.size, size)
    known = ~np.isnan(values)
    n_known, n_all = np.add.reduceat(known.astype(np.int64), at), np.diff(at, append=values.size)
    whole = n_known == n_all
    steps = np.diff(time_s)
    usual_s = float(np.median(steps)) if steps.size else 0.0
    near = np.ones(at.size, dtype=np.bool_)
    near[1:] = steps[at[1:] - 1] <= 3.0 * usual_s
    joined = np.zeros(at.size, dtype=np.bool_)
    joined[1:] = whole[1:] & whole[:-1] & near[1:]
    some = n_known > 0
    count = np.maximum(n_known, 1)
    time = np.add.reduceat(np.where(known, time_s, 0.0), at) / count
    mean = np.add.reduceat(np.where(known, values, 0.0), at) / count
    return Points(time[some], mean[some], joined[some], size * usual_s)


def runs(joined: Bools) -> Iterator[tuple[int, int]]:
    """Start and stop of every stretch of joined points."""
    starts = np.flatnonzero(~joined)
    stops = [*starts[1:].tolist(), joined.size] if starts.size else []
    yield from zip(starts.tolist(), stops, strict=True)


def line(points: Points, x: Floats, y: Floats, base: float | None = None) -> tuple[str, str]:
    """Path data of the curve (a lone point becomes a dot) and, given a base line, of the areas under it."""
    xs, ys = np.rint(x * GRAIN).astype(np.int64).tolist(), np.rint(y * GRAIN).astype(np.int64).tolist()
    strokes, areas = [], []
    for start, stop in runs(points.joined):
        steps = " ".join(f"{xs[k] - xs[k - 1]} {ys[k] - ys[k - 1]}" for k in range(start + 1, stop))
        strokes.append(f"M{xs[start]} {ys[start]}l{steps or '0 0'}")
        if base is not None and steps:
            floor = round(base * GRAIN)
            areas.append(f"M{xs[start]} {floor}V{ys[start]}l{steps}V{floor}z")
    return "".join(strokes), "".join(areas)


def nice_step(span: float, most: int, steps: Sequence[float]) -> float:
    """The smallest of `steps` that cuts the span into at most `most` pieces."""
    return next((step for step in steps if span / step <= most), steps[-1])


class Frame:
    """The space of one chart: time to the right, a range of values upward."""

    def __init__(self, start_s: float, stop_s: float, low: float, high: float, height_px: float) -> None:
        self.start_s, self.stop_s, self.low, self.high = start_s, max(stop_s, start_s + 1.0), low, high
        self.height_px = height_px

    def x(self, time_s: Floats) -> Floats:
        return LEFT_PX + (time_s - self.start_s) / (self.stop_s - self.start_s) * (WIDTH_PX - LEFT_PX - RIGHT_PX)

    def y(self, values: Floats) -> Floats:
        return self.height_px - (np.clip(values, self.low, self.high) - self.low) / (self.high - self.low) * (
            self.height_px - 4.0
        )

    def x_at(self, time_s: float) -> float:
        return float(self.x(np.float64(time_s)))  # type: ignore[arg-type]  # one number is an array, too

    def y_at(self, value: float) -> float:
        return float(self.y(np.float64(value)))  # type: ignore[arg-type]  # one number is an array, too

    def times(self) -> str:
        """The time axis, below the chart."""
        step = nice_step(self.stop_s - self.start_s, 10, (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0))
        marks = []
        for k in range(math.floor((self.stop_s - self.start_s) / step) + 1):
            x = self.x_at(self.start_s + k * step)
            where = "start" if k == 0 else "end" if x > WIDTH_PX - 14 else "middle"
            told = clock_text(self.start_s + k * step)
            marks.append(f'<text x="{x:.1f}" y="{self.height_px + 14:.0f}" text-anchor="{where}">{told}</text>')
        return "".join(marks)

    def levels(self, steps: Sequence[float], most: int = 4) -> str:
        """Quiet lines across, with their values at the left."""
        step = nice_step(self.high - self.low, most, steps)
        marks = []
        for k in range(math.ceil(self.low / step), math.floor(self.high / step + 1e-9) + 1):
            y = self.y_at(k * step)
            marks.append(f'<path class="rule" d="M{LEFT_PX} {y:.1f}H{WIDTH_PX - RIGHT_PX}"/>')
            marks.append(f'<text x="{LEFT_PX - 7}" y="{y + 3.5:.1f}" text-anchor="end">{k * step:g}</text>')
        return "".join(marks)

    def doubt(self, time_s: Floats, trusted: Bools) -> str:
        """Hatching where the signal is not trusted, also where there was none."""
        boxes = [[float(LEFT_PX), float(WIDTH_PX - RIGHT_PX)]] if not time_s.size else []
        edges = np.flatnonzero(np.diff(trusted.astype(np.int8))) + 1
        xs = self.x(np.append(time_s, min(self.stop_s, time_s[-1]) if time_s.size else 0.0))
        starts = np.append(0, edges)[: time_s.size]
        for start, stop in zip(starts.tolist(), [*edges.tolist(), time_s.size], strict=False):
            if trusted[start]:
                continue
            left, right = float(xs[start]), max(float(xs[start]) + 0.7, float(xs[stop]))
            if boxes and left - boxes[-1][1] < 0.5:
                boxes[-1][1] = right
            else:
                boxes.append([left, right])
        rect = '<rect class="doubt" x="{:.1f}" y="0" width="{:.1f}" height="{:g}"/>'
        return "".join(rect.format(left, right - left, self.height_px) for left, right in boxes)

    def svg(self, label: str, body: str, below_px: float = 20.0) -> str:
        """The finished picture; `label` says to those who cannot see it what it shows."""
        size = f"0 0 {WIDTH_PX} {self.height_px + below_px:g}"
        return f'<svg viewBox="{size}" role="img" aria-label="{escape(label)}">{body}</svg>'


def curves(frame: Frame, lines: Sequence[Curve]) -> tuple[str, float]:
    """The lines' markup, and the time that a point stands for, s."""
    drawn, step_s = [], 0.0
    for curve in lines:
        points = thin(curve.time_s, curve.values)
        strokes, _ = line(points, frame.x(points.time_s), frame.y(points.values))
        drawn.append(f'<path class="line {curve.kind}" d="{strokes}"/>' if strokes else "")
        step_s = max(step_s, points.step_s)
    return f'<g transform="scale({1 / GRAIN})">{"".join(drawn)}</g>', step_s


def steps(frame: Frame, kind: str, starts_s: Floats, lengths_s: Floats, values: Floats) -> str:
    """Values that hold for a while each, as flat pieces; pieces that touch are connected."""
    pieces: list[str] = []
    stop_s = -math.inf
    for start, length, value in zip(starts_s.tolist(), lengths_s.tolist(), values.tolist(), strict=True):
        y = frame.y_at(value)
        is_next = abs(start - stop_s) < 0.05
        pieces.append(f"V{y:.1f}" if is_next else f"M{frame.x_at(start):.1f} {y:.1f}")
        stop_s = start + length
        pieces.append(f"H{frame.x_at(stop_s):.1f}")
    return f'<path class="line {kind}" d="{"".join(pieces)}"/>' if pieces else ""


def dots(frame: Frame, time_s: Floats, values: Floats, filled: Bools) -> str:
    """One small mark per value, open or filled."""
    return "".join(
        f'<circle class="{"dot" if full else "ring"}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
        for x, y, full in zip(frame.x(time_s).tolist(), frame.y(values).tolist(), filled.tolist(), strict=True)
    )


def strip(
    start_s: float, time_s: Floats, level: Floats, frame_s: Floats, guide: Floats, beats_s: Floats, trusted: Bools
) -> str:
    """One minute of breath: the person's level as an area, the guide as a line, heart beats as ticks below."""
    frame = Frame(start_s, start_s + STRIP_S, 0.0, 1.0, STRIP_PX)
    most = int(STRIP_S * STRIP_RATE_HZ)
    person, invited = thin(time_s, level, most), thin(frame_s, guide, most)
    strokes, areas = line(person, frame.x(person.time_s), frame.y(person.values), STRIP_PX)
    other, _ = line(invited, frame.x(invited.time_s), frame.y(invited.values))
    ticks = "".join(f"M{x:.1f} {STRIP_PX + 2}v4" for x in frame.x(beats_s).tolist())
    doubt = frame.doubt(time_s, trusted) if time_s.size else ""
    until = frame.x_at(float(frame_s[-1]) if frame_s.size else start_s)
    body = (
        f'<text x="0" y="{STRIP_PX - 1}">{clock_text(start_s)}</text>{doubt}'
        f'<path class="rule" d="M{LEFT_PX} {STRIP_PX}H{until:.1f}"/><g transform="scale({1 / GRAIN})">'
        f'<path class="area" d="{areas}"/><path class="line breath" d="{strokes}"/>'
        f'<path class="line guide thin" d="{other}"/></g><path class="beats" d="{ticks}"/>'
    )
    return frame.svg(f"breath and guide from {clock_text(start_s)}", body, 8.0)


def ribbon(frame: Frame, spans: Sequence[tuple[float, float, str]]) -> str:
    """What held when, as a row of boxes with their words where these fit."""
    boxes = []
    for start, stop, word in spans:
        x, width = frame.x_at(start), frame.x_at(stop) - frame.x_at(start)
        boxes.append(f'<rect class="mode {escape(word)}" x="{x:.1f}" y="1" width="{max(width, 0.4):.1f}" height="18"/>')
        if width > 6.2 * len(word) + 6:
            boxes.append(
                f'<text class="word" x="{x + width / 2:.1f}" y="14" text-anchor="middle">{escape(word)}</text>'
            )
    return "".join(boxes)
