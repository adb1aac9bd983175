"""What is known in advance of every step: what kind of day it is, and tables of weather or prices that are handed in.

Pure but for `read_table`. A holiday counts as a Sunday and a working weekend as a Monday, for which there is a past to
learn from; how a holiday differs from a Sunday is an input of its own. Tables hold the same for all series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from monitor.forecast.calendar import SATURDAY, WEEKDAYS, Calendar
from monitor.forecast.folder import read_csv, step_of
from monitor.forecast.panel import Array, Panel, PanelBroken, Places

HOLIDAY = "holiday"
MONDAY, SUNDAY = 0, 6


@dataclass(frozen=True)
class Table:
    """Rows [times, names]; a row holds until the next one is due, `step` after it."""

    times: tuple[datetime, ...]
    names: tuple[str, ...]
    values: Array
    step: timedelta

    def column(self, name: str, start: datetime, step: timedelta, steps: int) -> Array:
        """[steps] what holds when each step begins, NaN where nothing does; times without a zone are as `start`."""
        since_s = np.array([(_as(time, start) - start).total_seconds() for time in self.times])
        at_s = np.arange(steps) * step.total_seconds()
        newest = np.searchsorted(since_s, at_s, side="right") - 1
        fresh = (newest >= 0) & (at_s - since_s[np.maximum(newest, 0)] < self.step.total_seconds())
        return np.where(fresh, self.values[np.maximum(newest, 0), self.names.index(name)], np.nan)


@dataclass(frozen=True)
class Inputs:
    """A calendar and tables. Raises PanelBroken when two tables know a thing by the same name."""

    calendar: Calendar = WEEKDAYS
    tables: tuple[Table, ...] = ()

    def __post_init__(self) -> None:
        """See the class."""
        names = self.names
        if len(set(names)) < len(names):
            raise PanelBroken(f"known twice: {', '.join(sorted({name for name in names if names.count(name) > 1}))}")

    @property
    def names(self) -> list[str]:
        """Of the tables' columns."""
        return [name for table in self.tables for name in table.names]

    def added(self, panel: Panel) -> Panel:
        """The panel with all that is known of its steps."""
        more = {
            name: _spread(table.column(name, panel.start, panel.step, panel.steps), panel)
            for table in self.tables
            for name in table.names
        }
        festive = self._festive(panel)
        if festive.any():
            more[HOLIDAY] = _spread(festive, panel)
        return replace(panel, inputs={**panel.inputs, **more}, counts_as=self._counts_as(panel))

    def longer(self, panel: Panel, steps: int) -> Panel:
        """So many steps more, whose values are unknown, with what is known of them. Inputs of `added` are made anew;
        others are unknown, too.
        """
        more = np.full((steps, len(panel.names)), np.nan)
        grown = {name: np.concatenate([values, more]) for name, values in panel.inputs.items() if name != HOLIDAY}
        empty = Panel(panel.start, panel.step, panel.names, np.concatenate([panel.values, more]), grown)
        return self.added(empty)

    def _festive(self, panel: Panel) -> Array:
        days = [self.calendar.festive(day.date()) for day in _days(panel)]
        return _by_step(panel, np.array(days, dtype=float))

    def _counts_as(self, panel: Panel) -> Places | None:
        """[steps] the weekday that each step counts as; None where that is always its own."""
        found = [_counted(self.calendar, day) for day in _days(panel)]
        if found == [day.weekday() for day in _days(panel)]:
            return None
        return _by_step(panel, np.array(found)).astype(np.intp)


def read_table(path: Path) -> Table:
    """A CSV (plain or .gz): times first, a column for each thing; raises PanelBroken or OSError."""
    times, names, values = read_csv(path)
    return Table(tuple(times), names, values, step_of(times))


def _counted(calendar: Calendar, day: datetime) -> int:
    weekday, kind = day.weekday(), calendar.kind_of(day.date())
    if weekday < SATURDAY:
        return weekday if kind == "working" else SUNDAY
    return weekday if kind == "rest" else MONDAY


def _days(panel: Panel) -> list[datetime]:
    midnight = panel.start.replace(hour=0, minute=0, second=0, microsecond=0)
    count = (panel.start - midnight + panel.steps * panel.step) // timedelta(days=1) + 1
    return [midnight + timedelta(days=n) for n in range(count)]


def _by_step(panel: Panel, of_days: Array) -> Array:
    midnight = panel.start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = (panel.start - midnight) // panel.step
    return of_days[(first + np.arange(panel.steps)) // panel.steps_per_day]


def _as(time: datetime, start: datetime) -> datetime:
    if start.tzinfo is None:
        return time.replace(tzinfo=None)
    return time.replace(tzinfo=start.tzinfo) if time.tzinfo is None else time


def _spread(column: Array, panel: Panel) -> Array:
    return np.repeat(column[:, None], len(panel.names), axis=1)
