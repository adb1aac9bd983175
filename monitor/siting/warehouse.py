"""Reads an area from a warehouse: sites with coordinates and the sessions and orders that they had.

Own sites have their coordinates from `csms.toml` (WGS-84), those of partners from the station information that they
sent (GCJ-02). Of a site whose sessions are of fewer than five known users (of fewer than five sessions, where users
are not told), or that is in service for less than four weeks, nothing but place and piles counts. What a site did
that came later than others is scaled to the whole span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np

from monitor.siting.area import Area, AreaBroken, Sites
from monitor.siting.plane import Array
from monitor.siting.presence import USERS_MIN
from monitor.siting.stays import Stays
from monitor.warehouse.engine import in_process, star

KW = 1000.0
DAY_H = 24.0
NEW_H = 28 * DAY_H
"""Whose first session came so long after the first of all was not there before; less tells nothing of a site."""
LOOK_BACK = timedelta(days=366)
BATCH = 100_000
HELD_MAX_H = 14 * DAY_H
"""Longer stays are mistakes of the clock."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """A site with coordinates, WGS-84. `connectors`: by which orders name it, where they name no station."""

    name: str
    longitude: float
    latitude: float
    piles: int
    plugs: int
    power_kw: float
    stations: frozenset[str]
    connectors: frozenset[str] = frozenset()
    operator: str = ""


@dataclass
class Visits:
    """Sessions of one site: hours since 1970, kWh (NaN unknown), who (None unknown)."""

    begin_h: list[float] = field(default_factory=list)
    end_h: list[float] = field(default_factory=list)
    kwh: list[float] = field(default_factory=list)
    who: list[str | None] = field(default_factory=list)

    @property
    def users(self) -> int:
        """Different ones; where nobody is known no more than there were sessions."""
        known = {one for one in self.who if one}
        return len(known) if known else len(self.who)


def read_warehouse(folder: Path, partners: Sequence[Place] = (), now: datetime | None = None) -> Area:
    """The area of all sites of a warehouse that have coordinates, by what happened in the year up to the newest session
    before `now`; raises AreaBroken, which says what is missing.
    """
    backend = in_process(folder)
    own, lost = _own(backend)
    places = [*own, *partners]
    if not places:
        raise AreaBroken(_nothing(lost))
    of = star(backend)
    visits = _visits(of, places, *_year(of, now))
    spans = [(one.begin_h, one.end_h) for one in visits if one.begin_h]
    if not spans:
        raise AreaBroken(f"{len(places)} sites have coordinates, but no session of them is in {folder}")
    begin, end = min(min(begins) for begins, _ in spans), max(max(ends) for _, ends in spans)
    return _area(folder, places, visits, (begin, max(end, begin + 1.0)), len(lost))


def _year(of: Any, now: datetime | None) -> tuple[datetime, datetime]:
    """The year that is looked at: what a clock wrote into another century stretches no span."""
    until = datetime.max.replace(tzinfo=UTC) if now is None else now
    found = []
    for fact in (of.sessions, of.orders):
        known = fact.filter(fact.started_at <= ibis.literal(until)) if now is not None else fact
        newest = known.started_at.max().to_pyarrow().as_py()
        if newest is not None:
            found.append(newest.replace(tzinfo=newest.tzinfo or UTC))
    newest = max(found, default=datetime(1970, 1, 2, tzinfo=UTC))
    return newest - LOOK_BACK, newest


def _nothing(lost: Sequence[str]) -> str:
    named = f" ({', '.join(sorted(lost)[:5])})" if lost else ""
    return (
        f"no site has coordinates{named}: write longitude and latitude (WGS-84) of [site] or [[sites]] into csms.toml "
        "and load the warehouse again, or name the data of a platform (--platform-dir, --partner-file) whose partners "
        "sent station information"
    )


def _own(backend: Any) -> tuple[list[Place], list[str]]:
    """Own sites with coordinates, and names of those without."""
    sites = backend.table("dim_site").to_pyarrow().to_pylist()
    stations = backend.table("dim_station").to_pyarrow().to_pylist()
    evses = backend.table("dim_evse").to_pyarrow().to_pylist()
    found, lost = [], []
    for site in sites:
        mine = frozenset(str(one["station_id"]) for one in stations if one["site_id"] == site["site_id"])
        plugs = [one for one in evses if one["station_id"] in mine]
        if site["longitude"] is None or site["latitude"] is None:
            lost.append(str(site["site_id"]))
        elif plugs:
            power_kw = float(np.mean([(one["power_max_w"] or 0) / KW for one in plugs]))
            name = str(site["name"] or site["site_id"])
            found.append(Place(name, site["longitude"], site["latitude"], len(mine), len(plugs), power_kw, mine))
    return found, lost


def _visits(of: Any, places: Sequence[Place], since: datetime, until: datetime) -> list[Visits]:
    """Of each place from `since` to `until`; what physics doubts and what another source tells better is left out."""
    found = [Visits() for _ in places]
    own = {station: row for row, place in enumerate(places) if not place.operator for station in place.stations}
    sessions = _within(of.sessions, since, until)
    for one in _rows(sessions, "station_id", "started_at", "ended_at", "energy_wh", "user_hash"):
        _add(found, own.get(one["station_id"]), one, one["user_hash"])
    theirs = {(place.operator, name): row for row, place in enumerate(places) if place.operator
              for name in (*place.stations, *place.connectors)}  # fmt: skip
    orders = _within(of.orders, since, until)
    kept = orders.filter((orders.doubted.fill_null("") == "") & ~orders.repeated.fill_null(ibis.literal(False)))
    for one in _rows(kept, "operator_id", "station_id", "connector_id", "started_at", "ended_at", "energy_wh"):
        names = ((one["operator_id"], one["station_id"]), (one["operator_id"], one["connector_id"]))
        _add(found, next((theirs[name] for name in names if name in theirs), None), one, None)
    return found


def _within(fact: Any, since: datetime, until: datetime) -> Any:
    """Rows of a span that have ended; only files of its days are opened."""
    days = fact.date.between(ibis.literal(since.date()), ibis.literal(until.date()))
    begun = fact.started_at.between(ibis.literal(since), ibis.literal(until))
    return fact.filter(days & begun & fact.ended_at.notnull())


def _rows(fact: Any, *columns: str) -> Iterator[dict[str, Any]]:
    """Row by row, a part of the table at a time."""
    for batch in fact.select(*columns).to_pyarrow().to_batches(max_chunksize=BATCH):
        yield from batch.to_pylist()


def _add(found: list[Visits], row: int | None, one: dict[str, Any], who: str | None) -> None:
    begin, end = _hours(one["started_at"]), _hours(one["ended_at"])
    if row is None or not 0.0 < end - begin <= HELD_MAX_H:
        return
    visits = found[row]
    visits.begin_h.append(begin)
    visits.end_h.append(end)
    visits.kwh.append(np.nan if one["energy_wh"] is None else max(one["energy_wh"] / KW, 0.0))
    visits.who.append(who)


def _hours(moment: datetime) -> float:
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() / 3600.0


def _area(
    folder: Path, places: Sequence[Place], visits: Sequence[Visits], span: tuple[float, float], lost: int
) -> Area:
    begin, end = span
    before = np.array([_before(one, begin) for one in visits])
    young = (before > 0) & (end - begin - before < NEW_H)
    few = np.array([len(one.who) > 0 and one.users < USERS_MIN for one in visits], dtype=bool)
    withheld = few | young
    told = [Visits() if hidden else one for one, hidden in zip(visits, withheld, strict=True)]
    stays, plugs = _stays(told), np.array([float(place.plugs) for place in places])
    there = (end - begin) / np.maximum(end - begin - before, 1.0)
    energy = np.array([np.nansum(one.kwh) for one in told]) * there
    busy = np.array([np.subtract(one.end_h, one.begin_h).sum() for one in told]) * there
    full = np.where(withheld, end - begin, np.minimum(stays.full_h(plugs) * there, end - begin))
    sites = Sites(
        [_named(place) for place in places],
        np.array([place.longitude for place in places]), np.array([place.latitude for place in places]),
        np.array([float(max(place.piles, 1)) for place in places]), energy, energy, busy,
        np.array([place.power_kw for place in places]), full, stays.wants_dc(len(places)), withheld,
    )  # fmt: skip
    partners = sum(bool(place.operator) for place in places)
    notes = {
        "without_place": lost, "without_piles": 0, "unused": int(((energy <= 0) & ~withheld).sum()),
        "busier_than_time": int((sites.busy_h / np.maximum(plugs, 1.0) > (end - begin) * 1.001).sum()),
        "few_users": int(few.sum()), "young": int(young.sum()), "newer": int((before > 0).sum()), "partners": partners,
    }  # fmt: skip
    moments = tuple(datetime.fromtimestamp(hour * 3600.0, UTC).strftime("%Y-%m-%d %H:%M") for hour in span)
    return Area(
        folder.resolve().name, sites, np.empty(0), np.empty(0), end - begin, True, (moments[0], moments[1]),
        _hourly(told), None, None, None, stays.session_kwh, notes,
    )  # fmt: skip


def _named(place: Place) -> str:
    return f"{place.operator} {place.name}" if place.operator else place.name


def _before(one: Visits, begin: float) -> float:
    """Hours at the begin in which a site was not there yet."""
    late = min(one.begin_h, default=begin) - begin
    return late if late >= NEW_H else 0.0


def _stays(told: Sequence[Visits]) -> Stays:
    site = np.repeat(np.arange(len(told)), [len(one.kwh) for one in told])
    columns = (
        np.array([value for one in told for value in getattr(one, name)]) for name in ("begin_h", "end_h", "kwh")
    )
    return Stays(site, *columns)


def _hourly(told: Iterable[Visits]) -> Array | None:
    """Share of a day's energy in each hour of Beijing's time, each session's spread evenly over its stay."""
    found = np.zeros(24)
    shift = timedelta(hours=8) / timedelta(hours=1)
    for one in told:
        for begin, end, kwh in zip(one.begin_h, one.end_h, one.kwh, strict=True):
            if kwh > 0:
                edges = np.unique(np.concatenate([[begin, end], np.arange(np.ceil(begin), end)]))
                hours = ((edges[:-1] + shift) // 1 % 24).astype(int)
                np.add.at(found, hours, kwh * np.diff(edges) / (end - begin))
    return found / found.sum() if found.sum() > 0 else None
