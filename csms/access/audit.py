"""The audit log over the store: appended, never changed, each record bound to the one before.

Whatever waits is written in one commit, in order. Several servers may append to one database: the number of a record is
its key, so of two that were made for the same place one is refused by the database and made anew behind the other.

A chain shows what was changed or taken out of its middle, but not that its end is missing. So the newest record is also
noted in a file of the data folder (`audit.head`), in the log of the server, and wherever an administrator writes down
what `csms audit verify` prints. A chain found shorter than that file, or without it, says so in a record of its own,
and goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from csms.model.audit import GENESIS, AuditEntry, AuditRecord, link
from csms.model.clock import Clock
from csms.model.errors import ChangeRefused, StoreUnavailable
from csms.store import changes
from csms.store.access_tables import AuditRow
from csms.store.change import Change
from csms.store.writer import settle

HEAD_FILE = "audit.head"
OWED_MAX = 10_000
AGAIN_S = 1.0
"""Of the wall: how soon what could not be written is tried again."""

ATTEMPTS_MAX = 50
HEAD_LOGGED_S = 3600.0
"""Of the wall: how often the newest record is told in the server's log."""

log = logging.getLogger(__name__)


class AuditWriter(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class AuditReader(Protocol):
    """The reading side of the store."""

    async def audit_head(self) -> AuditRow | None:
        """The newest record."""
        ...

    async def audit_record(self, seq: int) -> AuditRow | None:
        """One record."""
        ...


class AuditStore(Protocol):
    """The store, as far as the audit log needs it."""

    @property
    def writer(self) -> AuditWriter:
        """To make records durable."""
        ...

    @property
    def reader(self) -> AuditReader:
        """To read them."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record that is known."""

    seq: int = 0
    hash: str = GENESIS


_Waiting = tuple[AuditEntry, Sequence[Change], asyncio.Future[None]]


class AuditLog:
    """One process's way to the log. `await restore()` before anything is written."""

    def __init__(self, clock: Clock, store: AuditStore, folder: Path | None = None) -> None:
        self._clock, self._store = clock, store
        self._file = folder / HEAD_FILE if folder is not None else None
        self._waiting: list[_Waiting] = []
        self._owed: deque[AuditEntry] = deque()
        self._turn = asyncio.Lock()
        self.head = Head()
        self.dropped = 0

    @property
    def owed(self) -> int:
        """Records that could not be written yet."""
        return len(self._owed)

    async def restore(self) -> None:
        """Find the end of the chain; one that lost what the file remembers is told. Raises StoreUnavailable."""
        await self._look()
        kept = self.kept()
        if kept is None and self._file is not None and self.head.seq:
            log.warning("audit_head_missing", extra={"found_seq": self.head.seq})
            self.owe(AuditEntry("note", "audit head missing", result={"found_seq": self.head.seq}))
        if kept is not None and not await self._holds(kept):
            log.error("audit_log_cut", extra={"kept_seq": kept.seq, "found_seq": self.head.seq})
            facts = {"kept_seq": kept.seq, "kept_hash": kept.hash, "found_seq": self.head.seq}
            self.owe(AuditEntry("note", "audit log cut", result=facts))

    def kept(self) -> Head | None:
        """What the file in the data folder remembers; None without one."""
        try:
            facts = json.loads(self._file.read_text("utf-8")) if self._file is not None else None
            return Head(int(facts["seq"]), str(facts["hash"])) if facts else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    async def write(self, entry: AuditEntry, beside: Sequence[Change] = ()) -> None:
        """Wait until the record is durable, with `beside` in its commit. Raises StoreUnavailable: then neither is."""
        told = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, beside, told))
        async with self._turn:
            if not told.done():
                await self._write_waiting()
        await told

    def owe(self, entry: AuditEntry) -> None:
        """Write it when that is possible; beyond OWED_MAX records are counted and lost."""
        if len(self._owed) >= OWED_MAX:
            self.dropped += 1
            log.error("audit_record_lost", extra={"dropped": self.dropped})
            return
        self._owed.append(entry)

    async def pay(self) -> None:
        """Write what is owed. Raises StoreUnavailable."""
        while self._owed:
            async with self._turn:
                await self._append_behind_owed([])

    async def run(self) -> None:
        """Background work: pay what is owed, and tell the server's log where the chain ends."""
        told, told_at_s = Head(), 0.0
        while True:
            try:
                await self.pay()
            except StoreUnavailable as fault:
                log.warning("audit_records_owed", extra={"code": fault.code, "owed": self.owed})
            now_s = self._clock.wall_s(self._clock.monotonic_s())
            if self.head != told and (told.seq == 0 or now_s - told_at_s >= HEAD_LOGGED_S):
                told, told_at_s = self.head, now_s
                log.info("audit_head", extra={"seq": told.seq, "hash": told.hash})
            await asyncio.sleep(AGAIN_S)

    async def close(self) -> None:
        """Write what is owed, if possible, and tell where the chain ends."""
        try:
            await self.pay()
        except StoreUnavailable as fault:
            log.error("audit_records_lost", extra={"code": fault.code, "owed": self.owed})
        if self.head.seq:
            log.info("audit_head", extra={"seq": self.head.seq, "hash": self.head.hash})

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        await self._write_together(batch)

    async def _write_together(self, batch: Sequence[_Waiting]) -> None:
        """In one commit; where the database refuses what stands beside one, the others are written without."""
        try:
            entries = [entry for entry, _, _ in batch]
            await self._append_behind_owed(entries, [one for _, beside, _ in batch for one in beside])
        except Exception as fault:
            if isinstance(fault, ChangeRefused) and len(batch) > 1:
                for one in batch:
                    await self._write_together([one])
                return
            for _, _, told in batch:
                settle(told, fault)
            if not isinstance(fault, StoreUnavailable):
                raise
        else:
            for _, _, told in batch:
                settle(told, None)

    async def _append_behind_owed(self, entries: Sequence[AuditEntry], beside: Sequence[Change] = ()) -> None:
        """What is owed happened earlier, so it stands earlier in the chain."""
        owed, lost = list(self._owed), self.dropped
        notes = [AuditEntry("note", "audit records lost", result={"count": lost})] if lost else []
        if not (owed or entries):
            return
        await self._append([*owed, *notes, *entries], beside)
        self.dropped -= lost
        for _ in owed:
            self._owed.popleft()

    async def _append(self, entries: Sequence[AuditEntry], beside: Sequence[Change] = ()) -> None:
        for attempt in range(ATTEMPTS_MAX):
            records = self._linked(entries)
            try:
                rows = [changes.add_row(row_of(record)) for record in records]
                await self._store.writer.commit([*rows, *beside])
            except ChangeRefused:
                before = self.head
                await self._look()
                if self.head == before or attempt == ATTEMPTS_MAX - 1:
                    raise
            else:
                self.head = Head(records[-1].seq, records[-1].hash)
                self._keep_head()
                return

    def _linked(self, entries: Sequence[AuditEntry]) -> list[AuditRecord]:
        records: list[AuditRecord] = []
        seq, last_hash, now = self.head.seq, self.head.hash, self._clock.now()
        for entry in entries:
            records.append(link(entry, seq + 1, now, last_hash))
            seq, last_hash = records[-1].seq, records[-1].hash
        return records

    async def _look(self) -> None:
        row = await self._store.reader.audit_head()
        self.head = Head(row.seq, row.hash) if row is not None else Head()

    async def _holds(self, kept: Head) -> bool:
        row = await self._store.reader.audit_record(kept.seq) if kept.seq else None
        return kept.seq == 0 or (row is not None and row.hash == kept.hash)

    def _keep_head(self) -> None:
        if self._file is None:
            return
        facts: dict[str, Any] = {"seq": self.head.seq, "hash": self.head.hash, "at": self._clock.now().isoformat()}
        draft = self._file.with_suffix(".partial")
        try:
            draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")
            draft.replace(self._file)
        except OSError as fault:
            log.debug("audit_head_not_kept", extra={"reason": str(fault)})


def row_of(record: AuditRecord) -> AuditRow:
    """A record for the store."""
    return AuditRow(
        seq=record.seq,
        at=record.at,
        kind=record.kind,
        action=record.action,
        actor=record.actor,
        target=record.target,
        text=record.text,
        prev_hash=record.prev_hash,
        hash=record.hash,
    )


def record_of(row: AuditRow) -> AuditRecord:
    """A record from the store."""
    return AuditRecord(row.seq, row.at, row.kind, row.action, row.actor, row.target, row.text, row.prev_hash, row.hash)
