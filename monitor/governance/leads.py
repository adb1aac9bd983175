"""What stands out beyond single orders: days of a station, hours and drifts of an outlet, an outlet among its siblings.

Leads for a person and no proof of a fault. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from monitor.governance.rules.judge import Judgement
from monitor.governance.station_facts import StationFacts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS, HOURS = "%Y-%m-%d", "%Y-%m-%d %H:00"
SPANS = {"R01": (timedelta(hours=1), HOURS), "R02": (timedelta(days=1), DAYS), "R03": (timedelta(days=1), "")}
"""How long the times of a rule's cells are, and how they are told; R03 is about all of them."""


@dataclass(frozen=True, slots=True)
class Lead:
    """`outlet` is empty for a whole station; `at`: the local day or hour, empty for the whole time."""

    rule: str
    station: str
    outlet: str
    at: str
    value: float


def leads(found: StationFacts, judged: Judgement) -> list[Lead]:
    """By rule, station, outlet and time."""
    made = [*_of_days(found, judged), *_of_cells(found, judged)]
    return sorted(made, key=lambda one: (one.rule, one.station, one.outlet, one.at))


def _of_days(found: StationFacts, judged: Judgement) -> Iterator[Lead]:
    verdict, days = judged.verdicts["Q18"], judged.days
    for row in np.flatnonzero(verdict.broken):
        at = EPOCH + timedelta(days=int(days.day[row]))
        yield Lead("Q18", found.stations[days.station[row]], "", f"{at:{DAYS}}", float(verdict.value[row]))


def _of_cells(found: StationFacts, judged: Judgement) -> Iterator[Lead]:
    for rule, (span, form) in SPANS.items():
        verdict, cells = judged.verdicts[rule], judged.cells[rule]
        for row in np.flatnonzero(verdict.broken):
            station, outlet = found.outlets[cells.connector[row]]
            at = (EPOCH + span * int(cells.time[row])).strftime(form)
            yield Lead(rule, station, str(outlet), at, float(verdict.value[row]))
