"""What the gallery's pictures are made of besides the worlds: small text, sheets of pictures, spectrograms.

Pictures are (height, width, 3) uint8, sRGB, the top row first; sound is (n, 2) at 48 kHz.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed.messages import SAMPLE_RATE_HZ

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

PAPER, INK, QUIET, RULE = (14, 17, 22), (224, 226, 222), (138, 146, 150), (52, 60, 68)
BREATH, GUIDE = (99, 185, 178), (221, 167, 95)
# From silence to loud: night, deep violet, rose, amber, pale; lightness rises evenly, so it reads in grey as well.
_STOPS = [(0.0, PAPER), (0.25, (44, 37, 92)), (0.5, (129, 54, 112)), (0.75, (221, 120, 84)), (1.0, (252, 236, 184))]

LOW_HZ, HIGH_HZ = 40.0, 12_000.0
RANGE_DB = 60.0  # below the loudest that is shown
TILT_DB = 3.0  # added per octave: what the ear hears as evenly full then looks evenly full
WINDOW, COLUMNS_PER_S = 16_384, 16
_LEFT, _TOP, _RIGHT, _STRIP, _GAP, _BELOW = 58, 10, 14, 62, 8, 26  # px


def save(path: Path, rgb: Bytes) -> None:
    """As a JPEG or PNG, by the ending."""
    surface = pygame.image.frombuffer(np.ascontiguousarray(rgb).tobytes(), rgb.shape[1::-1], "RGB")
    pygame.image.save(surface, str(path))


@cache
def _font(size_px: int) -> Any:
    pygame.font.init()
    return pygame.font.Font(None, size_px)


def write(rgb: Bytes, text: str, x: int, y: int, colour: Sequence[int] = QUIET, size_px: int = 20) -> None:
    """Puts text into the picture, in place; x, y is its upper left corner, a negative x its distance to the right."""
    drawn = _font(size_px).render(text, True, (255, 255, 255))
    cover = pygame.surfarray.array_alpha(drawn).T[:, :, None] / 255.0
    height, width = cover.shape[:2]
    x = x if x >= 0 else rgb.shape[1] + x - width
    part = rgb[y : y + height, x : x + width]
    part[:] = np.rint(part + (np.array(colour) - part) * cover[: part.shape[0], : part.shape[1]])


def sheet(pictures: Sequence[Bytes], columns: int, gap: int = 6) -> Bytes:
    """Pictures of one size in rows, on paper."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    made = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), PAPER, dtype=np.uint8)
    for k, picture in enumerate(pictures):
        y, x = gap + k // columns * (height + gap), gap + k % columns * (width + gap)
        made[y : y + height, x : x + width] = picture
    return made


def spectra(sound: Floats, columns_per_s: int = COLUMNS_PER_S, bands: int = 320) -> tuple[Floats, Floats]:
    """Centres of bands, Hz (bands,), evenly spaced in log frequency; the level in each, dB of full scale (bands, n)."""
    mono = sound.mean(axis=1)
    hop = SAMPLE_RATE_HZ // columns_per_s
    padded = np.pad(mono, WINDOW // 2)
    starts = np.arange(0, mono.size, hop)
    hz = LOW_HZ * (HIGH_HZ / LOW_HZ) ** ((np.arange(bands) + 0.5) / bands)
    # Low bands need long windows to be told apart; high ones short windows, so that what begins is seen to begin, and
    # the mean of some of them, because one short look at noise is chance.
    powers = []
    for size, low_hz, high_hz, looks in ((WINDOW, 0.0, 500.0, 1), (WINDOW // 4, 500.0, np.inf, 4)):
        window = np.hanning(size)
        power = np.zeros((starts.size, size // 2 + 1))
        for k in range(looks):
            shift = (WINDOW - size) // 2 + round((k - (looks - 1) / 2.0) * hop / looks)
            frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts + shift]
            power += np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 * (4.0 / window.sum() ** 2 / looks)
        wanted = hz[(hz >= low_hz) & (hz < high_hz)]
        half = (HIGH_HZ / LOW_HZ) ** (0.5 / bands)
        powers.append(_banded(power, np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE_HZ), wanted, half))
    return hz, 10.0 * np.log10(np.concatenate(powers) + 1e-14)


def _banded(power: Floats, bin_hz: Floats, hz: Floats, half: float) -> Floats:
    """Power (n, bins) summed up to each band's edges, between bins by a line: (bands, n)."""
    sums = np.cumsum(power, axis=1)
    ends = bin_hz + 0.5 * bin_hz[1]

    def until(edge_hz: Floats) -> Floats:
        return np.array([np.interp(edge_hz, ends, row) for row in sums])

    return np.asarray((until(hz * half) - until(hz / half)).T)


def coloured(x: Floats) -> Bytes:
    """0..1 as a colour of the map."""
    at = [stop for stop, _ in _STOPS]
    channels = [np.interp(x, at, [colour[c] for _, colour in _STOPS]) for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def spectrogram(sound: Floats, breath: Floats, guide: Floats, from_s: float) -> Bytes:
    """A minute of sound above the breath (0..1, evenly spaced over it) and the guide that went with it."""
    hz, level = spectra(sound)
    level = level + TILT_DB * np.log2(hz / 1000.0)[:, None]
    top = np.percentile(level, 99.9)
    image = coloured(np.clip(1.0 + (level - top) / RANGE_DB, 0.0, 1.0))[::-1]
    height, width = image.shape[:2]
    bottom = _TOP + height + _GAP + _STRIP
    made = np.full((bottom + _BELOW, _LEFT + width + _RIGHT, 3), PAPER, dtype=np.uint8)
    made[_TOP : _TOP + height, _LEFT : _LEFT + width] = image
    for mark_hz, text in ((50, "50 Hz"), (100, "100"), (200, "200"), (500, "500"), (1000, "1 k"), (2000, "2 k"),
                          (5000, "5 k"), (10000, "10 k")):  # fmt: skip
        y = _TOP + round(height * (1.0 - np.log(mark_hz / LOW_HZ) / np.log(HIGH_HZ / LOW_HZ)))
        made[y, _LEFT - 5 : _LEFT] = QUIET
        write(made, text, -(made.shape[1] - _LEFT + 9), y - 7)
    strip = slice(_TOP + height + _GAP, bottom)
    _curve(made[strip, _LEFT : _LEFT + width], breath, BREATH, filled=True)
    _curve(made[strip, _LEFT : _LEFT + width], guide, GUIDE, filled=False)
    write(made, "breath", -(made.shape[1] - _LEFT + 9), strip.start + 12, BREATH)
    write(made, "guide", -(made.shape[1] - _LEFT + 9), strip.start + 34, GUIDE)
    seconds = sound.shape[0] / SAMPLE_RATE_HZ
    for k in range(0, round(seconds) + 1, 10):
        x = _LEFT + min(width - 1, round(width * k / seconds))
        made[bottom : bottom + 4, x] = QUIET
        told = f"{int(from_s + k) // 60}:{int(from_s + k) % 60:02d}"
        write(made, told, x - 15 if k < seconds else x - 28, bottom + 7)
    return made


def _curve(part: Bytes, values: Floats, colour: Sequence[int], filled: bool) -> None:
    """A line of values 0..1, smooth between rows, and its area below."""
    height, width = part.shape[:2]
    at = np.interp(np.linspace(0.0, 1.0, 4 * width), np.linspace(0.0, 1.0, values.size), values)
    y = (height - 3.0) - at * (height - 6.0)
    rows = np.arange(height)[:, None]
    near = np.abs(rows - y[None, :]).reshape(height, width, 4)
    steep = np.abs(np.gradient(y)).reshape(width, 4) * 2.0
    cover = np.clip((1.6 if filled else 1.4) + steep - near, 0.0, 1.0).mean(axis=2)
    if filled:
        area = 0.22 * np.clip(rows - y[None, :], 0.0, 1.0).reshape(height, width, 4).mean(axis=2)
        cover = np.maximum(cover, area)
    part[:] = np.rint(part + (np.array(colour) - part.astype(float)) * cover[:, :, None])
