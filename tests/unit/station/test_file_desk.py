"""One-time addresses: who may use them, how often and how long; what is kept and what is not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from csms.station import operations
from csms.station.context import StationContext
from csms.station.files import (
    LINK_LIFE,
    FileDesk,
    FileLimits,
    FirmwareExists,
    LinkBusy,
    NoFileServer,
    UnknownFirmware,
    UnknownLink,
)
from csms.store.files import FileTooLarge
from csms.store.retention import KeepDays, Retention
from csms.store.station_tables import FileLink, Operation, ReceivedFile
from tests.unit.station.conftest import Desk

PUBLIC = "https://csms.example"


async def content(*chunks: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if fault is not None:
        raise fault


def on_disk(folder: Path, pattern: str) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(pattern))


@pytest.fixture
def files(desk: Desk, tmp_path: Path) -> FileDesk:
    made = FileDesk(tmp_path / "files", desk.clock, desk.store, FileLimits(1000, 1000))
    made.public_url = PUBLIC + "/"
    return made


@pytest.fixture
def begun(desk: Desk) -> Callable[[], asyncio.Future[Operation]]:
    context: StationContext = desk.service._context
    return lambda: operations.begin(context, "CP-1", "request_log", {})


def token(address: str, kind: str = "upload") -> str:
    assert address.startswith(f"{PUBLIC}/files/{kind}/")
    return address.removeprefix(f"{PUBLIC}/files/{kind}/").partition("/")[0]


async def test_an_upload_address_is_good_once(desk: Desk, files: FileDesk, begun, tmp_path: Path) -> None:
    operation = await begun()
    one = token(await files.upload_link(operation))
    assert len(one) >= 43, "256 random bits"
    row = await files.receive(one, "../../etc/pass\nwd.log", content(b"log", b"log"))
    assert (row.id, row.station_id, row.name, row.size_bytes) == (operation.id, "CP-1", "passwd.log", 6)
    with pytest.raises(UnknownLink):
        await files.receive(one, "", content(b"again"))
    found = await files.received(operation.id)
    assert found is not None
    assert found[1].read_bytes() == b"loglog"
    assert found[1].is_relative_to(tmp_path / "files" / "received")
    assert await files.received(4711) is None


async def test_an_address_ends(desk: Desk, files: FileDesk, begun) -> None:
    one = token(await files.upload_link(await begun()))
    desk.clock.advance(LINK_LIFE.total_seconds() + 1)
    with pytest.raises(UnknownLink):
        await files.receive(one, "", content(b"late"))


async def test_guesses_and_the_wrong_direction(desk: Desk, files: FileDesk, begun) -> None:
    await files.put_firmware("fw.bin", content(b"firmware"))
    up = token(await files.upload_link(await begun()))
    down = token(await files.firmware_link(await begun(), "fw.bin", desk.now, 1), "firmware")
    for wrong in ("", "A" * 43, down):
        with pytest.raises(UnknownLink):
            await files.receive(wrong, "", content(b"x"))
    for wrong in ("", "A" * 43, up):
        with pytest.raises(UnknownLink):
            await files.fetch(wrong)


async def test_a_transfer_that_broke_off_does_not_count(desk: Desk, files: FileDesk, begun) -> None:
    operation = await begun()
    one = token(await files.upload_link(operation))
    with pytest.raises(ConnectionError):
        await files.receive(one, "", content(b"half", fault=ConnectionError()))
    with pytest.raises(FileTooLarge):
        await files.receive(one, "", content(b"x" * 1001))
    assert await files.received(operation.id) is None
    assert (await files.receive(one, "", content(b"whole"))).size_bytes == 5

    await files.put_firmware("fw.bin", content(b"firmware"))
    down = token(await files.firmware_link(operation, "fw.bin", desk.now, 2), "firmware")
    for _ in range(3):
        await (await files.fetch(down)).content.aclose()
    broken = (await files.fetch(down)).content
    await anext(broken)
    await broken.aclose()
    for _ in range(2):
        assert b"".join([block async for block in (await files.fetch(down)).content]) == b"firmware"
    with pytest.raises(UnknownLink):
        await files.fetch(down)


async def test_one_transfer_at_a_time(desk: Desk, files: FileDesk, begun) -> None:
    one, go_on = token(await files.upload_link(await begun())), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await go_on.wait()

    first = asyncio.create_task(files.receive(one, "", slow()))
    await asyncio.sleep(0.05)
    with pytest.raises(LinkBusy):
        await files.receive(one, "", content(b"y"))
    await files.sweep()  # leaves a transfer alone
    go_on.set()
    assert (await first).size_bytes == 1

    await files.put_firmware("fw.bin", content(b"firmware"))
    down = token(await files.firmware_link(await begun(), "fw.bin", desk.now, 5), "firmware")
    running = (await files.fetch(down)).content
    await anext(running)
    with pytest.raises(LinkBusy):
        await files.fetch(down)
    assert (await files.fetch(down, look_only=True)).size_bytes == 8
    await running.aclose()


async def test_a_firmware_address_waits_for_its_time(desk: Desk, files: FileDesk, begun) -> None:
    await files.put_firmware("fw.bin", content(b"firmware"))
    begins_at = desk.now + timedelta(days=30)
    down = token(await files.firmware_link(await begun(), "fw.bin", begins_at, 1), "firmware")
    desk.clock.advance(30 * 86_400 + 3600)
    assert (await files.fetch(down)).size_bytes == 8


async def test_the_database_does_not_know_the_token(desk: Desk, files: FileDesk, begun, tmp_path: Path) -> None:
    one = token(await files.upload_link(await begun()))
    (link,) = await desk.store.reader.find(FileLink)
    assert one not in str(link)
    assert one.encode() not in on_disk(tmp_path, "csms.db*")


async def test_firmware_keeps_its_name(desk: Desk, files: FileDesk, begun) -> None:
    row = await files.put_firmware("fw.bin", content(b"firmware"))
    assert (await files.put_firmware("fw.bin", content(b"firmware"))).sha256 == row.sha256
    with pytest.raises(FirmwareExists):
        await files.put_firmware("fw.bin", content(b"other"))
    with pytest.raises(ValueError, match="file name"):
        await files.put_firmware("../fw.bin", content(b"other"))
    with pytest.raises(FileTooLarge):
        await files.put_firmware("big.bin", content(b"x" * 1001))
    assert [one.name for one in await files.all_firmware()] == ["fw.bin"]
    down = token(await files.firmware_link(await begun(), "fw.bin", desk.now, 1), "firmware")
    await files.remove_firmware("fw.bin")
    with pytest.raises(UnknownLink):
        await files.fetch(down)
    with pytest.raises(UnknownFirmware):
        await files.remove_firmware("fw.bin")
    assert list((files._firmware.folder).iterdir()) == []


async def test_two_files_want_one_name(desk: Desk, files: FileDesk) -> None:
    tried = await asyncio.gather(
        *(files.put_firmware("fw.bin", content(letter)) for letter in (b"a", b"b", b"c")), return_exceptions=True
    )
    (row,) = [one for one in tried if not isinstance(one, BaseException)]
    assert sum(isinstance(one, FirmwareExists) for one in tried) == 2
    kept = b"".join([block async for block in files._firmware.read("fw.bin")])
    assert hashlib.sha256(kept).hexdigest() == row.sha256
    (files._firmware.folder / "upload-left-over").write_bytes(b"a crash")
    await files.sweep()
    assert [path.name for path in files._firmware.folder.iterdir()] == ["fw.bin"]


async def test_without_an_address_of_its_own(desk: Desk, tmp_path: Path, begun) -> None:
    with pytest.raises(NoFileServer):
        await FileDesk(tmp_path / "files", desk.clock, desk.store).upload_link(await begun())


async def test_old_files_go(desk: Desk, files: FileDesk, begun) -> None:
    """Retention takes the rows, the sweep takes what no row tells of."""
    old, new = await begun(), await begun()
    await files.receive(token(await files.upload_link(old)), "", content(b"old"))
    desk.clock.advance(50 * 86_400)
    await files.receive(token(await files.upload_link(new)), "", content(b"new"))
    gone = await Retention(desk.store.writer, desk.store.reader, KeepDays(files=30)).run(desk.now)
    assert (gone["files"], gone["links"]) == (1, 1)
    await files.sweep()
    assert await files.received(old.id) is None
    assert [row.id for row in await desk.store.reader.find(ReceivedFile)] == [new.id]
    assert [path.name for path in files._received.folder.iterdir()] == [f"{new.id}.bin"]
