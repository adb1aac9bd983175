"""The addresses of stations over real HTTP: plain bodies, forms, bounds, and what is answered to the wrong ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from csms.station.firmware import RETRIES_UNSAID
from tests.support.scripted_firmware import Central, central
from tests.support.signing import Maker

MB = 1_000_000


async def address(csms: Central) -> tuple[int, str]:
    """An operation and its upload address."""
    station = csms.stations[0] if csms.stations else await csms.station("CS-1", "ocpp2.0.1")
    told = await csms.operator("CS-1", "request_log")
    return told["operation_id"], (await station.expected("GetLog"))["log"]["remoteLocation"]


async def received(csms: Central, operation_id: int) -> tuple[str, bytes]:
    shown = await csms.operation(operation_id)
    file = await csms.http.get(f"/api/v1/operations/{operation_id}/file")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-type"] == "application/octet-stream"
    return shown["file"]["name"], file.content


FORM = {"file": ("log.zip", b"PK\r\n--inside\r\n" * 50_000, "application/zip")}


@pytest.mark.req("N01.FR.18")
async def test_ways_to_upload(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        operation_id, url = await address(csms)
        assert (await csms.http.put(url, content=b"put")).status_code == 201
        assert await received(csms, operation_id) == (f"{operation_id}.bin", b"put")

        operation_id, url = await address(csms)
        named = {"Content-Disposition": "form-data; name=\"x\"; filename*=UTF-8''%E6%97%A5%E5%BF%97.txt"}
        assert (await csms.http.post(url, content=b"post", headers=named)).status_code == 201
        assert await received(csms, operation_id) == ("日志.txt", b"post")

        operation_id, url = await address(csms)
        sent = await csms.http.post(url, data={"description": "a field first"}, files=FORM)
        assert sent.status_code == 201
        assert await received(csms, operation_id) == ("log.zip", FORM["file"][1])

        operation_id, url = await address(csms)

        async def in_chunks() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield bytes(50_000)

        assert (await csms.http.put(f"{url}/a/..%2fb/log.tgz", content=in_chunks())).status_code == 201
        assert await received(csms, operation_id) == ("log.tgz", bytes(30 * 50_000))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=abc", b""),
        ("multipart/form-data; boundary=abc", b"--abc\r\nContent-Disposition: form-data; name=x\r\n\r\nv\r\n--abc--"),
        ("multipart/form-data; boundary=abc", b"--abc\r\nContent-Disposition: form-data; filename=x\r\n\r\nno end"),
        ("multipart/form-data; boundary=abc", b"x" * 10_000),
        ("multipart/form-data; boundary=abc", b"--abc\r\n" + b"x" * 20_000),
        (f"multipart/form-data; boundary={'x' * 71}", b"--x"),
    ],
)
async def test_forms_without_a_file(tmp_path: Path, kind: str, body: bytes) -> None:
    async with central(tmp_path) as csms:
        operation_id, url = await address(csms)
        answer = await csms.http.post(url, content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (400, "http_error")
        assert (await csms.operation(operation_id))["file"] is None
        assert (await csms.http.put(url, content=b"good")).status_code == 201, "the address is not used up"


async def test_bounds(tmp_path: Path) -> None:
    async with central(tmp_path, files={"upload_max_mb": 1, "firmware_max_mb": 1}) as csms:
        operation_id, url = await address(csms)
        answer = await csms.http.put(url, content=bytes(MB + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        assert (await csms.operation(operation_id))["file"] is None
        assert (await csms.http.put(url, content=bytes(MB))).status_code == 201
        answer = await csms.http.put("/api/v1/firmware/big.bin", content=bytes(MB + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        answer = await csms.http.put("/api/v1/firmware/a.bin/signature", content=bytes(300_000))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large"), "a document, no file"
        assert (await csms.shown("/firmware"))["firmware"] == []


async def test_addresses_that_are_not_good_are_answered_alike(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        _, url = await address(csms)
        await csms.http.put(url, content=b"x")
        base = url.rsplit("/", 1)[0]
        told = {
            (answer.status_code, answer.text)
            for answer in [
                await csms.http.put(url, content=b"again"),
                await csms.http.put(f"{base}/{'A' * 43}", content=b"guess"),
                await csms.http.get(url.replace("/upload/", "/firmware/")),
            ]
        }
        assert len(told) == 1
        ((status, text),) = told
        assert status == 404
        assert "unknown_link" in text
        for path in ("/files/upload/", "/files/firmware/", "/files/", "/files/upload/..%2f..%2fcsms.db"):
            assert (await csms.http.put(path, content=b"x")).status_code in (404, 405)


async def test_an_upload_that_breaks_off_may_be_tried_again(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        operation_id, url = await address(csms)
        host, path = url.removeprefix("http://").split("/", 1)
        name, port = host.split(":")
        _, writer = await asyncio.open_connection(name, int(port))
        head = f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + b"x" * 500)
        await writer.drain()
        await csms.until(lambda: transferring(csms))
        meanwhile = await csms.http.put(url, content=b"meanwhile")
        assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "link_busy")
        writer.close()
        await csms.until(lambda: transferring(csms, False))
        assert (await csms.http.put(url, content=b"again")).status_code == 201
        assert await received(csms, operation_id) == (f"{operation_id}.bin", b"again")


async def transferring(csms: Central, wanted: bool = True) -> bool:
    return bool(csms.rooms.files._busy) is wanted


async def break_off(csms: Central, url: str) -> None:
    async with csms.http.stream("GET", url) as broken:
        await anext(broken.aiter_bytes(1000))


async def fetch(csms: Central, url: str) -> httpx.Response:
    """What is there once the server has noticed that an earlier transfer broke off."""
    async with asyncio.timeout(20):
        while (fetched := await csms.http.get(url)).status_code == 409:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return fetched


async def test_a_station_decides_how_often_it_tries_again_unless_told(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        assert (await csms.http.put("/api/v1/firmware/fw.bin", content=b"small")).status_code == 200
        station.answers("UpdateFirmware", {})
        for orders, transfers in (({}, 1 + RETRIES_UNSAID), ({"retries": 0}, 1), ({"retries": 1}, 2)):
            await csms.operator("CP-1", "update_firmware", firmware="fw.bin", **orders)
            url = (await station.expected("UpdateFirmware"))["location"]
            fetched = [(await fetch(csms, url)).status_code for _ in range(transfers + 1)]
            assert fetched == [200] * transfers + [404]


async def test_firmware_over_http(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        firmware = bytes(range(256)) * 80_000  # more than buffers of the network hold
        assert (await csms.http.put("/api/v1/firmware/fw.bin", content=firmware)).status_code == 200
        assert (await csms.http.put("/api/v1/firmware/fw.bin", content=b"x")).json()["code"] == "firmware_exists"
        for bad in ("..", "%2e%2e%2fcsms.db", ".fw", "fw%0a"):
            answer = await csms.http.put(f"/api/v1/firmware/{bad}", content=b"x")
            assert answer.status_code in (404, 405, 422), answer.text
        station.answers("UpdateFirmware", {})
        await csms.operator("CP-1", "update_firmware", firmware="fw.bin", retries=0)
        url = (await station.expected("UpdateFirmware"))["location"]
        assert url.endswith("/fw.bin"), "some stations go by the end of an address"
        head = await csms.http.head(url)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(firmware)))
        await break_off(csms, url)
        fetched = await fetch(csms, url)
        assert fetched.content == firmware
        assert fetched.headers["content-disposition"] == 'attachment; filename="fw.bin"'
        assert (await csms.http.get(url)).status_code == 404
        assert (await csms.http.delete("/api/v1/firmware/fw.bin")).status_code == 204
        assert (await csms.http.delete("/api/v1/firmware/fw.bin")).json()["code"] == "unknown_firmware"
        told = await csms.operator("CP-1", "update_firmware", firmware="fw.bin")
        assert told["code"] == "unknown_firmware"
        assert station.unasked("UpdateFirmware")


@pytest.mark.req("A00.FR.707", "1.6S:A00.FR.706")
async def test_a_signature_that_does_not_fit_is_not_offered_to_any_station(tmp_path: Path) -> None:
    maker = Maker()
    bad = {"signing_certificate": maker.certificate, "signature": maker.sign(b"other")}
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        await csms.http.put("/api/v1/firmware/fw.bin", content=b"firmware")
        answer = await csms.api("PUT", "/api/v1/firmware/fw.bin/signature", bad)
        assert (answer.status_code, answer.json()["code"]) == (422, "firmware_signature_invalid")
        told = await csms.operator("CP-1", "update_firmware", firmware="fw.bin", **bad)
        assert told["code"] == "firmware_signature_invalid"
        assert station.unasked("SignedUpdateFirmware")
        assert (await csms.api("PUT", "/api/v1/firmware/none.bin/signature", bad)).status_code == 404


async def test_operations_in_pages(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        ids = [(await address(csms))[0] for _ in range(3)]
        page = await csms.shown("/operations?limit=2")
        assert [row["operation_id"] for row in page["operations"]] == [ids[2], ids[1]]
        rest = await csms.shown(f"/operations?before_id={page['next_before_id']}&kind=request_log&station_id=CS-1")
        assert ([row["operation_id"] for row in rest["operations"]], rest["next_before_id"]) == ([ids[0]], None)
        assert (await csms.shown("/operations?kind=update_firmware"))["operations"] == []
        for unknown in (0, -1, 4711, 2**31, "x"):
            for more in ("", "/file"):
                assert (await csms.http.get(f"/api/v1/operations/{unknown}{more}")).status_code in (404, 422)
