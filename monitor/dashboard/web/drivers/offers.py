"""What drivers are offered: places of the own operator and of partners in one form, and which fit a wish. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from monitor.dashboard.history import Json
from monitor.dashboard.look import moment

HOUR = timedelta(hours=1)
EARTH_KM = 6371.0088
AHEAD_H = 12
"""So far the cheapest hour is looked for."""

Order = Literal["near", "cheap", "free"]


@dataclass(frozen=True, slots=True)
class Outlets:
    """Outlets of one kind (ac, dc) and power at a place. `free` None: nobody tells. `chances`: that one is free after
    so many minutes; empty: not known.
    """

    kind: str
    power_w: int
    count: int
    free: int | None
    out_of_order: int = 0
    chances: Mapping[int, float] = field(default_factory=dict)

    def chance(self, in_min: int) -> float | None:
        """That one is free then; now it is known."""
        if in_min == 0:
            return None if self.free is None else float(self.free > 0)
        return self.chances.get(in_min)


@dataclass(frozen=True, slots=True)
class HourPrice:
    """Yuan per kWh with service from a moment on, for an hour. `level`: sharp to deep, or empty."""

    begins_at: datetime
    yuan: float
    level: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A place. `spot`: (longitude, latitude), WGS-84 degrees. `fees`: a partner's own words on its prices. `told_at`:
    when a partner told last what is free; None for what is live.
    """

    key: str
    operator: str
    name: str
    address: str
    spot: tuple[float, float] | None
    outlets: tuple[Outlets, ...]
    prices: tuple[HourPrice, ...] = ()
    fees: str = ""
    area_code: str = ""
    told_at: datetime | None = None

    def price_at(self, at: datetime) -> HourPrice | None:
        """What counts at a moment; None where nobody tells."""
        return next((one for one in self.prices if one.begins_at <= at < one.begins_at + HOUR), None)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for. `spot`: where they are or want to be; `in_min`: when they will be there."""

    words: str = ""
    kind: str = ""
    power_w: int = 0
    price_max: float | None = None
    spot: tuple[float, float] | None = None
    in_min: int = 0
    order: Order = "near"
    free_only: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An offer that fits, with the outlets that fit. `chance`: that one of them is free on arrival, if it is known."""

    offer: Offer
    outlets: tuple[Outlets, ...]
    distance_km: float | None
    price: HourPrice | None
    chance: float | None

    @property
    def free(self) -> int | None:
        """Free now, among those that fit."""
        told = [one.free for one in self.outlets if one.free is not None]
        return sum(told) if told else None

    @property
    def count(self) -> int:
        """How many fit."""
        return sum(one.count for one in self.outlets)


def own_offers(public: Json) -> list[Offer]:
    """The places in an answer of the public resource. Raises KeyError, TypeError, ValueError for another answer."""
    prices = tuple(
        HourPrice(moment(one["begins_at"]), float(one["yuan_per_kwh"]), str(one["level"])) for one in public["prices"]
    )
    return [
        Offer(
            key=f"own/{one['place_id']}",
            operator=public["operator"],
            name=one["name"],
            address=one["address"],
            spot=None if one["longitude"] is None else (float(one["longitude"]), float(one["latitude"])),
            outlets=tuple(_outlets(group) for group in one["outlets"]),
            prices=prices,
            area_code=one["area_code"],
        )
        for one in public["places"]
    ]


def _outlets(group: Json) -> Outlets:
    chances = {int(one["in_min"]): float(one["chance"]) for one in group["chances"]}
    return Outlets(group["kind"], group["power_w"], group["count"], group["free"], group["out_of_order"], chances)


def fitting(offers: Iterable[Offer], wish: Wish, now: datetime) -> list[Found]:
    """What fits, in the order that was asked for."""
    at = now + timedelta(minutes=wish.in_min)
    found = [one for offer in offers if (one := _fit(offer, wish, at)) is not None]
    return sorted(found, key=lambda one: _rank(one, wish))


def _fit(offer: Offer, wish: Wish, at: datetime) -> Found | None:
    text = f"{offer.name} {offer.address} {offer.operator}".casefold()
    if not all(word in text for word in wish.words.casefold().split()):
        return None
    outlets = tuple(one for one in offer.outlets if wish.kind in ("", one.kind) and one.power_w >= wish.power_w)
    price = offer.price_at(at)
    if not outlets or (wish.price_max is not None and (price is None or price.yuan > wish.price_max)):
        return None
    away_km = None if wish.spot is None or offer.spot is None else distance_km(wish.spot, offer.spot)
    found = Found(offer, outlets, away_km, price, _any_free(outlets, wish.in_min))
    return None if wish.free_only and not found.free else found


def _any_free(outlets: Sequence[Outlets], in_min: int) -> float | None:
    """That one of the groups has a free outlet, the groups taken as strangers to each other."""
    chances = [one.chance(in_min) for one in outlets]
    known = [chance for chance in chances if chance is not None]
    return 1.0 - math.prod(1.0 - chance for chance in known) if known else None


def _rank(one: Found, wish: Wish) -> tuple[float, ...]:
    away = math.inf if one.distance_km is None else one.distance_km
    price = math.inf if one.price is None else one.price.yuan
    full = 0.0 if one.chance is None else -one.chance
    by_order = {"near": (away, full, price), "cheap": (price, away, full), "free": (full, away, price)}
    return by_order[wish.order]


def cheapest(prices: Sequence[HourPrice], now: datetime) -> tuple[HourPrice, datetime] | None:
    """The first of the cheapest hours of the coming twelve, and when that price ends; None for one price at all hours
    or none that is known.
    """
    coming = [one for one in prices if one.begins_at + HOUR > now][:AHEAD_H]
    if not coming or len({one.yuan for one in coming}) == 1:
        return None
    least = min(one.yuan for one in coming)
    place = next(place for place, one in enumerate(coming) if one.yuan == least)
    end = coming[place].begins_at
    for one in coming[place:]:
        if one.yuan != least:
            break
        end = one.begins_at + HOUR
    return coming[place], end


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Along the great circle, between (longitude, latitude) in degrees (haversine)."""
    (lng1, lat1), (lng2, lat2) = ((math.radians(lng), math.radians(lat)) for lng, lat in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lng2 - lng1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
