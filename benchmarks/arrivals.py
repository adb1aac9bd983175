"""Online charging that knows what will come: with forecast arrivals, without, and with perfect knowledge.

Input: the ACN months in `shared/data/acn`, or the folder that ACN_DATA names (Z. Lee, T. Li, S. Low, e-Energy 2019).
Every quarter-hour is planned by valley filling with the planner's preference for early energy, knowing who is there.
From 17 to 21 h the site may draw only a share of what the cars that are there at that time take when nobody limits
them, on the mean of the days. The forecast learns from the days before; the first two weeks count for nobody.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.optimizer_acn import folder
from benchmarks.tables import Figures
from monitor.forecast.arrivals import Arrivals
from optimizer import EvSession, Problem
from optimizer.arrays import FloatArray
from optimizer.deliverable import deliverable
from optimizer.expected import Visit
from optimizer.online import Running

SLOT_H, DAY_SLOTS, HORIZON, POWER_KW = 0.25, 96, 96, 6.6
EVENING_H = (17, 21)
SHARES = (0.5,)
DAY_CAP_KW = 150.0
TILT_PER_H = 0.05
"""The planner's default (setting `tilt_per_h`)."""
GAP = 1e-3
SURE = 1
"""Priority of a car that is there, before those that are only expected."""
WARM_UP_DAYS, DAYS = 14, 42


@dataclass(frozen=True)
class Month:
    """Stays in quarter-hours from the midnight before the first, kWh that were taken, and the first day."""

    name: str
    first: date
    visits: tuple[Visit, ...]


def read(path: Path, days: int) -> Month:
    """The first days of a file; stays that are cut to nothing are left out, energies to what the power allows."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first = min(datetime.fromisoformat(row["arrival"]) for row in rows)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    visits = []
    for row in rows:
        begin, end = (_slot(row[name], midnight) for name in ("arrival", "departure"))
        energy = min(float(row["delivered_energy (kWh)"]), POWER_KW * SLOT_H * (end - begin))
        if begin < days * DAY_SLOTS and end > begin and energy > 0:
            visits.append(Visit(begin, end, POWER_KW * SLOT_H, energy))
    name = path.name.removeprefix("acn_").removesuffix(".csv.gz")
    return Month(name, midnight.date(), tuple(sorted(visits, key=lambda visit: (visit.arrive, visit.depart))))


def _slot(text: str, midnight: datetime) -> int:
    return int((datetime.fromisoformat(text) - midnight) / timedelta(hours=SLOT_H))


def caps(month: Month, share: float, slots: int) -> FloatArray:
    """kW by slot."""
    hour = np.arange(slots) % DAY_SLOTS * SLOT_H
    evening = (hour >= EVENING_H[0]) & (hour < EVENING_H[1])
    taken = np.zeros(slots)
    for visit in month.visits:
        needed = int(np.ceil(visit.energy / visit.rate))
        taken[visit.arrive : visit.arrive + needed] += visit.energy / needed / SLOT_H
    cap = np.full(slots, DAY_CAP_KW)
    cap[evening] = share * taken[evening].mean()
    return cap


def online(month: Month, cap: FloatArray, forecast: bool) -> float:
    """kWh delivered to the cars that come after the first two weeks."""
    arrivals = Arrivals(SLOT_H, lambda day: _kind(month.first, day))
    coming, rows, left = list(month.visits), [], {}
    delivered = 0.0
    running = Running.of(_problem(cap, 0, ()))
    for now in range(month.visits[-1].arrive + HORIZON):
        if now:
            rows, done = _moved(running, cap, now, rows, left, arrivals)
            delivered += done
        changed = bool(forecast and now % 4 == 0 and now >= DAY_SLOTS)
        if changed:
            running.expect(arrivals.expected(now, HORIZON))
        while coming and coming[0].arrive <= now:
            visit = coming.pop(0)
            left[id(visit)] = visit.energy
            stay = min(visit.depart - now, HORIZON)
            running.arrive(0, stay, visit.rate, visit.energy, priority=SURE)
            rows.append(visit)
            changed = True
        if changed:
            running.improve(GAP)
    return delivered


def _moved(
    running: Running, cap: FloatArray, now: int, rows: list[Visit], left: dict[int, float], arrivals: Arrivals
) -> tuple[list[Visit], float]:
    """A quarter-hour passes: who is still there, and what was delivered in it to whoever counts."""
    delivered = 0.0
    for place, visit in enumerate(rows):
        got = min(float(running.energy[place, 0]), left[id(visit)])
        left[id(visit)] -= got
        delivered += got if visit.arrive >= WARM_UP_DAYS * DAY_SLOTS else 0.0
    gone = set(running.shift_to(_problem(cap, now, ())).tolist())
    for place in gone:
        arrivals.came(rows[place])
    return [visit for place, visit in enumerate(rows) if place not in gone], delivered


def _problem(cap: FloatArray, now: int, sessions: Sequence[EvSession]) -> Problem:
    room = cap[np.arange(now, now + HORIZON) % len(cap)]
    price = TILT_PER_H * DAY_CAP_KW * SLOT_H * np.arange(HORIZON) * SLOT_H
    return Problem(SLOT_H, np.zeros(HORIZON), room, tuple(sessions), price=price)


def perfect(month: Month, cap: FloatArray) -> float:
    """kWh that the best plan delivers to the same cars, with everything known and nobody before them."""
    slots = max(visit.depart for visit in month.visits)
    cars = tuple(
        EvSession(str(n), v.arrive, v.depart, POWER_KW, v.energy)
        for n, v in enumerate(month.visits)
        if v.arrive >= WARM_UP_DAYS * DAY_SLOTS
    )
    long = np.resize(cap, slots)
    return deliverable(Problem(SLOT_H, np.zeros(slots), long, cars)).energy_kwh


def _kind(first: date, day: int) -> str:
    return "working day" if (first + timedelta(days=day)).weekday() < 5 else "weekend"


def run(quick: bool = False) -> Figures:
    """Every file of sessions, each share of the evening."""
    rows: list[dict[str, object]] = []
    files = sorted(folder().glob("acn_*.csv.gz"))
    for path in files[:1] if quick else files:
        month = read(path, DAYS)
        wanted = sum(v.energy for v in month.visits if v.arrive >= WARM_UP_DAYS * DAY_SLOTS)
        for share in SHARES:
            cap = caps(month, share, DAYS * DAY_SLOTS)
            without, given = (online(month, cap, forecast) for forecast in (False, True))
            best = perfect(month, cap)
            told = f"{month.name}, evening cap {share:g}"
            rows += [
                _row(f"{told}: wanted", wanted),
                _row(f"{told}: without forecast", without),
                _row(f"{told}: with forecast", given, "> without", given > without),
                _row(f"{told}: perfect knowledge", best),
            ]
    return rows


def _row(figure: str, value: float, bar: str = "", met: bool | None = None) -> dict[str, object]:
    return {"figure": figure, "value": value, "unit": "kWh", "bar": bar, "met": met}
