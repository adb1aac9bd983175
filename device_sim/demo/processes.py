"""The processes of the demo: started in one process group of their own, stopped together, in every way a demo can end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

STOP_S = 8.0
PR_SET_PDEATHSIG = 1


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
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._group = self._group or self._running[name].pid

    def running(self, name: str) -> bool:
        """Whether the process is still there."""
        return self._running[name].poll() is None

    def check(self, *names: str) -> None:
        """Raises ChildDied when one of these ended."""
        for name in names:
            if not self.running(name):
                code = self._running[name].returncode
                raise ChildDied(f"{name} ended with exit code {code}\n{self.tail(name)}")

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


def _end_with_parent() -> None:
    """On Linux the kernel ends the child when the demo itself is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
