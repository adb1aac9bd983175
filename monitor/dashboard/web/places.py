"""Sites as marks on a map: where they are, and what state tells most about each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.web.drivers.offers import Offer
from monitor.dashboard.web.figures import evse_family, worst_family
from monitor.dashboard.web.palette import FAMILIES

BY_URGENCY = ("faulted", "charging", "suspended", "occupied", "reserved", "available", "unavailable", "offline")


def map_place(name: str, spot: tuple[float, float], family: str, title: str, href: str, key: str) -> dict[str, Any]:
    """A mark as `map.js` takes it. `spot`: (longitude, latitude), WGS-84 degrees."""
    urgency = BY_URGENCY.index(family) if family in BY_URGENCY else len(BY_URGENCY)
    return {
        "id": key,
        "name": name,
        "lng": round(spot[0], 6),
        "lat": round(spot[1], 6),
        "family": family,
        "letter": FAMILIES.get(family, FAMILIES["unknown"]),
        "urgency": urgency,
        "title": title,
        "href": href,
    }


def site_places(text: Text, sites: Sequence[Json], stations: Sequence[Json]) -> list[dict[str, Any]]:
    """The sites of which somebody said where they are."""
    by_id = {station["station_id"]: station for station in stations}
    return list(_placed(text, sites, by_id))


def neighbour_places(text: Text, offers: Sequence[Offer]) -> list[dict[str, Any]]:
    """Stations of partners, by what they told last: something free, nothing free, out of order, nothing told."""
    return [
        map_place(offer.name, offer.spot, _family(offer), _told(text, offer), "/quality", offer.key)
        for offer in offers
        if offer.spot is not None
    ]


def _family(offer: Offer) -> str:
    told = [group for group in offer.outlets if group.free is not None]
    if not told:
        return "unknown"
    if any(group.free for group in told):
        return "available"
    return "unavailable" if all(group.out_of_order == group.count for group in told) else "occupied"


def _told(text: Text, offer: Offer) -> str:
    free = sum(group.free or 0 for group in offer.outlets)
    told = text("driver.free_of", free=free, count=sum(group.count for group in offer.outlets))
    return f"{offer.name} · {offer.operator} · {told}"


def _placed(text: Text, sites: Sequence[Json], by_id: Mapping[str, Json]) -> Iterator[dict[str, Any]]:
    for site in sites:
        if site["longitude"] is None or site["latitude"] is None:
            continue
        there = [by_id[name] for name in site["stations"] if name in by_id]
        spot = float(site["longitude"]), float(site["latitude"])
        href = f"/stations?find={quote(site['site_id'], safe='')}"
        yield map_place(site["name"], spot, site_family(there), _title(text, site, there), href, site["site_id"])


def site_family(stations: Sequence[Json]) -> str:
    """The family of the station that tells most; a site without one is unknown."""
    found = {worst_family(station) for station in stations}
    return next((family for family in BY_URGENCY if family in found), "unknown")


def _title(text: Text, site: Json, stations: Sequence[Json]) -> str:
    counts = Counter(evse_family(station, evse) for station in stations for evse in station["evses"])
    told = [f"{text(f'live.state.{family}')} {counts[family]}" for family in FAMILIES if counts[family]]
    return f"{site['name']} · {', '.join(told)}" if told else str(site["name"])
