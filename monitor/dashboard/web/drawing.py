"""Who draws what below a feeder, and what of it can be steered: the answer to "why is this feeder full?". Pure.

Powers in kW. Live stations come in where the reader may see them; a grid operator gets what plans know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.dashboard.history import Json
from monitor.dashboard.look import moment


@dataclass(frozen=True, slots=True)
class Draw:
    """One outlet with a car. `outlet`: station/EVSE; None where nothing is known. `spare_h`: hours to spare if it
    charged at full power from now on; negative: it leaves with less than it wants."""

    outlet: str
    session_id: int | None = None
    power_kw: float | None = None
    limit_kw: float | None = None
    planned_kw: float | None = None
    remaining_kwh: float | None = None
    leaves: datetime | None = None
    spare_h: float | None = None

    @property
    def station_id(self) -> str:
        """Whose outlet it is."""
        return self.outlet.rpartition("/")[0]


def below(feeders: Sequence[Json], feeder_id: str) -> set[str]:
    """The feeder and everything that hangs on it."""
    found, grew = {feeder_id}, True
    while grew:
        more = {one["feeder_id"] for one in feeders if one["parent_id"] in found} - found
        found, grew = found | more, bool(more)
    return found


def drawers(
    feeder_id: str, feeders: Sequence[Json], stations: Sequence[Json], planned: Sequence[Json], now: datetime
) -> list[Draw]:
    """Outlets with a car, those that draw most first. `planned`: the sessions of the plans in force."""
    inside = below(feeders, feeder_id)
    told = {one["evse"]: _from_plan(one, now) for one in planned}
    seen = [
        _from_station(station, evse, told)
        for station in stations
        if station["feeder_id"] in inside
        for evse in station["evses"]
        if evse["session"] is not None
    ]
    known = {one.outlet for one in seen}
    rest = [one for name, one in told.items() if not stations and name not in known]
    return sorted([*seen, *rest], key=lambda one: (-(one.power_kw or one.planned_kw or 0.0), one.outlet))


def _from_plan(one: Json, now: datetime) -> Draw:
    leaves = moment(one["departure"]) if one.get("departure") else None
    remaining, most = float(one.get("remaining_kwh") or 0.0), float(one.get("power_max_kw") or 0.0)
    spare = (leaves - now).total_seconds() / 3600 - remaining / most if leaves and most and remaining > 0 else None
    return Draw(
        one["evse"],
        limit_kw=one.get("limit_kw"),
        planned_kw=one.get("planned_kw"),
        remaining_kwh=remaining or None,
        leaves=leaves,
        spare_h=spare,
    )


def _from_station(station: Json, evse: Json, told: Mapping[str, Draw]) -> Draw:
    outlet, session = f"{station['station_id']}/{evse['evse_id']}", evse["session"]
    power_w = evse["power_w"] if evse["power_w"] is not None else session["power_w"]
    return replace(
        told.get(outlet, Draw(outlet)),
        session_id=session["session_id"],
        power_kw=None if power_w is None else power_w / 1000,
    )
