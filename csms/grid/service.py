"""Receives limits: decides, makes limit and decision durable, then acknowledges and tells (grid-limits A2, 1 to 7).

An acknowledgement means durable, not executed. Refusals stand in the record like acceptances: in the hash-chained audit
log, in the same commit as the limit itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from csms.charging.feeder import FeederTree
from csms.charging.tree_change import Failsafe
from csms.grid.book import LimitBook
from csms.grid.decide import Decision, Known, decide, decide_cancel, refused
from csms.grid.heartbeat import read_heartbeat
from csms.grid.liveness import Mode
from csms.grid.peer import Peer, SourceRule
from csms.grid.rows import limit_of, row_of
from csms.grid.sources import Sources, SourceStatus
from csms.grid.tally import Tally
from csms.grid.unbroken import finished
from csms.model.audit import AuditEntry
from csms.model.clock import Clock
from csms.model.errors import ChangeRefused, StoreUnavailable
from csms.model.event import LimitChanged
from csms.model.limit import Direction, Limit
from csms.security.buckets import Buckets
from csms.station.bus import EventBus
from csms.store import changes
from csms.store.change import Change
from csms.store.tables import FailsafeRow, LimitRow

log = logging.getLogger(__name__)

RAW_KEPT_CHARACTERS = 64 * 1024
LOOK_S = 1.0
"""How soon a source that speaks again is noticed, at the latest."""
FOLLOW_S = 2.0
"""How soon a limit counts that another server on the same database accepted."""
SILENT = "LimitSourceSilent"
FORBIDDEN = "LimitRefused"
"""Alerts of this room."""
About = tuple[Peer, str, str]
"""Who speaks, of which feeder, of which limit."""


class LimitWriter(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class LimitReader(Protocol):
    """The reading side of the store."""

    async def limits(self, feeder_id: str | None = None) -> Sequence[LimitRow]:
        """The highest version of each limit."""
        ...

    async def limit_count(self) -> int:
        """How many versions there are, and how many of them are cancelled."""
        ...

    async def find(self, model: type[FailsafeRow]) -> Sequence[FailsafeRow]:
        """What sources stated for their silence."""
        ...


class LimitStore(Protocol):
    """The store, as far as limits need it."""

    @property
    def writer(self) -> LimitWriter:
        """To make changes durable."""
        ...

    @property
    def reader(self) -> LimitReader:
        """To read rows."""
        ...


class Record(Protocol):
    """The hash-chained log (csms.access.audit.AuditLog)."""

    async def write(self, entry: AuditEntry, beside: Sequence[Change] = ()) -> None:
        """Wait until the record and what stands beside it are durable; raises StoreUnavailable."""
        ...

    def owe(self, entry: AuditEntry) -> None:
        """Write it when that is possible."""
        ...


class Alerts(Protocol):
    """What a person should look at (csms.station.alerts.Alerts)."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        """Open an alert, or count one that is open."""
        ...

    async def over(self, kind: str, station_id: str, note: str) -> None:
        """It is over by itself."""
        ...


class LimitService:
    """All limits of all channels. `await restore()` before anybody asks; fits charging's port `Caps`.

    Raises ValueError for rules that contradict the feeder tree.
    """

    def __init__(
        self,
        clock: Clock,
        store: LimitStore,
        record: Record,
        feeders: FeederTree,
        bus: EventBus,
        alerts: Alerts,
        rules: Iterable[SourceRule] = (),
    ) -> None:
        self._clock, self._store, self._record = clock, store, record
        self._feeders, self._bus, self._alerts = feeders, bus, alerts
        self._book = LimitBook()
        self._sources = Sources(rules, feeders, clock.monotonic_s())
        self._count = 0
        self._buckets: dict[float, Buckets] = {}
        self._turn = asyncio.Lock()
        self.acknowledging = Tally()

    async def restore(self) -> None:
        """Load what was acknowledged; the store wins over anything remembered elsewhere. Raises StoreUnavailable."""
        self._count = await self._store.reader.limit_count()
        self._book = LimitBook([limit_of(row) for row in await self._store.reader.limits()])
        await self._read_failsafes()

    async def _read_failsafes(self) -> None:
        for row in await self._store.reader.find(FailsafeRow):
            self._sources.hold(row.source, row.feeder_id, row.power_w)

    async def follow(self) -> None:
        """Until cancelled: what other servers on the same database accept counts here, too."""
        while True:
            await asyncio.sleep(self._clock.wall_s(FOLLOW_S))
            try:
                await self.catch_up()
            except StoreUnavailable as fault:
                log.info("limits_not_read", extra={"code": fault.code})

    async def catch_up(self) -> int:
        """Take over what others accepted since; how many limits. Raises StoreUnavailable."""
        async with self._turn:
            return await self._catch_up()

    async def _catch_up(self) -> int:
        count = await self._store.reader.limit_count()
        if count == self._count:
            return 0
        new = [one for one in map(limit_of, await self._store.reader.limits()) if self._is_new(one)]
        await self._read_failsafes()
        self._count = count
        for limit in new:
            self._book.put(limit)
            self._bus.publish(LimitChanged(limit.feeder_id, self._clock.now()))
        if new:
            log.info("limits_of_others", extra={"limits": len(new)})
        return len(new)

    async def _newest(self) -> None:
        """Decide on what others accepted, too; where that cannot be read, on what is known."""
        with suppress(StoreUnavailable):
            await self._catch_up()

    def _is_new(self, limit: Limit) -> bool:
        known = self._book.get(limit.source, limit.feeder_id, limit.limit_id)
        return known is None or limit.newer_than(known)

    async def submit(self, raw: bytes, peer: Peer, feeder_id: str, limit_id: str) -> Decision:
        """Decide on a statement; durable when this returns. Raises StoreUnavailable: then it is not acknowledged."""
        arrived_s = self._clock.monotonic_s()
        about = peer, feeder_id, limit_id
        decision = await finished(
            self._decided("set limit", raw, about, lambda now: decide(raw, *about, self._known(peer), now))
        )
        if decision.accepted:
            self.acknowledging.add(self._clock.monotonic_s() - arrived_s)
        return decision

    def would(self, raw: bytes, peer: Peer, feeder_id: str, limit_id: str, *, rehearsed: bool = False) -> Decision:
        """What would be decided on a statement; nothing is stored or told. To be rehearsed it needs no signature."""
        known = self._known(peer)
        known = replace(known, rule=replace(known.rule, signed=False)) if rehearsed else known
        return decide(raw, peer, feeder_id, limit_id, known, self._clock.now())

    async def cancel(self, peer: Peer, feeder_id: str, limit_id: str, version: int | None = None) -> Decision:
        """Cancel a limit: the next lowest source counts again. `version`: the one that is meant, if only that one is.
        Raises StoreUnavailable.
        """
        about = peer, feeder_id, limit_id
        return await finished(
            self._decided(
                "cancel limit", b"", about, lambda now: decide_cancel(*about, self._known(peer), now, version)
            )
        )

    async def _decided(self, action: str, raw: bytes, about: About, judge: Callable[[datetime], Decision]) -> Decision:
        """Decide, and make that durable. Where another server was faster with the same version, its word counts, and
        this one is judged by it.
        """
        async with self._turn:
            await self._newest()
            decision = self._crowded(about[0]) or judge(self._clock.now())
            try:
                await self._settle(action, decision, raw, *about)
            except ChangeRefused:
                if not await self._catch_up():
                    raise
                decision = judge(self._clock.now())
                await self._settle(action, decision, raw, *about)
            return decision

    async def heartbeat(self, raw: bytes, peer: Peer) -> bool | None:
        """The source is there. Whether its list of limits is the one known here; None when it sent none.

        Raises BadStatement.
        """
        beat = read_heartbeat(raw)
        now_s = self._clock.monotonic_s()
        self._sources.heard(peer.source, now_s)
        agrees = None if beat.limits is None else beat.agrees(self._book.of_source(peer.source, self._clock.now()))
        if agrees and not self._sources.rule(peer.source).signed:
            self._sources.stated(peer.source, now_s)
        await self.look()
        return agrees

    async def run(self) -> None:
        """Watch the sources until cancelled."""
        while True:
            await self.look()
            due_s = self._sources.due_s(self._clock.monotonic_s())
            await asyncio.sleep(self._clock.wall_s(LOOK_S if due_s is None else min(due_s, LOOK_S)))

    async def look(self) -> None:
        """Bring the sources' modes up to date, and tell who has to know. It holds also where that cannot be stored."""
        for status in self._sources.look(self._clock.monotonic_s()):
            for feeder_id in status.failsafe_w:
                self._bus.publish(LimitChanged(feeder_id, self._clock.now()))
            log.warning("limit_source", extra={"source": status.source, "mode": status.mode.value})
            result = {"mode": status.mode.value, "failsafe_w": dict(status.failsafe_w), "held": sorted(status.held)}
            self._record.owe(AuditEntry("limit", "watch source", on={"source": status.source}, result=result))
            if status.mode is not Mode.SPEAKS:
                await self.alert(SILENT, f"{status.source} is silent: {status.mode.value}")
            elif not self._sources.silent:
                await self.alert_over(SILENT, "every source speaks")

    async def alert(self, kind: str, info: str) -> None:
        """Tell of something about limits. Whoever cannot be told now is told by the log; what was decided stands."""
        try:
            await self._alerts.raise_(kind, "", info)
        except StoreUnavailable as fault:
            log.error("alert_not_stored", extra={"kind": kind, "info": info, "code": fault.code})

    async def alert_over(self, kind: str, note: str) -> None:
        """It is over by itself."""
        try:
            await self._alerts.over(kind, "", note)
        except StoreUnavailable as fault:
            log.error("alert_not_stored", extra={"kind": kind, "info": note, "code": fault.code})

    def _known(self, peer: Peer) -> Known:
        return Known(self._book.get, self._feeders, self._sources.rule(peer.source))

    def _crowded(self, peer: Peer) -> Decision | None:
        """A source that says too much is told so; the record has the first of a burst."""
        per_s = self._sources.rule(peer.source).statements_per_min / 60
        bucket = self._buckets.setdefault(per_s, Buckets(per_s, max(60 * per_s, 1.0)))
        wait_s = bucket.take(peer.source, self._clock.monotonic_s())
        return refused("rate_limited", f"too many statements; try again in {wait_s:.0f} s") if wait_s else None

    async def _settle(
        self, action: str, decision: Decision, raw: bytes, peer: Peer, feeder_id: str, limit_id: str
    ) -> None:
        new = decision.limit if decision.accepted and not decision.repeated else None
        before = self._book.get(peer.source, feeder_id, limit_id)
        in_place = new is not None and before is not None and before.version == new.version
        beside: list[Change] = []
        if new is not None:
            beside.append(changes.cancel_limit(row_of(new)) if in_place else changes.add_limit(row_of(new)))
        if decision.failsafe_w is not None and not decision.repeated:
            row = FailsafeRow(source=peer.source, feeder_id=feeder_id, power_w=decision.failsafe_w)
            beside.append(changes.put_row(row))
        await self._write(_entry(action, decision, raw, peer, feeder_id, limit_id), beside, new)
        if self._ends_silence(decision, peer):
            self._sources.stated(peer.source, self._clock.monotonic_s(), feeder_id)
        if decision.failsafe_w is not None:
            self._sources.hold(peer.source, feeder_id, decision.failsafe_w)
        if new is not None:
            self._book.put(new)
            self._count += (not in_place) + new.cancelled
            self._bus.publish(LimitChanged(new.feeder_id, self._clock.now()))
        log.info(
            "limit_decided", extra={"feeder": feeder_id[:64], "source": peer.source, "code": decision.code or "ok"}
        )
        if decision.alarm:
            await self.alert(FORBIDDEN, f"{decision.code}: {peer.source} about feeder {_plain(feeder_id)[:64]}")
        await self.look()

    def _ends_silence(self, decision: Decision, peer: Peer) -> bool:
        """Whether it is the source's own word of now: no deputy's, no repetition of what is over, and of a source that
        signs one that was issued since it fell silent (grid-limits A4.3)."""
        if not decision.accepted or decision.limit is None or peer.deputy:
            return False
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        if decision.repeated and not decision.limit.in_force(now):
            return False
        if not self._sources.rule(peer.source).signed:
            return True
        began = now - timedelta(seconds=self._sources.failsafe_for_s(peer.source, now_s))
        return decision.issued_at is not None and decision.issued_at >= began

    async def _write(self, entry: AuditEntry, beside: Sequence[Change], new: Limit | None) -> None:
        """A limit is held also while no record can be written; to let load rise, a record is needed first."""
        try:
            await self._record.write(entry, beside)
        except StoreUnavailable:
            if new is None or new.cancelled:
                raise
            await self._store.writer.commit(beside)
            self._record.owe(entry)

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest import limit in force, silent sources' failsafe values too; None when nobody limits the feeder.

        How long a silence will last is not known, so what holds now holds at any time.
        """
        held = (self._book.cap_w(feeder_id, at), self._sources.failsafe_w(feeder_id))
        return min((cap for cap in held if cap is not None), default=None)

    def export_cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest export limit in force."""
        return self._book.cap_w(feeder_id, at, Direction.EXPORT)

    def failsafe_w(self, feeder_id: str) -> int | None:
        """What a silent source leaves for a feeder; None while none is silent."""
        return self._sources.failsafe_w(feeder_id)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When the cap may change, in (since, until]."""
        return self._book.edges(feeder_id, since, until)

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest cap that is ordered for now or later."""
        held = (self._book.lowest_w(feeder_id, at), self._sources.failsafe_w(feeder_id))
        return min((cap for cap in held if cap is not None), default=None)

    def known(self, feeder_id: str) -> list[Limit]:
        """Limits in force or to come, by their beginning."""
        return self._book.known(feeder_id, self._clock.now())

    def in_force(self, feeder_id: str) -> list[str]:
        """The ids of those limits."""
        return [limit.limit_id for limit in self.known(feeder_id)]

    def failsafes(self) -> list[Failsafe]:
        """What the silence of each source would leave."""
        return self._sources.failsafes()

    def latest(self, source: str, feeder_id: str, limit_id: str) -> Limit | None:
        """The highest version of a limit, cancelled or over too."""
        return self._book.get(source, feeder_id, limit_id)

    def called(self, limit_id: str) -> list[Limit]:
        """All limits with this id, also those that are over."""
        return self._book.called(limit_id)

    def sources(self) -> list[SourceStatus]:
        """How the configured sources stand."""
        return self._sources.statuses(self._clock.monotonic_s())

    def rule(self, source: str) -> SourceRule:
        """What is agreed with a source; of one that is not configured, no feeders."""
        return self._sources.rule(source)

    def rules(self) -> list[SourceRule]:
        """What is agreed with the configured sources."""
        return self._sources.rules

    @property
    def feeders(self) -> FeederTree:
        """The supply tree."""
        return self._feeders

    def now(self) -> datetime:
        """The time limits are judged by."""
        return self._clock.now()


def _entry(action: str, decision: Decision, raw: bytes, peer: Peer, feeder_id: str, limit_id: str) -> AuditEntry:
    told: dict[str, Any] = {"accepted": decision.accepted, "repeated": decision.repeated, "code": decision.code}
    if decision.limit is not None:
        told |= {"version": decision.limit.version, "power_w": decision.limit.power_w}
    detail = {
        "source": peer.source,
        "raw_sha256": hashlib.sha256(raw).hexdigest(),
        "raw": _plain(raw.decode("utf-8", "backslashreplace"))[:RAW_KEPT_CHARACTERS],
    }
    on = {"feeder": _plain(feeder_id)[:64], "limit": _plain(limit_id)[:64]}
    return AuditEntry("limit", action, who=peer.who, on=on, detail=detail, result=told)


def _plain(text: str) -> str:
    """Text that every database takes: no NUL, no half surrogate."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
