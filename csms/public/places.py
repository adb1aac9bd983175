"""Where one can charge and what is free there: live state as anybody may see it. Pure.

No session, card or station is named: a driver asks for outlets of a kind and power at a place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.model.ids import EvseRef
from csms.model.site import Site
from csms.model.station import ConnectorStatus, EvseRating
from csms.public.likely import Habits, chance_free
from csms.station.state import EvseState, StationState

AHEAD_MIN = (15, 30, 60, 120)
"""For these times on the way chances are told."""
TAKEN = frozenset(
    {
        ConnectorStatus.PREPARING,
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.FINISHING,
        ConnectorStatus.OCCUPIED,
        ConnectorStatus.RESERVED,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Outlets that are the same to a driver: a site, ac or dc, and W at most."""

    site_id: str
    kind: str
    power_w: int


@dataclass(frozen=True, slots=True)
class Outlets:
    """A group now. `chances`: that one is free after so many minutes; empty while too little of the past is known."""

    group: Group
    count: int
    free: int
    out_of_order: int
    chances: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Place:
    """A site with its outlets."""

    site: Site
    outlets: tuple[Outlets, ...]


def group_of(site_id: str, rating: EvseRating) -> Group:
    """The group of an outlet at a site."""
    return Group(site_id, str(rating.kind), rating.power_max_w)


def site_of(station: StationState, sites: Sequence[Site]) -> str:
    """Where a station stands: at the first site if it names none that is known."""
    return station.site_id if any(site.id == station.site_id for site in sites) else sites[0].id


def groups(stations: Iterable[StationState], sites: Sequence[Site]) -> dict[EvseRef, Group]:
    """The group of every outlet that somebody registered."""
    return {
        evse.ref: group_of(site_of(station, sites), evse.rating)
        for station in stations
        if station.registered and station.evses
        for evse in station.evses.values()
    }


def places(
    sites: Sequence[Site], stations: Mapping[str, StationState], habits: Mapping[Group, Habits], now: datetime
) -> list[Place]:
    """All sites that have outlets, in the order of the settings."""
    if not sites:
        return []
    members: defaultdict[Group, list[tuple[StationState, EvseState]]] = defaultdict(list)
    for ref, group in groups(stations.values(), sites).items():
        station = stations[ref.station_id]
        members[group].append((station, station.evses[ref.evse_id]))
    found = [
        Place(
            site,
            tuple(
                _outlets(group, outlets, habits.get(group), now)
                for group, outlets in sorted(members.items())
                if group.site_id == site.id
            ),
        )
        for site in sites
    ]
    return [place for place in found if place.outlets]


def _outlets(
    group: Group, members: Sequence[tuple[StationState, EvseState]], habits: Habits | None, now: datetime
) -> Outlets:
    free, taken = 0, []
    for station, evse in members:
        if not station.online:
            continue
        since = taken_since(evse, now)
        if since is not None:
            taken.append(since)
        elif ConnectorStatus.AVAILABLE in evse.connectors.values():
            free += 1
    chances = (
        {minutes: chance_free(habits, free, taken, now, timedelta(minutes=minutes)) for minutes in AHEAD_MIN}
        if habits is not None and free + len(taken) > 0
        else {}
    )
    return Outlets(group, len(members), free, len(members) - free - len(taken), chances)


def taken_since(evse: EvseState, now: datetime) -> datetime | None:
    """Since when an outlet is taken; None when it is not. Without a session nobody knows: since now."""
    if evse.session is not None:
        return evse.session.started_at
    return now if TAKEN.intersection(evse.connectors.values()) else None
