"""Sessions put together from what came separately: states, snapshots, orders (section 18.4). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.quality.observed import Order, Snapshot, Views
from monitor.quality.orders import is_future, seconds
from monitor.quality.register import Register
from monitor.quality.rules import Rules
from monitor.quality.snapshots import check_against_order, check_row, check_snapshot, expected_snapshots
from monitor.quality.statuses import ENDS, Interval, by_connector, charging_intervals, check_statuses
from monitor.quality.tally import Tally

ORDER_WAIT = timedelta(hours=1)
"""How long after a session an order may still come before it is called missing: one step of the hourly ladder."""
SLACK = timedelta(minutes=15)
"""How far the arrival of a state may be from its order and still be about it."""


@dataclass(slots=True)
class Sessions:
    """What the sessions of a day add to the metrics."""

    inferred: int = 0
    with_order: int = 0
    pushes: int = 0
    pushes_in_time: int = 0
    snapshots_expected: int = 0
    snapshots_received: int = 0
    charging: dict[str, list[Interval]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """What is judged: messages that came from `start` to before `end`; `known` connectors had a state before."""

    operator_id: str
    start: datetime
    end: datetime
    register: Register
    rules: Rules
    refused_orders: tuple[tuple[datetime, str], ...] = ()
    """Arrival and connector (empty: unreadable) of orders that were refused: they came, so they are not missing."""


def check_sessions(views: Views, repeated: set[str], day: Day, tally: Tally) -> Sessions:
    """All checks that need more than one message; `repeated`: orders that are copies."""
    sessions = Sessions()
    pushed = by_connector(views.statuses)
    sessions.charging = {name: charging_intervals(row) for name, row in pushed.items()}
    for row in pushed.values():
        check_statuses(row, day.register, day.start, tally)
    rows = _rows(views.snapshots)
    sound = _check_alone(views.snapshots, day, tally)
    for snaps in rows.values():
        check_row(snaps, sound, day.start, tally)
    orders = [order for order in views.orders if order.id not in repeated]
    for order in orders:
        judged = not order.refused and order.received_at >= day.start
        if judged and _is_known(order.connector_id, day.register):
            _check_order(order, rows.get(order.id, []), sound, day, sessions, tally)
    _check_intervals(sessions, orders, views.snapshots, day, tally)
    _check_punctuality(sessions, orders, day, tally)
    return sessions


def _is_known(connector_id: str, register: Register) -> bool:
    return not register.plugs or connector_id in register.plugs


def _rows(snapshots: Iterable[Snapshot]) -> dict[str, list[Snapshot]]:
    rows: dict[str, list[Snapshot]] = defaultdict(list)
    for snap in snapshots:
        if snap.order_id:
            rows[snap.order_id].append(snap)
    for row in rows.values():
        row.sort(key=lambda snap: snap.at or snap.received_at)
    return rows


def _check_alone(snapshots: Iterable[Snapshot], day: Day, tally: Tally) -> set[int]:
    """Judge those of the day; those before it are taken as sound if they would be so now."""
    earlier = Tally()
    sound = set()
    for snap in snapshots:
        if check_snapshot(snap, day.register, day.rules, tally if snap.received_at >= day.start else earlier):
            sound.add(id(snap))
    return sound


def _check_order(
    order: Order, row: list[Snapshot], sound: set[int], day: Day, sessions: Sessions, tally: Tally
) -> None:
    expected = expected_snapshots(order, day.rules)
    sessions.snapshots_expected += expected
    sessions.snapshots_received += min(expected, len(row))
    all_sound = all(id(snap) in sound for snap in row)
    check_against_order(order, row, all_sound, day.register, day.rules, tally)


def _of_session(order: Order, rules: Rules) -> tuple[datetime, datetime] | None:
    """When a session can have run at all: a false end does not reach beyond the arrival of its order."""
    if order.start is None or order.end is None:
        return None
    first, last = min(order.start, order.end), max(order.start, order.end)
    return min(first, order.received_at), min(last, order.received_at)


def _touches(interval: Interval, span: tuple[datetime, datetime], slack: timedelta) -> bool:
    ended_before = interval.end is not None and interval.end < span[0] - slack
    return not ended_before and interval.start <= span[1] + slack


def _covers(interval: Interval, span: tuple[datetime, datetime]) -> bool:
    """Whether they share at least half of the shorter: states come a little late, and the next session may follow."""
    end = interval.end or max(span[1], interval.start)
    shared = min(end, span[1]) - max(interval.start, span[0])
    return shared > timedelta(0) and 2 * shared >= min(end - interval.start, span[1] - span[0])


def _own(charging: list[Interval], span: tuple[datetime, datetime]) -> list[Interval]:
    """The charging intervals that a session is about: those it overlaps, else the nearest within the slack."""
    found = [interval for interval in charging if _covers(interval, span)]
    if found:
        return found
    near = [interval for interval in charging if _touches(interval, span, SLACK)]
    return sorted(near, key=lambda interval: abs(interval.start - span[0]))[:1]


def _check_intervals(
    sessions: Sessions, orders: list[Order], snapshots: list[Snapshot], day: Day, tally: Tally
) -> None:
    """Each charging interval that ended (3 to 1 or 2) has an order by an hour later, or at least snapshots."""
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for order in orders:
        span = _of_session(order, day.rules)
        if span is not None:
            spans[order.connector_id].append(span)
    moments: dict[str, list[datetime]] = defaultdict(list)
    for snap in snapshots:
        moments[snap.connector_id].append(snap.received_at)
    for name, charging in sessions.charging.items():
        if _is_known(name, day.register):
            owned = {id(interval) for span in spans[name] for interval in _own(charging, span)}
            for interval in _ended(charging, day):
                _judge(interval, id(interval) in owned, moments[name], sessions, day, tally)


def _ended(charging: list[Interval], day: Day) -> list[Interval]:
    """Intervals that a session ended in; those of the last hour belong to the next day."""
    return [
        interval
        for interval in charging
        if interval.end is not None and interval.ended_by in ENDS and day.start <= interval.end + ORDER_WAIT < day.end
    ]


def _judge(
    interval: Interval, ordered: bool, moments: list[datetime], sessions: Sessions, day: Day, tally: Tally
) -> None:
    assert interval.end is not None
    sessions.inferred += 1
    ordered = ordered or _was_refused(interval, day)
    sessions.with_order += ordered
    seen = ordered or any(interval.start <= moment <= interval.end for moment in moments)
    detail = f"{interval.start} to {interval.end}"
    if tally.expect("status.phantom_charging", seen, interval.connector_id, interval.end, detail):
        tally.expect("order.missing", ordered, interval.connector_id, interval.end, detail)


def _was_refused(interval: Interval, day: Day) -> bool:
    assert interval.end is not None
    until = interval.end + ORDER_WAIT
    return any(
        interval.start <= at <= until and connector in ("", interval.connector_id)
        for at, connector in day.refused_orders
    )


def _check_punctuality(sessions: Sessions, orders: list[Order], day: Day, tally: Tally) -> None:
    """State 3 comes in time after the start of a session, another one in time after its end."""
    by_plug: dict[str, list[tuple[datetime, datetime, Order]]] = defaultdict(list)
    for order in orders:
        span = _of_session(order, day.rules)
        if span is not None and _is_known(order.connector_id, day.register):
            by_plug[order.connector_id].append((*span, order))
    for name, group in by_plug.items():
        first: dict[int, tuple[datetime, Order]] = {}
        last: dict[int, tuple[datetime, Order, Interval]] = {}
        for start, end, order in sorted(group, key=lambda item: (item[0], item[2].id)):
            found = _own(sessions.charging.get(name, []), (start, end))
            if order.received_at >= day.start and not order.refused:
                detail = f"{start} to {end}"
                tally.expect("order.without_charging", bool(found), order.id, order.received_at, detail)
            if found and order.span and not is_future(order.span[1], order.received_at, day.rules):
                first.setdefault(id(found[0]), (start, order))
                last[id(found[-1])] = (end, order, found[-1])
        for interval in sessions.charging.get(name, []):
            if id(interval) in first:
                _count_push(interval.start, *first[id(interval)], day, sessions, tally)
            if id(interval) in last and interval.end is not None:
                _count_push(interval.end, *last[id(interval)][:2], day, sessions, tally)


def _count_push(
    arrived: datetime, happened: datetime, order: Order, day: Day, sessions: Sessions, tally: Tally
) -> None:
    if not (day.start <= arrived < day.end):
        return
    late_s = seconds(arrived - happened)
    right = late_s <= day.rules.status_limit_s
    sessions.pushes += 1
    sessions.pushes_in_time += right
    tally.expect("status.late", right, order.connector_id, arrived, f"{late_s} s")
