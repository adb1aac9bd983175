"""Figures of an operator from what it has reported to a platform in a span of time. Pure.

    energy_per_connector  kWh of orders / (connectors · days)
    utilisation           hours of orders / (connectors · hours)
    availability          share of the time that connectors were neither offline (0) nor faulty (255)
    fault_rate            falls into 255 / (connectors · days)
    repair_time           mean hours of the faults that ended
    order_success         share of the orders that gave energy
    growth                ln(energy / energy of the span before)

What a platform does not hear of (promotions, complaints) is not made up: see monitor.scoring.more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.quality.observed import Order, Station, Status
from monitor.scoring.table import Figure

OFFLINE, FAULT = 0, 255
"""Of the connector states (section 12.3)."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(slots=True)
class Reported:
    """What an operator reported from `start` to `end`. `states`: the last one of every connector before `start`."""

    start: datetime
    end: datetime
    orders: list[Order] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    states: Sequence[Status] = ()
    quality: Sequence[Decimal] = ()
    orders_before: Sequence[Order] = ()


@dataclass(frozen=True, slots=True)
class Uptime:
    """Hours that states are known of, hours of those up; faults, and hours of each that ended."""

    known_h: float
    up_h: float
    faults: int
    repairs_h: tuple[float, ...]


def figures_of(operator: str, period: str, told: Reported) -> list[Figure]:
    """Those that can be said."""
    connectors = _connectors(told)
    days = (told.end - told.start) / DAY
    connector_days = len(connectors) * days
    found = [
        *_of_energy(told, connector_days),
        *_of_states(uptime(told, connectors), connector_days),
        *_of_quality(told),
        *_of_growth(told),
    ]
    return [Figure(operator, period, name, value, samples) for name, value, samples in found]


Said = tuple[str, float, float]


def _connectors(told: Reported) -> frozenset[str]:
    """Of the register as told last, and those that did something."""
    newest = {station.id: station for station in told.stations}
    listed = {plug.id for station in newest.values() for pile in station.piles for plug in pile.plugs}
    seen = {order.connector_id for order in told.orders} | {status.connector_id for status in told.statuses}
    return frozenset((listed | seen) - {""})


def _of_energy(told: Reported, connector_days: float) -> Iterable[Said]:
    if connector_days == 0 or not told.orders:
        return
    hours = sum(
        max(min(span[1], told.end) - max(span[0], told.start), timedelta()) / HOUR
        for span in (order.span for order in told.orders)
        if span is not None
    )
    yield "energy_per_connector", _energy_kwh(told.orders) / connector_days, connector_days
    yield "utilisation", min(hours / (24.0 * connector_days), 1.0), connector_days
    gave = sum(order.energy_kwh is not None and order.energy_kwh > 0 for order in told.orders)
    yield "order_success", gave / len(told.orders), len(told.orders)


def _of_states(told: Uptime, connector_days: float) -> Iterable[Said]:
    if told.known_h == 0:
        return
    known_days = told.known_h / 24.0
    yield "availability", told.up_h / told.known_h, known_days
    yield "fault_rate", told.faults / known_days, known_days
    if told.repairs_h:
        yield "repair_time", sum(told.repairs_h) / len(told.repairs_h), len(told.repairs_h)


def _of_quality(told: Reported) -> Iterable[Said]:
    if told.quality:
        yield "data_quality", float(sum(told.quality, Decimal(0)) / len(told.quality)), len(told.quality)


def _of_growth(told: Reported) -> Iterable[Said]:
    now, before = _energy_kwh(told.orders), _energy_kwh(told.orders_before)
    if now > 0 and before > 0:
        yield "growth", math.log(now / before), len(told.orders_before)


def _energy_kwh(orders: Iterable[Order]) -> float:
    return float(sum((order.energy_kwh for order in orders if order.energy_kwh is not None), Decimal(0)))


def uptime(told: Reported, connectors: frozenset[str]) -> Uptime:
    """How long connectors were up. A connector counts from its first known state on."""
    known, up, faults, repairs = 0.0, 0.0, 0, []
    pushed = _by_connector(told)
    for connector in sorted(connectors & pushed.keys()):
        ups = _stretches(pushed[connector], told)
        for number, (state, begin, end) in enumerate(ups):
            hours = (end - begin) / HOUR
            known += hours
            up += hours if state not in (OFFLINE, FAULT) else 0.0
            if state == FAULT and (number > 0 or begin > told.start):
                faults += 1
            if state == FAULT and number + 1 < len(ups):
                repairs.append(hours)
    return Uptime(known, up, faults, tuple(repairs))


def _by_connector(told: Reported) -> dict[str, list[tuple[datetime, int]]]:
    found: dict[str, list[tuple[datetime, int]]] = {}
    for status in told.states:
        if status.status is not None:
            found[status.connector_id] = [(told.start, status.status)]
    for status in sorted(told.statuses, key=lambda one: one.received_at):
        if status.status is not None:
            found.setdefault(status.connector_id, []).append((status.received_at, status.status))
    return found


def _stretches(pushed: Sequence[tuple[datetime, int]], told: Reported) -> list[tuple[int, datetime, datetime]]:
    """(state, begin, end) of the stretches of equal state within the span."""
    found: list[tuple[int, datetime, datetime]] = []
    for (begin, state), end in zip(pushed, [*(at for at, _ in pushed[1:]), told.end], strict=True):
        if found and found[-1][0] == state:
            found[-1] = (state, found[-1][1], end)
        else:
            found.append((state, begin, end))
    return found
