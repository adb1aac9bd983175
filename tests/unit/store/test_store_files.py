"""Files on disk: whole or not at all, and never outside their folder."""

from __future__ import annotations

import errno
import hashlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from csms.store import files
from csms.store.files import BLOCK_BYTES, FileFolder, FileTooLarge, NoSpace


async def content(*chunks: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if fault is not None:
        raise fault


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_a_file_goes_in_and_comes_out(tmp_path: Path) -> None:
    folder = FileFolder(tmp_path / "files")
    chunks = [bytes([n]) * 300_000 for n in range(9)]
    written = await folder.write("a.bin", content(*chunks), 10 * BLOCK_BYTES)
    whole = b"".join(chunks)
    assert (written.size_bytes, written.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert written.md5 == hashlib.md5(whole).hexdigest()
    blocks = [block async for block in folder.read("a.bin")]
    assert b"".join(blocks) == whole
    assert max(len(block) for block in blocks) <= BLOCK_BYTES
    assert stat.S_IMODE(folder.path("a.bin").stat().st_mode) == 0o600
    assert (await folder.write("a.bin", content(), 0)).size_bytes == 0, "an empty file is a file"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/b", "/etc/passwd", ".hidden", "a\0b", "a\n", "a\\b", "x" * 129, "ä"]
)
async def test_names_that_are_no_names(tmp_path: Path, name: str) -> None:
    folder = FileFolder(tmp_path / "files")
    with pytest.raises(ValueError, match="file name"):
        await folder.write(name, content(b"x"), 10)
    assert names(tmp_path) == []


async def test_what_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = FileFolder(tmp_path)
    await folder.write("a", content(b"old"), 10)
    with pytest.raises(FileTooLarge):
        await folder.write("a", content(b"x" * 6, b"x" * 6), 10)
    with pytest.raises(ConnectionError):
        await folder.write("a", content(b"x", fault=ConnectionError()), 10)

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_finish", full)
    with pytest.raises(NoSpace, match="No space left"):
        await folder.write("a", content(b"new"), 10)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


async def test_only_what_is_named_is_kept(tmp_path: Path) -> None:
    folder = FileFolder(tmp_path / "files")
    assert folder.keep_only({"a"}) == 0
    for name in ("a", "b"):
        await folder.write(name, content(b"x"), 10)
    (tmp_path / "files" / ".a.part").write_bytes(b"left over")
    assert folder.keep_only({"a"}) == 2
    assert [path.name for path in folder.folder.iterdir()] == ["a"]
    folder.remove("a")
    folder.remove("a")
