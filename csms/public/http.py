"""The public resource: `GET /api/v1/public/places`, without a token."""

from __future__ import annotations

from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from csms.access.needs import open_to_all
from csms.access.routing import Router
from csms.public.desk import PublicDesk, Told
from csms.public.places import Outlets, Place
from csms.public.prices import HourPrice

PREFIX = "/api/v1/public"
CACHE = "public, max-age=5"


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class PublicPrice(_Out):
    """What a kWh costs from `begins_at` on, for an hour, with service. `level`: sharp, peak, flat, valley, deep, or
    empty where one price counts at all hours.
    """

    begins_at: AwareDatetime
    yuan_per_kwh: float
    level: str


class PublicChance(_Out):
    """How likely an outlet is free `in_min` minutes from now, 0 to 1."""

    in_min: int
    chance: float


class PublicOutlets(_Out):
    """Outlets of one kind and power. `free` and `out_of_order` are of `count`; without `chances` too little of the past
    is known.
    """

    kind: str
    power_w: int
    count: int
    free: int
    out_of_order: int
    chances: list[PublicChance]


class PublicPlace(_Out):
    """A site. Degrees are WGS-84, None where nobody has said where it is."""

    place_id: str
    name: str
    address: str
    area_code: str
    longitude: float | None
    latitude: float | None
    outlets: list[PublicOutlets]


class PublicPlaces(_Out):
    """Everything: prices count at all places of the operator."""

    clock_time: AwareDatetime
    operator: str
    prices: list[PublicPrice]
    places: list[PublicPlace]


def router(desk: PublicDesk) -> Router:
    """The route over `desk`."""
    routes = Router(prefix=PREFIX, tags=["public"])

    @routes.get("/places", summary="Where one can charge, what is free, what it costs")
    @open_to_all("the setting drivers.enabled says that drivers may know; nothing in it is about a person")
    async def list_places(response: Response) -> PublicPlaces:
        """All sites with outlets by kind and power, how many are free now and how likely one is free on arrival, and
        the prices of the coming day. Made at most every other second, whoever asks.
        """
        response.headers["cache-control"] = CACHE
        return places_view(desk.told())

    return routes


def places_view(told: Told) -> PublicPlaces:
    """As the answer has it."""
    return PublicPlaces(
        clock_time=told.clock_time,
        operator=told.operator,
        prices=[_price(one) for one in told.prices],
        places=[_place(one) for one in told.places],
    )


def _price(one: HourPrice) -> PublicPrice:
    return PublicPrice(begins_at=one.begins_at, yuan_per_kwh=float(one.per_kwh), level=one.level)


def _place(one: Place) -> PublicPlace:
    return PublicPlace(
        place_id=one.site.id,
        name=one.site.name,
        address=one.site.address,
        area_code=one.site.area_code,
        longitude=one.site.longitude if one.site.placed else None,
        latitude=one.site.latitude if one.site.placed else None,
        outlets=[_outlets(group) for group in one.outlets],
    )


def _outlets(one: Outlets) -> PublicOutlets:
    chances = [PublicChance(in_min=minutes, chance=round(chance, 3)) for minutes, chance in one.chances.items()]
    return PublicOutlets(
        kind=one.group.kind,
        power_w=one.group.power_w,
        count=one.count,
        free=one.free,
        out_of_order=one.out_of_order,
        chances=chances,
    )
