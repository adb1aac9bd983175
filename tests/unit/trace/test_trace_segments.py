"""Files of blocks: by hour, never appended to by another start; damage is stepped over, small blocks put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csms.trace import segments
from csms.trace.block import joined
from csms.trace.segments import HOUR_MS, SegmentWriter, compact, heads, read_block
from tests.support.traces import NOON_MS, columns, note, notes_of


def texts(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [n.text for place, head in heads(file) for n in notes_of(read_block(file, place, head))]


def filled(folder: Path, blocks: int, size: int = 1, step_ms: int = 1_000) -> Path:
    writer = SegmentWriter(folder, "gw")
    for number in range(blocks):
        writer.write(columns(note(NOON_MS + number * step_ms, text=f"{number}".ljust(size, "."))))
    return segments.segments(folder)[0].path


def test_names_sort_by_hour_writer_and_number(tmp_path) -> None:
    for name in ("20260302T12Z-gw-10", "20260302T12Z-gw-2", "20260302T12Z-a.b_c-1", "20260101T23Z-gw-1"):
        (tmp_path / f"{name}.trace").touch()
    for name in ("cards.key", "20260302T12Z-gw-2.tmp", "20269902T12Z-gw-2.trace", "notes.trace"):
        (tmp_path / name).touch()
    found = segments.segments(tmp_path)
    assert [(s.writer, s.number) for s in found] == [("gw", 1), ("a.b_c", 1), ("gw", 2), ("gw", 10)]
    assert found[1].hour_ms == NOON_MS
    assert [s.key for s in found[2:]] == ["gw-000002", "gw-000010"]
    assert segments.segments(tmp_path / "missing") == []


def test_every_hour_has_its_file(tmp_path) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    writer.write(
        columns(note(NOON_MS + HOUR_MS - 1, text="a"), note(NOON_MS + HOUR_MS, text="b"), note(NOON_MS, text="c"))
    )
    writer.write(columns(note(NOON_MS + HOUR_MS + 5, text="d")))
    writer.close()
    assert [texts(s.path) for s in segments.segments(tmp_path)] == [["a", "c"], ["b", "d"]]


def test_a_clock_that_was_set_back_opens_a_new_file(tmp_path) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    for hour in (0, 5, 0):
        writer.write(columns(note(NOON_MS + hour * HOUR_MS, text=f"{hour}")))
    writer.close()
    assert [(s.number, texts(s.path)) for s in segments.segments(tmp_path)] == [(1, ["0"]), (2, ["0"]), (1, ["5"])]


def test_another_start_never_appends(tmp_path) -> None:
    filled(tmp_path, 2)
    filled(tmp_path, 1)
    assert [s.number for s in segments.segments(tmp_path)] == [1, 2]


def test_a_writer_s_name_becomes_part_of_a_file_s_name(tmp_path) -> None:
    SegmentWriter(tmp_path, "../gw 1-中").write(columns(note(NOON_MS)))
    assert segments.segments(tmp_path)[0].path.name == "20260302T12Z-.._gw_1__-1.trace"


def test_files_are_private(tmp_path) -> None:
    path = filled(tmp_path / "traces", 3)
    compact(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_cut_tail_costs_only_itself(tmp_path) -> None:
    path = filled(tmp_path, 3)
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    assert texts(path) == ["0", "1"]
    path.write_bytes(b"x" * 2_000_000 + data)
    assert texts(path) == ["0", "1", "2"], "found again behind what is no block"


def test_damage_in_the_middle_costs_only_its_block(tmp_path) -> None:
    path = filled(tmp_path, 3)
    with path.open("rb") as file:
        places = [place for place, _ in heads(file)]
    data = bytearray(path.read_bytes())
    data[places[1] + 3] ^= 1
    path.write_bytes(data)
    assert texts(path) == ["0", "2"]


def test_small_blocks_are_put_together_when_the_hour_is_over(tmp_path) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    for number in range(100):
        writer.write(columns(note(NOON_MS + number, text=f"{number}")))
    path = segments.segments(tmp_path)[0].path
    before = path.stat().st_size
    writer.roll(NOON_MS + HOUR_MS - 1)
    assert path.stat().st_size == before
    writer.roll(NOON_MS + HOUR_MS)
    assert path.stat().st_size < before / 5
    with path.open("rb") as file:
        assert len(list(heads(file))) == 1
    assert texts(path) == [f"{number}" for number in range(100)]


def test_putting_together_keeps_numbers_and_leaves_damage_out(tmp_path) -> None:
    path = filled(tmp_path, 4)
    with path.open("rb") as file:
        places = [place for place, _ in heads(file)]
    data = bytearray(path.read_bytes())
    data[places[2] - 1] ^= 1
    path.write_bytes(data)
    compact(path)
    with path.open("rb") as file:
        assert [(head.first_number, head.count) for _, head in heads(file)] == [(0, 1), (2, 2)]
    assert texts(path) == ["0", "2", "3"]


def test_a_failed_rewriting_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = filled(tmp_path, 3)

    def full(file: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        compact(path)
    assert texts(path) == ["0", "1", "2"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_block_is_written_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    writer.write(columns(note(NOON_MS, text="kept")))
    real = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) > 10:
            return real(file, data[:10])
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="no space"):
        writer.write(columns(note(NOON_MS + 1, text="lost")))
    monkeypatch.undo()
    writer.write(columns(note(NOON_MS + 2, text="later")))
    assert [texts(s.path) for s in segments.segments(tmp_path)] == [["kept"], ["later"]]


def test_old_files_go(tmp_path) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    for hour in range(4):
        writer.write(columns(note(NOON_MS + hour * HOUR_MS)))
    assert segments.delete_old(tmp_path, NOON_MS + 2 * HOUR_MS) == 2
    assert [s.hour_ms for s in segments.segments(tmp_path)] == [NOON_MS + 2 * HOUR_MS, NOON_MS + 3 * HOUR_MS]


def test_a_bound_on_all_files_takes_those_of_the_future_first_then_the_oldest(tmp_path) -> None:
    writer = SegmentWriter(tmp_path, "gw")
    for hour in (0, 1, 2, 1000):
        writer.write(columns(note(NOON_MS + hour * HOUR_MS)))
    size = segments.folder_bytes(tmp_path)
    now_ms = NOON_MS + 2 * HOUR_MS + 5
    assert segments.bound(tmp_path, size, now_ms) == 0
    assert segments.bound(tmp_path, size // 2, now_ms) == 2
    assert [s.hour_ms for s in segments.segments(tmp_path)] == [NOON_MS + HOUR_MS, NOON_MS + 2 * HOUR_MS]
    assert segments.bound(tmp_path, 0, now_ms) == 1
    assert [s.hour_ms for s in segments.segments(tmp_path)] == [NOON_MS + 2 * HOUR_MS], "the newest always stays"


def test_a_busy_hour_has_several_files(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES_MAX", 1_000)
    path = filled(tmp_path, 30)
    found = segments.segments(tmp_path)
    assert len(found) > 2
    assert found[0].path == path
    with path.open("rb") as file:
        kept = joined(read_block(file, place, head) for place, head in heads(file))
    assert kept.texts[0] == "0"


def test_two_servers_of_one_machine_share_a_folder(tmp_path) -> None:
    one, two = SegmentWriter(tmp_path, "host"), SegmentWriter(tmp_path, "host")
    for number in range(3):
        one.write(columns(note(NOON_MS + number, text=f"one {number}")))
        two.write(columns(note(NOON_MS + number, text=f"two {number}")))
    one.close()
    two.close()
    assert [texts(s.path) for s in segments.segments(tmp_path)] == [
        [f"{name} {n}" for n in range(3)] for name in ("one", "two")
    ]


def test_a_number_that_another_server_takes_first_is_no_fault(tmp_path, monkeypatch) -> None:
    filled(tmp_path, 1)
    monkeypatch.setattr(segments, "segments", lambda folder: [])
    SegmentWriter(tmp_path, "gw").write(columns(note(NOON_MS, text="second")))
    monkeypatch.undo()
    assert [texts(s.path) for s in segments.segments(tmp_path)] == [["0"], ["second"]]
