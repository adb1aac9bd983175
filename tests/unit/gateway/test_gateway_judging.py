"""Handshakes whose answer takes a while: the password has to be hashed, the certificate's issuer asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import pytest

from csms.gateway.listener import Listener
from csms.gateway.socket import Limits, Refusal
from tests.support.raw_socket import REQUEST, TEXT, NotingHouse, RawPeer, client_frame, until

Open = Callable[..., Awaitable[NotingHouse]]


@pytest.fixture
async def listen() -> AsyncIterator[Open]:
    houses: list[NotingHouse] = []

    async def start(**limits: float) -> NotingHouse:
        house = NotingHouse(Limits(**{"close_s": 0.5, **limits}))
        house.judging = []
        houses.append(house)
        await house.listener.start("127.0.0.1", 0, None)
        return house

    yield start
    for house in houses:
        await house.end()


async def asked(house: NotingHouse) -> RawPeer:
    """A peer whose request is being judged."""
    peer = await house.link()
    count = len(house.judging or ())
    peer.send(REQUEST)
    await until(lambda: len(house.judging or ()) > count)
    return peer


async def head(peer: RawPeer) -> bytes:
    async with asyncio.timeout(30):
        return await peer.reader.readuntil(b"\r\n\r\n")


async def test_others_are_answered_while_one_is_judged(listen: Open) -> None:
    house = await listen()
    slow, quick = await asked(house), await asked(house)
    assert house.judging is not None
    house.judging[1](None)
    assert b" 101 " in await head(quick)
    assert not house.owners[0].messages
    house.judging[0](None)
    assert b" 101 " in await head(slow)


async def test_a_refusal_that_comes_late_says_what_it_says(listen: Open) -> None:
    house = await listen()
    peer = await asked(house)
    assert house.judging is not None
    house.judging[0](Refusal(HTTPStatus.UNAUTHORIZED, "no\n", {"WWW-Authenticate": "Basic"}))
    answer = await peer.end()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"WWW-Authenticate: Basic\r\n" in answer
    assert answer.endswith(b"no\n")
    assert not house.owners


async def test_what_is_said_before_the_answer_is_heard_after_it(listen: Open) -> None:
    house = await listen()
    peer = await asked(house)
    assert house.judging is not None
    peer.send(client_frame(TEXT, b"one"))
    await asyncio.sleep(0.05)
    house.judging[0](None)
    await head(peer)
    peer.send(client_frame(TEXT, b"two"))
    await until(lambda: house.owners and house.owners[0].messages == [b"one", b"two"])


async def test_who_says_too_much_before_the_answer_is_cut(listen: Open) -> None:
    house = await listen()
    peer = await asked(house)
    assert house.judging is not None
    peer.send(b"x" * 40_000)
    assert await peer.end() == b""
    house.judging[0](None)
    assert not house.owners


async def test_who_left_meanwhile_is_not_let_in(listen: Open) -> None:
    house = await listen()
    peer = await asked(house)
    await peer.gone()
    await until(lambda: len(house.listener) == 0)
    assert house.judging is not None
    house.judging[0](None)
    assert not house.owners
    assert "handshakes_broken" in house.counted


async def test_judging_has_an_end(listen: Open) -> None:
    house = await listen(judge_s=0.1)
    peer = await asked(house)
    assert await peer.end() == b""
    assert house.judging is not None
    house.judging[0](None)
    assert not house.owners


async def test_stopping_waits_for_nobody_who_is_judged(listen: Open) -> None:
    house = await listen()
    await asked(house)
    listener: Listener = house.listener
    async with asyncio.timeout(30):
        await listener.stop(1001, "over")
    assert len(listener) == 0
