"""Files on disk below one folder: written whole or not at all, never outside of it.

A file is written under a draft's name and takes its own when it is on the disk, so whoever sees a file sees all of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from csms.model.errors import CsmsError

T = TypeVar("T")

BLOCK_BYTES = 1 << 20
"""Written and read at a time, in a thread: a slow disk must not hold up the stations."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_DRAFT = ".part"


class FileTooLarge(CsmsError):
    """The file is longer than is taken; nothing of it is kept."""

    code = "file_too_large"


class NoSpace(CsmsError):
    """The disk does not take the file; nothing of it is kept."""

    code = "no_space"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    size_bytes: int
    sha256: str
    md5: str


class FileFolder:
    """One folder of files; it is made on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError for what is no plain name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no file name")
        return self.folder / name

    async def write(self, name: str, content: AsyncIterator[bytes], bytes_max: int) -> Written:
        """Write a whole file in place of an older one. Raises FileTooLarge, NoSpace, ValueError, and what `content`
        raises.
        """
        target = self.path(name)
        draft = self.folder / f".{name[:80]}.{secrets.token_hex(8)}{_DRAFT}"
        try:
            return await self._write(target, draft, content, bytes_max)
        finally:
            draft.unlink(missing_ok=True)

    async def _write(self, target: Path, draft: Path, content: AsyncIterator[bytes], bytes_max: int) -> Written:
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        file = await _on_disk(_create, draft)
        try:
            async for block in _blocks(content, bytes_max):
                await _on_disk(file.write, block)
                sha256.update(block)
                md5.update(block)
                size += len(block)
            await _on_disk(_finish, file, draft, target)
        finally:
            file.close()
        return Written(size, sha256.hexdigest(), md5.hexdigest())

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The file in blocks. Raises OSError, ValueError at the first one."""
        file = await asyncio.to_thread(self.path(name).open, "rb")
        try:
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block
        finally:
            file.close()

    def remove(self, name: str) -> None:
        """Take a file away; harmless when it is not there. Raises ValueError, OSError."""
        self.path(name).unlink(missing_ok=True)

    def keep_only(self, names: Container[str]) -> int:
        """Take all other files away, drafts too; how many went. Nothing may be written meanwhile. Raises OSError."""
        others = [path for path in self.folder.glob("*") if path.name not in names] if self.folder.exists() else []
        for path in others:
            path.unlink(missing_ok=True)
        return len(others)


async def _blocks(content: AsyncIterator[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """Chunks put together to blocks, and counted."""
    waiting, total = bytearray(), 0
    async for chunk in content:
        total += len(chunk)
        if total > bytes_max:
            raise FileTooLarge(f"a file has at most {bytes_max} bytes")
        waiting += chunk
        if len(waiting) >= BLOCK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _on_disk(work: Callable[..., T], *given: Any) -> T:
    """In a thread. Raises NoSpace: whatever the disk says, the file cannot be kept now."""
    try:
        return await asyncio.to_thread(work, *given)
    except OSError as fault:
        raise NoSpace(f"the disk does not take the file: {fault.strerror or fault}") from fault


def _create(draft: Path) -> BinaryIO:
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _finish(file: BinaryIO, draft: Path, target: Path) -> None:
    """On the disk first, then under its name."""
    file.flush()
    os.fsync(file.fileno())
    draft.replace(target)
