"""Checks of the snapshots of a session, alone, in their row, and against the order they belong to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from monitor.quality.observed import CHARGING, Order, Snapshot
from monitor.quality.orders import SECOND, is_future, is_over_rated, seconds
from monitor.quality.register import Register
from monitor.quality.rules import Rules
from monitor.quality.tally import Tally

STUCK_KWH = Decimal("0.1")
"""Energy that a meter must have seen if the current was there."""
CURRENT_A = Decimal(1)
INTEGRAL_PERIODS = 6
"""Shorter sessions have too few snapshots for an integral."""


def check_snapshot(snap: Snapshot, register: Register, rules: Rules, tally: Tally) -> bool:
    """Checks of one snapshot alone; whether its values can be compared with others."""

    def expect(check: str, right: bool, detail: str = "") -> bool:
        return tally.expect(check, right, snap.order_id, snap.received_at, detail)

    sound = True
    if snap.at:
        late_s = seconds(snap.received_at - snap.at)
        sound &= expect("snapshot.future", not is_future(snap.at, snap.received_at, rules), f"{snap.at}")
        expect("snapshot.late", late_s <= rules.status_limit_s, f"{late_s} s")
        if snap.start:
            sound &= expect("snapshot.times_reversed", snap.start <= snap.at, f"{snap.start} > {snap.at}")
    values = (snap.energy_kwh, snap.total_yuan, *snap.volts)
    sound &= expect("snapshot.negative", not any(v < 0 for v in values if v is not None), f"{values}")
    if snap.soc is not None:
        sound &= expect("snapshot.soc_range", 0 <= snap.soc <= 100, f"{snap.soc}")
    if snap.charging and snap.connector_status is not None:
        expect("snapshot.status_differs", snap.connector_status == CHARGING, f"{snap.connector_status}")
    sound &= _check_power(snap, register, rules, tally)
    _check_money(snap, rules, tally)
    return sound


def _check_power(snap: Snapshot, register: Register, rules: Rules, tally: Tally) -> bool:
    at, number = snap.received_at, snap.order_id
    pairs = list(zip(snap.volts, snap.amperes, strict=False))
    dead = [f"{i} A at {u} V" for u, i in pairs if u == 0 and i > CURRENT_A]
    sound = tally.expect("snapshot.no_voltage", not dead, number, at, "; ".join(dead))
    if register.plugs and snap.connector_id:
        known = snap.connector_id in register.plugs
        tally.expect("snapshot.unknown_connector", known, number, at, snap.connector_id)
    rated_kw = register.rated_kw(snap.connector_id)
    if rated_kw is not None:
        right = snap.power_kw <= rated_kw * rules.rated_share
        sound &= tally.expect("snapshot.over_rated", right, number, at, f"{snap.power_kw} kW of {rated_kw}")
    return sound


def _check_money(snap: Snapshot, rules: Rules, tally: Tally) -> None:
    if snap.total_yuan is not None and snap.elec_yuan is not None and snap.service_yuan is not None:
        parts = snap.elec_yuan + snap.service_yuan
        right = abs(snap.total_yuan - parts) <= rules.money_step_yuan * 2
        detail = f"{snap.total_yuan}, parts {parts}"
        tally.expect("snapshot.money_sum", right, snap.order_id, snap.received_at, detail)


def check_row(row: list[Snapshot], sound: set[int], judged_from: datetime, tally: Tally) -> None:
    """Checks between neighbours of one session, in the order of arrival; `sound`: the `id`s that can be compared."""
    for old, new in pairwise(snap for snap in row if id(snap) in sound and not snap.refused):
        if new.received_at >= judged_from:
            _check_neighbours(old, new, tally)


def _check_neighbours(old: Snapshot, new: Snapshot, tally: Tally) -> None:
    at, number = new.received_at, new.order_id
    if old.soc is not None and new.soc is not None and new.charging:
        tally.expect("snapshot.soc_drop", new.soc >= old.soc, number, at, f"{old.soc} to {new.soc}")
    if old.energy_kwh is None or new.energy_kwh is None:
        return
    grown = new.energy_kwh - old.energy_kwh
    rising = tally.expect("snapshot.energy_drop", grown >= 0, number, at, f"{old.energy_kwh} to {new.energy_kwh}")
    if rising and old.at and new.at and old.at < new.at:
        sure_kwh = min(old.power_kw, new.power_kw) * seconds(new.at - old.at) / 3600
        stuck = grown == 0 and sure_kwh >= STUCK_KWH
        tally.expect("snapshot.energy_stuck", not stuck, number, at, f"{new.energy_kwh} kWh, power {new.power_kw} kW")


def check_against_order(
    order: Order, row: list[Snapshot], sound: bool, register: Register, rules: Rules, tally: Tally
) -> None:
    """What the snapshots of a session say about its order. `sound`: none of them failed a check of its own."""
    for snap in row:
        _check_identity(order, snap, rules, tally)
    if row and order.energy_kwh is not None and row[-1].energy_kwh is not None and row[-1].energy_kwh >= 0:
        last = row[-1].energy_kwh
        right = last <= order.energy_kwh + max(rules.meter_kwh, rules.meter_share * order.energy_kwh)
        tally.expect("snapshot.above_order", right, order.id, order.received_at, f"{last} of {order.energy_kwh}")
        sound &= right
    whole = _check_gaps(order, row, rules, tally)
    if sound and whole:
        _check_integral(order, row, register, rules, tally)


def _check_identity(order: Order, snap: Snapshot, rules: Rules, tally: Tally) -> None:
    at, number = snap.received_at, order.id
    if snap.connector_id:
        same = snap.connector_id == order.connector_id
        tally.expect("snapshot.connector_differs", same, number, at, f"{snap.connector_id}, {order.connector_id}")
    if snap.start and order.start and order.span and (snap.at is None or snap.start <= snap.at):
        close = abs(snap.start - order.start) <= SECOND
        tally.expect("snapshot.start_differs", close, number, at, f"{snap.start}, {order.start}")
    if snap.at and order.span and not is_future(snap.at, snap.received_at, rules):
        after_s = seconds(snap.at - order.span[1])
        tally.expect("snapshot.after_end", after_s <= rules.period_s, number, at, f"{after_s} s")


def _told_at(snap: Snapshot) -> datetime:
    return min(snap.at, snap.received_at) if snap.at else snap.received_at


def _true_end(order: Order) -> datetime:
    assert order.span is not None
    return min(order.span[1], order.received_at)


def expected_snapshots(order: Order, rules: Rules) -> int:
    """How many a session of this length should have had (section 18.4)."""
    if order.span is None or _true_end(order) <= order.span[0]:
        return 0
    return int(seconds(_true_end(order) - order.span[0]) / rules.period_s)


def _check_gaps(order: Order, row: list[Snapshot], rules: Rules, tally: Tally) -> bool:
    """Each time in a session that no snapshot came for more than two periods is one finding."""
    if order.span is None:
        return False
    end = _true_end(order)
    marks = [order.span[0], *sorted(min(max(_told_at(snap), order.span[0]), end) for snap in row), end]
    limit = timedelta(seconds=float(2 * rules.period_s)) + SECOND
    gaps = [(old, new) for old, new in pairwise(marks) if new - old > limit]
    if not gaps:
        tally.expect("snapshot.gap", True, order.id, order.received_at)
    for old, new in gaps:
        tally.expect("snapshot.gap", False, order.id, new, f"{old} to {new}")
    return not gaps


def _check_integral(order: Order, row: list[Snapshot], register: Register, rules: Rules, tally: Tally) -> None:
    if order.span is None or order.energy_kwh is None or order.span[1] > order.received_at:
        return
    start, end = order.span
    points = [(snap.at, snap.power_kw) for snap in row if snap.at and start <= snap.at <= end and not snap.refused]
    if seconds(order.span[1] - order.span[0]) < INTEGRAL_PERIODS * rules.period_s or len(points) < INTEGRAL_PERIODS - 1:
        return
    rated_kw = register.rated_kw(order.connector_id)
    if rated_kw is not None and is_over_rated(order, rated_kw, rules):
        return
    given = sum(_areas([(order.span[0], points[0][1]), *points, (order.span[1], points[-1][1])]), Decimal(0))
    right = abs(given - order.energy_kwh) <= rules.integral_share * max(order.energy_kwh, Decimal(1))
    tally.expect("snapshot.integral", right, order.id, order.received_at, f"{order.energy_kwh}, by power {given:.3f}")


def _areas(points: list[tuple[datetime, Decimal]]) -> Iterator[Decimal]:
    """Trapezoids between moments, in kWh."""
    for (t1, p1), (t2, p2) in pairwise(points):
        yield (p1 + p2) / 2 * seconds(t2 - t1) / 3600
