"""Demand response: what an event is, and where it stands. Powers in W, prices in yuan; pure.

Where an event stands is told by its facts and the clock, never stored: nothing can get out of step.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """Less load than usual, or more."""

    SHAVE = "shave"
    FILL = "fill"


class Notice(StrEnum):
    """How long before its beginning an event is told."""

    DAY_AHEAD = "day_ahead"
    INTRADAY = "intraday"
    MINUTE = "minute"

    @property
    def level(self) -> str:
        """The response level as platforms number it."""
        return {Notice.MINUTE: "001", Notice.INTRADAY: "002", Notice.DAY_AHEAD: "003"}[self]


class PriceUnit(StrEnum):
    """What a price is for: each kWh that is credited, or each kW once for the event."""

    PER_KWH = "per_kwh"
    PER_KW = "per_kw"


class Method(StrEnum):
    """How a baseline is made (csms.response.baseline)."""

    MEAN5 = "mean5"
    PRE15MIN = "pre15min"
    HIGH5OF10 = "high5of10"
    MEAN10TRIM = "mean10trim"


class Status(StrEnum):
    """Where an event stands, by the codes of platforms; `CANCELLED` is our own word, they have none."""

    INVITED = "11"
    RUNNING_WITHOUT_BID = "12"
    OVER_WITHOUT_BID = "15"
    BID = "21"
    CLEARED = "22"
    NOT_CLEARED = "23"
    RUNNING = "24"
    OVER = "25"
    CANCELLED = "cancelled"


class Invitation(Struct, frozen=True):
    """What a grid operator asks for. `price` as `unit` says; `reply_by`: bids are taken until then."""

    id: str
    source: str
    feeder_id: str
    kind: Kind
    notice: Notice
    start: datetime
    end: datetime
    target_w: int
    price: float
    unit: PriceUnit
    reply_by: datetime

    @property
    def hours(self) -> float:
        """How long it lasts."""
        return (self.end - self.start).total_seconds() / 3600


class Bid(Struct, frozen=True):
    """What the site offers. `automatic`: by the rule of the settings."""

    power_w: int
    price: float
    at: datetime
    automatic: bool = False


class Clearing(Struct, frozen=True):
    """The operator's answer to a bid: what it takes of it, at which price."""

    accepted: bool
    at: datetime
    power_w: int = 0
    price: float = 0.0


class ResponseEvent(Struct, frozen=True):
    """An event with all that was said about it. `channel`: by which way it came."""

    invitation: Invitation
    received_at: datetime
    channel: str = "http"
    bid: Bid | None = None
    clearing: Clearing | None = None
    cancelled_at: datetime | None = None

    def status(self, now: datetime) -> Status:
        """Where it stands. A bid that nobody cleared in time was not taken."""
        if self.cancelled_at is not None:
            return Status.CANCELLED
        before, over = now < self.invitation.start, now >= self.invitation.end
        if self.bid is None:
            return Status.INVITED if before else Status.OVER_WITHOUT_BID if over else Status.RUNNING_WITHOUT_BID
        if self.clearing is None:
            return Status.NOT_CLEARED if over else Status.BID
        if not self.clearing.accepted:
            return Status.NOT_CLEARED
        return Status.CLEARED if before else Status.OVER if over else Status.RUNNING

    @property
    def taken(self) -> bool:
        """Whether the operator counts on it."""
        return self.cancelled_at is None and self.clearing is not None and self.clearing.accepted

    @property
    def target_w(self) -> int:
        """What is to be reached: what was cleared, else what was asked for."""
        return (
            self.clearing.power_w if self.clearing is not None and self.clearing.accepted else self.invitation.target_w
        )

    @property
    def price(self) -> float:
        """What is paid: as cleared, else as invited."""
        return self.clearing.price if self.clearing is not None and self.clearing.accepted else self.invitation.price
