"""What drivers may know, over the live stations and the prices of the orders."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from csms.app.province import prices
from csms.app.settings import Settings
from csms.model.clock import Clock
from csms.public.desk import PublicDesk
from csms.public.prices import PriceAt
from csms.station.service import StationService
from csms.store.engine import Store


def price_at(settings: Settings) -> PriceAt:
    """What a kWh costs with service, and the level of the hour, as in orders."""
    book = prices(settings)

    def at(moment: datetime) -> tuple[Decimal, str]:
        price = book.at(moment)
        return price.elec + price.service, price.level

    return at


def public_desk(settings: Settings, clock: Clock, store: Store, stations: StationService) -> PublicDesk:
    """The desk of the public resource."""
    return PublicDesk(
        clock,
        stations.stations,
        store.reader,
        (settings.site, *settings.sites),
        price_at(settings),
        ZoneInfo(settings.time_zone),
        settings.operator.name,
    )
