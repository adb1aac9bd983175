"""One server for one data folder: two writers on one ledger and one outbox would each believe the other's absence."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from csms.model.errors import CsmsError

LOCK_FILE = "serve.lock"


class AlreadyRunning(CsmsError):
    """Another server uses this data folder."""

    code = "already_running"


class FolderLock:
    """Held from `take` to `release`; the system gives it back when the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._file: int | None = None

    def take(self) -> None:
        """Raises AlreadyRunning, or OSError when the folder cannot be written."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise AlreadyRunning(f"another csms serve runs on the data folder {self._path.parent}") from None
        self._file = file

    def release(self) -> None:
        """Let others in; harmless when it was never taken."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
