"""The day of the demo: which sessions are played when, on which piles, and what limits they meet.

A recorded day keeps its clock times, moved to today at the site. When less than a day is played, the window with the
most energy is chosen. Cars that still stand there at the end of the window leave then.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from device_sim.assign import Assignment, assign
from device_sim.clock import SimClock
from device_sim.demo.options import Options
from device_sim.demo.possible import SLOT_S, possible_energy_wh
from device_sim.demo.site import SLOTS, base_load_kw, piles
from device_sim.generate import generate_sessions
from device_sim.sessions import Session, Visit, busiest_day, read_sessions, shift_to
from device_sim.unmanaged import Unmanaged, unmanaged

Floats = NDArray[np.float64]
ZONE = ZoneInfo("Asia/Shanghai")
QUARTER_S = 900
CAP_SHARE = 0.25
"""The transformer carries the base load and this share of what the cars would draw without management."""
LIMIT_SHARE = 0.8
"""The grid operator's limit, as a share of the rating."""
LIMIT_HOURS = 2.0
STEP_KW = 5.0


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the day that is played."""

    began: datetime
    ended: datetime

    @property
    def length_s(self) -> float:
        """Seconds from beginning to end."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True, slots=True)
class GridLimit:
    """What the grid operator will push half-way, with a quarter of an hour's notice where time allows it."""

    power_w: int
    pushed_at: datetime
    valid_from: datetime
    valid_to: datetime

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "power_w": self.power_w,
            "pushed_at": self.pushed_at.isoformat(),
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that is known before the day is played."""

    played: Window
    source: str
    sessions: tuple[Session, ...]
    assignment: Assignment
    alone: Unmanaged
    rating_kw: float
    lowest_cap_kw: float
    limit: GridLimit
    energy_possible_wh: float

    @property
    def visits(self) -> list[Visit]:
        """Cars that find a pile."""
        return [visit for visits in self.assignment.visits.values() for visit in visits]

    @property
    def energy_wanted_wh(self) -> float:
        """What the drivers of these cars want."""
        return sum(visit.session.energy_wh for visit in self.visits)

    def unmanaged_load(self) -> tuple[Floats, Floats]:
        """Seconds since the beginning and the whole load in W, had nobody managed it."""
        at_s = _every(self.alone.step_s, len(self.alone.power_w))
        return at_s, self.alone.power_w + base_w(at_s, self.played.began)

    def unmanaged_over_s(self) -> float:
        """Seconds that load would have been over the cap."""
        at_s, load_w = self.unmanaged_load()
        return float(self.alone.step_s * (load_w > cap_w(at_s, self.played.began, self.rating_kw, self.limit)).sum())


def prepare(options: Options) -> Day:
    """Choose the sessions, the window, the piles they come to and the limits.

    Raises OSError and BadSessions for a file that cannot be used, ValueError for a time in which nothing happens.
    """
    today = SimClock().now().astimezone(ZONE).date()
    specs = piles()
    if options.sessions is None:
        everything, source = generate_sessions(options.seed, today, ZONE, len(specs)), "generated"
    else:
        everything, source = recorded(options.sessions, options.day, today), options.sessions.name
    played = window(everything, today, options.duration_s * options.speed)
    chosen = inside(everything, played)
    assignment = assign(chosen, specs, options.seed)
    alone = unmanaged(assignment, specs, played.began, played.length_s / 3600)
    base = base_w(_every(alone.step_s, len(alone.power_w)), played.began)
    rating = options.cap_kw or rating_kw(alone.power_w, base)
    limit = grid_limit(played, rating)
    slots_s = _every(SLOT_S, math.ceil(played.length_s / SLOT_S))
    possible_wh = possible_energy_wh(
        [(spec, visit) for spec in specs for visit in assignment.visits[spec.station_id]],
        alone.energy_by_session_wh,
        played.began,
        base_w(slots_s, played.began),
        cap_w(slots_s, played.began, rating, limit),
    )
    return Day(played, source, tuple(chosen), assignment, alone, rating, lowest_cap_kw(rating), limit, possible_wh)


def _every(step_s: float, count: int) -> Floats:
    return np.arange(count, dtype=np.float64) * step_s


def recorded(path: Path, day: date | None, today: date) -> list[Session]:
    """The sessions of a day of the file (else its busiest one), moved to `today`.

    Raises OSError, BadSessions for a file that cannot be used, ValueError for a day without sessions.
    """
    found = read_sessions(path)
    zone = found.zone or ZONE
    if day is None:
        chosen = busiest_day(found.sessions, zone)
    else:
        chosen = [session for session in found.sessions if session.arrival.astimezone(zone).date() == day]
    if not chosen:
        raise ValueError(f"{path.name} has no session on {day}")
    return shift_to(chosen, today, ZONE, zone)


def window(sessions: Sequence[Session], today: date, length_s: float) -> Window:
    """The whole day, or the stretch of `length_s` in which the most energy is asked for."""
    midnight = datetime.combine(today, time(), ZONE)
    if length_s >= 86_400:
        return Window(midnight, midnight + timedelta(seconds=length_s))
    starts = [
        midnight + timedelta(seconds=QUARTER_S * slot) for slot in range(int((86_400 - length_s) // QUARTER_S) + 1)
    ]
    length = timedelta(seconds=length_s)
    best = max(starts, key=lambda start: _energy_inside_wh(sessions, start, start + length))
    return Window(best, best + length)


def _energy_inside_wh(sessions: Sequence[Session], began: datetime, ended: datetime) -> float:
    """Energy of the sessions that arrive inside, in the share of their stay that lies inside."""
    total_wh = 0.0
    for session in sessions:
        if began <= session.arrival < ended:
            inside_s = (min(session.departure, ended) - session.arrival).total_seconds()
            total_wh += session.energy_wh * inside_s / (session.departure - session.arrival).total_seconds()
    return total_wh


LEAVE_BEFORE_END = timedelta(minutes=10)
SHORTEST_STAY = timedelta(minutes=15)


def inside(sessions: Sequence[Session], played: Window) -> list[Session]:
    """The sessions that arrive in the window; who would stay longer leaves shortly before its end.

    Raises ValueError when there is none.
    """
    latest = played.ended - LEAVE_BEFORE_END
    chosen = [s for s in sessions if played.began <= s.arrival <= latest - SHORTEST_STAY and s.energy_wh > 0]
    if not chosen:
        raise ValueError("no session falls into the time that is played")
    return [_leaving_by(session, latest) for session in chosen]


def _leaving_by(session: Session, latest: datetime) -> Session:
    if session.departure <= latest:
        return session
    return replace(session, departure=latest, declared_departure=latest)


def write_sessions(path: Path, sessions: Sequence[Session]) -> Path:
    """The timetable in the simulator's own form, for the fleet to play."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["session_id", "arrival", "departure", "energy_kwh"])
        for s in sessions:
            out.writerow([s.session_id, s.arrival.isoformat(), s.departure.isoformat(), f"{s.energy_wh / 1000:.6f}"])
    return path


def base_w(moments_s: NDArray[np.float64], began: datetime) -> NDArray[np.float64]:
    """The office's load at seconds after `began`, in W."""
    start_s = (began.astimezone(ZONE) - datetime.combine(began.astimezone(ZONE).date(), time(), ZONE)).total_seconds()
    slots = ((start_s + moments_s) // QUARTER_S).astype(np.int64) % SLOTS
    return np.asarray(base_load_kw())[slots] * 1000.0


def rating_kw(unmanaged_w: NDArray[np.float64], base: NDArray[np.float64]) -> float:
    """A transformer that binds: the base load's peak and CAP_SHARE of the unmanaged charging peak, in steps of 5 kW."""
    wanted_kw = (base.max() + CAP_SHARE * (unmanaged_w.max())) / 1000
    return float(np.ceil(wanted_kw / STEP_KW) * STEP_KW)


def lowest_cap_kw(rating: float) -> float:
    """What the contract with the grid operator allows him to set."""
    return float(np.floor(rating * LIMIT_SHARE / STEP_KW) * STEP_KW)


def grid_limit(played: Window, rating: float) -> GridLimit:
    """Pushed when half of the window has passed; it holds for two hours or a quarter of the window."""
    pushed = played.began + timedelta(seconds=played.length_s / 2)
    notice = timedelta(seconds=min(900.0, played.length_s / 16))
    lasting = timedelta(seconds=min(LIMIT_HOURS * 3600, played.length_s / 4))
    return GridLimit(round(lowest_cap_kw(rating) * 1000), pushed, pushed + notice, pushed + notice + lasting)


def cap_w(
    moments_s: NDArray[np.float64], began: datetime, rating: float, limit: GridLimit | None
) -> NDArray[np.float64]:
    """The cap in force at seconds after `began`, in W."""
    caps = np.full(moments_s.shape, rating * 1000.0)
    if limit is not None:
        start_s = (limit.valid_from - began).total_seconds()
        end_s = (limit.valid_to - began).total_seconds()
        caps[(moments_s >= start_s) & (moments_s < end_s)] = limit.power_w
    return caps
