"""What may be said about an event, and when. Pure: the event and the moment in, the changed event or a refusal out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from csms.charging.feeder import FeederTree
from csms.model.response import Bid, Clearing, ResponseEvent
from csms.response.words import Refused

HOUSE = "http"
"""The source of what administrators send themselves."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who speaks, checked by the channel. `feeders` None: bound to none in particular; `manages`: an administrator, who
    may speak for an operator.
    """

    source: str
    channel: str = "http"
    name: str = ""
    address: str = ""
    feeders: frozenset[str] | None = None
    manages: bool = False

    @property
    def who(self) -> dict[str, str]:
        """For the record."""
        facts = {"name": self.name or self.source, "address": self.address, "channel": self.channel}
        return {name: value for name, value in facts.items() if value}

    def sees(self, feeder_id: str, tree: FeederTree) -> bool:
        """Whether the feeder is one that it is bound to, or hangs below one."""
        return self.feeders is None or (feeder_id in tree and not self.feeders.isdisjoint(tree.path(feeder_id)))


def check_feeder(party: Party, feeder_id: str, tree: FeederTree) -> None:
    """Raises Refused: unknown_feeder, not_authorised; a bound party hears of no feeder but its own."""
    if not party.sees(feeder_id, tree):
        raise Refused("not_authorised", f"{party.source} is not bound to feeder {feeder_id[:64]!r}")
    if feeder_id not in tree:
        raise Refused("unknown_feeder", f"there is no feeder {feeder_id[:64]!r}")


def check_owner(party: Party, event: ResponseEvent) -> None:
    """Raises Refused: not_authorised, for who neither sent the event nor manages the house."""
    if party.source != event.invitation.source and not party.manages:
        raise Refused("not_authorised", "this is for the operator that sent the event")


def with_bid(event: ResponseEvent, bid: Bid, others: Iterable[ResponseEvent], now: datetime) -> ResponseEvent:
    """Raises Refused: cancelled, already_cleared, reply_late, above_invited, event_overlaps."""
    asked = event.invitation
    _check_open(event, now)
    if bid.power_w > asked.target_w:
        raise Refused("above_invited", f"{asked.target_w / 1000:g} kW are asked for")
    if bid.price > asked.price:
        raise Refused("above_invited", f"the price offered is {asked.price:g}")
    other = next((one for one in others if overlaps(one, event)), None)
    if other is not None:
        raise Refused("event_overlaps", f"event {other.invitation.id} has a bid for the same load at that time")
    return replace(event, bid=bid)


def without_bid(event: ResponseEvent, now: datetime) -> ResponseEvent:
    """Raises Refused: cancelled, already_cleared, reply_late. Taking back what is not there is no error."""
    if event.bid is None:
        return event
    _check_open(event, now)
    return replace(event, bid=None)


def _check_open(event: ResponseEvent, now: datetime) -> None:
    """Whether bids may still come and go."""
    if event.cancelled_at is not None:
        raise Refused("cancelled", "the event was cancelled")
    if event.clearing is not None:
        raise Refused("already_cleared", "the operator has decided on the bid")
    if now > event.invitation.reply_by:
        raise Refused("reply_late", f"bids were taken until {event.invitation.reply_by.isoformat()}")


def overlaps(one: ResponseEvent, other: ResponseEvent) -> bool:
    """Whether another event with a bid that may still count asks for load of the same time."""
    first, second = one.invitation, other.invitation
    counts = one.bid is not None and one.cancelled_at is None and (one.clearing is None or one.clearing.accepted)
    return counts and first.id != second.id and first.start < second.end and second.start < first.end


def with_clearing(event: ResponseEvent, clearing: Clearing, now: datetime) -> ResponseEvent:
    """Raises Refused: cancelled, already_cleared, over, above_bid. The same once more changes nothing."""
    if event.cancelled_at is not None:
        raise Refused("cancelled", "the event was cancelled")
    if event.clearing is not None:
        if replace(event.clearing, at=clearing.at) == clearing:
            return event
        raise Refused("already_cleared", "another result was told before")
    if event.bid is None:
        raise Refused("no_bid", "nobody has bid on this event")
    if now >= event.invitation.end:
        raise Refused("over", "the event is over")
    if clearing.power_w > event.bid.power_w:
        raise Refused("above_bid", f"{event.bid.power_w / 1000:g} kW were offered")
    return replace(event, clearing=clearing)


def cancelled(event: ResponseEvent, now: datetime) -> ResponseEvent:
    """Raises Refused: over. Cancelling twice is no error."""
    if event.cancelled_at is not None:
        return event
    if now >= event.invitation.end:
        raise Refused("over", "the event is over")
    return replace(event, cancelled_at=now)


def check_over(event: ResponseEvent, now: datetime) -> None:
    """Raises Refused: not_taken, not_over, for what cannot be evaluated."""
    if not event.taken:
        raise Refused("not_taken", "no bid on this event was accepted")
    if now < event.invitation.end:
        raise Refused("not_over", f"the event ends at {event.invitation.end.isoformat()}")
