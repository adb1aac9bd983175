"""What operators and the site say about events, read strictly; powers in kW there. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from csms.model.response import Bid, Clearing, Invitation, Kind, Method, Notice, PriceUnit
from csms.wire.strict_json import Bounds, JsonRefused, read_object

BODY_BYTES_MAX = 64 * 1024
BOUNDS = Bounds(BODY_BYTES_MAX, depth_max=4, integer_digits_max=18, nul=False)
ID_LENGTH_MAX = 48
NOTE_LENGTH_MAX = 500
QUARTER_S = 900
EVENT_MAX = timedelta(days=1)
HORIZON = timedelta(days=366)

Kilowatts = Annotated[float, Meta(gt=0, le=10_000_000)]
Price = Annotated[float, Meta(ge=0, le=100_000)]
Moment = Annotated[datetime, Meta(tz=True)]
Note = Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)]
Reason = Annotated[int, Meta(ge=1, le=3)]

Body = TypeVar("Body", bound=Struct)


class Refused(Exception):
    """It is not taken; `code` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class InvitationBody(Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "type"}):
    """PUT /response-events/{id}. `reply_by`: when left out, the beginning."""

    feeder: Annotated[str, Meta(min_length=1, max_length=64)]
    kind: Kind
    notice: Notice
    start: Moment
    end: Moment
    target_kw: Kilowatts
    price: Price
    price_unit: PriceUnit = PriceUnit.PER_KWH
    reply_by: Moment | None = None


class BidBody(Struct, frozen=True, forbid_unknown_fields=True):
    """PUT .../bid: an offer, or `automatic` for that of the settings' rule."""

    power_kw: Kilowatts | None = None
    price: Price | None = None
    automatic: bool = False


class ClearingBody(Struct, frozen=True, forbid_unknown_fields=True):
    """PUT .../clearing; power and price are those of the bid when left out."""

    accepted: bool
    power_kw: Kilowatts | None = None
    price: Price | None = None


class DriverAnswerBody(Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /driver-offers/{id_token}/{event_id}."""

    accepted: bool


class AppealBody(Struct, frozen=True, forbid_unknown_fields=True):
    """POST .../appeals. `reason`: 1 the baseline's maximum, 2 its mean, 3 the effect."""

    reason: Reason
    note: Note = ""


class AnswerBody(Struct, frozen=True, forbid_unknown_fields=True):
    """PUT .../appeals/{number}. Upheld: it is computed again, by another method if one is named."""

    upheld: bool
    note: Note = ""
    method: Method | None = None


def read(raw: bytes, kind: type[Body]) -> Body:
    """Raises Refused: malformed."""
    try:
        return msgspec.convert(read_object(raw or b"{}", BOUNDS), kind)
    except (JsonRefused, msgspec.ValidationError) as fault:
        raise Refused("malformed", str(fault)) from None


def invitation(body: InvitationBody, event_id: str, source: str, now: datetime) -> Invitation:
    """Raises Refused: malformed, not_on_quarter_hour, window_order, window_past, beyond_horizon, reply_late."""
    if not 0 < len(event_id) <= ID_LENGTH_MAX or not event_id.isprintable() or "/" in event_id:
        raise Refused("malformed", f"an event id has 1 to {ID_LENGTH_MAX} printable characters, none of them /")
    start, end = body.start.astimezone(UTC), body.end.astimezone(UTC)
    reply_by = (body.reply_by or start).astimezone(UTC)
    if any(at.timestamp() % QUARTER_S for at in (start, end)):
        raise Refused("not_on_quarter_hour", "an event begins and ends on a quarter-hour: that is what is settled")
    if not start < end <= start + EVENT_MAX:
        raise Refused("window_order", "an event ends after it begins, within 24 hours")
    if end <= now:
        raise Refused("window_past", "the event is over")
    if start > now + HORIZON:
        raise Refused("beyond_horizon", f"an event begins within {HORIZON.days} days")
    if reply_by > end:
        raise Refused("reply_late", "reply_by lies before the end of the event")
    return Invitation(
        id=event_id,
        source=source,
        feeder_id=body.feeder,
        kind=body.kind,
        notice=body.notice,
        start=start,
        end=end,
        target_w=round(body.target_kw * 1000),
        price=body.price,
        unit=body.price_unit,
        reply_by=reply_by,
    )


def bid(body: BidBody, now: datetime) -> Bid:
    """Raises Refused: malformed."""
    if body.power_kw is None or body.price is None:
        raise Refused("malformed", "a bid names power_kw and price, or is automatic")
    return Bid(round(body.power_kw * 1000), body.price, now)


def clearing(body: ClearingBody, offered: Bid, now: datetime) -> Clearing:
    """What is taken of a bid."""
    if not body.accepted:
        return Clearing(False, now)
    power_w = offered.power_w if body.power_kw is None else round(body.power_kw * 1000)
    return Clearing(True, now, power_w, offered.price if body.price is None else body.price)


def plain(raw: bytes) -> Any:
    """A body for the record: as read, or its length when it cannot be."""
    try:
        return read_object(raw or b"{}", BOUNDS)
    except JsonRefused:
        return {"bytes": len(raw)}
