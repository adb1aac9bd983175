"""From what happens at the stations to what platforms are told.

Events only mark what is to be looked at; the work is done from the store and the live state, so that a message lost
in a crash is found again: a session that ended stays on the store's list until its order is in the outbox, however
many there are, and at start and every `RECONCILE_S` every connector's state is offered again (a partner that knows it
already is not told twice). What goes by the clock (snapshots, powers, the check of yesterday's orders) is looked at
every `TICK_S`. An order that cannot be written is logged and keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.event import (
    ConnectorChanged,
    Event,
    Metered,
    SessionClosed,
    SessionOpened,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.model.ids import EvseRef
from csms.model.meter import Samples
from csms.province.client import Partner
from csms.province.orders import Orders
from csms.province.picture import Picture
from csms.province.ports import OutboxStore
from csms.province.profile import Kind
from csms.province.records import OrderCheck
from csms.province.service import Outgoing, ProvinceService
from csms.province.starts import PartnerStarts
from csms.store.province import ProvinceRecords
from csms.store.tables import Session

log = logging.getLogger(__name__)

RECONCILE_S = 600.0
COMING_BACK = timedelta(minutes=5)
"""After a restart of ours stations come back by themselves; until then what was told of them stands."""
TICK_S = 5.0
NIGHT_S = 60.0
"""How often it is looked whether a day can be checked."""
TICK_WALL_S_MIN = 0.02
"""However fast the clock runs."""
ORDERS_AT_ONCE = 100
"""How many orders are written in one transaction."""
EVSES_AT_ONCE = 200
"""Of how many the states are written in one transaction."""
CHECKED_AT_ONCE = 5000
"""How many orders one message of the nightly check lists: half a megabyte; a platform takes 2 MiB."""
DAYS_CHECKED = 3
"""How many past days are checked with a partner, should we have been down at night."""


class ProvinceFeed:
    """Hears events, writes the outbox."""

    def __init__(
        self,
        clock: Clock,
        service: ProvinceService,
        outbox: OutboxStore,
        store: ProvinceRecords,
        picture: Picture,
        starts: PartnerStarts,
    ) -> None:
        self._clock = clock
        self._service = service
        self._outbox = outbox
        self._store = store
        self._picture = picture
        self._starts = starts
        self._orders = Orders(service, outbox, picture, starts)
        self._wake = asyncio.Event()
        self._tick_at_s = 0.0
        self._site_changed = True
        self._evses: dict[EvseRef, None] = {}
        self._session_ended = True
        self._untold: set[int] = set()
        self._metered: dict[EvseRef, Samples] = {}
        self._samples: dict[EvseRef, Samples] = {}
        self._power_at: dict[str, datetime] = {}
        self._checked: dict[str, datetime] = {}
        self._told: dict[str, str] = {}
        self._began_at = clock.now()

    def hear(self, event: Event) -> None:
        """Note what to look at; called by the event bus."""
        match event:
            case ConnectorChanged(connector=ref):
                self._evses[EvseRef(ref.station_id, ref.evse_id)] = None
            case SessionOpened(evse=ref):
                self._starts.look()
                self._evses[ref] = None
                self._samples.pop(ref, None)
            case SessionClosed(evse=ref):
                self._starts.look()
                self._evses[ref] = None
                self._session_ended = True
            case Metered(evse=ref, samples=samples):
                self._metered[ref] = samples
            case StationConnected(station_id=name) | StationDisconnected(station_id=name):
                self._evses.update(dict.fromkeys(e.ref for e in self._picture.stations[name].evses.values()))
            case StationBooted():
                self._site_changed = True
            case _:
                return
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. To list the orders of a day takes a while; nobody waits for it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="province-follow")
            tasks.create_task(self._nights(), name="province-nights")

    async def _follow(self) -> None:
        while True:
            await self.reconcile()
            due_s = self._clock.monotonic_s() + RECONCILE_S
            while (left_s := due_s - self._clock.monotonic_s()) > 0:
                await self._wait(min(left_s, TICK_S))
                await self.work_off()
                if self._clock.monotonic_s() >= self._tick_at_s:
                    self._tick_at_s = self._clock.monotonic_s() + TICK_S
                    await self.by_the_clock()

    async def _nights(self) -> None:
        while True:
            await asyncio.sleep(max(self._clock.wall_s(NIGHT_S), TICK_WALL_S_MIN))
            await self.check_days()

    async def reconcile(self) -> None:
        """Look at everything again: sites, connectors, sessions without an order."""
        self._site_changed = self._session_ended = True
        self._untold.clear()
        self._starts.look()
        all_back = self._clock.now() - self._began_at >= COMING_BACK
        stations = [one for one in self._picture.stations.values() if one.online or all_back]
        self._evses.update({evse.ref: None for station in stations for evse in station.evses.values()})
        await self.work_off()

    async def work_off(self) -> None:
        """Turn all that was noted into outbox entries; what fails stays noted for the next time."""
        if self._site_changed:
            await self._sites()
            self._site_changed = False
        await self._starts.work_off()
        if self._session_ended:
            self._session_ended = False
            await self._backlog()
        noted = list(self._evses)
        for place in range(0, len(noted), EVSES_AT_ONCE):
            await self._states(noted[place : place + EVSES_AT_ONCE])
        for ref in list(self._metered):
            self._samples[ref] = self._metered.pop(ref)
            await self._snapshot(ref)

    async def by_the_clock(self) -> None:
        """Snapshots of sessions whose meters are silent, powers each quarter-hour."""
        for station in list(self._picture.stations.values()):
            for evse in list(station.evses.values()):
                if evse.session is not None:
                    await self._snapshot(evse.ref)
        for partner in self._service.partners.values():
            await self._powers(partner)

    async def check_days(self) -> None:
        """Yesterday's orders at night, with each partner; what fails is tried again."""
        for partner in self._service.partners.values():
            try:
                await self._check_orders(partner)
            except Exception:
                log.exception("province_check_failed", extra={"partner": partner.id})

    async def settled(self) -> bool:
        """Whether nothing is noted and nothing waits in the outbox."""
        counts = await self._outbox.counts()
        noted = bool(self._evses or self._metered or self._session_ended or self._site_changed)
        return not noted and not any(counts[state] for state in ("queued", "sent", "retry"))

    async def _wait(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(max(self._clock.wall_s(delay_s), TICK_WALL_S_MIN)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _sites(self) -> None:
        """Tell of the sites that changed since they were told last; after a start of all."""
        for site_id in self._picture.sites:
            info = self._picture.site_info(site_id)
            digest = sha256(repr(info).encode()).hexdigest()
            await self._store.note_site(site_id, digest, self._clock.now())
            if self._told.get(site_id) != digest:
                await self._service.enqueue(self._service.station_info(info))
                self._told[site_id] = digest

    async def _states(self, refs: Sequence[EvseRef]) -> None:
        """In one transaction. What changes meanwhile is noted anew; what fails is noted again."""
        for ref in refs:
            self._evses.pop(ref, None)
        outgoing = Outgoing()
        for evse in filter(None, map(self._picture.evse, refs)):
            for state in self._picture.connector_states(evse):
                outgoing += self._service.connector_status(state)
        try:
            await self._service.enqueue(outgoing)
        except BaseException:
            self._evses.update(dict.fromkeys(refs))
            raise

    async def _snapshot(self, ref: EvseRef) -> None:
        evse = self._picture.evse(ref)
        session = evse.session if evse is not None else None
        if evse is None or session is None:
            return
        now, partners = self._clock.now(), self._service.partners.values()
        if any(self._service.snapshot_due(partner, session.session_id, now) for partner in partners):
            await self._service.know([(session.session_id, session.started_at)])
            status = await self._picture.snapshot(evse, session, self._samples.get(ref, ()))
            await self._service.enqueue(self._service.charge_status(status))

    async def _backlog(self) -> None:
        """Write the order of every session that has none; what fails is looked at again."""
        after = 0
        try:
            while rows := await self._store.unreported(after, ORDERS_AT_ONCE):
                after = rows[-1].id
                await self._write_orders([row for row in rows if row.id not in self._untold])
        except BaseException:
            self._session_ended = True
            raise

    async def _write_orders(self, rows: Sequence[Session]) -> None:
        """In one transaction; which sessions have their orders is noted after it, as the outbox knows what it holds."""
        outgoing, done = Outgoing(), []
        await self._service.know([(row.id, row.started_at) for row in rows])
        for row in rows:
            try:
                outgoing += self._service.order(await self._orders.record(row))
                done.append(row.id)
            except StoreUnavailable:
                raise
            except Exception:
                self._untold.add(row.id)
                log.exception("province_order_failed", extra={"session_id": row.id, "station": row.station_id})
        await self._service.enqueue(await self._new(outgoing))
        await self._store.mark_reported(done, self._clock.now())

    async def _new(self, outgoing: Outgoing) -> Outgoing:
        """What is not in the outbox already."""
        keys: dict[tuple[str, str], list[str]] = {}
        for entry in outgoing.entries:
            keys.setdefault((entry.partner, entry.interface), []).append(entry.business_key)
        known = {(*place, key) for place, some in keys.items() for key in await self._outbox.newest(*place, some)}
        new = [one for one in outgoing.entries if (one.partner, one.interface, one.business_key) not in known]
        return Outgoing(tuple(new), outgoing.ids)

    async def _powers(self, partner: Partner) -> None:
        """At each whole period of the clock; one that passed while we were down is not made up."""
        profile = partner.profile
        if not profile.interfaces[Kind.POWER].enabled:
            return
        period_s, now = profile.timeliness.power_period_s, self._clock.now()
        passed = datetime.fromtimestamp(now.timestamp() // period_s * period_s, UTC)
        before = self._power_at.setdefault(partner.id, passed)
        self._power_at[partner.id] = passed
        for site_id in self._picture.sites if passed > before else ():
            power = self._picture.powers(site_id, partner.access)
            if power.connectors:
                await self._service.enqueue(self._service.power(partner, power))

    async def _check_orders(self, partner: Partner) -> None:
        """Each past day once, from the profile's hour on (section 13)."""
        profile = partner.profile
        local = self._clock.now().astimezone(profile.zone)
        if not profile.interfaces[Kind.CHECK_ORDERS].enabled or local.hour < profile.timeliness.reconcile_hour:
            return
        today = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._checked.get(partner.id) == today:
            return
        for back in range(DAYS_CHECKED, 0, -1):
            await self._check_day(partner, today - timedelta(days=back), today - timedelta(days=back - 1))
        self._checked[partner.id] = today

    async def _check_day(self, partner: Partner, start: datetime, end: datetime) -> None:
        names = self._service.names[partner.id]
        if await self._outbox.knows(partner.id, Kind.CHECK_ORDERS, names.sequence(end, 0)):
            return
        rows = await self._store.ended_between(start.astimezone(UTC), end.astimezone(UTC))
        seen = [row for row in rows if partner.access.sees(row.station_id)]
        outgoing = Outgoing()
        for serial, (first, last, part) in enumerate(spans(seen, start, end)):
            told = await self._orders.told(partner, part)
            check = OrderCheck(first, last, tuple((one.number, one.energy_kwh, one.money) for one in told))
            outgoing += self._service.order_check(partner, check, names.sequence(end, serial))
        await self._service.enqueue(outgoing)


def spans(
    rows: Sequence[Session], start: datetime, end: datetime, most: int = CHECKED_AT_ONCE
) -> Iterator[tuple[datetime, datetime, list[Session]]]:
    """First and last second of spans that follow each other, with the sessions that ended in them, about `most` in
    each: a day of a big operator does not fit into one message. Sessions of one second stay together."""
    left = deque(sorted(((row.ended_at or start).replace(microsecond=0), row.id, row) for row in rows))
    while left:
        part = [left.popleft() for _ in range(min(most, len(left)))]
        while left and left[0][0] == part[-1][0]:
            part.append(left.popleft())
        last = part[-1][0] if left else end - timedelta(seconds=1)
        yield start, last, [row for _, _, row in part]
        start = last + timedelta(seconds=1)
