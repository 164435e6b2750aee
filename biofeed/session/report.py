"""The session's report: a History goes in, one self-contained HTML page comes out, for screen and paper.

It tells what was measured, how far it was trusted and why the loop did what it did; it judges nothing. What is not
known is written as such, with the reason.
"""

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from biofeed.messages import TICKS_PER_S
from biofeed.session import charts
from biofeed.session.capsule import clock_text
from biofeed.session.style import HATCH, STYLE
from biofeed.session.summary import (
    TRUST_AGE_S,
    TRUST_QUALITY,
    WITHIN_CYCLES,
    Bools,
    Floats,
    History,
    Signal,
    Summary,
    guide_cycles,
    mode_of,
    summarize,
)
from biofeed.session.wording import MEASURES, MOST_ROWS, date_text, length_text, longest, merged, table
from biofeed.signals.spectrum import COHERENCE_DEFINITION

__all__ = ["History", "report_html"]

MOST_BREAKS = 6  # that are told one by one


def report_html(history: History) -> str:
    """The page, UTF-8, under 2 MB for 90 minutes."""
    told = summarize(history)
    sections = (
        _header(history, told),
        _figures(told),
        _course(told),
        _guidance(told),
        _trust(told),
        _decisions(told),
        _measures(told),
        _cables(history),
        _minutes(told),
        _record(history),
    )
    title = f"biofeed: session of {escape(date_text(history.opening.started_utc))}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{HATCH}\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _header(history: History, told: Summary) -> str:
    opening = history.opening
    scenes = list(dict.fromkeys(frame.scene for frame in history.frames)) or [opening.scene]
    if opening.person is not None:
        body = f"simulated person ‘{escape(opening.person)}’: no human being was measured"
    else:
        body = "a person, not named in this record"
    facts = [
        ("When", escape(date_text(opening.started_utc))),
        ("Scene", escape(", then ".join(scenes))),
        ("Length", f"{clock_text(told.end_s)} min, of {clock_text(opening.duration_s)} min planned"),
        *([("Stood still", _breaks(history.breaks))] if history.breaks else []),
        ("How it ended", _ending(history, told)),
        ("Measured on", body),
        ("Sensors", escape(", ".join(opening.sensors)) or "none"),
        ("Hearing dose", _dose(history.week_part)),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    notice = (
        "biofeed is a relaxation and attention environment, software for research and education. It is not a medical "
        "device and not for monitoring, diagnosis or treatment. A breathing rate under a guide is paced: it is not a "
        "vital sign."
    )
    if opening.person is not None:
        notice = f"All numbers are from the simulated person ‘{escape(opening.person)}’. {notice}"
    return (
        f'<header><p class="over">biofeed session report</p><h1>{escape(" and ".join(scenes).capitalize())}</h1>'
        f'<p class="lead">{escape(date_text(opening.started_utc))}</p><p class="notice">{notice}</p>'
        f'<dl class="facts">{rows}</dl></header>'
    )


def _ending(history: History, told: Summary) -> str:
    why = next((span.text for span in told.decisions if mode_of(span.text) == "ending"), "").partition(":")[2].strip()
    if history.ended is None:
        return f"not known: the recording breaks off at {clock_text(told.end_s)}"
    return escape(why if history.ended == "ended" and why else history.ended + (f" ({why})" if why else ""))


def _breaks(breaks: Sequence[tuple[float, float]]) -> str:
    """When session time stood still: the machine slept, or a process had to be started again."""
    told = [f"at {clock_text(at_s)} for {length_text(max(1.0, for_s))}" for at_s, for_s in breaks[:MOST_BREAKS]]
    more = f", and {len(breaks) - len(told)} times more" if len(breaks) > len(told) else ""
    return f"{', '.join(told)}{more}; nothing was measured meanwhile, and no time is counted"


def _dose(week_part: float | None) -> str:
    if week_part is None:
        return "not known: the level at the ear was not calibrated"
    return f"{100.0 * week_part:.2g} % of a week’s allowance (80 dBA for 40 hours), by the calibration given"


def _figures(told: Summary) -> str:
    rate, pulse = told.spread("breaths_per_min"), told.spread("hr_bpm")
    within, of = told.within(told.led)
    shares = [("breath", told.breath.share), ("heart", told.heart.share)]
    known = [f"{name} {100.0 * share:.0f} %" for name, share in shares if share is not None]
    cells = [
        (
            f"{rate.median:.1f} <small>/min</small>" if rate else None,
            "breathing rate, median; paced while the guide leads",
        ),
        (f"{pulse.median:.0f} <small>/min</small>" if pulse else None, "heart rate, median; not for monitoring"),
        (f"{100.0 * within / of:.0f} <small>%</small>" if of else None, "of the breaths within the guide while it led"),
        (
            min(known, key=_percent).split()[1] + " <small>%</small>" if known else None,
            "trusted: " + (", ".join(known) or "no data"),
        ),
    ]
    figures = "".join(
        f'<div class="figure"><b{"" if value else " class=none"}>{value or "not known"}</b><span>{name}</span></div>'
        for value, name in cells
    )
    return f'<div class="figures">{figures}</div>'


def _percent(text: str) -> float:
    return float(text.split()[1])


def _course(told: Summary) -> str:
    """The whole session at a glance, three charts over one time axis."""
    if not told.end_s:
        return "<h2>The session over time</h2><p>Nothing was recorded before the session ended.</p>"
    starts, lengths = guide_cycles(told.onsets_s)
    rates = np.concatenate((told.values["breaths_per_min"], 60.0 / lengths))
    frame = charts.Frame(0.0, told.end_s, *_range(rates, 2.0, (4.0, 14.0)), 150.0)
    person = charts.Curve("breath", told.time_s, told.values["breaths_per_min"])
    line, breath_step_s = charts.curves(frame, [person])
    body = frame.doubt(told.time_s, told.breath.trusted) + frame.levels((1.0, 2.0, 5.0, 10.0)) + frame.times()
    body += charts.steps(frame, "guide", starts, lengths, 60.0 / lengths) + line
    breath = frame.svg("breathing rate of person and guide over time", body)
    frame = charts.Frame(0.0, told.end_s, *_range(told.values["hr_bpm"], 5.0, (55.0, 85.0)), 130.0)
    line, heart_step_s = charts.curves(frame, [charts.Curve("heart", told.time_s, told.values["hr_bpm"])])
    body = frame.doubt(told.time_s, told.heart.trusted) + frame.levels((5.0, 10.0, 20.0, 50.0)) + frame.times()
    heart = frame.svg("heart rate over time", body + line)
    frame = charts.Frame(0.0, told.end_s, 0.0, 1.0, 20.0)
    modes = merged((span.start_s, span.stop_s, mode_of(span.text)) for span in told.decisions)
    ribbon = frame.svg("what the loop did over time", charts.ribbon(frame, modes), 2.0)
    unknown = '<span class="key box">not trusted: nothing is drawn</span>'
    return (
        f"<h2>The session over time</h2><figure>{ribbon}<figcaption>What the loop did; the reasons stand further "
        f"below.</figcaption></figure><figure>{breath}<figcaption>"
        f'<span class="key breath">breathing rate, /min</span><span class="key guide">guide’s rate, '
        f"/min</span>{unknown}"
        f"{_thinned(breath_step_s)}</figcaption></figure><figure>{heart}<figcaption>"
        f'<span class="key heart">heart rate, /min</span>{unknown}{_thinned(heart_step_s)}</figcaption></figure>'
    )


def _guidance(told: Summary) -> str:
    every = np.ones(told.starts_s.shape, dtype=np.bool_)
    guided = told.within(every)[1]
    head = "<h2>Guide against person</h2>"
    if not guided:
        why = "no whole breath was measured" if not told.starts_s.size else "the guide asked for nothing"
        return f"{head}<p>Not known: {why}.</p>"
    shown = ~np.isnan(told.offsets)
    frame = charts.Frame(0.0, told.end_s, -0.5, 0.5, 110.0)
    top, bottom = frame.y_at(WITHIN_CYCLES), frame.y_at(-WITHIN_CYCLES)
    body = f'<rect class="within" x="{charts.LEFT_PX}" y="{top:.1f}" height="{bottom - top:.1f}" '
    body += f'width="{charts.WIDTH_PX - charts.LEFT_PX - charts.RIGHT_PX}"/>' + frame.levels((0.25,)) + frame.times()
    body += charts.dots(frame, told.starts_s[shown], told.offsets[shown], told.led[shown])
    rows = []
    for name, where in (("while the guide led", told.led), ("while it matched or followed the person", ~told.led)):
        within, of = told.within(where)
        relation = told.relation(where)
        if not of or relation is None:
            rows.append((name, "0", "not known: no such breath", "", ""))
            continue
        side = "after" if relation[0] >= 0.0 else "before"
        place = f"{100.0 * abs(relation[0]):.0f} % of a cycle {side} the guide"
        rows.append((name, str(of), f"{within} ({100.0 * within / of:.0f} %)", place, f"{relation[1]:.2f}"))
    return (
        f"{head}<p>Each dot is one breath: how far from the guide’s inhale the person’s inhale began, in "
        f"cycles of the guide; "
        f"above 0 it began later. Filled dots: the guide led. Open dots: the guide matched the person, so "
        f"their closeness "
        f"tells of the guide and not of the "
        f"person.</p><figure>{frame.svg('place of each breath in the guide’s cycle', body)}"
        f"<figcaption>The band is what counts as within the guide: a sixth of a cycle to either side. Breaths that had "
        f"nothing to do with the guide would fall in it one time in three.</figcaption></figure>"
        + table(("Breaths", "Number", "Within the guide", "Inhale began, on average", "Steadiness, 0 to 1"), rows)
        + f'<p class="small">Steadiness is the length of the mean phase vector: 1 when every breath keeps the '
        f"same place in "
        f"the guide’s cycle, near 0 when places are scattered. {_paced(told)}</p>"
    )


def _paced(told: Summary) -> str:
    led, own = told.spread("breaths_per_min", told.paced), told.spread("breaths_per_min", ~told.paced)
    texts = []
    for name, spread in (("while the guide led (paced, not a vital sign)", led), ("while it did not lead", own)):
        texts.append(f"{name} {spread.median:.1f}/min" if spread else f"{name} not known")
    return f"Median breathing rate: {'; '.join(texts)}."


def _trust(told: Summary) -> str:
    rows, bars = [], []
    for name, kind, signal in (("Breath", "breath", told.breath), ("Heart", "heart", told.heart)):
        bars.append(_bar(name, kind, signal))
        total: Counter[str] = Counter()
        times: Counter[str] = Counter()
        for span in signal.doubts:
            total[span.last] += round(span.length_s * 10)
            times[span.last] += 1
        most = total.most_common(12)
        rows += [(name, escape(text), f"{tenths / 10:.1f} s", str(times[text])) for text, tenths in most]
        if len(total) > len(most):
            rest = sum(total.values()) - sum(tenths for _, tenths in most)
            rows.append((name, f"{len(total) - len(most)} further reasons", f"{rest / 10:.1f} s", ""))
    text = (
        f"A value is trusted while its signal’s quality is at least {TRUST_QUALITY:g} of 1 and its last "
        f"usable sample is at most "
        f"{TRUST_AGE_S:g} s old. What is not trusted is neither drawn nor counted, and never filled in."
    )
    found = table(("Signal", "Why not", "In all", "Times"), rows) if rows else ""
    return f"<h2>Trusted time</h2><p>{text}</p>{''.join(bars)}{found}"


def _bar(name: str, kind: str, signal: Signal) -> str:
    share = signal.share
    if share is None:
        return f'<div class="bar"><span>{name}</span><span class="small">not known: there are no readings</span></div>'
    box = '<rect class="{}" x="{:.2f}" width="{:.2f}" height="12"/>'
    svg = box.format("rest", 100 * share, 100 - 100 * share) + box.format(kind, 0, 100 * share)
    svg = f'<svg viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{name}">{svg}</svg>'
    return f'<div class="bar"><span>{name}</span>{svg}<b>{100.0 * share:.1f} %</b></div>'


def _decisions(told: Summary) -> str:
    kept, note = longest(told.decisions)
    rows = []
    for span in kept:
        text = escape(span.text)
        if span.last != span.text:
            text += f'<br><span class="small">at the end: {escape(span.last)}</span>'
        rows.append((clock_text(span.start_s), length_text(span.length_s), text))
    found = table(("From", "For", "Reason, in the loop’s own words"), rows) if rows else "<p>It did not run.</p>"
    return f"<h2>What the loop did, and why</h2>{found}{note}"


def _measures(told: Summary) -> str:
    rows = []
    for name, title, unit, decimals, what, window in MEASURES:
        spread = told.spread(name)
        if spread:
            value = f"{spread.median:.{decimals}f} {unit}".strip()
            between = f"{spread.low:.{decimals}f} to {spread.high:.{decimals}f}"
        else:
            value, between = f"not known: {escape(_why_unknown(told.heart))}", ""
        rows.append((title, value, between, what, window))
    for title, where in (("Breathing rate, own", ~told.paced), ("Breathing rate, paced", told.paced)):
        spread = told.spread("breaths_per_min", where)
        what = "60 over the median length of the last three breaths; "
        what += "while the guide led: not a vital sign" if title.endswith("paced") else "while the guide did not lead"
        value = f"{spread.median:.1f} /min" if spread else "not known"
        if not spread:
            value += ": the guide did not lead" if title.endswith("paced") and not told.paced.any() else ""
            value += f": {escape(_why_unknown(told.breath))}" if value == "not known" else ""
        between = f"{spread.low:.1f} to {spread.high:.1f}" if spread else ""
        rows.append((title, value, between, what, "three breaths; known when a breath has ended"))
    heads = ("Measure", "Median", "90 % lie in", "What it is", "Window and delay")
    return (
        f"<h2>Measures</h2>{table(heads, rows)}"
        '<p class="small">All over the trusted time only. Measures of different software with the same name '
        "differ: compare "
        f"only what the same version has measured. Coherence here is {escape(COHERENCE_DEFINITION)}.</p>"
    )


def _why_unknown(signal: Signal) -> str:
    if not signal.trusted.size:
        return "there are no readings"
    longest = max(signal.doubts, key=lambda span: span.length_s, default=None)
    return longest.last if longest and not signal.trusted.all() else "its window was never filled"


def _cables(history: History) -> str:
    rows = [
        (clock_text(link.time_s), escape(link.device), escape(link.state.value.replace("_", " ")), escape(link.detail))
        for link in history.links[:MOST_ROWS]
    ]
    found = table(("At", "Sensor", "Cable", "Detail"), rows) if rows else "<p>No sensor was connected.</p>"
    left_out = len(history.links) - len(rows)
    note = f"{left_out} later changes are left out here. " if left_out else ""
    note += f"{history.faults} pieces of what the sensors sent could not be read and were left out."
    return f'<h2>Cables</h2>{found}<p class="small">{note}</p>'


def _minutes(told: Summary) -> str:
    if not told.end_s:
        return ""
    level = told.values["breath_level"]
    strips = []
    for start in np.arange(0.0, told.end_s, charts.STRIP_S).tolist():
        here, frames = _part(told.time_s, start), _part(told.frame_s, start)
        beats = told.beats_s[_part(told.beats_s, start)]
        strips.append(
            charts.strip(
                start,
                told.time_s[here],
                level[here],
                told.frame_s[frames],
                told.guide[frames],
                beats,
                told.breath.trusted[here],
            )
        )
    return (
        '<h2>Breath, minute by minute</h2><p class="small"><span class="key breath">where the breath was, '
        "empty to full, "
        'within the person’s recent range</span><span class="key guide">guide</span><span class="key heart">heart '
        f"beats</span><br>One minute a row; each point is the mean of {1.0 / charts.STRIP_RATE_HZ:.2f} s, and "
        f"a hole stays a "
        f'hole.</p><div class="strips">{"".join(strips)}</div>'
    )


def _record(history: History) -> str:
    opening = history.opening
    if history.recorded_digest is None or history.replayed_digest is None:
        equal = "not known: the session was not replayed"
    elif history.recorded_digest == history.replayed_digest:
        equal = "equal: this report’s replay gave the very same control frames as the session"
    else:
        equal = "different: this report’s replay did not give the recorded control frames"
    facts = [
        ("Software", f"biofeed {escape(opening.version)}"),
        ("Seed", f"<code>{opening.seed}</code>"),
        ("Ticks", f"{len(history.frames)} at {TICKS_PER_S} a second"),
        ("Recorded frames", f"<code>{escape(history.recorded_digest or 'not known')}</code>"),
        ("Replay", equal),
        (
            "Recording",
            escape(history.torn or "whole" if history.ended is not None or history.torn else "it breaks off"),
        ),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return (
        f'<footer><h2 style="margin-top:0">This record, and its limits</h2><dl class="facts">{rows}</dl>'
        '<p class="small">The numbers come from sensors on the skin or round the chest, through filters that '
        "take time; each "
        "is late by its window. They describe this session only and say nothing about a person’s health, "
        "fitness to leave "
        "or response to care. Two things that happen together here need not be cause and effect. Use only under your "
        "clinic’s own supervision; read vital signs from a device made for it.</p></footer>"
    )


def _part(time_s: Floats, start_s: float) -> Bools:
    return (time_s >= start_s) & (time_s < start_s + charts.STRIP_S)


def _range(values: Floats, step: float, usual: tuple[float, float]) -> tuple[float, float]:
    """A chart's range: what is known, in whole steps, at least `usual` where nothing else is known."""
    known = values[~np.isnan(values)]
    if not known.size:
        return usual
    low, high = float(np.floor(known.min() / step) * step), float(np.ceil(known.max() / step) * step)
    return max(0.0, low - step), high + step


def _thinned(step_s: float) -> str:
    return f"Each point is the mean of {step_s:.1f} s." if step_s > 0.1 else ""
