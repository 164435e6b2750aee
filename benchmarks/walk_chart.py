"""The chart of a walk through an hour, as an SVG of its own: mean colours, three curves, and ten minutes compared."""

from collections.abc import Sequence
from html import escape

import drawing
import numpy as np
import numpy.typing as npt

from biofeed.graphics import measures

Floats = npt.NDArray[np.float64]

WIDTH, LEFT, PLOT, RIGHT = 960, 92, 620, 248  # px; at the right, the squares
STRIP, ROW, GAP, TOP, BELOW = 34, 66, 16, 40, 28
STRIP_STEPS = 3  # of 10 s to one piece of the strip
CELL = 31


def _hex(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in colour)


STYLE = (
    f"text{{font:12px system-ui,'Segoe UI','Helvetica Neue','DejaVu Sans',Arial,sans-serif;fill:{_hex(drawing.QUIET)}}}"
    f".title{{font-size:15px;fill:{_hex(drawing.INK)}}}.line{{fill:none;stroke-width:1.5;stroke-linejoin:round}}"
    f".rule{{stroke:{_hex(drawing.RULE)};fill:none}}.n{{font-size:11px;text-anchor:middle}}"
)


def chart(
    title: str,
    step_s: float,
    colour: Floats,
    luminance: Floats,
    centroid_hz: Floats,
    flux_db_per_s: Floats,
    alike: Floats,
) -> str:
    """One world: `colour` (n, 3) in OKLab and three curves (n,) every `step_s`; the likeness of its parts (k, k)."""
    height = TOP + STRIP + 3 * (ROW + GAP) + BELOW
    minutes = luminance.size * step_s / 60.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)} over {minutes:g} minutes"><style>{STYLE}</style>',
        f'<rect width="{WIDTH}" height="{height}" fill="{_hex(drawing.PAPER)}"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        _strip(colour),
    ]
    rows: list[tuple[str, str, Floats, bool, Sequence[int]]] = [
        ("luminance", "", luminance, False, (214, 205, 170)),
        ("centroid", " Hz", centroid_hz, True, drawing.GUIDE),
        ("rise of bands", " dB/s", flux_db_per_s, False, drawing.BREATH),
    ]
    for k, (name, unit, values, is_log, stroke) in enumerate(rows):
        parts.append(_row(TOP + STRIP + GAP + k * (ROW + GAP), name, unit, values, is_log, stroke))
    foot = TOP + STRIP + 3 * (ROW + GAP)
    for minute in range(0, round(minutes) + 1, 10):
        x = LEFT + PLOT * minute / minutes
        parts.append(f'<path class="rule" d="M{x:.1f} {TOP + STRIP + GAP}V{foot + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 19}" text-anchor="middle">{minute} min</text>')
    parts.append(_squares(alike))
    return "\n".join([*parts, "</svg>", ""])


def _strip(colour: Floats) -> str:
    """Mean colours, all brightened alike so that they are seen in a small strip."""
    light = _from_oklab(colour)
    light = measures.encoded(np.clip(light * (0.16 / max(float(light.mean()), 1e-6)), 0.0, 1.0))
    n = colour.shape[0]
    pieces = []
    for k in range(0, n, STRIP_STEPS):
        x, wide = LEFT + PLOT * k / n, PLOT * STRIP_STEPS / n + 0.6
        fill = _hex(light[k : k + STRIP_STEPS].mean(axis=0).tolist())
        pieces.append(f'<rect x="{x:.1f}" y="{TOP}" width="{wide:.1f}" height="{STRIP}" fill="{fill}"/>')
    return f'<text x="{LEFT - 10}" y="{TOP + 21}" text-anchor="end">mean colour</text>' + "".join(pieces)


def _from_oklab(lab: Floats) -> Floats:
    """Linear light of OKLab: the way back of `measures.oklab`, found from the same matrices."""
    return np.asarray((lab @ np.linalg.inv(measures.TO_LAB).T) ** 3 @ np.linalg.inv(measures.TO_CONES).T)


def _row(top: int, name: str, unit: str, values: Floats, is_log: bool, stroke: Sequence[int]) -> str:
    """One curve with its least and greatest value at the left."""
    low, high = float(values.min()), float(values.max())
    shown = np.log(values) if is_log else values
    ends = (np.log(low), np.log(high)) if is_log else (low, high)
    y = top + ROW - (shown - ends[0]) / max(ends[1] - ends[0], 1e-9) * ROW
    x = LEFT + PLOT * (np.arange(values.size) + 0.5) / values.size
    points = " ".join(f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return (
        f'<text x="{LEFT - 10}" y="{top + 10}" text-anchor="end">{_told(high)}{unit}</text>'
        f'<text x="{LEFT - 10}" y="{top + ROW / 2 + 4:g}" text-anchor="end" fill="{_hex(stroke)}" '
        f'style="fill:{_hex(stroke)}">{name}</text>'
        f'<text x="{LEFT - 10}" y="{top + ROW}" text-anchor="end">{_told(low)}{unit}</text>'
        f'<path class="line" stroke="{_hex(stroke)}" d="M{points}"/>'
    )


def _told(value: float) -> str:
    return f"{value:.3f}" if value < 1.0 else f"{value:.1f}" if value < 20.0 else f"{value:.0f}"


def _squares(alike: Floats) -> str:
    """How alike the ten-minute parts are, each with each; the diagonal is each with itself."""
    n = alike.shape[0]
    left, top = WIDTH - RIGHT + 56, TOP + 18
    parts = [f'<text x="{left}" y="{TOP + 4}">likeness of ten minutes</text>']
    for one in range(n):
        parts.append(f'<text x="{left - 6}" y="{top + CELL * one + 19}" text-anchor="end">{10 * one}</text>')
        parts.append(f'<text class="n" x="{left + CELL * (one + 0.5)}" y="{top + CELL * n + 15}">{10 * one}</text>')
        for other in range(n):
            value = round(float(alike[one, other]), 1) + 0.0  # minus nought is nought
            fill = _hex(drawing.coloured(np.array(0.1 + 0.75 * max(0.0, value))).tolist())
            x, y = left + CELL * other, top + CELL * one
            parts.append(f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{fill}"/>')
            if one != other:
                ink = _hex(drawing.PAPER if value > 0.55 else drawing.INK)
                middle = x + (CELL - 1) / 2
                parts.append(f'<text class="n" x="{middle:g}" y="{y + 19}" style="fill:{ink}">{value:.1f}</text>')
    return "".join(parts)
