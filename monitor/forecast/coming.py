"""Cars that will come to stations, as a planner wants to know them: learned from sessions of the newest weeks. Pure.

Each feeder has its own mean day of working days and of the rest (`monitor.forecast.arrivals`), in local time. A car is
taken to draw what its outlet can give: what it can take itself nobody knows before it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Protocol

from csms.model.outlook import ComingCars
from monitor.forecast.arrivals import WEEKS, Arrivals
from optimizer.expected import Visit

SLOT = timedelta(minutes=15)
SLOT_H = SLOT / timedelta(hours=1)
DAY_SLOTS = timedelta(days=1) // SLOT
STAY_SLOTS_MAX = 7 * DAY_SLOTS
"""Whoever stays for longer is a station that forgot to end a session."""


class Stay(Protocol):
    """A session that is over, Wh."""

    @property
    def station_id(self) -> str:
        """Where."""

    @property
    def evse_id(self) -> int:
        """At which outlet."""

    @property
    def started_at(self) -> datetime:
        """When it began."""

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it runs."""

    @property
    def energy_wh(self) -> float:
        """What was drawn."""


def since(now: datetime, zone: tzinfo) -> datetime:
    """From when on sessions are looked at: a midnight."""
    return _midnight(now, zone).replace(tzinfo=zone)


def coming_cars(
    stays: Iterable[Stay],
    feeder_of: Mapping[str, str],
    power_w: Mapping[tuple[str, int], float],
    now: datetime,
    slots: int,
    zone: tzinfo,
    kind_of: Callable[[date], str],
) -> tuple[ComingCars, ...]:
    """Who is expected in the next `slots` quarter-hours.

    `feeder_of`: station -> feeder; `power_w`: (station, EVSE) -> the most it can give; `kind_of`: what kind of day a
    local date is. Stays at unknown stations or outlets, without energy, or without an end count for nothing.
    """
    first = _midnight(now, zone)
    feeders = sorted(set(feeder_of.values()))
    arrivals = Arrivals(SLOT_H, lambda day: kind_of((first + timedelta(days=day)).date()))
    for stay in stays:
        feeder, most_w = feeder_of.get(stay.station_id), power_w.get((stay.station_id, stay.evse_id), 0.0)
        if feeder is not None and most_w > 0 and (visit := _visit(stay, first, zone, most_w, feeders.index(feeder))):
            arrivals.came(visit)
    now_slot = (_local(now, zone) - first) // SLOT
    found = []
    for one in arrivals.expected(now_slot, slots):
        arrives_at = (first + SLOT * (now_slot + one.arrive)).replace(tzinfo=zone)
        stay_s = (one.depart - one.arrive) * SLOT.total_seconds()
        each_w, each_wh = one.rate / SLOT_H * 1000, one.energy * 1000
        found.append(ComingCars(feeders[one.node], arrives_at, stay_s, each_w, each_wh, one.count))
    return tuple(found)


def _visit(stay: Stay, first: datetime, zone: tzinfo, most_w: float, node: int) -> Visit | None:
    if stay.ended_at is None:
        return None
    begin, end = ((_local(moment, zone) - first) // SLOT for moment in (stay.started_at, stay.ended_at))
    end = max(end, begin + 1)
    rate = most_w / 1000 * SLOT_H
    energy = min(stay.energy_wh / 1000, rate * (end - begin))
    return (
        Visit(begin, end, rate, energy, node) if begin >= 0 and energy > 0 and end - begin <= STAY_SLOTS_MAX else None
    )


def _midnight(now: datetime, zone: tzinfo) -> datetime:
    """Of the day from which whole weeks are learned, local and without a zone: clocks go on evenly there."""
    today = _local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(weeks=WEEKS)


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
