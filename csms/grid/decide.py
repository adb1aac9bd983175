"""The one decision on a limit: bytes and what is known in, an accepted limit or a coded refusal out (grid-limits A2).

Every channel calls it. Nothing is parsed before, nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from csms.charging.feeder import FeederTree
from csms.grid.peer import Peer, SourceRule
from csms.grid.schedule import NEVER
from csms.grid.statement import BadStatement, Statement, read_statement
from csms.model.limit import Block, Direction, Limit
from csms.security.jws import BadSignature, verify

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
    when accepted. `failsafe_w`: what the feeder is held at from now on when the source is silent. `issued_at`: when
    the source says that it said so, if it does. `alarm`: somebody should look at this refusal."""

    accepted: bool
    code: str = ""
    text: str = ""
    limit: Limit | None = None
    repeated: bool = False
    failsafe_w: int | None = None
    issued_at: datetime | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What a decision rests on: stored limits, the supply tree, what is agreed with the source."""

    stored: Stored
    feeders: FeederTree
    rule: SourceRule


def refused(code: str, text: str, *, alarm: bool = False) -> Decision:
    """A refusal with its code."""
    return Decision(False, code, text, alarm=alarm)


def decide(raw: bytes, peer: Peer, feeder_id: str, limit_id: str, known: Known, now: datetime) -> Decision:
    """Accept or refuse a statement of an authenticated source. The same statement again gets the same answer (I10)."""
    problem = address_problem(peer, feeder_id, limit_id, known.feeders)
    if problem is not None:
        return problem
    try:
        statement = read_statement(raw, limit_id)
    except BadStatement as fault:
        return refused(fault.code, str(fault), alarm=fault.code == "bad_signature")
    problem = _signature_problem(statement, feeder_id, known.rule)
    if problem is not None:
        return problem
    before = known.stored(peer.source, feeder_id, limit_id)
    if before is not None and statement.version <= before.version:
        return _not_newer(statement, before)
    problem = _failsafe_problem(statement.failsafe_w, feeder_id, known)
    if problem is not None:
        return problem
    if statement.cancel:
        return _cancelled(before, statement, now)
    limit = _limit(statement, peer.source, feeder_id, limit_id, now)
    problem = _window_problem(limit, now) or _value_problem(limit, known)
    return problem or Decision(True, limit=limit, failsafe_w=statement.failsafe_w, issued_at=statement.issued_at)


def decide_cancel(
    peer: Peer, feeder_id: str, limit_id: str, known: Known, now: datetime, version: int | None = None
) -> Decision:
    """Cancel the version that is known, under its own number: the next one is the source's. Twice is no error.

    `version`: the one that is meant, so that a request that was late does not cancel a newer one. Who has to sign does
    so with a statement, and the house cancels as it likes.
    """
    problem = address_problem(peer, feeder_id, limit_id, known.feeders)
    if problem is None and known.rule.signed and peer.feeders is not None:
        problem = refused("unsigned", "this source signs what it says: cancel with a statement", alarm=True)
    if problem is not None:
        return problem
    before = known.stored(peer.source, feeder_id, limit_id)
    if before is None or (version is not None and version > before.version):
        return _nothing_to_cancel(version)
    if version is not None and version < before.version:
        return refused("stale_version", f"version {before.version} is known already, {version} holds no more")
    if before.cancelled:
        return Decision(True, limit=before, repeated=True)
    return Decision(True, limit=_over(before, before.version, now, now))


def address_problem(peer: Peer, feeder_id: str, limit_id: str, feeders: FeederTree) -> Decision | None:
    """What is wrong with whom a statement is about; a peer hears of no feeder but its own."""
    if feeder_id not in feeders and peer.feeders is None:
        return refused("unknown_feeder", f"there is no feeder {feeder_id[:LIMIT_ID_LENGTH_MAX]!r}")
    if feeder_id not in feeders or not peer.may_limit(feeder_id, feeders):
        shown = feeder_id[:LIMIT_ID_LENGTH_MAX]
        return refused("not_authorised", f"{peer.source} is not bound to feeder {shown!r}", alarm=True)
    if not 0 < len(limit_id) <= LIMIT_ID_LENGTH_MAX or not limit_id.isprintable():
        return refused("malformed", f"a limit id has 1 to {LIMIT_ID_LENGTH_MAX} printable characters")
    return None


def _signature_problem(statement: Statement, feeder_id: str, rule: SourceRule) -> Decision | None:
    """Checked where there is one, demanded where that is agreed."""
    if statement.feeder_id not in (None, feeder_id):
        return refused("malformed", "feeder in the body and in the address differ")
    if statement.signature is None:
        return refused("unsigned", "this source signs what it says", alarm=True) if rule.signed else None
    try:
        verify(statement.signature, statement.signed, rule.keys)
    except BadSignature as fault:
        return refused("bad_signature", str(fault), alarm=True)
    return None


def _not_newer(statement: Statement, before: Limit) -> Decision:
    if statement.version == before.version and says_the_same(statement, before):
        return Decision(True, limit=before, repeated=True, issued_at=statement.issued_at)
    how = ", and cancelled" if before.cancelled else ""
    return refused("stale_version", f"version {before.version} is known already{how}")


def says_the_same(statement: Statement, before: Limit) -> bool:
    """Times that were left out got the time of arrival, so only given ones are compared."""
    same_window = (statement.valid_from in (None, before.valid_from), statement.valid_to in (None, before.valid_to))
    same_value = statement.value_w in (None, before.power_w) and statement.blocks == before.blocks
    same_way = statement.direction is before.direction and statement.failsafe_w in (None, before.failsafe_w)
    return statement.cancel == before.cancelled and same_value and same_way and all(same_window)


def _cancelled(before: Limit | None, statement: Statement, now: datetime) -> Decision:
    if before is None:
        return _nothing_to_cancel(None)
    limit = _over(before, statement.version, statement.issued_at or now, now)
    limit = replace(limit, failsafe_w=statement.failsafe_w)
    return Decision(True, limit=limit, failsafe_w=statement.failsafe_w, issued_at=statement.issued_at)


def _nothing_to_cancel(version: int | None) -> Decision:
    which = "" if version is None else f" of version {version}"
    return refused("unknown_limit", f"there is no such limit{which} to cancel")


def _over(before: Limit, version: int, issued_at: datetime, now: datetime) -> Limit:
    """The same limit, cancelled."""
    return replace(before, version=version, issued_at=issued_at, received_at=now, cancelled=True, reason="cancelled")


def _limit(statement: Statement, source: str, feeder_id: str, limit_id: str, now: datetime) -> Limit:
    assert statement.value_w is not None
    first = statement.blocks[0].start if statement.blocks else now
    valid_from = statement.valid_from or first
    return Limit(
        source=source,
        feeder_id=feeder_id,
        limit_id=limit_id,
        version=statement.version,
        power_w=statement.value_w,
        valid_from=valid_from,
        valid_to=statement.valid_to or _open_end(valid_from, now),
        issued_at=statement.issued_at or now,
        received_at=now,
        reason=statement.reason,
        direction=statement.direction,
        priority=statement.priority,
        blocks=statement.blocks,
        failsafe_w=statement.failsafe_w,
    )


def _open_end(valid_from: datetime, now: datetime) -> datetime:
    """Ten years on; at the end of the calendar at the latest, which is beyond the horizon anyway."""
    begins = max(valid_from, now)
    return begins + OPEN_END if begins < NEVER - OPEN_END else NEVER


def _window_problem(limit: Limit, now: datetime) -> Decision | None:
    if limit.valid_from >= limit.valid_to:
        return refused("window_order", "valid_from lies before valid_to")
    if limit.valid_to <= now:
        return refused("window_past", "valid_to lies in the past")
    if limit.valid_from > now + HORIZON or limit.valid_to > now + HORIZON + OPEN_END:
        return refused("beyond_horizon", f"a limit begins within {HORIZON.days} days and ends within eleven years")
    return _blocks_problem(limit.blocks, limit)


def _blocks_problem(blocks: Sequence[Block], limit: Limit) -> Decision | None:
    """Each lies in the window, and the first begins with it: before it nothing would be limited."""
    outside = next((block for block in blocks if not limit.valid_from <= block.start < limit.valid_to), None)
    if outside is not None:
        return refused("window_order", f"the block from {outside.start.isoformat()} lies outside the window")
    if blocks and blocks[0].start > limit.valid_from:
        return refused(
            "window_order", "the first block begins after valid_from, so nothing is said of the time between"
        )
    return None


def _value_problem(limit: Limit, known: Known) -> Decision | None:
    """Under what is agreed as lowest the floors of the stations have no room, so it takes an emergency source."""
    if limit.direction is Direction.EXPORT:
        return None
    return _floor_problem(limit.power_w, limit.feeder_id, known)


def _failsafe_problem(failsafe_w: int | None, feeder_id: str, known: Known) -> Decision | None:
    """It is held on import, whatever the statement itself is about, and above the rating it would hold nothing."""
    if failsafe_w is None:
        return None
    highest_w = max(known.feeders.feeder(feeder_id).rating_w, known.rule.failsafe_w.get(feeder_id, 0))
    if failsafe_w > highest_w:
        return refused("above_rating", f"the failsafe value of feeder {feeder_id} is at most {highest_w} W")
    return _floor_problem(failsafe_w, feeder_id, known)


def _floor_problem(power_w: int, feeder_id: str, known: Known) -> Decision | None:
    lowest_w = known.feeders.feeder(feeder_id).lowest_cap_w
    if power_w >= lowest_w or known.rule.emergency:
        return None
    return refused("below_floor", f"the lowest cap agreed for feeder {feeder_id} is {lowest_w} W", alarm=True)
