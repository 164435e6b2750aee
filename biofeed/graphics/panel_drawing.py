"""The author's panel, painted with pygame's letters and laid over the finished picture; pixels from the top left."""

import warnings
from collections.abc import Callable
from typing import Any

import moderngl

from biofeed.graphics.context import Context
from biofeed.graphics.panel import ROWS, Box, Panel, Row, Wire, light_wires, sound_wires

EVERY_S = 1.0 / 15.0  # between two paintings, at least
WORDS_MOST = 2000  # every value that every row can show, in three colours
FAMILIES = "inter,segoeui,sfns,helveticaneue,notosans,opensans,cantarell,ubuntu,dejavusans,arial"
Colour = tuple[int, int, int, int]
GROUND: Colour = (11, 13, 18, 214)
EDGE: Colour = (40, 43, 50, 220)
CHOSEN: Colour = (255, 255, 255, 13)
TRACK: Colour = (255, 255, 255, 30)
BRIGHT: Colour = (229, 233, 239, 255)
PLAIN: Colour = (164, 171, 183, 255)
FAINT: Colour = (104, 112, 125, 255)
WRONG: Colour = (240, 178, 122, 255)
ACCENTS: dict[str, Colour] = {
    "body": (124, 205, 194, 255),
    "levels": (222, 187, 138, 255),
    "world": (171, 172, 229, 255),
}
KEYS = (
    "drag: hold   right click: let run   R: all run   Tab: hide",
    "Space: stop time   Return: touch   left, right: world",
)
_PLACE = """#version 330 core
uniform vec4 place;  // left, top, right, bottom in -1..1
out vec2 at;
void main() {
    at = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    gl_Position = vec4(mix(place.xy, place.zw, at), 0.0, 1.0);
}
"""
_LAY = """#version 330 core
uniform sampler2D sheet;
in vec2 at;
out vec4 color;
void main() { color = texture(sheet, at); }
"""


class Brush:
    """One transparent sheet to paint on, with letters of one scale; it remembers every word that it has set."""

    def __init__(self, pygame: Any) -> None:
        self._pygame = pygame
        pygame.font.init()
        with warnings.catch_warnings(action="ignore"):  # where fonts cannot be listed, pygame's own letters do
            self._path = pygame.font.match_font(FAMILIES)
        self._fonts: dict[int, Any] = {}
        self._words: dict[tuple[str, int, Colour], Any] = {}
        self._dots: dict[tuple[int, Colour, bool], Any] = {}
        self._ground: Any = None
        self._ground_size = (0, 0)
        self.scale = 1.0
        self.sheet: Any = None

    def begin(self, width: int, height: int, scale: float) -> None:
        """An empty sheet with round corners."""
        self.sheet = self._pygame.Surface((width, height), self._pygame.SRCALPHA)
        if len(self._words) > WORDS_MOST:
            self._words.clear()
        self.scale = scale
        self.sheet.blit(self._round_corners(width, height), (0, 0))

    def px(self, units: float) -> int:
        return round(units * self.scale)

    def font(self, units: float) -> Any:
        size = max(9, self.px(units))
        if size not in self._fonts:
            self._fonts[size] = self._pygame.font.Font(self._path, size)
        return self._fonts[size]

    def text(self, text: str, x: float, y: float, units: float, colour: Colour, right: bool = False) -> int:
        """Sets a line with its middle at `y`, from `x` on or up to `x`; gives its width."""
        key = text, self.font(units).get_height(), colour
        if key not in self._words:
            word = self.font(units).render(text, True, colour[:3])
            word.set_alpha(colour[3])
            self._words[key] = word
        word = self._words[key]
        width, height = word.get_size()
        self.sheet.blit(word, (round(x - width if right else x), round(y - height / 2)))
        return int(width)

    def fitted(self, text: str, units: float, width: float) -> str:
        """The text, cut where it would not fit."""
        font = self.font(units)
        if font.size(text)[0] <= width:
            return text
        while text and font.size(text + "...")[0] > width:
            text = text[:-1]
        return text.rstrip() + "..."

    def lines(self, text: str, units: float, width: float) -> list[str]:
        """The text in lines that fit."""
        font = self.font(units)
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if font.size(longer)[0] <= width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def bar(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A bar with its middle line at `y`."""
        if width >= 1.0:
            shape = self._pygame.Surface((round(width), max(1, round(height))), self._pygame.SRCALPHA)
            shape.fill(colour)
            self.sheet.blit(shape, (round(x), round(y - shape.get_height() / 2)))

    def dot(self, x: float, y: float, radius: float, colour: Colour, is_ring: bool = False) -> None:
        size = max(2, round(radius * 8))  # painted four times as large, then made small: soft edges
        key = size, colour, is_ring
        if key not in self._dots:
            large = self._pygame.Surface((size + 8, size + 8), self._pygame.SRCALPHA)
            large.fill((*colour[:3], 0))
            middle = (size + 8) // 2
            self._pygame.draw.circle(large, colour, (middle, middle), size // 2)
            if is_ring:
                self._pygame.draw.circle(large, (*GROUND[:3], 255), (middle, middle), size // 2 - 6)
            self._dots[key] = self._pygame.transform.smoothscale(large, ((size + 8) // 4, (size + 8) // 4))
        dot = self._dots[key]
        self.sheet.blit(dot, (round(x - dot.get_width() / 2), round(y - dot.get_height() / 2)))

    def _round_corners(self, width: int, height: int) -> Any:
        """The ground, painted twice as large for soft corners; kept for the next time."""
        key = width, height
        if key != self._ground_size:
            draw, large = self._pygame.draw, self._pygame.Surface((2 * width, 2 * height), self._pygame.SRCALPHA)
            large.fill((*GROUND[:3], 0))
            draw.rect(large, GROUND, large.get_rect(), border_radius=2 * self.px(12))
            draw.rect(large, EDGE, large.get_rect(), 2, border_radius=2 * self.px(12))
            self._ground_size, self._ground = key, self._pygame.transform.smoothscale(large, key)
        return self._ground


class Sheet:
    """A painted sheet as a texture over the picture; painted again when what it shows changes, now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._program = context.gl.program(vertex_shader=_PLACE, fragment_shader=_LAY)
        self._array = context.gl.vertex_array(self._program, [])
        self._texture: moderngl.Texture | None = None
        self._box: Box | None = None
        self._showed: Any = None
        self._painted_s = -EVERY_S

    def show(self, what: Any, now_s: float, paint: Callable[[], tuple[Box, bytes]]) -> None:
        """Lays the sheet over the picture; `paint` gives its place and RGBA bytes when `what` is not what it was."""
        if what != self._showed and now_s - self._painted_s >= EVERY_S:
            self._showed, self._painted_s = what, now_s
            box, data = paint()
            if self._texture is None or self._texture.size != (box.width, box.height):
                self._drop()
                self._texture = self._context.gl.texture((box.width, box.height), 4)
                self._texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            self._texture.write(data)
            self._box = box
        if self._texture is not None and self._box is not None:
            self._lay(self._texture, self._box)

    def close(self) -> None:
        self._drop()
        self._array.release()
        self._program.release()

    def _drop(self) -> None:
        if self._texture is not None:
            self._texture.release()
            self._texture = None

    def _lay(self, texture: moderngl.Texture, box: Box) -> None:
        gl, (width, height) = self._context.gl, self._context.size
        self._program["place"] = (
            2.0 * box.x / width - 1.0,
            1.0 - 2.0 * box.y / height,
            2.0 * (box.x + box.width) / width - 1.0,
            1.0 - 2.0 * (box.y + box.height) / height,
        )
        gl.enable(moderngl.BLEND)
        gl.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        texture.use(0)
        self._array.render(moderngl.TRIANGLE_STRIP, vertices=4)
        gl.disable(moderngl.BLEND)


class Drawing:
    """The panel, the card with one row's mapping, and what is wrong, over the picture of a context's screen."""

    def __init__(self, context: Context) -> None:
        import pygame  # noqa: PLC0415 - what draws without a screen must run where SDL cannot be loaded

        self._pygame = pygame
        self._context = context
        self._brushes = [Brush(pygame) for _ in range(3)]
        self._sheets = [Sheet(context) for _ in range(3)]

    def __call__(self, panel: Panel, target: moderngl.Framebuffer, now_s: float) -> None:
        """Draws it as it stands into the picture in `target`."""
        target.use()
        panel_sheet, card_sheet, note_sheet = self._sheets
        if panel.is_shown:
            rows = tuple((panel.text(row.name), round(panel.part(row.name) * 400)) for row in ROWS)
            state = (panel.size, panel.scene.title, panel.selected, tuple(sorted(panel.held)), rows)
            panel_sheet.show(state, now_s, lambda: self._panel(panel))
            wires = (*light_wires(panel.scene, panel.selected), *sound_wires(panel.scene, panel.selected))
            parts = tuple(round((wire.part(panel.live.get(wire.key, 0.0)) or 0.0) * 400) for wire in wires)
            card_sheet.show((panel.size, id(panel.scene), panel.selected, parts), now_s, lambda: self._card(panel))
        if panel.note or panel.aside:
            note_sheet.show((panel.size, panel.note, panel.aside), now_s, lambda: self._note(panel))

    def close(self) -> None:
        """Gives the GL objects back."""
        for sheet in self._sheets:
            sheet.close()

    def _bytes(self, brush: Brush) -> bytes:
        return bytes(self._pygame.image.tobytes(brush.sheet, "RGBA"))

    def _panel(self, panel: Panel) -> tuple[Box, bytes]:
        brush, places = self._brushes[0], panel.layout
        box, px = places.panel, brush.px
        brush.begin(box.width, box.height, places.scale)
        left, right = px(14), box.width - px(14)
        brush.text(panel.scene.title, left, px(24), 17, BRIGHT)
        brush.text(brush.fitted(panel.scene.mood, 11.5, right - left), left, px(45), 11.5, PLAIN)
        for group, y in places.headings.items():
            middle = y - box.y + px(13)
            brush.text(group.upper(), left, middle, 9.5, FAINT)
            if group == "body":
                brush.text("light", right - px(40), middle, 9.5, FAINT, right=True)
                brush.text("sound", right, middle, 9.5, FAINT, right=True)
        for row in ROWS:
            self._row(panel, row)
        for index, keys in enumerate(KEYS):
            brush.text(keys, left, places.foot - box.y + px(10 + 16 * index), 9.5, FAINT)
        return box, self._bytes(brush)

    def _row(self, panel: Panel, row: Row) -> None:
        brush, places = self._brushes[0], panel.layout
        px, box, track = brush.px, places.rows[row.name], places.sliders[row.name]
        middle = box.y - places.panel.y + box.height / 2
        is_held, accent = panel.is_held(row.name), ACCENTS[row.group]
        if row.name == panel.selected:
            brush.bar(px(6), middle, box.width - px(12), box.height, CHOSEN)
        name = FAINT if row.told else (BRIGHT if is_held or row.name == panel.selected else PLAIN)
        brush.text(row.name, px(14), middle, 12, name)
        x, part = track.x - places.panel.x, panel.part(row.name)
        brush.bar(x, middle, track.width, px(2.6), TRACK)
        fill = (*accent[:3], 255 if is_held else 110 if row.told else 165)
        if not row.step:
            brush.bar(x, middle, part * track.width, px(2.6), fill)
        if is_held:
            brush.dot(x + part * track.width, middle, px(10) / 2, accent)
        elif not row.told:
            brush.dot(x + part * track.width, middle, px(8) / 2, fill, is_ring=True)
        value_x = x + track.width + px(43)
        brush.text(panel.text(row.name), value_x, middle, 11, accent if is_held else PLAIN, right=True)
        right = box.width - px(14)
        for count, column in (
            (len(light_wires(panel.scene, row.name)), right - px(40) - px(8)),
            (len(sound_wires(panel.scene, row.name)), right - px(8)),
        ):
            if count:
                brush.text(str(count), column, middle, 11, PLAIN, right=True)

    def _card(self, panel: Panel) -> tuple[Box, bytes]:
        """What the chosen row moves; beside it, as high as it has to be."""
        brush, places = self._brushes[1], panel.layout
        row = next(row for row in ROWS if row.name == panel.selected)
        brush.scale = places.scale
        px, width = brush.px, places.card.width
        told = [(line, PLAIN) for line in brush.lines(row.about, 11, width - px(28))]
        said = brush.lines(panel.words.get(row.name, ""), 11, width - px(28))
        told += [(line, BRIGHT) for line in said if line]
        both = (("LIGHT", light_wires(panel.scene, row.name)), ("SOUND", sound_wires(panel.scene, row.name)))
        parts = [(heading, wires) for heading, wires in both if wires]
        line, each = px(16), px(30)
        height = px(42) + line * len(told) + sum(px(26) + each * len(wires) for _, wires in parts) + px(4)
        height = min(height, places.card.height)
        brush.begin(width, height, places.scale)
        accent = ACCENTS[row.group]
        brush.text(row.name, px(14), px(22), 14, accent)
        y = float(px(44))
        for text, colour in told:
            brush.text(text, px(14), y, 11, colour)
            y += line
        for heading, wires in parts:
            brush.text(heading, px(14), y + px(10), 9.5, FAINT)
            y += px(26)
            for wire in wires:
                self._wire(panel, wire, y, accent)
                y += each
        rows = places.rows[row.name]
        top = round(
            min(max(rows.y + rows.height / 2 - height / 2, places.card.y), places.card.y + places.card.height - height)
        )
        return Box(places.card.x, top, width, height), self._bytes(brush)

    def _wire(self, panel: Panel, wire: Wire, y: float, accent: Colour) -> None:
        brush = self._brushes[1]
        px, width = brush.px, panel.layout.card.width - brush.px(28)
        told = brush.font(10).size(wire.text)[0]
        brush.text(brush.fitted(wire.name, 11.5, width - told - px(10)), px(14), y, 11.5, BRIGHT)
        brush.text(wire.text, px(14) + width, y, 10, PLAIN, right=True)
        value = panel.live.get(wire.key, wire.binding.low)
        part = wire.part(value)
        if part is None:
            brush.text(f"at {value:.2f}", px(14), y + px(14), 10, accent)
        else:
            brush.bar(px(14), y + px(12), width, px(1.6), TRACK)
            brush.bar(px(14), y + px(12), part * width, px(1.6), (*accent[:3], 190))

    def _note(self, panel: Panel) -> tuple[Box, bytes]:
        """What is wrong, at the foot of the picture."""
        brush, places = self._brushes[2], panel.layout
        brush.scale = places.scale
        px = brush.px
        width = min(places.panel.x - 2 * px(12), px(560))
        lines = [(line, WRONG) for said in panel.note.splitlines() for line in brush.lines(said, 12, width - px(28))]
        lines = [*lines[:6], *((line, PLAIN) for line in brush.lines(panel.aside, 12, width - px(28)) if line)]
        height = px(22) + px(18) * len(lines)
        brush.begin(width, height, places.scale)
        for index, (line, colour) in enumerate(lines):
            brush.text(line, px(14), px(20) + px(18) * index, 12, colour)
        return Box(px(12), panel.size[1] - px(12) - height, width, height), self._bytes(brush)
