"""The live view on a real terminal of 80 x 24: it draws, follows a resize, obeys a key and puts the terminal back."""

from __future__ import annotations

import asyncio
import os
import re
import struct
import sys

import pytest

from tests.unit.console.conftest import ROOT

pty = pytest.importorskip("pty", reason="needs POSIX terminals")


def resize(terminal: int, columns: int, rows: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """What a viewer sees and types."""

    def __init__(self, master: int) -> None:
        self._master, self.seen, self._more = master, "", asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._take)

    def _take(self) -> None:
        try:
            self.seen += os.read(self._master, 65_536).decode("utf-8", "replace")
            self._more.set()
        except OSError:
            self.close()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def shows(self, words: str) -> None:
        async with asyncio.timeout(20):
            while words not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen):
                self._more.clear()
                await self._more.wait()
        self.seen = ""


async def test_the_live_view_on_a_terminal(served) -> None:
    import termios

    master, slave = pty.openpty()
    resize(master, 80, 24)
    before = termios.tcgetattr(slave)
    terminal = Terminal(master)
    environ = os.environ | {
        "TERM": "xterm-256color",
        "CSMS_LANG": "en",
        "CSMS_URL": served.url,
        "CSMS_TOKEN": served.token,
    }
    for name in ("COLUMNS", "LINES"):
        environ.pop(name, None)
    command = (sys.executable, str(ROOT / "cli.py"), "monitor", "live", "--every", "0.2")
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdin=slave, stdout=slave, stderr=slave)
    await terminal.shows("144.2 / 200.0 kW")
    resize(master, 160, 50)
    await terminal.shows("╭─ Load site kW " + "─" * 78)
    terminal.type("f")
    await terminal.shows("Load north kW")
    terminal.type("p")
    await terminal.shows("paused")
    terminal.type("q")
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    assert termios.tcgetattr(slave) == before
    terminal.close()
    os.close(master)
    os.close(slave)
