"""Pushed connector states: checks of each, and the charging intervals that can be read from them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from monitor.quality.observed import CHARGING, Status
from monitor.quality.register import Register
from monitor.quality.tally import Tally

PARK_FREE = 10
TAKEN = (2, CHARGING)
ENDS = (1, 2)
"""What a session ends with; a connector that goes offline or faulty in between does not end one (section 18.4)."""
REPEAT = timedelta(seconds=60)
"""The same state again within this time is no retry, whose ladder begins here, and no re-sync."""
FLAPPING_CHANGES = 20
FLAPPING_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Interval:
    """A connector was told to be charging from the arrival of one state to that of the next other one."""

    connector_id: str
    start: datetime
    end: datetime | None
    ended_by: int | None


def by_connector(statuses: Iterable[Status]) -> dict[str, list[Status]]:
    """The states of each connector in the order of arrival; those without a readable state are left out."""
    found: dict[str, list[Status]] = defaultdict(list)
    for status in statuses:
        if status.status is not None and status.connector_id:
            found[status.connector_id].append(status)
    for pushed in found.values():
        pushed.sort(key=lambda status: status.received_at)
    return found


def charging_intervals(pushed: list[Status]) -> list[Interval]:
    """The intervals of state 3, from the states of one connector in their order."""
    runs = [(state, list(run)) for state, run in groupby(pushed, key=lambda status: status.status)]
    found = []
    for place, (state, run) in enumerate(runs):
        if state == CHARGING:
            following = runs[place + 1] if place + 1 < len(runs) else None
            end = following[1][0].received_at if following else None
            found.append(Interval(run[0].connector_id, run[0].received_at, end, following[0] if following else None))
    return found


def check_statuses(pushed: list[Status], register: Register, judged_from: datetime, tally: Tally) -> None:
    """Checks of the states of one connector; those before `judged_from` are only compared with."""
    judged = [status for status in pushed if status.received_at >= judged_from]
    for status in judged:
        _check_one(status, register, tally)
    for old, new in pairwise(pushed):
        if new.received_at >= judged_from and not (old.refused or new.refused):
            facts = ((s.status, s.park, s.lock) for s in (old, new))
            again = len(set(facts)) == 1 and new.received_at - old.received_at < REPEAT
            tally.expect("status.repeated", not again, new.connector_id, new.received_at, f"{new.status}")
    _check_flapping(judged, tally)


def _check_one(status: Status, register: Register, tally: Tally) -> None:
    at = status.received_at
    if register.plugs:
        known = status.connector_id in register.plugs
        tally.expect("status.unknown_connector", known, status.connector_id, at)
    if status.park is not None:
        contradicts = status.status in TAKEN and status.park == PARK_FREE
        detail = f"{status.status}, {status.park}"
        tally.expect("status.park_contradicts", not contradicts, status.connector_id, at, detail)


def _check_flapping(judged: list[Status], tally: Tally) -> None:
    """One finding for each time that more than a bearable number of changes fall into the window."""
    changes = [new for old, new in pairwise(judged) if old.status != new.status]
    if not changes:
        return
    burst: list[Status] = []
    flapped = False
    for change in changes:
        burst = [status for status in burst if change.received_at - status.received_at < FLAPPING_WINDOW]
        burst.append(change)
        if len(burst) > FLAPPING_CHANGES:
            detail = f"{len(burst)} changes in 10 min"
            tally.expect("status.flapping", False, change.connector_id, change.received_at, detail)
            flapped, burst = True, []
    if not flapped:
        tally.expect("status.flapping", True, changes[0].connector_id, changes[0].received_at)
