"""Checks of real-time power (section 12.5): sums from connector to station, ratings, moments, gaps. Pure.

A sum is compared only where all its parts can be read, and from below upwards: a pile that differs from its connectors
is one finding, not two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from monitor.quality.observed import Station, StationPower
from monitor.quality.orders import SECOND, is_future, seconds
from monitor.quality.register import Register
from monitor.quality.rules import Rules
from monitor.quality.tally import Tally

PERIODS_MISSED = 2


def check_power(power: StationPower, register: Register, rules: Rules, tally: Tally) -> None:
    """Everything that can be said of one message about one station."""
    at, station = power.received_at, power.station_id
    if power.at is not None:
        late_s = seconds(at - power.at)
        tally.expect("power.future", not is_future(power.at, at, rules), station, at, f"{power.at}")
        tally.expect("power.late", late_s <= rules.status_limit_s, station, at, f"{late_s} s")
    _check_sums(power, rules, tally)
    for plug_id, value_kw in (plug for pile in power.piles for plug in pile.plugs):
        if register.plugs and plug_id:
            tally.expect("power.unknown_connector", plug_id in register.plugs, plug_id, at, station)
        rated_kw = register.rated_kw(plug_id)
        if rated_kw is not None and value_kw is not None:
            right = value_kw <= rated_kw * rules.rated_share
            tally.expect("power.over_rated", right, plug_id, at, f"{value_kw} kW of {rated_kw}")


def _check_sums(power: StationPower, rules: Rules, tally: Tally) -> None:
    sound = True
    for pile in power.piles:
        parts = [value for _, value in pile.plugs]
        if (total := _sum(parts)) is not None and pile.power_kw is not None:
            right = _close(pile.power_kw, total, rules)
            detail = f"{pile.power_kw}, parts {total}"
            sound &= tally.expect("power.pile_sum", right, pile.id, power.received_at, detail)
    total = _sum([value for pile in power.piles for _, value in pile.plugs])
    if sound and total is not None and power.station_kw is not None:
        right = _close(power.station_kw, total, rules)
        detail = f"{power.station_kw}, parts {total}"
        tally.expect("power.station_sum", right, power.station_id, power.received_at, detail)


def _sum(parts: Sequence[Decimal | None]) -> Decimal | None:
    """None without parts, or when one of them cannot be read."""
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if parts and len(known) == len(parts) else None


def _close(value: Decimal, total: Decimal, rules: Rules) -> bool:
    return abs(value - total) <= rules.power_sum_share * max(abs(value), Decimal(1))


def check_gaps(
    powers: Iterable[StationPower], told: Iterable[Station], span: tuple[datetime, datetime], rules: Rules, tally: Tally
) -> None:
    """Each time that a station's power did not come for more than two periods is one finding; a station that was first
    told of in the day is waited for from then on."""
    start, end = span
    known = _known_since(told)
    came: dict[str, list[datetime]] = defaultdict(list)
    for power in powers:
        came[power.station_id].append(min(power.at or power.received_at, power.received_at))
    limit = timedelta(seconds=float(PERIODS_MISSED * rules.power_period_s)) + SECOND
    for station, since in sorted(known.items()):
        first = min(max(start, since), end)
        marks = [first, *sorted(at for at in came[station] if first < at < end), end]
        gaps = [(old, new) for old, new in pairwise(marks) if new - old > limit]
        if not gaps:
            tally.expect("power.gap", True, station, end)
        for old, new in gaps:
            tally.expect("power.gap", False, station, new, f"{old} to {new}")


def _known_since(told: Iterable[Station]) -> Mapping[str, datetime]:
    known: dict[str, datetime] = {}
    for station in told:
        if station.id:
            known[station.id] = min(station.received_at, known.get(station.id, station.received_at))
    return known
