"""A real supervising platform in a process of its own: `csms monitor intake serve`."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import forks

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0


def free_port() -> int:
    """A port that somebody needs to know before the platform is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class PlatformProcess:
    """One platform; it can be killed and started again on the same folder and, if it is named, port."""

    folder: Path
    partners: str
    clock: str = ""
    port: int = 0
    process: forks.Forked | None = field(default=None, repr=False)

    @property
    def places(self) -> list[str]:
        """The options of its commands."""
        return ["--data-dir", str(self.folder / "data"), "--partner-file", str(self.folder / "partners.toml")]

    def write(self) -> None:
        """Its list of operators."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "partners.toml").write_text(self.partners, "utf-8")

    def start(self, *, anew: bool = False) -> None:
        """Start; `anew`: on another port."""
        self.write()
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        port = "0" if anew else str(self.port)
        words = ["monitor", "intake", "serve", *self.places, "--port", port, "--port-file", str(port_file)]
        environ = {**os.environ, **({"CSMS_CLOCK": self.clock} if self.clock else {})}
        with (self.folder / "log").open("ab") as log:
            self.process = forks.start(words, environ, ROOT, log, log)
        deadline = time.monotonic() + START_S
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the platform did not start:\n" + (self.folder / "log").read_text()[-3000:])
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What its database says while it runs; changes are kept, too."""
        with closing(sqlite3.connect(self.folder / "data" / "intake.db", timeout=10)) as connection, connection:
            return connection.execute(query, values).fetchall()
