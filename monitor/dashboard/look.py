"""Colours, letters and numbers of the terminal view (screens, 1): one meaning per colour, never colour alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Text = Callable[..., str]

TEAL = "#00a3a3"
GREY = "#8a929c"
RED = "#d33f3f"
AMBER = "#d98c00"
BLUE = "#2f7ed8"
GREEN = "#2e9e5b"
VIOLET = "#7a5cc7"

OFFLINE = "Offline"

STATES: dict[str, tuple[str, str, str]] = {
    "Charging": ("C", TEAL, "charging"),
    "SuspendedEV": ("S", AMBER, "suspended"),
    "SuspendedEVSE": ("S", AMBER, "suspended"),
    "Preparing": ("O", BLUE, "occupied"),
    "Occupied": ("O", BLUE, "occupied"),
    "Finishing": ("O", BLUE, "occupied"),
    "Available": ("A", GREEN, "available"),
    "Reserved": ("R", VIOLET, "reserved"),
    "Unavailable": ("U", GREY, "unavailable"),
    "Faulted": ("F", RED, "faulted"),
    OFFLINE: ("/", GREY, "offline"),
    "Unknown": ("?", GREY, "unknown"),
}
"""State -> letter, colour, family (the text `live.state.<family>`)."""


def letter(state: str) -> tuple[str, str]:
    """Letter and colour of a state; one that is not known is a question mark."""
    sign, colour, _ = STATES.get(state, STATES["Unknown"])
    return sign, colour


def family(state: str) -> str:
    """The family that a state is counted in."""
    return STATES.get(state, STATES["Unknown"])[2]


def kilo(value: float | None) -> str:
    """W as kW, Wh as kWh, one decimal; a dash for nothing."""
    return "–" if value is None else f"{value / 1000:,.1f}"


def moment(time: str) -> datetime:
    """A time as the API writes it."""
    return datetime.fromisoformat(time)


def clock_face(time: datetime) -> str:
    """Local time of day, to the minute."""
    return f"{time.astimezone():%H:%M}"
