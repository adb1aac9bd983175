"""One writer for one folder: two servers on one ledger and one outbox would each believe the other's absence, and two
loads of one warehouse would each write what the other had read.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from csms.model.errors import CsmsError

LOCK_FILE = "serve.lock"


class AlreadyRunning(CsmsError):
    """Another process uses this folder."""

    code = "already_running"


class FolderLock:
    """Held from `take` to `release`; the system gives it back when the process dies, however it dies. `who`: of whom
    there may be one."""

    def __init__(self, folder: Path, file: str = LOCK_FILE, who: str = "csms serve") -> None:
        self._path, self._who = folder / file, who
        self._file: int | None = None

    def take(self) -> None:
        """Raises AlreadyRunning, or OSError when the folder cannot be written."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise AlreadyRunning(f"another {self._who} runs on the folder {self._path.parent}") from None
        self._file = file

    def release(self) -> None:
        """Let others in; harmless when it was never taken."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
