"""Attack class 10: whoever gets hold of the address under which a pile fetches firmware or leaves its log.

Against a real server: an address is good for one pile's one transfer, for a while, and opens nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import bearer
from tests.support.running import SETTINGS, BareStation, Server, running, station

UNSIGNED = '\n[firmware]\nunsigned_for = ["CP-*"]\n'
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
FIRMWARE = b"\x7fELF" + bytes(range(256)) * 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("run"), settings=SETTINGS + UNSIGNED) as started:
        answer = started.api.put("/api/v1/firmware/pile-2.bin", content=FIRMWARE)
        assert answer.status_code == 200, answer.text
        yield started


class Pile(BareStation):
    """Takes what it is asked and remembers it."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def answer(self) -> list[Any]:
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] != 2:
                return list(frame)
            self.asked.append((frame[2], frame[3]))
            answer = {"fileName": "log.txt"} if frame[2] == "GetDiagnostics" else {}
            await self.socket.send(json.dumps([3, frame[1], answer]))


async def address_of(server: Server, station_id: str, command: str, body: dict[str, Any], field: str) -> str:
    """What the pile is told."""
    async with station(server, station_id) as socket:
        pile = Pile(socket)
        await pile.call("BootNotification", BOOT)
        url = f"/api/v1/stations/{station_id}/commands/{command}"
        asking = asyncio.create_task(asyncio.to_thread(server.api.post, url, json=body))
        while not asking.done():
            await pile.call("Heartbeat", {})
        assert (await asking).status_code == 200, (await asking).text
        return next(payload[field] for _, payload in pile.asked if field in payload)


async def upload_address(server: Server, station_id: str = "CP-1") -> str:
    return await address_of(server, station_id, "request_log", {"kind": "diagnostics"}, "location")


async def firmware_address(server: Server, station_id: str = "CP-1") -> str:
    return await address_of(server, station_id, "update_firmware", {"firmware": "pile-2.bin"}, "location")


@pytest.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        yield http


async def test_an_address_is_good_once(server: Server, stranger: httpx.AsyncClient) -> None:
    upload, download = await upload_address(server), await firmware_address(server, "CP-2")
    assert (await stranger.put(upload, content=b"log")).status_code == 201
    again = await stranger.put(upload, content=b"overwritten by a stranger")
    assert (again.status_code, again.json()["code"]) == (404, "unknown_link")
    assert (await stranger.get(download)).content == FIRMWARE
    (operation,) = server.api.get("/api/v1/operations", params={"station_id": "CP-1"}).json()["operations"][:1]
    kept = server.api.get(f"/api/v1/operations/{operation['operation_id']}/file")
    assert kept.content == b"log"


async def test_an_address_opens_nothing_else(server: Server, stranger: httpx.AsyncClient) -> None:
    upload = await upload_address(server)
    token = httpx.URL(upload).path.split("/")[3]
    base = server.api_url
    for method, path in (
        ("GET", f"/files/upload/{token}"),
        ("GET", f"/files/firmware/{token}"),
        ("DELETE", f"/files/upload/{token}"),
        ("GET", "/files/"),
        ("GET", f"/files/upload/{token}/../../../etc/passwd"),
        ("GET", f"/files/firmware/{token}/..%2f..%2fadmin.token"),
    ):
        assert (await stranger.request(method, base + path)).status_code in (404, 405), path
    for header in (bearer(token), {"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"}):
        assert (await stranger.get(f"{base}/api/v1/overview", headers=header)).status_code == 401
    assert (await stranger.put(f"{base}/api/v1/firmware/evil.bin", content=b"x")).status_code == 401


async def test_guessed_and_used_addresses_are_answered_alike(server: Server, stranger: httpx.AsyncClient) -> None:
    used = await upload_address(server)
    assert (await stranger.put(used, content=b"log")).status_code == 201
    guessed = f"{server.api_url}/files/upload/{'A' * 43}"
    answers = [(await stranger.put(url, content=b"x")) for url in (used, guessed, f"{server.api_url}/files/upload/x")]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


async def test_an_address_is_long_random_and_nowhere_written_down(server: Server, tmp_path: Path) -> None:
    addresses = [await upload_address(server) for _ in range(5)]
    tokens = [httpx.URL(address).path.split("/")[3] for address in addresses]
    assert len(set(tokens)) == 5
    assert all(len(token) >= 32 for token in tokens)
    told = server.api.get("/api/v1/operations").text + server.api.get("/api/v1/audit", params={"limit": 1000}).text
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    for token in tokens:
        assert token not in told
        for path in files:
            assert token.encode() not in path.read_bytes(), f"{path.name} holds an address"


async def test_no_password_in_an_address(server: Server) -> None:
    for address in (await upload_address(server), await firmware_address(server)):
        url = httpx.URL(address)
        assert url.userinfo == b""
        assert not url.query
        assert server.token not in address


async def test_what_is_uploaded_stays_in_its_folder(server: Server, stranger: httpx.AsyncClient) -> None:
    upload = await upload_address(server)
    headers = {"Content-Disposition": 'attachment; filename="../../../../evil\\x1b[2J.sh"'}
    assert (await stranger.put(upload, content=b"#!/bin/sh", headers=headers)).status_code == 201
    assert not list(server.folder.rglob("*evil*"))
    assert not list(server.folder.parent.rglob("evil*"))


async def test_a_server_is_not_sent_to_fetch_from_inside(server: Server) -> None:
    """No request makes this server open an address that a caller chose: files come to it, it goes nowhere."""
    document = server.api.get("/openapi.json").json()
    assert server.api.get("/api/v1/firmware").status_code == 200
    for path, methods in document["paths"].items():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            assert "application/x-www-form-urlencoded" not in content, path


async def test_nothing_is_read_from_who_guesses_an_address(server: Server) -> None:
    """Neither a plain body nor the beginning of a form, which is looked through for the name of a file."""
    _, _, port = server.api_url.rpartition(":")
    for kind in ("application/octet-stream", "multipart/form-data; boundary=x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        head = f"PUT /files/upload/{'x' * 43} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 99\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(30):
            assert b" 404 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
