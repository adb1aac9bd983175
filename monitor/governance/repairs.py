"""What can be put right in a session that stations told of, and the record of it. Pure: nothing raw is changed.

register_taken   the register at an end of the session is not known: the first or last that was metered in it
clock_corrected  the station's clock is wrong by as much in all of its sessions: times are moved to ours
gap_filled       samples are missing: the energy of the gap is the register's, in a straight line
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Protocol

from monitor.governance.facts import Floats
from monitor.governance.mapping import ImportedOrder
from monitor.governance.rules.catalogue import Limits

REGISTER, CLOCK, GAP = "register_taken", "clock_corrected", "gap_filled"
SESSIONS_MIN = 3
"""Fewer say too little about a clock."""
STEADY_S = 60.0
"""A clock that is wrong by as much every time; messages that were late are not."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One: the rule, in words what it was, what stood there before and what stands there now."""

    rule: str
    detail: str
    before: str
    after: str


class Heard(Protocol):
    """A session's begin by the station's clock, and by ours when we heard of it."""

    started_at: datetime
    received_at: datetime
    flags: list[str]


def clock_offset(sessions: Iterable[Heard], limits: Limits | None = None) -> timedelta:
    """By how much the station's clock is behind ours, zero where it is right or not known.

    From the sessions that were told as they began: the median of what lies between both times, if it is beyond what a
    clock may be off (Q09) and nearly the same in all.
    """
    given = [(one.received_at - one.started_at).total_seconds() for one in sessions if "offline" not in one.flags]
    if len(given) < SESSIONS_MIN:
        return timedelta()
    usual = median(given)
    spread = median(abs(value - usual) for value in given)
    wrong = abs(usual) > (limits or Limits()).clock_s and spread <= STEADY_S
    return timedelta(seconds=round(usual)) if wrong else timedelta()


def corrected_clock(order: ImportedOrder, offset: timedelta) -> tuple[ImportedOrder, list[Repair]]:
    """The order at the times of our clock."""
    if not offset:
        return order, []
    moved = replace(order, start=order.start + offset, end=order.end + offset)
    told = f"the station's clock is off by {offset.total_seconds():.0f} s"
    return moved, [Repair(CLOCK, told, order.start.isoformat(), moved.start.isoformat())]


def with_registers(order: ImportedOrder, at_s: Floats, register_wh: Floats) -> tuple[ImportedOrder, list[Repair]]:
    """Registers that are not known, taken from the samples (seconds and Wh, by time, none of them NaN)."""
    if not len(at_s):
        return order, []
    repairs = []
    if order.meter_start_wh is None:
        order = replace(order, meter_start_wh=float(register_wh[0]))
        repairs.append(_taken("meter_start_wh", at_s[0], register_wh[0]))
    if order.meter_stop_wh is None:
        order = replace(order, meter_stop_wh=float(register_wh[-1]))
        repairs.append(_taken("meter_stop_wh", at_s[-1], register_wh[-1]))
    return order, repairs


def _taken(name: str, at_s: float, register_wh: float) -> Repair:
    when = datetime.fromtimestamp(float(at_s), UTC)
    return Repair(REGISTER, f"{name}, metered {when.isoformat()}", "", f"{register_wh:g}")


def filled_gaps(at_s: Floats, register_wh: Floats, limits: Limits | None = None) -> list[Repair]:
    """The spans without samples (Q07) over which a register says what flowed."""
    known = limits or Limits()
    if len(at_s) < 3:
        return []
    spans = at_s[1:] - at_s[:-1]
    longest = known.gap_intervals * max(float(median(spans)), 1.0)
    return [
        Repair(
            GAP,
            f"{datetime.fromtimestamp(float(at_s[place]), UTC).isoformat()}, {spans[place]:.0f} s",
            "",
            f"{register_wh[place + 1] - register_wh[place]:g} Wh",
        )
        for place in range(len(spans))
        if spans[place] > longest and register_wh[place + 1] >= register_wh[place]
    ]
