"""The person's own music, to lie under the cues: a file in, (frames, 2) blocks at 48 kHz out, calm and never ending.

It is read a little at a time by whoever asks for the next block (the sound process's render thread, never the audio
callback), brought to 48 kHz and to one loudness, comes in slowly, goes out slowly at its end, rests, and begins again.
The same file gives the same samples, however they are asked for.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed.errors import UsageError
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.fades import slopes
from biofeed.sound.kernel import kernel
from biofeed.sound.loudness import block_powers, gated_lufs

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
TARGET_LUFS = -26.0  # under the soundscape, which stands between -23 and -18
MOST_UP_DB = 12.0  # a very quiet recording is left quiet: more would raise its noise
MEASURED, STRETCH_S = 60, 3.0  # what is listened to at opening: three minutes, spread evenly over the whole
FADE_IN_S, FADE_OUT_S, REST_S = 10.0, 8.0, 20.0
BROKEN_FADE_S = 3.0  # before a place that cannot be decoded; so much is read ahead
RATES_HZ = (8_000, 192_000)
CHANNELS_MOST = 32
READ_FRAMES = 65_536  # 1.5 s at 44.1 kHz: a few milliseconds of decoding
# An MP3 crackles for a few of its own frames after a seek, and soundfile seeks after every read: each read begins so
# much earlier than it is needed from.
RUN_UP_FRAMES = 8 * 1152
PEAK_MOST = 8.0  # a float file may exceed full scale; what exceeds it so far is no sound
# The resampler: flat to 18 kHz (or 0.82 of the narrower band), nothing of the wider band's mirror left in the other.
PASS_HZ, PASS_SHARE = 18_000.0, 18_000.0 / 22_050.0
STOP_DB = 96.0
PHASES = 512  # filters between two source samples; straight lines between them are true to -106 dB
# Which side each channel goes to, in the order of WAV and FLAC (Left, Right, Centre, x for the bass channel, which is
# left out); channels behind the front pair enter 3 dB lower (ITU-R BS.775).
SIDES = {3: "LRC", 4: "LRLR", 5: "LRCLR", 6: "LRCxLR", 7: "LRCxCLR", 8: "LRCxLRLR"}
_LOWER = math.sqrt(0.5)


@kernel
def _resample(
    ring: Singles,  # (a power of two, 2): frame s of the source lies at s modulo its length
    filters: Floats,  # (phases + 1, taps)
    first: int,  # the output's first frame
    up: int,
    down: int,  # output frame k stands at k * down / up in the source
    out: Floats,  # (frames, 2)
) -> None:
    mask, phases, taps = ring.shape[0] - 1, filters.shape[0] - 1, filters.shape[1]
    for i in range(out.shape[0]):
        whole, rest = divmod((first + i) * down, up)
        at = rest * phases / up
        row = int(at)
        here, there, share = filters[row], filters[row + 1], at - row
        start = whole - taps // 2 + 1
        left, right = 0.0, 0.0
        for k in range(taps):
            weight = here[k] + share * (there[k] - here[k])
            frame = (start + k) & mask
            left += weight * ring[frame, 0]
            right += weight * ring[frame, 1]
        out[i, 0], out[i, 1] = left, right


class Resampler:
    """Any rate to 48 kHz by a windowed sinc at exact positions; frames in as they come, frames out as they are asked.

    The first frame out stands on the first frame in; before it and after the last one there is silence.
    """

    def __init__(self, rate_hz: int, ahead_frames: int = READ_FRAMES) -> None:
        """Holds at least `ahead_frames` of the source beyond what the next block out needs."""
        shared = math.gcd(rate_hz, SAMPLE_RATE_HZ)
        self.up, self.down = SAMPLE_RATE_HZ // shared, rate_hz // shared
        self._filters = _filters(rate_hz)
        self.half = int(self._filters.shape[1]) // 2
        size = 1 << (ahead_frames + 2 * self.half + 2 * READ_FRAMES + rate_hz // 10).bit_length()
        self._ring = np.zeros((size, 2), np.float32)
        self.n_in = self.n_out = 0

    def restart(self) -> None:
        """Forgets what came, and counts from nothing."""
        self._ring[:] = 0.0
        self.n_in = self.n_out = 0

    def needed(self, n_frames: int) -> int:
        """How many frames of the source must have come before `n_frames` more can go out."""
        return (self.n_out + n_frames - 1) * self.down // self.up + self.half + 1

    def push(self, block: Singles) -> None:
        """More of the source (frames, 2)."""
        size = len(self._ring)
        at = self.n_in % size
        head = min(len(block), size - at)
        self._ring[at : at + head] = block[:head]
        self._ring[: len(block) - head] = block[head:]
        self.n_in += len(block)

    def pull(self, n_frames: int) -> Floats:
        """The next (frames, 2) at 48 kHz; at most a twentieth of a second, and `needed` must have come."""
        out = np.empty((n_frames, 2))
        _resample(self._ring, self._filters, self.n_out, self.up, self.down, out)
        self.n_out += n_frames
        return out


class Music:
    """One file as an endless bed; call it with a number of frames.

    `about` says in a sentence what was found, for the operator.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file and measures its loudness. Raises UsageError when it cannot be played."""
        self._file = _open(path)
        rate_hz, channels = int(self._file.samplerate), int(self._file.channels)
        self._n_source = int(self._file.frames)
        self._matrix = _matrix(channels)
        found_lufs, is_whole = self._loudness(path, rate_hz)
        wanted_db = TARGET_LUFS - found_lufs if math.isfinite(found_lufs) else 0.0
        self.gain_db = min(MOST_UP_DB, wanted_db)
        self._gain = 10.0 ** (self.gain_db / 20.0)
        self._ahead = round(BROKEN_FADE_S * rate_hz)
        self._resampler = Resampler(rate_hz, self._ahead)
        self._n_out = -(-self._n_source * self._resampler.up // self._resampler.down)
        self._n_round = self._n_out + round(REST_S * SAMPLE_RATE_HZ)
        self._at = 0  # in the round
        self._n_good = self._n_source  # frames of the source until it breaks off
        self._is_broken = False
        minutes, seconds = divmod(round(self._n_source / rate_hz), 60)
        self.about = (
            f"{path.name}: {minutes} min {seconds} s at {rate_hz / 1000.0:g} kHz, "
            + ("mono" if channels == 1 else "stereo" if channels == 2 else f"{channels} channels")
            + (f", {found_lufs:.1f} LUFS " if math.isfinite(found_lufs) else ", silent ")
            + ("over the whole" if is_whole else f"over {MEASURED} stretches of {STRETCH_S:g} s")
            + f", played {abs(self.gain_db):.1f} dB {'louder' if self.gain_db > 0.0 else 'quieter'}"
        )

    def __call__(self, n_frames: int) -> Singles:
        """The next frames, (n_frames, 2); never raises: a file that breaks off fades out and stays silent."""
        out = np.zeros((n_frames, 2), np.float32)
        done = 0
        while done < n_frames:
            n = min(n_frames - done, self._n_round - self._at, SAMPLE_RATE_HZ // 20)
            sounding = min(n, self._n_out - self._at)
            if sounding > 0 and not (self._is_broken and self._at >= self._good_out):
                out[done : done + sounding] = self._sound(sounding)
            self._at += n
            done += n
            if self._at == self._n_round:
                self._begin_again()
        return out

    def close(self) -> None:
        self._file.close()

    def _sound(self, n_frames: int) -> Singles:
        needed = self._resampler.needed(n_frames) + self._ahead
        while self._resampler.n_in < needed:
            self._resampler.push(self._read())
        sound = self._resampler.pull(n_frames) * self._gain
        at = self._at + np.arange(n_frames)
        ways = [(at, FADE_IN_S), (self._n_out - at, FADE_OUT_S)]
        if self._is_broken:
            ways.append((self._good_out - at, BROKEN_FADE_S))
        for way, fade_s in ways:
            if way.min() < fade_s * SAMPLE_RATE_HZ:
                sound *= slopes(way / (fade_s * SAMPLE_RATE_HZ))[:, None]
        return np.asarray(sound, np.float32)

    @property
    def _good_out(self) -> int:
        return self._n_good * self._resampler.up // self._resampler.down

    def _read(self) -> Singles:
        """The next frames of the source; silence beyond its end, and where it cannot be decoded."""
        start = self._resampler.n_in
        wanted = min(READ_FRAMES, self._n_good - start)
        if wanted <= 0:
            return np.zeros((READ_FRAMES, 2), np.float32)
        block = _decoded(self._file, start, wanted, self._matrix)
        if len(block) < wanted:
            self._is_broken = True
            self._n_good = start + len(block)
        return block if len(block) else np.zeros((READ_FRAMES, 2), np.float32)

    def _begin_again(self) -> None:
        self._at = 0
        self._resampler.restart()
        if self._is_broken:
            self._n_good = 0

    def _loudness(self, path: Path, rate_hz: int) -> tuple[float, bool]:
        """LUFS, and whether all of the file was listened to; leaves the file at its beginning."""
        length = round(STRETCH_S * rate_hz)
        is_whole = self._n_source <= MEASURED * length
        if is_whole:
            starts = list(range(0, self._n_source, length))
        else:
            starts = [k * (self._n_source - length) // (MEASURED - 1) for k in range(MEASURED)]
        blocks = [np.zeros(0)]
        resampler = Resampler(rate_hz)
        for start in starts:
            wanted = min(length, self._n_source - start)
            stretch = _decoded(self._file, start, wanted, self._matrix)
            if len(stretch) < wanted:
                at_s = (start + len(stretch)) / rate_hz
                self._file.close()
                raise UsageError(f"{path} cannot be decoded at {at_s:.0f} s: it is damaged or cut short")
            resampler.restart()
            blocks.append(block_powers(_resampled(resampler, stretch)))
        return gated_lufs(np.concatenate(blocks)), is_whole


def _open(path: Path) -> Any:
    """The file, ready to be read. Raises UsageError with what is wrong with it."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such music file")
    try:  # loaded only for those who bring music
        import soundfile  # noqa: PLC0415
    except OSError as error:
        raise UsageError(f"{path} cannot be played: {error}") from error
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
        what = "is empty" if path.stat().st_size == 0 else "is not music that can be read (WAV, FLAC, OGG, MP3)"
        raise UsageError(f"{path} {what}") from error
    low, high = RATES_HZ
    if not low <= file.samplerate <= high:
        wrong = f"has {file.samplerate} samples a second; {low} to {high} can be played"
    elif file.channels > CHANNELS_MOST:
        wrong = f"has {file.channels} channels; at most {CHANNELS_MOST} can be played"
    elif file.frames <= 0:
        wrong = "holds no sound"
    elif not file.seekable():
        wrong = "cannot be played from its beginning again"
    else:
        return file
    file.close()
    raise UsageError(f"{path} {wrong}")


def _decoded(file: Any, start: int, n_frames: int, matrix: Singles) -> Singles:
    """That stretch, mixed to two channels; shorter where it cannot be decoded, or is no sound."""
    run_up = min(start, RUN_UP_FRAMES)
    try:
        file.seek(start - run_up)
        block = file.read(run_up + n_frames, dtype="float32", always_2d=True)[run_up:]
    except (RuntimeError, ValueError, OSError, MemoryError):  # soundfile's own is a RuntimeError
        return np.zeros((0, 2), np.float32)
    is_sound = (np.abs(block) <= PEAK_MOST).all(axis=1)
    if not is_sound.all():
        block = block[: int(np.argmin(is_sound))]
    return np.asarray(block @ matrix, np.float32)


def _matrix(channels: int) -> Singles:
    """Gains (channels, 2)."""
    if channels <= 2:
        return np.ones((1, 2), np.float32) if channels == 1 else np.eye(2, dtype=np.float32)
    gains = {"L": (1.0, 0.0), "R": (0.0, 1.0), "C": (1.0, 1.0), "x": (0.0, 0.0)}
    rows = np.array([gains[side] for side in SIDES.get(channels, "C" * channels)], np.float32)
    rows[2:] *= _LOWER
    return rows


def _filters(rate_hz: int) -> Floats:
    """The windowed sinc (phases + 1, taps) that takes that rate to 48 kHz; the frames themselves when it is 48 kHz."""
    if rate_hz == SAMPLE_RATE_HZ:
        return np.tile([1.0, 0.0], (PHASES + 1, 1))
    nyquist_hz = min(rate_hz, SAMPLE_RATE_HZ) / 2.0
    pass_hz = min(PASS_HZ, PASS_SHARE * nyquist_hz)
    # Length and shape by Kaiser's formulas for that attenuation over that transition.
    half = math.ceil((STOP_DB - 7.95) / (14.36 * (nyquist_hz - pass_hz) / rate_hz) / 2.0)
    cutoff = (nyquist_hz + pass_hz) / rate_hz
    t = np.arange(2 * half) - (half - 1) - np.arange(PHASES + 1)[:, None] / PHASES
    window = np.i0(0.1102 * (STOP_DB - 8.7) * np.sqrt(np.maximum(0.0, 1.0 - np.square(t / half))))
    filters = np.sinc(cutoff * t) * window
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def _resampled(resampler: Resampler, sound: Singles) -> Singles:
    """A whole stretch (frames, 2) at 48 kHz."""
    n_out = len(sound) * resampler.up // resampler.down
    out, given, step = [np.zeros((0, 2))], 0, SAMPLE_RATE_HZ // 20
    while resampler.n_out < n_out:
        n = min(step, n_out - resampler.n_out)
        while resampler.n_in < resampler.needed(n):
            block = sound[given : given + READ_FRAMES]
            given += len(block)
            resampler.push(block if len(block) else np.zeros((READ_FRAMES, 2), np.float32))
        out.append(resampler.pull(n))
    return np.concatenate(out).astype(np.float32)
