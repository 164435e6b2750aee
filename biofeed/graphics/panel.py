"""The author's panel as data: which sliders there are, where they lie, what they hold, what each drive moves.

Frames go in and come out with the held values in place. Nothing here draws: places are pixels from the window's top
left corner, times seconds of any clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from biofeed.bindings import SOURCES, Binding, Bindings, Shape
from biofeed.messages import DRIVES, LEVELS, TICKS_PER_S, ControlFrame
from biofeed.scene import Scene

SHAPES = tuple(name for name in SOURCES if name not in DRIVES + LEVELS)  # follow from the breath
DOUBLE_CLICK_S = 0.35
STILL_PX = 3  # a click is no drag
HOUR_MIN = 60.0
SEEDS = 24
WHEEL = 0.02  # of a slider's length for one notch
DESIGN = (1100, 720)  # px: a window of this size or more shows the panel at its own size
HIGHEST_ROW = 26.0  # px at that size: a taller window leaves the rest to the picture
LEAST_SCALE = 0.76  # below it letters cannot be read
_CLAUSE = re.compile(rf"^({'|'.join(SOURCES)}): (.+)$")


@dataclass(frozen=True, slots=True)
class Row:
    """One slider. A `told` one can only be read; `start` is where one stands that never runs by itself."""

    name: str
    group: str  # "body", "levels" or "world"
    about: str
    high: float = 1.0
    low: float = 0.0
    step: float = 0.0  # 0: any value
    told: bool = False
    start: float | None = None


_ABOUT = {
    "breath": "where the person's breath is: 0 empty, 1 full",
    "guide": "where the pacer invites it to be",
    "pulse": "a soft swell after each heart beat",
    "calm": "over minutes, against the person's own beginning",
    "coherence": "the order between heart and breath",
    "effort": "how much the guide asks beyond where the person is",
    "progress": "of the session; runs with the hour",
    "confidence": "trust in the body's signals; 0 asks nothing",
    "touch": "a soft swell after the one button",
    "exhale": "how long this exhale has gone on; follows the breath",
    "even": "how alike the last breaths were; follows the breath",
    "picture": "brightness, as the therapist turns it",
    "sound": "volume, as the therapist turns it",
    "intensity": "how rich the world is; low is still and dim",
    "cue": "of the voices that carry breath and guide",
    "density": "how much there is in the world",
    "load": "how much an interactive world asks",
}
ROWS = (
    *(Row(name, "body", _ABOUT.get(name, "")) for name in DRIVES),
    *(Row(name, "body", _ABOUT.get(name, ""), told=True) for name in SHAPES),
    *(Row(name, "levels", _ABOUT.get(name, "")) for name in (*LEVELS[2:], *LEVELS[:2])),
    Row("minute", "world", "of the hour: drag to another one", HOUR_MIN),
    Row("motion", "world", "0 is still; the person's comfort", start=1.0),
    Row("light", "world", "0 is for dark rooms and tired eyes", start=1.0),
    Row("seed", "world", "another one is another hour", SEEDS, 1.0, 1.0, start=1.0),
    Row("colours", "world", "safe with a colour-vision deficiency", step=1.0, start=0.0),
)
_ROWS = {row.name: row for row in ROWS}


@dataclass(frozen=True, slots=True)
class Wire:
    """One parameter that a source moves: a uniform, or a voice's knob; `key` finds its present value."""

    key: str
    name: str
    binding: Binding

    @property
    def text(self) -> str:
        """From where to where, and how."""
        told = f"{self.binding.low:g} to {self.binding.high:g}"
        if self.binding.integrate:
            told += " per s"
        if self.binding.curve != "linear":
            told += f", {self.binding.curve.replace('_', ' ')}"
        return told + (f", {self.binding.smooth_s:g} s" if self.binding.smooth_s else "")

    def part(self, value: float) -> float | None:
        """Where a value lies between low and high, 0..1; a running sum lies nowhere."""
        span = self.binding.high - self.binding.low
        return None if self.binding.integrate or span == 0.0 else min(1.0, max(0.0, (value - self.binding.low) / span))


def light_wires(scene: Scene, source: str) -> list[Wire]:
    """The uniforms that this source moves."""
    return [Wire(name, name, wire) for name, wire in scene.bindings.items() if wire.source == source]


def sound_wires(scene: Scene, source: str) -> list[Wire]:
    """The voices' knobs that this source moves."""
    return [wire for wire in _knobs(scene) if wire.binding.source == source]


def author_s_words(scene: Scene) -> dict[str, str]:
    """What the manifest's comments say that each source does: `# breath: the swell rises; guide: ...`, by source."""
    words: dict[str, str] = {}
    source = ""
    text = scene.files[scene.glsl_files[0]].partition("*/")[0]
    for line in text.splitlines():
        if not line.startswith("# "):
            source = ""
            continue
        for clause in line[2:].split(";"):
            found = _CLAUSE.match(clause.strip())
            if found:
                source = found[1]
                words[source] = f"{words[source]}; {found[2]}" if source in words else found[2]
            elif source:
                words[source] += f"; {clause.strip()}" if clause.startswith(" ") else f" {clause.strip()}"
    return words


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, px."""

    x: int
    y: int
    width: int
    height: int

    def holds(self, x: float, y: float) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies in a window; `scale` is that of letters and lines."""

    scale: float
    panel: Box
    card: Box  # where the mapping of one row may lie: as high as the panel
    rows: Mapping[str, Box]
    sliders: Mapping[str, Box]  # the track and some room round it
    headings: Mapping[str, int]  # group -> top, px
    foot: int  # top of the keys' lines, px


def layout(size: tuple[int, int]) -> Layout:
    """The panel at the right of a window of this width and height."""
    width, height = size
    scale = max(LEAST_SCALE, min(width / DESIGN[0], height / DESIGN[1]))

    def px(units: float) -> int:
        return round(units * scale)

    margin, pad = px(12), px(14)
    top, heading, foot = margin + pad + px(46), px(22), px(44)
    groups = list(dict.fromkeys(row.group for row in ROWS))
    around = top + heading * len(groups) + foot + pad
    each = min((height - margin - around) / len(ROWS), HIGHEST_ROW * scale)
    panel = Box(width - px(368) - margin, margin, px(368), round(around - margin + each * len(ROWS)))
    card = Box(panel.x - px(8) - px(306), margin, px(306), panel.height)
    rows: dict[str, Box] = {}
    headings: dict[str, int] = {}
    at = float(top)
    for group in groups:
        headings[group] = round(at)
        at += heading
        for row in (row for row in ROWS if row.group == group):
            rows[row.name] = Box(panel.x, round(at), panel.width, round(at + each) - round(at))
            at += each
    sliders = {name: Box(panel.x + pad + px(92), box.y, px(136), box.height) for name, box in rows.items()}
    return Layout(scale, panel, card, rows, sliders, headings, panel.y + panel.height - pad - foot + px(10))


class Panel:
    """What the author turned, and what the rows say; asked by the window's events, told by the frames."""

    def __init__(self, scene: Scene, size: tuple[int, int], start: Mapping[str, float] | None = None) -> None:
        """`start` is where rows stand at first: those of the world, and any other one is held there."""
        self.is_shown = True
        self.selected = "breath"  # its mapping is shown
        self.note = ""  # what is wrong with the world, in words
        self.aside = ""  # what else there is to say, for a while
        self.world = {row.name: row.start for row in ROWS if row.start is not None}
        self.held: dict[str, float] = {}
        for name, value in (start or {}).items():
            (self.world if name in self.world else self.held)[name] = value
        self._start = dict(self.world)
        self.values: dict[str, float] = {row.name: 0.0 for row in ROWS} | self.world
        self.jump_min: float | None = None  # the minute of the hour that was asked for; whoever goes there clears it
        self._dragged: str | None = None
        self._clicked: tuple[str, float] | None = None
        self._pressed_x = 0.0
        self._tick: int | None = None
        self.resize(size)
        self.set_scene(scene)

    def resize(self, size: tuple[int, int]) -> None:
        """The window has this width and height."""
        self.size = size
        self.layout = layout(size)

    def set_scene(self, scene: Scene) -> None:
        """From here on the mapping shown is this one's."""
        self.scene = scene
        self.words = author_s_words(scene)
        knobs = _knobs(scene)
        self._bindings = Bindings({**scene.bindings, **{wire.key: wire.binding for wire in knobs}})
        self._shape, self._tick = Shape(), None
        self.live: dict[str, float] = {}

    def hold(self, frame: ControlFrame) -> ControlFrame:
        """The frame with the held values in place; the rows then say what it says."""
        drive = replace(frame.drive, **{name: value for name, value in self.held.items() if name in DRIVES})
        levels = replace(frame.levels, **{name: value for name, value in self.held.items() if name in LEVELS})
        frame = replace(frame, drive=drive, levels=levels)
        self.values |= {name: getattr(drive, name) for name in DRIVES}
        self.values |= {name: getattr(levels, name) for name in LEVELS}
        passed_s = 0.0 if self._tick is None else max(0, frame.tick - self._tick) / TICKS_PER_S
        self.values |= self._shape(passed_s, drive.breath, drive.confidence)
        self.values["minute"] = frame.time_s / 60.0 % HOUR_MIN
        self._tick = frame.tick
        self.live = self._bindings(frame)
        return frame

    def is_held(self, name: str) -> bool:
        """True when the slider, and not the made-up session, says what this row is."""
        return name in self.held or name in self.world

    def part(self, name: str) -> float:
        """Where a row's value lies on its slider, 0..1."""
        row = _ROWS[name]
        return min(1.0, max(0.0, (self.values[name] - row.low) / (row.high - row.low)))

    def text(self, name: str) -> str:
        """A row's value in words."""
        value = self.values[name]
        if name == "minute":
            return f"{int(value):02d}:{int(value * 60.0) % 60:02d}"
        if name == "colours":
            return "safe" if value > 0.5 else "full"
        return f"{value:.0f}" if name == "seed" else f"{value:.2f}"

    def set(self, name: str, value: float) -> None:
        """Holds a row at a value, brought within its bounds; one that can only be read stays as it is."""
        row = _ROWS[name]
        if row.told:
            return
        value = min(row.high, max(row.low, value))
        if row.step:
            value = row.low + round((value - row.low) / row.step) * row.step
        self.values[name] = value
        if name == "minute":
            self.jump_min = value
        elif name in self.world:
            self.world[name] = value
        else:
            self.held[name] = value

    def free(self, name: str) -> None:
        """Lets a row run by itself again; one that never does goes back to where it began."""
        self.held.pop(name, None)
        if name in self.world:
            self.world[name] = self.values[name] = self._start[name]

    def free_all(self) -> None:
        """Lets every row of body and levels run by itself."""
        self.held.clear()

    def nudge(self, name: str, change: float) -> None:
        """Turns a row up or down by a part of its length."""
        row = _ROWS[name]
        change *= row.high - row.low
        self.set(name, self.values[name] + (max(row.step, abs(change)) * (1 if change > 0 else -1)))

    def press(self, x: float, y: float, button: int, now_s: float) -> bool:
        """A mouse button went down; True when it was meant for the panel."""
        if not self.is_shown or not self.layout.panel.holds(x, y):
            return False
        name = self._row_at(x, y)
        if name is None:
            return True
        self.selected = name
        if button == 3:
            self.free(name)
        elif button == 1:
            again = self._clicked and self._clicked[0] == name and now_s - self._clicked[1] < DOUBLE_CLICK_S
            self._clicked = None if again else (name, now_s)
            self._pressed_x = x
            if again:
                self.free(name)
            elif self.layout.sliders[name].holds(x, y):
                self._dragged = name
                self._drag(x)
        return True

    def move(self, x: float, y: float) -> bool:
        """The mouse moved; True when the panel follows it."""
        if not self.is_shown:
            return False
        if self._dragged:
            self._drag(x)
            if abs(x - self._pressed_x) > STILL_PX:
                self._clicked = None
            return True
        name = self._row_at(x, y)
        if name:
            self.selected = name
        return self.layout.panel.holds(x, y)

    def release(self) -> bool:
        """The mouse button came up; True when it ended a drag."""
        was, self._dragged = self._dragged, None
        return was is not None

    def wheel(self, x: float, y: float, notches: float) -> bool:
        """The wheel turned; True when it turned a slider."""
        name = self._row_at(x, y) if self.is_shown else None
        if name is None or _ROWS[name].told:
            return False
        self.nudge(name, WHEEL * notches)
        return True

    def key(self, name: str) -> bool:
        """A key went down, by pygame's name; True when it was the panel's."""
        if name in ("tab", "h"):
            self.is_shown = not self.is_shown
            self._dragged = None
        elif name == "r":
            self.free_all()
        else:
            return False
        return True

    @property
    def is_dragged(self) -> bool:
        """True while a slider is being moved."""
        return self._dragged is not None

    def _row_at(self, x: float, y: float) -> str | None:
        return next((name for name, box in self.layout.rows.items() if box.holds(x, y)), None)

    def _drag(self, x: float) -> None:
        row, box = _ROWS[str(self._dragged)], self.layout.sliders[str(self._dragged)]
        self.set(row.name, row.low + (x - box.x) / box.width * (row.high - row.low))


def _knobs(scene: Scene) -> list[Wire]:
    return [
        Wire(f"{index} {knob}", f"{voice.name}: {knob}", binding)
        for index, voice in enumerate(scene.soundscape.voices)
        for knob, binding in voice.bindings.items()
    ]
