"""Demand response over OpenADR 3: events that call for another load. Pure.

It knows no bids, but asks for what a site is capable of: an event with a relative setpoint that wants a report of
LOAD_SHED_DELTA_AVAILABLE is an invitation, and that report is the bid. The same event that wants it no more is the
result: what its setpoint says then is ordered, and 0 is a refusal. An event that is deleted is cancelled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from csms.grid.openadr3 import EPOCH, FACTORS, Agreed, event_id_of, feeders_of, limit_group, units_of
from csms.grid.openadr3_periods import Period, Unreadable, periods_of
from csms.grid.responses import Word
from csms.grid.schedule import NEVER, moment_of

SETPOINT, PRICE, AVAILABLE = "DISPATCH_SETPOINT_RELATIVE", "PRICE", "LOAD_SHED_DELTA_AVAILABLE"
MINUTES = timedelta(hours=1)
"""What begins sooner after it was made is an event told by the minute."""
KW = 1000
DIFFERS = "event_differs"
"""A result whose hours or direction are not those that were invited to."""


@dataclass(frozen=True, slots=True)
class Call:
    """An event read. `id`: what it is called here; `change_w`: more load than usual, negative: less. `asks`: for a bid.

    `fault`: why nothing can be made of it, as a code.
    """

    event_id: str
    id: str
    program_id: str = ""
    modified: datetime = EPOCH
    feeder_id: str = ""
    asks: bool = False
    notice: str = "day_ahead"
    start: datetime = EPOCH
    end: datetime = NEVER
    change_w: int = 0
    price: float | None = None
    price_unit: str = "per_kwh"
    fault: str = ""

    @property
    def taken_back(self) -> bool:
        """Whether it says of itself that it is off."""
        return not self.fault and self.end <= self.start

    @property
    def kind(self) -> str:
        """Less load, or more."""
        return "shave" if self.change_w < 0 else "fill"


def calls_for_load(event: Any) -> bool:
    """Whether an event is about another load, and so no limit."""
    intervals = event.get("intervals") if isinstance(event, dict) else None
    for interval in intervals if isinstance(intervals, list) else ():
        payloads = interval.get("payloads") if isinstance(interval, dict) else None
        for payload in payloads if isinstance(payloads, list) else ():
            if isinstance(payload, dict) and payload.get("type") == SETPOINT:
                return True
    return False


def read_call(event: Any, descriptors: Sequence[Any], agreed: Agreed, now: datetime) -> Call | None:
    """What an event calls for; None for one without an id. Never raises."""
    event_id = event_id_of(event)
    if not event_id:
        return None
    try:
        return _read(event, event_id, descriptors, agreed, now)
    except (Unreadable, ValueError, TypeError, LookupError, OverflowError, AttributeError):
        return Call(event_id, limit_group(event_id), fault="malformed")


def _read(event: Any, event_id: str, descriptors: Sequence[Any], agreed: Agreed, now: datetime) -> Call:
    modified = moment_of(event.get("modificationDateTime"))
    made = moment_of(event["createdDateTime"]) if event.get("createdDateTime") else modified
    periods = periods_of(event, agreed.ven_name, agreed.release, modified, now)
    units = units_of(event.get("payloadDescriptors"), units_of(descriptors, {}))
    start, end = _window(periods)
    feeders, known = feeders_of(event.get("targets"), agreed)
    change = _one_value(periods, SETPOINT)
    price = _one_value(periods, PRICE) if _has(periods, PRICE) else None
    found = Call(
        event_id,
        limit_group(event_id),
        str(event.get("programID") or ""),
        modified,
        feeders[0] if feeders else "",
        _asks(event.get("reportDescriptors")),
        _notice(made, start, agreed),
        start,
        end,
        round(change * FACTORS[(units.get(SETPOINT) or agreed.unit).upper()]),
        price,
        "per_kw" if (units.get(PRICE) or "").upper() == "KW" else "per_kwh",
    )
    return found if len(feeders) == 1 and known else Call(event_id, found.id, fault=_misses(feeders))


def _misses(feeders: Sequence[str]) -> str:
    return "several_feeders" if len(feeders) > 1 else "unknown_target"


def _asks(descriptors: Any) -> bool:
    listed = descriptors if isinstance(descriptors, list) else ()
    return any(isinstance(one, dict) and one.get("payloadType") == AVAILABLE for one in listed)


def _notice(made: datetime, start: datetime, agreed: Agreed) -> str:
    if start - made < MINUTES:
        return "minute"
    same_day = made.astimezone(agreed.zone).date() == start.astimezone(agreed.zone).date()
    return "intraday" if same_day else "day_ahead"


def _window(periods: Sequence[Period]) -> tuple[datetime, datetime]:
    """Of all intervals, one behind the other without a gap."""
    edges = sorted(when for when, _ in periods)
    if not edges or any(edges[n][1] != edges[n + 1][0] for n in range(len(edges) - 1)):
        raise Unreadable("intervals follow each other without a gap")
    if edges[-1][1] == NEVER:
        raise Unreadable("it has an end")
    return edges[0][0], edges[-1][1]


def _has(periods: Sequence[Period], kind: str) -> bool:
    return any(payload.get("type") == kind for _, payloads in periods for payload in payloads)


def _one_value(periods: Sequence[Period], kind: str) -> float:
    """The same in every interval: what is settled is one power at one price."""
    listed = [payload["values"] for _, payloads in periods for payload in payloads if payload.get("type") == kind]
    value = listed[0][0]
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unreadable(f"{kind} is a number")
    if any(one != [value] for one in listed):
        raise Unreadable(f"{kind} has one value for all intervals")
    return value


def next_word(call: Call, view: Mapping[str, Any] | None, agreed: Agreed) -> tuple[Word | None, str]:
    """What is to be said of a call at the desk, where the event stands as in `view` (None: it is not known); or why
    nothing can be. Neither: all is said.
    """
    if call.taken_back:
        return (Word(call.id, "cancel") if view is not None else None), ""
    if call.asks:
        told = {"change": call.change_w, "price": agreed.response_price if call.price is None else call.price}
        if view is not None and _same_hours(call, view) and told == _invited(view):
            return None, ""
        return Word(call.id, "invitation", _invitation(call, told["price"])), ""
    if view is None:
        return None, "unknown_event"
    if not _same_hours(call, view) or (call.change_w and call.kind != view["type"]):
        return None, DIFFERS
    return (None if _cleared(call, view) else Word(call.id, "clearing", _clearing(call))), ""


def _same_hours(call: Call, view: Mapping[str, Any]) -> bool:
    return (call.start, call.end) == (datetime.fromisoformat(view["start"]), datetime.fromisoformat(view["end"]))


def _invited(view: Mapping[str, Any]) -> dict[str, float]:
    watts = round(view["target_kw"] * KW)
    return {"change": -watts if view["type"] == "shave" else watts, "price": view["price"]}


def _invitation(call: Call, price: float) -> dict[str, Any]:
    return {
        "type": call.kind,
        "notice": call.notice,
        "start": call.start.isoformat(),
        "end": call.end.isoformat(),
        "target_kw": abs(call.change_w) / KW,
        "price": price,
        "price_unit": call.price_unit,
    }


def _clearing(call: Call) -> dict[str, Any]:
    if not call.change_w:
        return {"accepted": False}
    price = {} if call.price is None else {"price": call.price}
    return {"accepted": True, "power_kw": abs(call.change_w) / KW} | price


def _cleared(call: Call, view: Mapping[str, Any]) -> bool:
    told = view["clearing"]
    if told is None or told["accepted"] is not bool(call.change_w):
        return False
    same_power = not call.change_w or round(told["power_kw"] * KW) == abs(call.change_w)
    return same_power and (call.price is None or not call.change_w or told["price"] == call.price)
