"""What demand response knows of the cars that are there: how far they can be moved, who they are, what they need."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from csms.charging.feeder import FeederTree
from csms.charging.planner import SLOT_H, SLOTS
from csms.charging.plans import Solved
from csms.charging.service import ChargingService
from csms.model.clock import Clock
from csms.model.ids import EvseRef
from csms.model.response import Kind, ResponseEvent
from csms.response.drivers import Present
from csms.response.loads import QUARTER
from csms.response.offers import of_cars, slots_of
from csms.response.taking_part import lifted
from csms.station.service import StationService
from csms.station.state import OpenSession
from optimizer.arrays import FloatArray
from optimizer.models.tariff import Tariff
from optimizer.solver import solve

CARS_COUNT = timedelta(hours=1)
"""Of later events the cars that are there now say nothing."""
USUAL_MIN_WH = 100.0
"""Who would draw less in the event's hours has nothing to move."""


class Sessions:
    """The running sessions by where they hang."""

    def __init__(self, stations: StationService, tree: FeederTree) -> None:
        self._stations, self._tree = stations, tree

    def under(self, feeder_id: str) -> Iterator[tuple[EvseRef, OpenSession]]:
        """Those under a feeder."""
        for station in self._stations.stations.values():
            if feeder_id in self._tree.path(station.feeder_id):
                yield from ((one.ref, one.session) for one in station.evses.values() if one.session is not None)

    def at_the_top(self, feeder_id: str) -> bool:
        """Whether a feeder is the root of a tree."""
        return feeder_id in self._tree.roots

    def of_card(self, card: str) -> frozenset[int]:
        """Ids of the sessions of an id token, whatever the case of its letters."""
        wanted = card.casefold()
        open_ = (one.session for station in self._stations.stations.values() for one in station.evses.values())
        return frozenset(one.session_id for one in open_ if one is not None and one.id_token.casefold() == wanted)


class Cars:
    """What charging knows of them; fits csms.response.dispatch.Charging."""

    def __init__(self, clock: Clock, charging: ChargingService, sessions: Sessions, tariff: Tariff | None) -> None:
        self._clock, self._charging, self._sessions, self._tariff = clock, charging, sessions, tariff

    def floors_w(self, feeder_id: str) -> int:
        """Of all stations under a feeder."""
        return self._charging.floors_w(feeder_id)

    async def of_cars(self, event: ResponseEvent, apart: frozenset[int], least_w: float) -> tuple[float, float] | None:
        """By what would be planned now."""
        asked, now = event.invitation, self._clock.now()
        if asked.start > now + CARS_COUNT or asked.end <= now:
            return None
        solved = await self._charging.foresee(asked.feeder_id)
        if solved is None or solved.plan is None:
            return None
        names = self._names(asked.feeder_id, apart)
        prices = prices_of(self._tariff, now, SLOTS)
        return await asyncio.to_thread(of_cars, asked, solved.problem, solved.plan, now, prices, names, least_w)

    async def kept_w(self, event: ResponseEvent, apart: frozenset[int]) -> Sequence[float]:
        """By what would be planned without the event; nothing of sessions that are over."""
        asked, now = event.invitation, self._clock.now()
        names = self._names(asked.feeder_id, apart)
        solved = await unhindered(self._charging, event, now) if names else None
        if solved is None or solved.plan is None:
            return ()
        floors_w = {str(ref): self._charging.floor_w(ref) for ref, _ in self._sessions.under(asked.feeder_id)}
        kept_w = np.zeros(SLOTS)
        for one, row_kw in zip(solved.problem.sessions, solved.plan.power_kw, strict=True):
            if one.id in names:
                kept_w += np.maximum(1000.0 * row_kw - floors_w.get(one.id, 0), 0.0)
        begins = [(asked.start - now) / QUARTER + n for n in range((asked.end - asked.start) // QUARTER)]
        return [float(max(kept_w[int(max(at, 0))], kept_w[min(int(max(at, 0)) + 1, SLOTS - 1)])) for at in begins
                if at < SLOTS]  # fmt: skip

    def _names(self, feeder_id: str, sessions: frozenset[int]) -> frozenset[str]:
        """As the optimiser calls them."""
        return frozenset(str(ref) for ref, one in self._sessions.under(feeder_id) if one.session_id in sessions)


class Drivers:
    """Who charges now; fits csms.response.driver_desk.People."""

    def __init__(self, clock: Clock, charging: ChargingService, sessions: Sessions, tariff: Tariff | None) -> None:
        self._clock, self._charging, self._sessions, self._tariff = clock, charging, sessions, tariff

    def running(self, feeder_id: str) -> frozenset[int]:
        """Ids of the sessions under a feeder."""
        return frozenset(session.session_id for _, session in self._sessions.under(feeder_id))

    def of_card(self, card: str) -> frozenset[int]:
        """Ids of the running sessions of an id token."""
        return self._sessions.of_card(card)

    async def present(self, event: ResponseEvent) -> Sequence[Present]:
        """Sessions with a card that would charge in the event's hours (or could, when load is to rise: at the top of a
        tree alone, for only there plans heed that).
        """
        asked, now = event.invitation, self._clock.now()
        if asked.kind is Kind.FILL and not self._sessions.at_the_top(asked.feeder_id):
            return ()
        if asked.end > now + QUARTER * SLOTS or not self.running(asked.feeder_id):
            return ()
        solved = await unhindered(self._charging, event, now)
        if solved is None or solved.plan is None:
            return ()
        first, slots = slots_of(asked, now, SLOT_H)
        there = {str(ref): (ref, session) for ref, session in self._sessions.under(asked.feeder_id) if session.id_token}
        found = []
        for one, row_kw in zip(solved.problem.sessions, solved.plan.power_kw, strict=True):
            usual_wh = 1000.0 * SLOT_H * float(row_kw[first : first + slots].sum())
            could = asked.kind is Kind.FILL and one.departure_slot > first
            if one.id in there and (usual_wh >= USUAL_MIN_WH or could):
                ref, session = there[one.id]
                promised_wh = session.energy_wh + 1000.0 * SLOT_H * float(row_kw.sum())
                leaves = now + QUARTER * one.departure_slot
                found.append(Present(session.session_id, ref.station_id, ref.evse_id, usual_wh, promised_wh, leaves))
        return found

    def spread(self, event: ResponseEvent) -> float:
        """Mean price of the event's hours over the least of the day that begins with it."""
        asked = event.invitation
        prices = prices_of(self._tariff, asked.start, SLOTS)
        hours = prices[: max((asked.end - asked.start) // QUARTER, 1)]
        return max(float(hours.mean() - prices.min()), 0.0)


async def unhindered(charging: ChargingService, event: ResponseEvent, now: datetime) -> Solved | None:
    """What would be planned for the cars under an event's feeder if the event was not there."""
    found = await charging.foresee(event.invitation.feeder_id)
    if found is None or not event.taken:
        return found
    problem = lifted(found.problem, *slots_of(event.invitation, now, SLOT_H))
    return Solved(problem, await asyncio.to_thread(solve, problem), found.solve_s)


def prices_of(tariff: Tariff | None, begin: datetime, slots: int) -> FloatArray:
    """Yuan per kWh; nothing where no tariff is known: then the least price of the settings counts."""
    try:
        return tariff.prices(begin, slots, SLOT_H) if tariff is not None else np.zeros(slots)
    except ValueError:
        return np.zeros(slots)
