"""What `/driver/places.json` says: the offers that fit, units in the names, nothing about people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.dashboard.web.drivers.board import Board
from monitor.dashboard.web.drivers.offers import Found, HourPrice, Outlets


def document(board: Board, found: Sequence[Found]) -> dict[str, Any]:
    """In the order that was asked for; degrees are WGS-84, None is what nobody tells."""
    return {"clock_time": board.clock_time.isoformat(), "places": [_place(one) for one in found]}


def _place(one: Found) -> dict[str, Any]:
    offer = one.offer
    longitude, latitude = offer.spot or (None, None)
    return {
        "key": offer.key,
        "operator": offer.operator,
        "name": offer.name,
        "address": offer.address,
        "longitude": longitude,
        "latitude": latitude,
        "distance_km": None if one.distance_km is None else round(one.distance_km, 3),
        "outlets": [_outlets(group) for group in one.outlets],
        "chance_on_arrival": None if one.chance is None else round(one.chance, 3),
        "yuan_per_kwh_on_arrival": None if one.price is None else one.price.yuan,
        "prices": [_price(price) for price in offer.prices],
        "fees": offer.fees,
        "told_at": None if offer.told_at is None else offer.told_at.isoformat(),
    }


def _outlets(group: Outlets) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "power_w": group.power_w,
        "count": group.count,
        "free": group.free,
        "out_of_order": group.out_of_order,
        "chances": [{"in_min": minutes, "chance": chance} for minutes, chance in group.chances.items()],
    }


def _price(price: HourPrice) -> dict[str, Any]:
    return {"begins_at": price.begins_at.isoformat(), "yuan_per_kwh": price.yuan, "level": price.level}
