"""The HTTP port against peers that open connections and say nothing, or too little: the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from csms.app import http
from csms.app.http import HttpServer

Serve = Callable[..., Awaitable[int]]
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[..., Awaitable[Link]]


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    monkeypatch.setattr(http, "HEAD_S", 0.5)
    monkeypatch.setattr(http, "OF_ADDRESS_MAX", 5)
    app, servers = FastAPI(), []

    @app.post("/")
    async def size(request: Request) -> int:
        return sum([len(part) async for part in request.stream()])

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1.0)
        return "done"

    async def started(**more: list[str]) -> int:
        servers.append(HttpServer(app, "127.0.0.1", 0, **more))
        return await servers[-1].start()

    yield started
    for server in servers:
        await server.stop()


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    links: list[Link] = []

    async def dialled(port: int, **more: Any) -> Link:
        links.append(await asyncio.open_connection("127.0.0.1", port, **more))
        return links[-1]

    yield dialled
    for _, writer in links:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def gone(link: Link) -> bool:
    """Whether the server hangs up within a second."""
    try:
        async with asyncio.timeout(1.0):
            return await link[0].read(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


async def test_who_does_not_ask_in_time_is_cut(serve: Serve, dial: Dial) -> None:
    port = await serve()
    silent, slow = [await dial(port) for _ in range(2)]

    async def drip() -> None:
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 100:
            slow[1].write(bytes([byte]))
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    assert await gone(silent)
    assert await gone(slow)
    dripping.cancel()


async def test_the_second_request_of_a_connection_has_no_more_time_than_the_first(serve: Serve, dial: Dial) -> None:
    reader, writer = await dial(await serve())
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert await reader.readexactly(1) == b"2"
    writer.write(b"POST / HTTP/1.1\r\n")
    assert await gone((reader, writer))


async def test_long_bodies_and_long_answers_take_their_time(serve: Serve) -> None:
    port = await serve()

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 10
            await asyncio.sleep(0.1)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert (await client.post("/", content=drops())).json() == 100
        assert (await client.get("/slow")).json() == "done"
        await asyncio.sleep(0.7)
        assert (await client.get("/slow")).status_code == 200, "between two requests nobody hurries"


@pytest.mark.parametrize("proxies", [[], ["127.0.0.0/8"]], ids=["stranger", "proxy"])
async def test_one_address_does_not_take_all_connections(serve: Serve, dial: Dial, proxies: list[str]) -> None:
    port = await serve(trusted_proxies=proxies)
    taken = [await dial(port) for _ in range(5)]
    for _, writer in taken:
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    more = await dial(port)
    more[1].write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await gone(more) is not bool(proxies)
    elsewhere = await dial(port, local_addr=("127.0.0.2", 0))
    elsewhere[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert (await elsewhere[0].readline()).startswith(b"HTTP/1.1 200")
