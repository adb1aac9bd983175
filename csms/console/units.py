"""Numbers, times and states for people (screens, section 1): kW, kWh with one decimal, local times, colours."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.text import Text as Styled

NOTHING = "–"
GOOD, BAD = "#2e9e5b", "#d33f3f"

STATE_COLOURS = {
    "Available": "#2e9e5b",
    "Preparing": "#2f7ed8",
    "Occupied": "#2f7ed8",
    "Finishing": "#2f7ed8",
    "Charging": "#00a3a3",
    "SuspendedEV": "#d98c00",
    "SuspendedEVSE": "#d98c00",
    "Reserved": "#7a5cc7",
    "Unavailable": "#8a929c",
    "Unknown": "#8a929c",
    "Offline": "#8a929c",
    "Faulted": "#d33f3f",
}
"""One meaning per colour everywhere; the word stands beside it."""


def kilo(value: float | None) -> str:
    """W as kW or Wh as kWh, one decimal."""
    return NOTHING if value is None else f"{value / 1000:,.1f}"


def percent(value: float | None) -> str:
    """Whole percent."""
    return NOTHING if value is None else f"{value:.0f} %"


def state(name: str) -> Styled:
    """A state in its colour."""
    return Styled(name, STATE_COLOURS.get(name, ""))


def local_time(time: str | None, now: str | None = None) -> str:
    """A UTC time as local time, with the date when it is not the day of `now`."""
    if not time:
        return NOTHING
    local = moment(time).astimezone()
    today = moment(now).astimezone().date() if now else None
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def moment(time: str) -> datetime:
    """ISO 8601 as the API writes it; without a zone it is local time. ValueError if it is not a time."""
    parsed = datetime.fromisoformat(time)
    return parsed if parsed.tzinfo else parsed.astimezone()


def duration(delay_s: float | None) -> str:
    """`1 h 05 min`, `12 min`, `40 s`."""
    if delay_s is None:
        return NOTHING
    minutes, seconds = divmod(int(delay_s), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def point_in_past(text: str, now: datetime) -> datetime:
    """`now`, `90min`, `2h`, `1d` before `now`, or ISO 8601 (local when it names no zone); ValueError otherwise."""
    if text == "now":
        return now
    number, unit = text.rstrip("abcdefghijklmnopqrstuvwxyz"), text.lstrip("0123456789.")
    if number + unit == text and unit in _UNITS_S:
        return now - timedelta(seconds=float(number) * _UNITS_S[unit])
    return moment(text)


def point_in_time(text: str, now: datetime) -> datetime:
    """`now`, `+90min`, `+2h`, `+1d`, or ISO 8601 (local when it names no zone); ValueError otherwise."""
    if text == "now":
        return now
    if text.startswith("+"):
        unit = text.lstrip("+0123456789.")
        if unit not in _UNITS_S:
            raise ValueError(text)
        return now + timedelta(seconds=float(text[1 : -len(unit)]) * _UNITS_S[unit])
    return moment(text)
