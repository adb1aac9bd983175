"""The first file in a form (multipart/form-data, RFC 7578), while it streams by: some stations upload like a browser.

Only what is needed for one file: head of a part, its content, the boundary that ends it. What follows is not looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from email.parser import BytesHeaderParser

from starlette.exceptions import HTTPException

HEAD_BYTES_MAX = 8192
BOUNDARY_LENGTH_MAX = 70
"""RFC 2046, section 5.1.1."""


async def first_file(body: AsyncIterator[bytes], boundary: str) -> tuple[str, AsyncIterator[bytes]]:
    """Its name and its content. Raises HTTPException (400) for a form without a file or what is no form."""
    if not 0 < len(boundary) <= BOUNDARY_LENGTH_MAX or not boundary.isascii():
        raise HTTPException(400, "the boundary of the form cannot be read")
    between = b"\r\n--" + boundary.encode()
    waiting = _Waiting(body, b"\r\n")
    await waiting.until(between)
    while True:
        head = await waiting.until(b"\r\n\r\n")
        if head is None or head.startswith(b"--"):
            raise HTTPException(400, "the form holds no file")
        name = _name(head.lstrip(b"\r\n"))
        if name is not None:
            return name, waiting.content(between)
        if await waiting.until(between) is None:
            raise HTTPException(400, "the form holds no file")


class _Waiting:
    """What has come of a body and was not used yet."""

    def __init__(self, body: AsyncIterator[bytes], begins: bytes) -> None:
        self._body = aiter(body)
        self._bytes = bytearray(begins)

    async def until(self, mark: bytes) -> bytes | None:
        """What stands before the mark, which is used up too; None when the body ends first."""
        while (found := self._bytes.find(mark)) < 0:
            if len(self._bytes) > HEAD_BYTES_MAX:
                raise HTTPException(400, "the form begins with more than a file's head")
            if not await self._more():
                return None
        before = bytes(self._bytes[:found])
        del self._bytes[: found + len(mark)]
        return before

    async def content(self, mark: bytes) -> AsyncIterator[bytes]:
        """What stands before the mark, in pieces; a body that ends before it is cut off (400)."""
        while (found := self._bytes.find(mark)) < 0:
            safe = len(self._bytes) - len(mark) + 1
            if safe > 0:
                yield bytes(self._bytes[:safe])
                del self._bytes[:safe]
            if not await self._more():
                raise HTTPException(400, "the form ends before its file does")
        if found:
            yield bytes(self._bytes[:found])

    async def _more(self) -> bool:
        chunk = await anext(self._body, None)
        if chunk is not None:
            self._bytes += chunk
        return chunk is not None


def _name(head: bytes) -> str | None:
    """The file name in the head of a part; None for a field that is no file."""
    message: Message = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
    if message.get_param("filename", header="content-disposition") is None:
        return None
    return message.get_filename("") or ""
