"""What was seen: figures of each feeder over time and the events between two looks. Pure; JSON of the API comes in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from monitor.dashboard.look import OFFLINE, moment

POINTS_MAX = 4096
"""Two points a second for half an hour, or a demo day at full detail; the screen shows fewer."""
EVENTS_MAX = 200

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at the server: answers of `/overview`, `/stations`, `/sessions`, and of `/plans/…` if wanted."""

    overview: Json
    stations: Sequence[Json] = ()
    sessions: Sequence[Json] = ()
    plan: Json | None = None

    @property
    def time(self) -> datetime:
        """The server's clock."""
        return moment(self.overview["clock_time"])


@dataclass(frozen=True, slots=True)
class Point:
    """One feeder at one moment; the cap holds for base load and charging (`metered_w`) together."""

    time: datetime
    metered_w: float
    base_w: float
    cap_w: float | None
    upper_bound_w: float | None
    planned_w: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `kind` is the last part of the text `live.event.<kind>`."""

    time: datetime
    kind: str
    subject: str
    value: float | None = None


@dataclass(slots=True)
class History:
    """Points by feeder and the latest events, newest first; bounded."""

    points: dict[str, deque[Point]] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    _last: Snapshot | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Take note of one look; a look at the same moment again changes nothing."""
        if self._last is not None and snapshot.time <= self._last.time:
            return
        for feeder in snapshot.overview["feeders"]:
            series = self.points.setdefault(feeder["feeder_id"], deque(maxlen=POINTS_MAX))
            _extend(series, _point(snapshot.time, feeder))
        for event in sorted(events_between(self._last, snapshot), key=lambda event: event.time):
            self.events.appendleft(event)
        self._last = snapshot


def _extend(series: deque[Point], point: Point) -> None:
    """A point that says what the last two say moves the last one on: a level line needs no more than its ends."""
    level = len(series) > 1 and all(replace(series[place], time=point.time) == point for place in (-1, -2))
    if level:
        series[-1] = point
    else:
        series.append(point)


def _point(time: datetime, feeder: Json) -> Point:
    return Point(
        time=time,
        metered_w=float(feeder["metered_w"] or 0),
        base_w=float(feeder["base_w"] or 0),
        cap_w=feeder["cap_w"],
        upper_bound_w=feeder["upper_bound_w"],
        planned_w=feeder["planned_w"],
    )


def events_between(before: Snapshot | None, after: Snapshot) -> Iterator[Event]:
    """What changed from one look to the next; the first look tells of the sessions it finds."""
    yield from _session_events(before, after)
    if before is not None:
        yield from _station_events(before, after)
        yield from _cap_events(before, after)


def _session_events(before: Snapshot | None, after: Snapshot) -> Iterator[Event]:
    known = {s["session_id"]: s["status"] for s in before.sessions} if before else {}
    oldest = min(known, default=0)
    for session in after.sessions:
        number, subject = session["session_id"], f"{session['station_id']}/{session['evse_id']}"
        if number < oldest:
            continue
        if number not in known:
            yield Event(moment(session["started_at"]), "began", subject)
        if session["status"] == "ended" and known.get(number) != "ended":
            yield Event(moment(session["ended_at"] or session["started_at"]), "ended", subject, session["energy_wh"])


def _station_events(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    known = {station["station_id"]: station for station in before.stations}
    for station in after.stations:
        earlier = known.get(station["station_id"])
        if earlier is not None and earlier["online"] != station["online"]:
            yield Event(after.time, "online" if station["online"] else "offline", station["station_id"])
        if earlier is not None and _faulted(station) and not _faulted(earlier):
            yield Event(after.time, "faulted", station["station_id"])


def _faulted(station: Json) -> bool:
    return any(evse["status"] == "Faulted" for evse in station["evses"])


def _cap_events(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    known = {feeder["feeder_id"]: feeder["cap_w"] for feeder in before.overview["feeders"]}
    for feeder in after.overview["feeders"]:
        name, cap_w = feeder["feeder_id"], feeder["cap_w"]
        if name in known and known[name] != cap_w:
            yield Event(after.time, "cap", name, cap_w)


def evse_states(stations: Sequence[Json]) -> list[str]:
    """The state of every EVSE in the order of the stations; those of a station that is not connected are offline."""
    return [evse["status"] if station["online"] else OFFLINE for station in stations for evse in station["evses"]]
