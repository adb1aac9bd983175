"""Files that stations send and fetch: one-time addresses, what was received, the firmware to hand out.

An address holds a token that cannot be guessed, belongs to one operation of one station, and is good for a bounded
time and number of whole transfers; a transfer that broke off does not count. The token itself is told to the station
alone: the database has its hash, logs and operations have nothing of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import Certificate

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.security.facts import check_firmware, check_signer
from csms.store import changes
from csms.store.change import Change
from csms.store.engine import Store
from csms.store.files import FileFolder, Written
from csms.store.station_tables import FileLink, FirmwareFile, Operation, ReceivedFile

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(hours=24)
"""From the moment on at which the transfer shall begin: a station may wait for its sessions to end first."""

NAME_LENGTH_MAX = 255
MB = 1_000_000


class NoFileServer(CsmsError):
    """This server neither takes nor hands out files; say a location."""

    code = "no_file_server"


class UnknownLink(CsmsError):
    """There is nothing at this address (any more)."""

    code = "unknown_link"


class LinkBusy(CsmsError):
    """A transfer under this address is going on."""

    code = "link_busy"


class UnknownFirmware(CsmsError):
    """No firmware of this name was uploaded."""

    code = "unknown_firmware"


class FirmwareExists(CsmsError):
    """Another file has this name; stations may be fetching it, so it is not replaced."""

    code = "firmware_exists"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How large files may be."""

    upload_bytes_max: int = 200 * MB
    firmware_bytes_max: int = 1000 * MB


@dataclass(frozen=True, slots=True)
class Download:
    """A firmware file on its way to a station; it counts as fetched when `content` was read to its end."""

    name: str
    size_bytes: int
    content: AsyncIterator[bytes]


class FileDesk:
    """`public_url` is where stations reach the HTTP port; it may be set after the port is known. `makers`: roots below
    which firmware is signed; none: any certificate may have signed it."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        store: Store,
        limits: FileLimits | None = None,
        makers: Sequence[Certificate] = (),
    ) -> None:
        self.public_url = ""
        self._makers = makers
        self._verified: dict[str, tuple[int, int, str, str]] = {}
        self._clock, self._store, self._limits = clock, store, limits or FileLimits()
        self._received = FileFolder(folder / "received")
        self._firmware = FileFolder(folder / "firmware")
        self._busy: set[str] = set()
        self._begun = 0
        self._naming = asyncio.Lock()

    async def upload_link(self, operation: Operation) -> str:
        """An address to which the operation's station may send one file."""
        token = await self._link(operation, self._clock.now())
        return f"{self._base}/files/upload/{token}"

    async def firmware_link(self, operation: Operation, name: str, begins_at: datetime, transfers: int) -> str:
        """An address from which the operation's station may fetch firmware `transfers` times."""
        token = await self._link(operation, max(begins_at, self._clock.now()), name, transfers)
        return f"{self._base}/files/firmware/{token}/{name}"

    async def expect(self, token: str) -> None:
        """Whether a file may come under this address. Raises UnknownLink."""
        await self._known(_link_id(token), upload=True)

    async def receive(self, token: str, name: str, content: AsyncIterator[bytes]) -> ReceivedFile:
        """Keep what a station sends. Raises UnknownLink, LinkBusy, FileTooLarge, NoSpace, StoreUnavailable."""
        with self._in_use(token) as link_id:
            link = await self._known(link_id, upload=True)
            place = _received_name(link.operation_id)
            written = await self._received.write(place, content, self._limits.upload_bytes_max)
            row = ReceivedFile(
                id=link.operation_id,
                station_id=link.station_id,
                name=_plain(name) or place,
                size_bytes=written.size_bytes,
                sha256=written.sha256,
                received_at=self._clock.now(),
            )
            await self._store.writer.commit([changes.put_row(row), _used(link)])
        facts = {"station": row.station_id, "operation": row.id, "size_bytes": row.size_bytes}
        log.info("file_received", extra=facts)
        return row

    async def fetch(self, token: str, *, look_only: bool = False) -> Download:
        """What a station fetches. `look_only`: it asks for the size alone. Raises UnknownLink, LinkBusy."""
        link = await self._known(_link_id(token), upload=False)
        found = await self._store.reader.find(FirmwareFile, name=link.file_name)
        if not found or not self._firmware.path(link.file_name).is_file():
            raise UnknownLink("the firmware is no longer here")
        if link.id in self._busy and not look_only:
            raise LinkBusy("a transfer under this address is going on")
        return Download(link.file_name, found[0].size_bytes, self._handed_out(token))

    async def _handed_out(self, token: str) -> AsyncIterator[bytes]:
        with self._in_use(token) as link_id:
            link = await self._known(link_id, upload=False)
            async for block in self._firmware.read(link.file_name):
                yield block
            await self._store.writer.commit([_used(link)])
        log.info("firmware_fetched", extra={"station": link.station_id, "operation": link.operation_id})

    async def received(self, operation_id: int) -> tuple[ReceivedFile, Path] | None:
        """The file that came for an operation, None while there is none."""
        found = await self._store.reader.find(ReceivedFile, id=operation_id)
        return (found[0], self._received.path(_received_name(operation_id))) if found else None

    async def put_firmware(self, name: str, content: AsyncIterator[bytes]) -> FirmwareFile:
        """Keep firmware to hand out. Raises FirmwareExists, FileTooLarge, NoSpace, ValueError for a bad name."""
        self._firmware.path(name)
        draft = f"upload-{secrets.token_hex(8)}"
        self._busy.add(draft)
        self._begun += 1
        try:
            written = await self._firmware.write(draft, content, self._limits.firmware_bytes_max)
            async with self._naming:
                return await self._name(draft, name, written)
        finally:
            self._firmware.remove(draft)
            self._busy.discard(draft)

    async def _name(self, draft: str, name: str, written: Written) -> FirmwareFile:
        known = await self._store.reader.find(FirmwareFile, name=name)
        if known and known[0].sha256 != written.sha256:
            raise FirmwareExists(f"another file is called {name}; delete it first or take another name")
        self._firmware.path(draft).replace(self._firmware.path(name))
        if known:
            return known[0]
        row = FirmwareFile(
            name=name,
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            md5=written.md5,
            uploaded_at=self._clock.now(),
        )
        await self._store.writer.commit([changes.put_row(row)])
        return row

    async def sign_firmware(self, name: str, certificate: str, signature: str) -> FirmwareFile:
        """Keep the maker's signature with the firmware. Raises UnknownFirmware, FirmwareSignatureInvalid."""
        row = await self.firmware(name)
        await self.check_signature(name, certificate, signature)
        signed = {"signing_certificate": certificate, "signature": signature}
        await self._store.writer.commit([changes.set_columns(FirmwareFile, {"name": name}, **signed)])
        return row.model_copy(update=signed)

    async def check_signature(self, name: str, certificate: str, signature: str) -> None:
        """Raises FirmwareSignatureInvalid, CertificateUnreadable, UnknownFirmware (A00.FR.706).

        A file is read once for each signature, and again when it has changed: a thousand stations may get it.
        """
        path, now = self._firmware.path(name), self._clock.now()
        try:
            found = await asyncio.to_thread(path.stat)
        except FileNotFoundError:
            raise UnknownFirmware(f"the file of firmware {name} is not here") from None
        seen = (found.st_mtime_ns, found.st_size, certificate, signature)
        if self._verified.get(name) == seen:
            check_signer(certificate, self._makers, now)
            return
        await asyncio.to_thread(check_firmware, path, certificate, signature, now, self._makers)
        self._verified[name] = seen

    async def firmware(self, name: str) -> FirmwareFile:
        """One firmware. Raises UnknownFirmware."""
        found = await self._store.reader.find(FirmwareFile, name=name)
        if not found:
            raise UnknownFirmware(f"no firmware is called {name}")
        return found[0]

    async def all_firmware(self) -> Sequence[FirmwareFile]:
        """All firmware by name."""
        return await self._store.reader.find(FirmwareFile)

    async def remove_firmware(self, name: str) -> None:
        """Take firmware away. Raises UnknownFirmware."""
        await self.firmware(name)
        await self._store.writer.commit([changes.delete_rows(FirmwareFile, name=name)])
        self._firmware.remove(name)

    async def sweep(self) -> None:
        """Take away files that no row tells of any more (retention), and what broke off. Raises StoreUnavailable,
        OSError.
        """
        begun = self._begun
        if self._busy:
            return
        received = {_received_name(row.id) for row in await self._store.reader.find(ReceivedFile)}
        firmware = {row.name for row in await self.all_firmware()}
        if self._begun != begun:  # a file may have come whose row was not read; the next turn will do
            return
        gone = self._received.keep_only(received) + self._firmware.keep_only(firmware)
        if gone:
            log.info("old_files_deleted", extra={"files": gone})

    @property
    def _base(self) -> str:
        if not self.public_url:
            raise NoFileServer("the address of this server is not known yet")
        return self.public_url.rstrip("/")

    async def _link(self, operation: Operation, begins_at: datetime, file_name: str = "", transfers: int = 1) -> str:
        token = secrets.token_urlsafe(32)
        link = FileLink(
            id=_link_id(token),
            station_id=operation.station_id,
            operation_id=operation.id,
            file_name=file_name,
            uses_left=transfers,
            made_at=self._clock.now(),
            expires_at=begins_at + LINK_LIFE,
        )
        await self._store.writer.commit([changes.add_row(link)])
        return token

    async def _known(self, link_id: str, *, upload: bool) -> FileLink:
        """The link, while it is good; one answer for all that are not."""
        found = await self._store.reader.find(FileLink, id=link_id)
        good = bool(found) and found[0].uses_left > 0 and found[0].expires_at > self._clock.now()
        if not good or (not found[0].file_name) is not upload:
            raise UnknownLink("there is nothing at this address (any more)")
        return found[0]

    @contextmanager
    def _in_use(self, token: str) -> Iterator[str]:
        """One transfer at a time: two would both be the last one."""
        link_id = _link_id(token)
        if link_id in self._busy:
            raise LinkBusy("a transfer under this address is going on")
        self._busy.add(link_id)
        self._begun += 1
        try:
            yield link_id
        finally:
            self._busy.discard(link_id)


def _link_id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _used(link: FileLink) -> Change:
    return changes.set_columns(FileLink, {"id": link.id}, uses_left=link.uses_left - 1)


def _received_name(operation_id: int) -> str:
    return f"{operation_id}.bin"


def _plain(name: str) -> str:
    """The last part of what the station calls its file, printable; it is shown and offered for saving, nothing else."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LENGTH_MAX]
