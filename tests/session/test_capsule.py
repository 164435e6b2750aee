"""The capsule's reader: any entries come back as they were, and no cut or flipped byte goes unnoticed."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.errors import CapsuleError
from biofeed.messages import Command, ControlFrame, Drive, Levels, LinkChanged, LinkState, Received
from biofeed.session.capsule import (
    END,
    TICKS,
    Capsule,
    Opening,
    Tick,
    digest_of,
    end_payload,
    frames_digest,
    opening_bytes,
    record,
    ticks_payload,
)

OPENING = Opening(
    started_utc="2026-03-02T09:30:00+00:00",
    seed=7,
    scene="tide",
    duration_s=60.0,
    settings={"engine": {"pacer": {"start_per_min": 6.5}}, "names": ["a", "b"]},
    sensors=("/dev/ttyACM0",),
    person="calm",
)
FILES = {
    "tide.frag": "// tide\nvoid main() {}\n",
    "lib/noise.glsl": "float n;\r\n",
    "tide.toml": "title = 'Flut – é'\n",
}

times = st.floats(0.0, 1e5)
texts = st.text(st.characters(), max_size=12)
entries = st.one_of(
    st.builds(Received, texts, times, st.binary(max_size=300)),
    st.builds(LinkChanged, texts, times, st.sampled_from(LinkState), texts),
    st.builds(Command, st.integers(0, 1 << 40), texts, st.one_of(st.none(), texts, times)),
)
some_ticks = st.lists(st.tuples(st.lists(entries, max_size=4), st.binary(min_size=8, max_size=8)), max_size=12).map(
    lambda rows: [Tick(tick, tuple(row[0]), row[1]) for tick, row in enumerate(rows)]
)


def log_of(batches: Sequence[Sequence[Tick]], ended: str | None = "stop") -> bytes:
    """A log with one record per batch."""
    log = b"".join(record(TICKS, ticks_payload(batch)) for batch in batches)
    ticks = [tick for batch in batches for tick in batch]
    if ended is not None:
        last = ticks[-1].tick if ticks else None
        log += record(END, end_payload(ended, last, len(ticks), frames_digest(tick.digest for tick in ticks)))
    return log


def write(folder: Path, log: bytes, opening: Opening = OPENING) -> Path:
    """A capsule made by hand."""
    for name, text in FILES.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(text.encode())
    (folder / "capsule.json").write_bytes(opening_bytes(opening, FILES))
    (folder / "log.bin").write_bytes(log)
    return folder


def batches_of(n_batches: int, size: int) -> list[list[Tick]]:
    ticks = [
        Tick(k, (Received("sensor0", k / 60, bytes([k % 256]) * (k % 7)),) if k % 2 else (), k.to_bytes(8, "little"))
        for k in range(n_batches * size)
    ]
    return [ticks[k * size : (k + 1) * size] for k in range(n_batches)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "capsule"


@settings(max_examples=80, deadline=None)
@given(ticks=some_ticks, cut=st.integers(0, 12), ended=st.one_of(st.none(), texts))
def test_all_that_is_written_is_read_again_however_it_was_cut_into_records(
    ticks: list[Tick], cut: int, ended: str | None
) -> None:
    with tempfile.TemporaryDirectory() as place:
        capsule = Capsule.open(write(Path(place), log_of([ticks[:cut], ticks[cut:]], ended)))
        assert list(capsule.ticks()) == ticks
        assert capsule.n_ticks == len(ticks)
        assert capsule.digest == frames_digest(tick.digest for tick in ticks)
        assert capsule.ended == ended
        assert (capsule.torn, capsule.is_damaged, capsule.changed) == (None, False, None)


def test_the_opening_and_the_texts_come_back_as_they_were(folder: Path) -> None:
    capsule = Capsule.open(write(folder, b""))
    assert capsule.opening == OPENING
    assert capsule.files == FILES
    assert capsule.n_ticks == 0
    assert list(capsule.ticks()) == []


@pytest.mark.hazard("H-27")
def test_a_log_cut_anywhere_gives_every_whole_record_before_the_cut(folder: Path) -> None:
    batches = batches_of(4, 5)
    ends = [len(log_of(batches[:k], None)) for k in range(5)]
    log = log_of(batches)
    write(folder, log)
    for size in range(len(log)):
        (folder / "log.bin").write_bytes(log[:size])
        capsule = Capsule.open(folder)
        whole = sum(end <= size for end in ends) - 1
        assert list(capsule.ticks()) == [tick for batch in batches[:whole] for tick in batch]
        assert capsule.ended is None
        assert not capsule.is_damaged
        assert (capsule.torn is None) == (size in ends)
        assert (folder / "log.bin").stat().st_size == size


@pytest.mark.hazard("H-27")
def test_any_flipped_byte_is_noticed_and_what_lies_before_it_is_read(folder: Path) -> None:
    batches = batches_of(3, 4)
    ends = [len(log_of(batches[:k], None)) for k in range(4)]
    log = log_of(batches)
    write(folder, log)
    for at in range(len(log)):
        for flip in (0x01, 0x80, 0xFF):
            (folder / "log.bin").write_bytes(log[:at] + bytes([log[at] ^ flip]) + log[at + 1 :])
            capsule = Capsule.open(folder)
            whole = sum(end <= at for end in ends) - 1
            assert list(capsule.ticks()) == [tick for batch in batches[:whole] for tick in batch]
            assert capsule.torn is not None
            assert capsule.ended is None
            assert capsule.is_damaged == (at < ends[-1])


@pytest.mark.hazard("H-27")
def test_damage_in_the_middle_says_where_and_how_much_before_it_is_whole(folder: Path) -> None:
    log = bytearray(log_of(batches_of(3, 60)))
    at = len(log_of(batches_of(1, 60), None))
    log[at + 40] ^= 1
    capsule = Capsule.open(write(folder, bytes(log)))
    assert f"damaged at byte {at} of {len(log)}" in str(capsule.torn)
    assert "60 ticks before it (0:01 of the session)" in str(capsule.torn)


@pytest.mark.hazard("H-27")
def test_a_record_that_was_taken_out_of_the_middle_is_noticed(folder: Path) -> None:
    batches = batches_of(3, 4)
    log = log_of(batches)
    first, second = len(log_of(batches[:1], None)), len(log_of(batches[:2], None))
    capsule = Capsule.open(write(folder, log[:first] + log[second:]))
    assert capsule.is_damaged
    assert "does not hold the ticks" in str(capsule.torn)


def test_ticks_that_do_not_rise_are_damage(folder: Path) -> None:
    tick = Tick(3, (), b"12345678")
    capsule = Capsule.open(write(folder, log_of([[tick], [tick]])))
    assert capsule.is_damaged
    assert list(capsule.ticks()) == [tick]


@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=80), kind=st.sampled_from([TICKS, END, 3]), tail=st.binary(max_size=40))
def test_whatever_a_log_holds_only_a_capsule_error_is_raised(payload: bytes, kind: int, tail: bytes) -> None:
    counted = (1).to_bytes(4, "little") + payload
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place), record(kind, payload) + record(kind, counted) + tail)
        try:
            capsule = Capsule.open(folder)
            ticks = list(capsule.ticks())
        except CapsuleError:
            return
        assert len(ticks) == capsule.n_ticks


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_in_the_opening_or_a_text_is_noticed(at: int, flip: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place), log_of(batches_of(1, 2)))
        places = [folder / "capsule.json", *(folder / "files" / name for name in FILES)]
        spots = [(path, k) for path in places for k in range(path.stat().st_size)]
        path, k = spots[at % len(spots)]
        data = bytearray(path.read_bytes())
        data[k] ^= flip
        path.write_bytes(bytes(data))
        try:
            capsule = Capsule.open(folder)
        except CapsuleError:
            return
        # a changed blank between two words of JSON changes nothing that is said
        assert capsule.changed is not None or (capsule.opening, capsule.files) == (OPENING, FILES)


def test_a_capsule_of_a_newer_format_says_to_update(folder: Path) -> None:
    write(folder, b"", replace(OPENING, format=3))
    with pytest.raises(CapsuleError, match=r"is of format 3, this biofeed reads up to 1: update biofeed"):
        Capsule.open(folder)


def test_where_there_is_no_capsule_one_sentence_says_so(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(CapsuleError, match="there is no capsule at"):
            Capsule.open(place)


@pytest.mark.parametrize("name", ["log.bin", "files/lib/noise.glsl"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (write(folder, b"") / name).unlink()
    with pytest.raises(CapsuleError, match=f"lacks {name}"):
        Capsule.open(folder)


def test_a_file_that_cannot_be_read_is_one_sentence(folder: Path) -> None:
    (write(folder, b"") / "log.bin").unlink()
    (folder / "log.bin").mkdir()
    with pytest.raises(CapsuleError, match=r"log\.bin cannot be read: Is a directory"):
        Capsule.open(folder)


@pytest.mark.hazard("H-30")
@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", "a\\..\\b", "c:evil", "a/../../b"])
def test_no_name_of_a_text_leads_out_of_the_capsule(folder: Path, name: str) -> None:
    with pytest.raises(CapsuleError, match="cannot be a file of a capsule"):
        opening_bytes(OPENING, {name: "x"})
    write(folder, b"")
    table = json.loads((folder / "capsule.json").read_text())
    (folder / "capsule.json").write_text(json.dumps(table | {"files": {name: "0"}}))
    with pytest.raises(CapsuleError, match="cannot be a file of a capsule"):
        Capsule.open(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", "null", "{}", '{"format": "x"}', '{"format": 1}', '{"format": 1e999}', "[" * 9999, "\ufeff{}"],
)
def test_an_opening_that_is_none_is_one_sentence(folder: Path, text: str) -> None:
    write(folder, b"")
    (folder / "capsule.json").write_text(text)
    with pytest.raises(CapsuleError, match=r"capsule\.json"):
        Capsule.open(folder)


def test_settings_that_no_file_can_hold_are_refused() -> None:
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(CapsuleError, match="cannot be written"):
            opening_bytes(replace(OPENING, settings={"x": value}), {})


def test_reading_leaves_every_byte_as_it_was(folder: Path) -> None:
    write(folder, log_of(batches_of(3, 4))[:-5])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.copytree(folder, folder.with_name("copy"))
    list(Capsule.open(folder).ticks())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_equal_frames_and_only_those_have_equal_digests() -> None:
    frame = ControlFrame(3, 0.05, Drive(), "tide", Levels(), "running", "matching")
    assert digest_of(frame) == digest_of(replace(frame))
    assert len(digest_of(frame)) == 8
    others = [replace(frame, tick=4), replace(frame, reason="x"), replace(frame, drive=Drive(breath=0.5000000001))]
    assert len({digest_of(item) for item in (frame, *others)}) == 4
