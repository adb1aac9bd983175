"""From what stations metered to a panel of quarter-hours. Pure.

An outlet's energy register is read at the edges of the quarter-hours, in a straight line between its values; one that
falls began anew. An outlet that sends no register counts by its mean power. Before its first value nothing is known of
a station, after its last one nothing flows until it says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from monitor.forecast.groups import summed
from monitor.forecast.panel import Array, Panel

STEP = timedelta(minutes=15)
REGISTER = "Energy.Active.Import.Register"
TOTAL = "total"


class Metered(Protocol):
    """A quarter-hour of a register, Wh, or of a power, W, at an outlet."""

    @property
    def station_id(self) -> str:
        """Whose."""

    @property
    def evse_id(self) -> int:
        """At which outlet."""

    @property
    def measurand(self) -> str:
        """Register or power."""

    @property
    def begins_at(self) -> datetime:
        """When the quarter-hour begins."""

    @property
    def mean(self) -> float:
        """Mean of the values."""

    @property
    def first(self) -> float:
        """The first value."""

    @property
    def last(self) -> float:
        """The last value."""

    @property
    def first_at(self) -> datetime:
        """When the first was."""

    @property
    def last_at(self) -> datetime:
        """When the last was."""


def station_panel(metered: Iterable[Metered], stations: Iterable[str], since: datetime, steps: int) -> Panel:
    """[quarter-hours, stations] kWh from `since` on."""
    outlets: dict[tuple[str, int], tuple[list[Metered], list[Metered]]] = {}
    for row in metered:
        outlets.setdefault((row.station_id, row.evse_id), ([], []))[row.measurand != REGISTER].append(row)
    names = tuple(stations)
    sums = dict.fromkeys(names, None) | {name: np.full(steps, np.nan) for name in names}
    for (station, _), (registers, powers) in outlets.items():
        energy = register_kwh(registers, since, steps) if registers else power_kwh(powers, since, steps)
        known = np.where(np.isfinite(sums[station]), sums[station], 0.0) + np.where(np.isfinite(energy), energy, 0.0)
        sums[station] = np.where(np.isfinite(sums[station]) | np.isfinite(energy), known, np.nan)
    values = np.stack([sums[name] for name in names], axis=1) if names else np.zeros((steps, 0))
    return Panel(since, STEP, names, values)


def register_kwh(rows: Iterable[Metered], since: datetime, steps: int) -> Array:
    """kWh in each quarter-hour by an outlet's register, NaN before its first value."""
    knots = sorted({(at, value) for row in rows for at, value in ((row.first_at, row.first), (row.last_at, row.last))})
    at_s = np.array([(at - since).total_seconds() for at, _ in knots])
    counted = np.concatenate([[0.0], np.cumsum(np.maximum(np.diff([value for _, value in knots]), 0.0))])
    edges_s = np.arange(steps + 1) * STEP.total_seconds()
    energy = np.diff(np.interp(edges_s, at_s, counted)) / 1000.0
    return np.where(edges_s[1:] > at_s[0], energy, np.nan)


def power_kwh(rows: Iterable[Metered], since: datetime, steps: int) -> Array:
    """kWh in each quarter-hour by an outlet's mean power, NaN before its first value."""
    found = np.zeros(steps)
    places = [(row.begins_at - since) // STEP for row in rows]
    for place, row in zip(places, rows, strict=True):
        if 0 <= place < steps:
            found[place] += row.mean * STEP.total_seconds() / 3.6e6
    found[: max(min(places), 0)] = np.nan
    return found


def with_groups(panel: Panel, group_of: Mapping[str, str]) -> tuple[Panel, dict[str, str]]:
    """With the sums of groups (`group_of`: station -> its feeder or site) and of everything; who is part of whom.

    A sum is over what is known of its parts, and unknown where nothing is.
    """
    parents = {name: group_of.get(name) or TOTAL for name in panel.names}
    groups = sorted(set(parents.values()) - {TOTAL})
    parents |= dict.fromkeys(groups, TOTAL)
    columns = [panel.values]
    for group in (*groups, TOTAL):
        inside = [i for i, name in enumerate(panel.names) if group == TOTAL or parents[name] == group]
        columns.append(summed(panel.values[:, inside])[:, None])
    return Panel(panel.start, panel.step, (*panel.names, *groups, TOTAL), np.concatenate(columns, axis=1)), parents
