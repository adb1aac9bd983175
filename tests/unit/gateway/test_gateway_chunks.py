"""Any cut of any sequence of frames into pieces gives the same messages; any bytes at all give no exception."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from csms.gateway.socket import Limits
from csms.gateway.wire import Wire
from tests.support.raw_socket import BINARY, CLOSE, CONT, PING, PONG, REQUEST, TEXT, NotingHouse, client_frame


class Tape(asyncio.Transport):
    """The write end of a link, kept in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.ended = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.ended

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def _read(pieces: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """Messages delivered and bytes answered after the handshake."""
    house = NotingHouse(Limits())
    wire, tape = Wire(house.listener), Tape()
    wire.connection_made(tape)
    wire.data_received(REQUEST)
    await asyncio.sleep(0)
    tape.written.clear()
    for piece in pieces:
        wire.data_received(piece)
    answered = bytes(tape.written)
    wire.connection_lost(None)
    assert house.counted == []
    assert len(house.owners[0].ends) == 1
    return house.owners[0].messages, answered


def read(pieces: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    with asyncio.Runner() as runner:
        return runner.run(_read(pieces))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[bytes], bytes]:
    """Frames, the messages they carry, and the pongs that they ask for."""
    frames, messages, pongs = [], [], []
    mask = draw(st.binary(min_size=4, max_size=4))

    def control() -> None:
        opcode = draw(st.sampled_from([None, None, PING, PONG]))
        if opcode is not None:
            data = draw(st.binary(max_size=125))
            frames.append(client_frame(opcode, data, mask=mask))
            if opcode == PING:
                pongs.append(Frame(Opcode.PONG, data).serialize(mask=False))

    for _ in range(draw(st.integers(0, 5))):
        message = (draw(st.text(max_size=60)) * draw(st.sampled_from([1, 1, 3, 300]))).encode()
        cuts = sorted(draw(st.lists(st.integers(0, len(message)), max_size=3)))
        parts = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        opcode = draw(st.sampled_from([TEXT, BINARY]))
        for number, part in enumerate(parts):
            control()
            final = number == len(parts) - 1
            frames.append(client_frame(CONT if number else opcode, part, final=final, mask=mask))
        messages.append(message)
        control()
    return b"".join(frames), messages, b"".join(pongs)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    inside = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in zip([0, *inside], [*inside, len(data)], strict=True)]


@settings(deadline=None, max_examples=150)
@given(conversations(), st.lists(st.integers(0, 10**6), max_size=20))
def test_any_cut_gives_the_same_messages(talk: tuple[bytes, list[bytes], bytes], places: list[int]) -> None:
    data, messages, pongs = talk
    assert read(cut(data, places)) == (messages, pongs)


@settings(deadline=None, max_examples=25)
@given(conversations())
def test_a_byte_at_a_time_gives_the_same_messages(talk: tuple[bytes, list[bytes], bytes]) -> None:
    data, messages, pongs = talk
    assert read([data[at : at + 1] for at in range(len(data))]) == (messages, pongs)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_end_in_messages_or_a_goodbye(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert read(pieces) == read([whole])


def test_nothing_is_answered_after_a_goodbye() -> None:
    frames = client_frame(CLOSE, b"\x03\xe8") + client_frame(PING, b"x") + client_frame(TEXT, b"y")
    assert read([frames]) == ([], b"\x88\x02\x03\xe8")
