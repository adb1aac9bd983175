"""Numbers as people read them: kW and kWh with one decimal, local times, durations. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.dashboard.history import Json, evse_states
from monitor.dashboard.look import OFFLINE, family, moment

NOTHING = "–"


def kilo(value: float | None) -> str:
    """W as kW, Wh as kWh, one decimal; a dash for nothing."""
    return NOTHING if value is None else f"{value / 1000:,.1f}"


def ampere(value: float | None) -> str:
    """One decimal."""
    return NOTHING if value is None else f"{value:,.1f}"


def percent(value: float | None) -> str:
    """Whole percent."""
    return NOTHING if value is None else f"{value:.0f} %"


def local_time(time: str | datetime | None, now: datetime) -> str:
    """Hour and minute; with the date when it is not today."""
    if time is None:
        return NOTHING
    at = (moment(time) if isinstance(time, str) else time).astimezone()
    return f"{at:%H:%M}" if at.date() == now.astimezone().date() else f"{at:%Y-%m-%d %H:%M}"


def duration(span: timedelta) -> str:
    """`1 h 05 min`, `12 min`, `40 s`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def family_counts(stations: Sequence[Json]) -> Counter[str]:
    """How many EVSEs are in each family of states."""
    return Counter(family(state) for state in evse_states(stations))


def evse_family(station: Json, evse: Json) -> str:
    """The family of one EVSE: that of its state, offline while its station is not connected."""
    return family(evse["status"] if station["online"] else OFFLINE)


def worst_family(station: Json) -> str:
    """The family that tells most about a station: faults first, then what draws power."""
    order = ("faulted", "charging", "suspended", "occupied", "reserved", "unavailable", "available")
    if not station["online"]:
        return "offline"
    found = {evse_family(station, evse) for evse in station["evses"]}
    return next((name for name in order if name in found), "unknown")


def load_w(feeder: Json) -> float:
    """Base load and charging together, which is what the cap holds for."""
    return float(feeder["base_w"] or 0) + float(feeder["metered_w"] or 0)


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole, 0 to 1 and above; None where there is no whole."""
    return part / whole if part is not None and whole else None


def roots(feeders: Sequence[Json]) -> list[Json]:
    """Feeders that hang on no other that is shown."""
    names = {feeder["feeder_id"] for feeder in feeders}
    return [feeder for feeder in feeders if feeder["parent_id"] not in names]
