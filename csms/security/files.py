"""Files of keys and certificates: whole or not there, and never readable by more people than they end up to be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_files() -> Iterator[None]:
    """What is made within is for its owner alone, whoever makes it: databases and their logs, backups, traces."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """A new file in place of an older one, on the disk when this returns. Raises OSError."""
    draft = path.with_name(path.name + ".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    draft.chmod(mode)  # whatever the umask says
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def is_private(path: Path) -> bool:
    """Whether nobody but the owner may read it; always where the system knows no such modes. Raises OSError."""
    return os.name != "posix" or not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
