"""One block: what goes in comes out; what is damaged is told, never misread."""

from __future__ import annotations

import pytest

from csms.trace import block
from csms.trace.block import BlockBroken
from csms.trace.notes import Kind
from tests.support.traces import columns, note, notes_of

SOME = columns(
    note(2_000, "CP-2", '[2,"1","Heartbeat",{}]', action="Heartbeat"),
    note(1_000, "CP-1", '[3,"1",{}]', Kind.OUT, "Heartbeat"),
    note(1_500, "桩-3", "{}", Kind.OPENED),
)


def decoded(data: bytes) -> block.Columns:
    head = block.decode_head(data)
    return block.decode_payload(data[head.payload : head.size])


def test_head_and_payload() -> None:
    data = block.Encoder().encode(SOME, 7)
    head = block.decode_head(data)
    assert (head.first_ms, head.last_ms, head.count, head.first_number) == (1_000, 2_000, 3, 7)
    assert head.stations == {block.digest(name) for name in ("CP-1", "CP-2", "桩-3")}
    assert head.size == len(data)
    assert notes_of(block.decode_payload(data[head.payload :])) == notes_of(SOME)


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    part = columns(note(1))
    part.texts = [b"\xff[\xe4\xb8\xad"]
    data = block.Encoder().encode(part, 0)
    assert block.decode_payload(data[block.decode_head(data).payload :]).note(0).text == "\\xff[中"


def test_every_damaged_byte_is_noticed() -> None:
    data = block.Encoder().encode(SOME, 0)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        with pytest.raises(BlockBroken):
            decoded(bytes(damaged))


def test_every_cut_is_noticed() -> None:
    data = block.Encoder().encode(SOME, 0)
    for size in range(len(data)):
        with pytest.raises(BlockBroken):
            decoded(data[:size])


def test_pieces_are_of_the_right_size_and_lose_nothing() -> None:
    many = columns(*(note(n, text="x" * 1_000) for n in range(1_000)))
    parts = list(block.pieces(many, 100_000))
    assert notes_of(block.joined(parts)) == notes_of(many)
    assert 8 <= len(parts) <= 12
    assert len(list(block.pieces(SOME))) == 1


def test_a_station_is_found_by_its_digest() -> None:
    assert block.digest("CP-1") != block.digest("CP-2")
