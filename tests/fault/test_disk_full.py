"""The disk fills up under a running server: it says so loudly, keeps what it answered, and goes on when there is room.

Twice for SQLite: a file system that is really full (needs the right to mount one), and a largest file size, which any
user may set and which fails in the same places. For PostgreSQL a tablespace of its own is full.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from tests.support.postgres import PostgresServer, name_of, start_server
from tests.support.reporter import BOOT, Reporter, boot_until_accepted
from tests.support.running import BareStation, Server, station

DISK_MB = 24
DATABASE_DISK_MB = 40
CHUNK = b"\0" * 4096


class Disk(Protocol):
    """What a server writes to."""

    folder: Path
    url: str
    takes_some: bool
    """Whether changes that need no new page still find room."""

    def fill(self, server: Server) -> None: ...

    def free(self, server: Server) -> None: ...

    def values(self) -> set[int]: ...


@contextmanager
def mounted(folder: Path, size_mb: int) -> Iterator[Path]:
    """A small file system in memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(folder: Path) -> None:
    """Until nothing fits any more."""
    with (folder / "filler").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(CHUNK)
        except OSError:
            return


def sqlite_values(folder: Path) -> set[int]:
    with closing(sqlite3.connect(folder / "csms.db")) as connection:
        return {int(value) for (value,) in connection.execute("SELECT value FROM sample")}


class SmallDisk:
    """The data folder lies on it."""

    takes_some = False

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder / "run", ""
        self._disk = folder

    def fill(self, server: Server) -> None:
        fill(self._disk)

    def free(self, server: Server) -> None:
        (self._disk / "filler").unlink()

    def values(self) -> set[int]:
        return sqlite_values(self.folder)


class SmallFiles:
    """No file of the server may grow beyond what the write-ahead log has now."""

    takes_some = False

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, ""

    def fill(self, server: Server) -> None:
        self._limit(server, (self.folder / "csms.db-wal").stat().st_size)

    def free(self, server: Server) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    def values(self) -> set[int]:
        return sqlite_values(self.folder)

    def _limit(self, server: Server, size: int) -> None:
        assert server.process is not None
        if server.process.poll() is not None:
            return  # the limit died with it
        psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class SmallTablespace:
    """The database lies there, the server's own log elsewhere."""

    takes_some = True

    def __init__(self, postgres: PostgresServer, disk: Path, folder: Path) -> None:
        self._postgres, self._disk, self.folder = postgres, disk, folder
        shutil.chown(disk, postgres.user)
        postgres.run("postgres", f"CREATE TABLESPACE small LOCATION '{disk}'")
        self.url = postgres.new()
        postgres.run("postgres", f"ALTER DATABASE {name_of(self.url)} SET TABLESPACE small")

    def fill(self, server: Server) -> None:
        fill(self._disk)

    def free(self, server: Server) -> None:
        (self._disk / "filler").unlink()

    def values(self) -> set[int]:
        return {int(row[0]) for row in self._postgres.run(name_of(self.url), "SELECT value FROM sample")}


@pytest.fixture(params=["small disk", "small files", "small tablespace"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with ExitStack() as stack:
        if request.param == "small disk":
            yield SmallDisk(stack.enter_context(mounted(tmp_path / "disk", DISK_MB)))
        elif request.param == "small files":
            if not hasattr(psutil, "RLIMIT_FSIZE"):
                pytest.skip("limits of a running process can only be set on Linux")
            yield SmallFiles(tmp_path / "run")
        else:
            request.getfixturevalue("postgres")  # says why when there can be none on this machine
            place = stack.enter_context(mounted(Path("/tmp") / f"csms-small-{os.getpid()}", DATABASE_DISK_MB))
            postgres = start_server()
            stack.callback(postgres.remove)
            yield SmallTablespace(postgres, place, tmp_path / "run")


async def until(holds: Callable[[], Any], limit_s: float = 60.0) -> None:
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.05)


def health(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.api.get("/healthz").raise_for_status().json()
    return answer


@pytest.mark.req("LOAD-02")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("killed", [False, True], ids=["freed", "killed while full"])
async def test_a_full_disk_refuses_loudly_and_loses_nothing(disk: Disk, killed: bool) -> None:
    server = Server(disk.folder)
    database = {"CSMS_DATABASE_URL": disk.url} if disk.url else {}
    server.start(**database)
    try:
        async with station(server, "CP-1") as one, station(server, "CP-2") as two:
            pile, late = Reporter(BareStation(one)), BareStation(two)
            assert (await pile.pile.call("BootNotification", BOOT))[2]["status"] == "Accepted"
            reporting = asyncio.create_task(pile.run(1))
            await until(lambda: len(pile.answered) > 20)
            disk.fill(server)
            await until(lambda: pile.refused > 3)
            told = health(server)
            assert (told["status"], told["store"]) == ("degraded", "disk_full")
            assert told["store_refused"] > 0
            booted = (await late.call("BootNotification", BOOT))[2]
            assert booted["status"] == "Pending" or disk.takes_some
            if killed:
                reporting.cancel()
                server.stop(signal.SIGKILL)
            disk.free(server)
            if killed:
                server.start(**database)
            else:
                before = len(pile.answered)
                await until(lambda: len(pile.answered) > before + 5)
                await boot_until_accepted(late)
                assert health(server)["store"] == "ok"
                pile.stop.set()
                await reporting
        assert server.stop(signal.SIGTERM) == 0
        assert pile.answered <= disk.values()
        lines = (disk.folder / "serve.log").read_text(errors="replace")
        assert lines.count('"event": "disk_full"') == 1
        assert killed or "store_works_again" in lines
    finally:
        server.stop(signal.SIGKILL)
