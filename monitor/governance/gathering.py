"""Sessions that stations told of and orders that partners sent, taken into the one set of facts, as far as they are new
or say something else than before; and the days that this touches, judged anew by the rules of physics.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np

from csms.model.smart_charging import EvNeeds
from csms.store.queries import Reader
from csms.store.samples import StoredSample
from csms.store.tables import Session
from monitor.governance.day_judging import ZONE_S, JudgedDay, day_number, day_of, judged_day
from monitor.governance.mapping import ImportedOrder, RowFault
from monitor.governance.partner_orders import VEHICLE, cells_of, priced, read_partner_order
from monitor.governance.repairs import (
    CLOCK,
    GAP,
    REGISTER,
    Repair,
    clock_offset,
    corrected_clock,
    filled_gaps,
    with_registers,
)
from monitor.governance.rules.catalogue import Limits
from monitor.governance.rules.score import DAY_S
from monitor.governance.series import series_of
from monitor.governance.station_facts import REGISTER_WH, Outlet, ToldSample
from monitor.governance.station_orders import OWN, faults_of, with_money
from monitor.governance.station_orders import cells_of as station_cells
from monitor.store.governance import GovernanceStore
from monitor.store.governance_rows import Batch
from monitor.store.governance_tables import (
    GovernedDue,
    GovernedOrder,
    GovernedRepair,
    GovernedSeries,
    GovernedSource,
    Kind,
    QuarantinedRow,
)
from monitor.store.intake_reading import IntakeReader, ToldOrder

Hashed = Callable[[str], str]
"""From a user's or vehicle's name to one that tells nobody who it is; an empty one stays empty."""
LOOK_BACK = timedelta(days=3)
"""Stations send late what they did offline."""
PAGE = 500
SESSIONS_OF_A_CLOCK = 20
SAMPLES_MAX = 300_000
"""Of one session: a day of three values a second."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Gathered:
    """What a look brought: orders that are new or say something else, rows held, repairs, days judged anew."""

    orders: int = 0
    quarantined: int = 0
    repairs: int = 0
    days: int = 0
    doubted: int = 0
    by_source: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, batch: Batch, changed: int) -> None:
        """Add what one page of a source brought."""
        self.orders += changed
        self.quarantined += len(batch.held)
        self.repairs += len(batch.repairs)
        self.by_source[name] = self.by_source.get(name, 0) + changed


class Stations:
    """Sessions of the central system's database."""

    def __init__(self, reader: Reader, facts: GovernanceStore, now: datetime, hashed: Hashed) -> None:
        self._reader, self._facts, self._now, self._hashed = reader, facts, now, hashed
        self._limits = Limits()
        self._offsets: dict[str, timedelta] = {}

    async def gather(self, found: Gathered) -> None:
        """Take in what ended or changed since the last look, then judge the days it lies in."""
        source = self._facts.source(Kind.STATIONS, "", self._now)
        since = LONG_AGO if source.read_to is None else source.read_to - LOOK_BACK
        undone, after = self._facts.undone(source), 0
        while page := await self._reader.sessions_since(since, after, PAGE):
            after = page[-1].id
            ended = [session for session in page if session.status == "ended" and session.ended_at is not None]
            batch = await self._read(source, ended, undone)
            read_to = self._now if len(page) < PAGE else source.read_to or LONG_AGO
            found.count(source.name, batch, self._facts.go_on(source, batch, read_to, self._now))
        for due in self._facts.due(source):
            found.days += 1
            found.doubted += await self._judge(due)

    async def _read(self, source: GovernedSource, sessions: Sequence[Session], undone: set[tuple[str, str]]) -> Batch:
        keys = [str(session.id) for session in sessions]
        known, waiting = self._facts.digests(source, keys), self._facts.seen_in_quarantine(source, keys)
        batch, told = Batch(), await self._reader.orders_told([session.id for session in sessions])
        for session in sessions:
            key, offset = str(session.id), await self._offset(session.station_id)
            money = told.get(session.id, {})
            digest = _digest(session.model_dump(mode="json"), offset.total_seconds(), money)
            if known.get(key) == digest:
                continue
            samples = await self._reader.samples(session.id, limit=SAMPLES_MAX)
            order, repairs = self._repaired(session, samples, offset, {rule for one, rule in undone if one == key})
            order = with_money(order, money)
            if faults := faults_of(order, self._now):
                if waiting.get(key) != (cells := station_cells(order)):
                    batch.held.append(_held(key, faults, cells))
                continue
            batch.orders.append(_fact(key, order, digest))
            batch.repairs += [_record(key, repair) for repair in repairs]
            batch.series += [GovernedSeries(source_id=0, key=key, **asdict(one)) for one in series_of(samples)]
        return batch

    def _repaired(
        self, session: Session, samples: Iterable[StoredSample], offset: timedelta, undone: set[str]
    ) -> tuple[ImportedOrder, list[Repair]]:
        whole = [one for one in samples if one.measurand == REGISTER_WH and not one.phase]
        at_s = np.array([sample.time.timestamp() for sample in whole])
        register_wh = np.array([sample.value for sample in whole])
        order = replace(told_order(session), user_hash=self._hashed(session.id_token))
        repairs = list[Repair]()
        if REGISTER not in undone:
            order, repairs = with_registers(order, at_s, register_wh)
        if CLOCK not in undone:
            order, more = corrected_clock(order, offset)
            repairs += more
        if GAP not in undone:
            repairs += filled_gaps(at_s, register_wh, self._limits)
        return order, repairs

    async def _offset(self, station_id: str) -> timedelta:
        if station_id not in self._offsets:
            newest = await self._reader.sessions(SESSIONS_OF_A_CLOCK, station_id=station_id)
            self._offsets[station_id] = clock_offset(newest, self._limits)
        return self._offsets[station_id]

    async def _judge(self, due: GovernedDue) -> int:
        """How many orders of the day are doubted."""
        station, day = due.station, day_number(due.day)
        told = around(self._facts, OWN, station, day)
        offset = await self._offset(station)
        samples: dict[int, list[ToldSample]] = {}
        for order in told:
            if day_of(order.start) == day:
                given = await self._reader.samples(int(order.key), limit=SAMPLES_MAX)
                samples[order.id or 0] = [replace(sample, time=sample.time + offset) for sample in given]
        evses = await self._reader.evses(station)
        rated_w: dict[Outlet, float] = {(evse.station_id, evse.evse_id): float(evse.power_max_w) for evse in evses}
        begin = day_begin(day)
        states = await self._reader.states_of(
            station, begin - timedelta(days=1) - offset, begin + timedelta(days=2) - offset
        )
        return keep(self._facts, due, OWN, judged_day(told, samples, rated_w, day, self._now, states, offset))


class Partners:
    """Orders that partners pushed to this platform; the rules about single orders and their neighbours judge them."""

    def __init__(self, reader: IntakeReader, facts: GovernanceStore, now: datetime, hashed: Hashed) -> None:
        self._reader, self._facts, self._now, self._hashed = reader, facts, now, hashed

    async def gather(self, found: Gathered) -> None:
        """Take in what came since the last look, partner by partner."""
        for operator in await self._reader.operators():
            source = self._facts.source(Kind.PARTNER, operator, self._now)
            place = source.read_to or LONG_AGO, ""
            while rows := await self._reader.orders_since(operator, *place, PAGE):
                place = rows[-1].received_at, rows[-1].business_id
                batch = self._read(operator, rows)
                found.count(operator, batch, self._facts.go_on(source, batch, place[0], self._now))
            for due in self._facts.due(source):
                found.days += 1
                found.doubted += self._judge(operator, due)

    def _read(self, operator: str, rows: Iterable[ToldOrder]) -> Batch:
        batch = Batch()
        for row in rows:
            cells = cells_of(row.content)
            read = read_partner_order(cells, operator, self._now)
            if isinstance(read, list):
                batch.held.append(_held(row.business_id, read, cells))
            else:
                told = priced(row.content, read)
                vehicle = self._hashed(str(row.content.get(VEHICLE) or "").strip())
                batch.orders.append(_fact(row.business_id, replace(told, vehicle_hash=vehicle), row.content_sha256))
        return batch

    def _judge(self, operator: str, due: GovernedDue) -> int:
        day = day_number(due.day)
        told = around(self._facts, operator, due.station, day)
        return keep(self._facts, due, operator, judged_day(told, {}, {}, day, self._now))


def day_begin(day: int) -> datetime:
    """When a local day begins."""
    return datetime.fromtimestamp(day * DAY_S - ZONE_S, UTC)


def around(facts: GovernanceStore, operator: str, station: str, day: int) -> list[GovernedOrder]:
    """The operator's orders at a station on a local day and its neighbours, which may overlap with those of the day."""
    begin = day_begin(day)
    beside = facts.beside(station, begin - timedelta(days=1), begin + timedelta(days=2))
    return [order for order in beside if order.operator == operator]


def keep(facts: GovernanceStore, due: GovernedDue, operator: str, judged: JudgedDay) -> int:
    """Store what was judged; how many orders are doubted."""
    facts.judged(due, operator, judged.causes, judged.scores)
    return sum(bool(cause) for _, cause in judged.causes)


def told_order(session: Session) -> ImportedOrder:
    """An ended session as it was told; of its battery the car spoke with its needs."""
    capacity_wh = EvNeeds.read(session.ev_needs).capacity_wh
    return ImportedOrder(
        session.transaction_id,
        OWN,
        session.station_id,
        str(session.evse_id),
        session.started_at,
        session.ended_at or session.started_at,
        session.energy_wh,
        session.start_register_wh,
        session.end_register_wh,
        session.cost,
        capacity_wh=capacity_wh or None,
    )


def _fact(key: str, order: ImportedOrder, digest: str) -> GovernedOrder:
    return GovernedOrder(source_id=0, key=key, raw_digest=digest, **asdict(order))


def _held(key: str, faults: Sequence[RowFault], cells: dict[str, str]) -> QuarantinedRow:
    return QuarantinedRow(source_id=0, key=key, faults=[asdict(fault) for fault in faults], raw=cells)


def _record(key: str, repair: Repair) -> GovernedRepair:
    return GovernedRepair(source_id=0, key=key, **asdict(repair))


def _digest(content: Mapping[str, object], offset_s: float, money: Mapping[str, object]) -> str:
    kept = {name: value for name, value in content.items() if name != "reported_at"}
    return sha256(json.dumps([kept, offset_s, money], sort_keys=True).encode()).hexdigest()
