"""The report's small words and tables: spans, lengths and dates go in, markup and text for people come out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from biofeed.session.capsule import clock_text
from biofeed.session.summary import Span

MOST_ROWS = 120  # of one table; beyond it the shortest stretches are left out, and counted
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# (name in Features, what it is called, unit, decimals, what it is, its window and delay)
MEASURES = (
    (
        "hr_bpm",
        "Heart rate",
        "/min",
        0,
        "60 over the median time between beats",
        "8 s; follows a change after about 4 s",
    ),
    ("rmssd_ms", "RMSSD", "ms", 0, "root mean square of the differences between neighbouring beat intervals", "60 s"),
    ("sdnn_ms", "SDNN", "ms", 0, "standard deviation of the beat intervals", "120 s, at least 60 s"),
    ("pnn50", "pNN50", "", 2, "share of the differences between neighbouring beat intervals over 50 ms", "60 s"),
    (
        "lf_hf",
        "LF/HF",
        "",
        1,
        "slow (0.04 to 0.15 Hz) over fast (0.15 to 0.4 Hz) variation of the beat intervals; breathing under 9/min "
        "raises it by itself",
        "120 s",
    ),
    ("rsa_bpm", "Heart rate swing", "/min", 1, "highest minus lowest heart rate within one breath", "one breath"),
    (
        "coherence",
        "Coherence",
        "",
        2,
        "share of the heart rhythm’s variation at its strongest frequency between 0.04 and 0.26 Hz; 0 to 1, to be "
        "compared with itself only",
        "64 s; half of a change shows after about 45 s",
    ),
)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """`rows` are markup already."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td{' class=n' if len(cell) <= 14 else ''}>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def longest(spans: Sequence[Span]) -> tuple[list[Span], str]:
    if len(spans) <= MOST_ROWS:
        return list(spans), ""
    shortest_s = sorted((span.length_s for span in spans), reverse=True)[MOST_ROWS - 1]
    kept = [span for span in spans if span.length_s >= shortest_s][:MOST_ROWS]
    note = (
        f"{len(spans) - len(kept)} stretches of at most {shortest_s:.1f} s are left out here; the record "
        f"holds them all."
    )
    return kept, f'<p class="small">{note}</p>'


def merged(spans: Iterable[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    joined: list[tuple[float, float, str]] = []
    for start, stop, word in spans:
        if joined and joined[-1][2] == word:
            joined[-1] = (joined[-1][0], stop, word)
        else:
            joined.append((start, stop, word))
    return joined


def length_text(length_s: float) -> str:
    return f"{length_s:.0f} s" if length_s < 60.0 else f"{clock_text(length_s)} min"


def date_text(started_utc: str) -> str:
    """For people; as it stands when it is no date."""
    try:
        at = datetime.fromisoformat(started_utc)
    except ValueError:
        return started_utc
    at = at.astimezone(UTC) if at.tzinfo else at
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"
