"""The processes of the demo: started in one process group of their own, stopped together however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

STOP_S = 8.0


class ChildDied(Exception):
    """A process of the demo ended by itself; the text holds the end of its log."""


class Children:
    """Child processes by name; a context manager that leaves none behind."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        self._group = 0

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Run `csms <arguments>`; what it writes goes to `<name>.log` in the demo's folder."""
        log = (self._folder / f"{name}.log").open("wb")
        self._logs.append(log)
        self._running[name] = subprocess.Popen(
            [sys.executable, "-c", "import cli; cli.main()", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=self._group,
        )
        self._group = self._group or self._running[name].pid

    def running(self, name: str) -> bool:
        """Whether the process is still there."""
        return self._running[name].poll() is None

    def check_all(self) -> None:
        """Raises ChildDied when a process failed (one that ended well has done its work)."""
        for name, process in self._running.items():
            if process.poll() not in (None, 0):
                raise ChildDied(f"{name} ended with exit code {process.returncode}\n{self.tail(name)}")

    def tails(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"{name}:\n{self.tail(name)}" for name in self._running)

    def ask_to_end(self, name: str) -> None:
        """Ask one process to end, without waiting."""
        if self.running(name):
            self._running[name].send_signal(signal.SIGTERM)

    def tail(self, name: str, lines: int = 15) -> str:
        """The end of a process's log."""
        text = (self._folder / f"{name}.log").read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, name: str) -> None:
        """Ask one to end (SIGTERM), insist after some seconds."""
        process = self._running[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop_all(self) -> None:
        """Stop everything, last started first."""
        for name in reversed(self._running):
            self.stop(name)
        for log in self._logs:
            log.close()
