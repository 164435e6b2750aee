"""Every error that biofeed raises on purpose; each message says what, where, and what to do.

BiofeedError            it failed: one sentence on standard error, exit code 1
+-- UsageError          it was called wrongly: exit code 2
|   `-- SettingError    a setting is unknown, of the wrong type or out of its bounds
+-- SceneError          a shader, manifest or soundscape is wrong; carries file and line
+-- SensorError         a port or device cannot be used
+-- CapsuleError        a session capsule cannot be read or written
+-- RecordingError      a recording for `biofeed analyze` cannot be used; names the file, and the line of a text
`-- OutputError         the picture, the sound or a file cannot be produced
"""

import difflib
from collections.abc import Iterable


class BiofeedError(Exception):
    """The base of the tree; `str(error)` is a sentence for the person at the keyboard."""

    exit_code = 1


class UsageError(BiofeedError):
    """The command was called wrongly."""

    exit_code = 2


class SettingError(UsageError):
    """A setting is unknown, of the wrong type or out of its bounds."""


class SceneError(BiofeedError):
    """A shader, its manifest or a soundscape is wrong.

    `file` is a name for people (`tide.frag`), `line` counts from 1 (0 when the whole file is meant).
    """

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}" if line else f"{file}: {what}")
        self.file = file
        self.line = line


class SensorError(BiofeedError):
    """A port or device cannot be used."""


class CapsuleError(BiofeedError):
    """A session capsule cannot be read or written."""


class RecordingError(BiofeedError):
    """A recording cannot be used; the message names the file, and the line where there is one."""


class OutputError(BiofeedError):
    """The picture, the sound or a file cannot be produced."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what was probably meant: `; did you mean u_swell?`, or all that is known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(names)}" if names else ""
