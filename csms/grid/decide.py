"""The one decision on a limit: bytes and what is known in, an accepted limit or a coded refusal out (grid-limits A2).

Every channel calls it. Nothing is parsed before, nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.charging.feeder import FeederTree
from csms.grid.statement import BadStatement, Statement, read_statement
from csms.model.limit import Limit

OPEN_END = timedelta(days=3650)
"""A statement without an end holds until it is cancelled; ten years stand for that."""
HORIZON = timedelta(days=366)
"""How far ahead a window may begin."""
LIMIT_ID_LENGTH_MAX = 64

Stored = Callable[[str, str, str], Limit | None]
"""(source, feeder_id, limit_id) → the highest version seen."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`limit` when accepted. `repeated`: it was accepted before, so there is nothing to store or tell. `code` is empty
    when accepted."""

    accepted: bool
    code: str = ""
    text: str = ""
    limit: Limit | None = None
    repeated: bool = False


def refused(code: str, text: str) -> Decision:
    """A refusal with its code."""
    return Decision(False, code, text)


def decide(
    raw: bytes, source: str, feeder_id: str, limit_id: str, stored: Stored, feeders: FeederTree, now: datetime
) -> Decision:
    """Accept or refuse a statement of an authenticated source. The same statement again gets the same answer (I10)."""
    problem = _address_problem(feeder_id, limit_id, feeders)
    if problem is not None:
        return problem
    try:
        statement = read_statement(raw, limit_id)
    except BadStatement as fault:
        return refused(fault.code, str(fault))
    before = stored(source, feeder_id, limit_id)
    if before is not None and statement.version <= before.version:
        return _not_newer(statement, before)
    if statement.cancel:
        return _cancelled(before, statement.version, now)
    limit = _limit(statement, source, feeder_id, limit_id, now)
    return _window_problem(limit, now) or _value_problem(limit, feeders) or Decision(True, limit=limit)


def decide_cancel(
    source: str, feeder_id: str, limit_id: str, stored: Stored, feeders: FeederTree, now: datetime
) -> Decision:
    """Cancel whatever version is known; cancelling twice is no error."""
    problem = _address_problem(feeder_id, limit_id, feeders)
    if problem is not None:
        return problem
    before = stored(source, feeder_id, limit_id)
    return _cancelled(before, before.version + 1 if before else 1, now)


def _address_problem(feeder_id: str, limit_id: str, feeders: FeederTree) -> Decision | None:
    if feeder_id not in feeders:
        return refused("unknown_feeder", f"there is no feeder {feeder_id[:LIMIT_ID_LENGTH_MAX]!r}")
    if not 0 < len(limit_id) <= LIMIT_ID_LENGTH_MAX or not limit_id.isprintable():
        return refused("malformed", f"a limit id has 1 to {LIMIT_ID_LENGTH_MAX} printable characters")
    return None


def _not_newer(statement: Statement, before: Limit) -> Decision:
    if statement.version == before.version and _says_the_same(statement, before):
        return Decision(True, limit=before, repeated=True)
    return refused("stale_version", f"version {before.version} is known already")


def _says_the_same(statement: Statement, before: Limit) -> bool:
    """Times that were left out got the time of arrival, so only given ones are compared."""
    same_window = (statement.valid_from in (None, before.valid_from), statement.valid_to in (None, before.valid_to))
    same_value = statement.value_w in (None, before.power_w)
    return statement.cancel == before.cancelled and same_value and all(same_window)


def _cancelled(before: Limit | None, version: int, now: datetime) -> Decision:
    if before is None:
        return refused("unknown_limit", "there is no such limit to cancel")
    if before.cancelled:
        return Decision(True, limit=before, repeated=True)
    return Decision(
        True,
        limit=Limit(
            source=before.source,
            feeder_id=before.feeder_id,
            limit_id=before.limit_id,
            version=version,
            power_w=before.power_w,
            valid_from=before.valid_from,
            valid_to=before.valid_to,
            issued_at=now,
            received_at=now,
            cancelled=True,
            reason="cancelled",
        ),
    )


def _limit(statement: Statement, source: str, feeder_id: str, limit_id: str, now: datetime) -> Limit:
    assert statement.value_w is not None
    valid_from = statement.valid_from or now
    return Limit(
        source=source,
        feeder_id=feeder_id,
        limit_id=limit_id,
        version=statement.version,
        power_w=statement.value_w,
        valid_from=valid_from,
        valid_to=statement.valid_to or max(valid_from, now) + OPEN_END,
        issued_at=statement.issued_at or now,
        received_at=now,
        reason=statement.reason,
    )


def _window_problem(limit: Limit, now: datetime) -> Decision | None:
    if limit.valid_from >= limit.valid_to:
        return refused("window_order", "valid_from lies before valid_to")
    if limit.valid_to <= now:
        return refused("window_past", "valid_to lies in the past")
    if limit.valid_from > now + HORIZON or limit.valid_to > now + HORIZON + OPEN_END:
        return refused("beyond_horizon", f"a limit begins within {HORIZON.days} days and ends within eleven years")
    return None


def _value_problem(limit: Limit, feeders: FeederTree) -> Decision | None:
    lowest_w = feeders.feeder(limit.feeder_id).lowest_cap_w
    if limit.power_w < lowest_w:
        return refused("below_floor", f"the lowest cap agreed for feeder {limit.feeder_id} is {lowest_w} W")
    return None
