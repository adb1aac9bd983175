"""The provincial interface from the settings: partners with their secrets, the outbox, the desk for their calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from csms.access.routing import Router
from csms.app.province_settings import PartnerSettings, SiteSettings
from csms.app.section import SettingsInvalid
from csms.app.settings import Settings
from csms.model.clock import Clock
from csms.province import http
from csms.province.access import Access
from csms.province.answers import Answers, Operator
from csms.province.claims import Claims
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.desk import OperatorDesk
from csms.province.feed import ProvinceFeed
from csms.province.ids import THINGS, IdPair, IdTable
from csms.province.keys import Direction, KeyRecord, Keys
from csms.province.office import ProvinceOffice
from csms.province.orders import Orders
from csms.province.personal import Personal
from csms.province.picture import Picture, Site
from csms.province.ports import OutboxEntry
from csms.province.profile import load_profile
from csms.province.renewal import Renewal
from csms.province.replay import Taken
from csms.province.service import ProvinceService
from csms.province.starts import PartnerStarts
from csms.province.tariff import FlatPrice, HourlyPrices, Price, Prices
from csms.security.numbers import kept_key
from csms.security.sealing import Seal
from csms.station.bus import EventBus
from csms.station.service import StationService
from csms.store.engine import Store
from csms.store.outbox import SqlOutbox
from csms.store.province import ProvinceRecords
from csms.store.province_tables import ProvinceKey
from optimizer.models.tariff import Tariff, shipped_tariff

KEY_FILE = "province.key"


@dataclass(frozen=True, slots=True)
class ProvinceRoom:
    """What routes and the supervisor need of it."""

    service: ProvinceService
    feed: ProvinceFeed
    office: ProvinceOffice
    picture: Picture
    routers: Sequence[Router]


async def province_room(
    settings: Settings, clock: Clock, store: Store, bus: EventBus, stations: StationService
) -> ProvinceRoom:
    """Everything, with what the store knows. Raises CsmsError."""
    records, outbox = ProvinceRecords(store), SqlOutbox(store, OutboxEntry)

    async def save_ids(pairs: Sequence[IdPair]) -> None:
        await records.put_ids((pair.scope, pair.local, pair.external) for pair in pairs)

    seal = Seal(kept_key(settings.data_dir / KEY_FILE)) if settings.partners else None
    keys = await _keys(settings, clock, records, seal) if seal is not None else None
    partners = [_partner(given, keys) for given in settings.partners] if keys is not None else []
    ids = await _ids(store, records, partners)
    service = ProvinceService(clock, outbox, ids, partners, save_ids, Personal(seal), stations.alerts)
    sites = [_site(given) for given in (settings.site, *settings.sites)]
    picture = Picture(clock, store.reader, stations.stations, sites, prices(settings))
    starts = PartnerStarts(clock, records, service, stations, settings.remote_wait_s)
    await starts.restore()
    feed = ProvinceFeed(clock, service, outbox, records, picture, starts)
    orders = Orders(service, outbox, picture, starts)
    claims = Claims(clock, service, orders, records, picture)
    renewal = Renewal(clock, service, outbox, orders, records, picture, starts)
    office = ProvinceOffice(service, outbox, keys, picture, claims, renewal)
    if not partners:
        return ProvinceRoom(service, feed, office, picture, ())
    await records.begin(sites[0].id, clock.now())
    bus.subscribe(feed.hear)
    operator = Operator(settings.operator.name, settings.operator.phone, settings.operator.address)
    answers = Answers(clock, picture, records, starts, service.names, operator)

    async def keep(taken: Sequence[Taken]) -> None:
        await records.note_seen(taken, clock.now())

    try:
        desk = OperatorDesk(clock, service, answers, keep=keep, taken=await records.seen(clock.now()))
    except ValueError as fault:
        raise SettingsInvalid(f"partners: {fault}") from None
    return ProvinceRoom(service, feed, office, picture, [http.router(desk)])


async def _ids(store: Store, records: ProvinceRecords, partners: Sequence[Partner]) -> IdTable:
    """Those of things; orders are looked up when they are asked for."""

    async def stored(scope: str, locals_: Sequence[str], externals: Sequence[str]) -> list[IdPair]:
        return [IdPair(row.scope, row.local, row.external) for row in await records.ids_of(scope, locals_, externals)]

    scopes = [f"{operator}.{what}" for operator in {p.operator_id for p in partners} for what in THINGS]
    rows = await store.reader.external_ids(*scopes) if scopes else []
    return IdTable((IdPair(row.scope, row.local, row.external) for row in rows), stored)


async def _keys(settings: Settings, clock: Clock, records: ProvinceRecords, seal: Seal) -> Keys:
    async def save(changed: Sequence[KeyRecord]) -> None:
        await records.put_keys([ProvinceKey(**asdict(record)) for record in changed])

    stored = [KeyRecord(**_columns(row)) for row in await records.keys()]
    keys = Keys(clock, seal, stored, save)
    for partner in settings.partners:
        for direction, texts in ((Direction.OUTBOUND, partner.texts), (Direction.INBOUND, partner.inbound.texts)):
            if texts:
                keys.from_settings(partner.id, direction, Secrets.of(*texts))
    return keys


def _columns(row: ProvinceKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in KeyRecord.__dataclass_fields__}


def _partner(given: PartnerSettings, keys: Keys) -> Partner:
    profile = load_profile(given.profile)
    window_s = profile.clock.replay_window_s
    return Partner(
        given.id,
        profile,
        given.base_url,
        given.operator_id,
        ring=keys.ring(given.id, Direction.OUTBOUND, window_s),
        access=Access(tuple(given.stations), given.asked, given.calls_per_s, given.calls_burst),
        platform_id=given.platform_id,
        inbound=keys.ring(given.id, Direction.INBOUND, window_s),
    )


def _site(given: SiteSettings) -> Site:
    return Site(**{name: getattr(given, name) for name in Site.__dataclass_fields__})


def prices(settings: Settings) -> Prices:
    """What a kWh costs when, as the settings say: in orders and on the page for drivers."""
    price, zone = settings.price, ZoneInfo(settings.time_zone)
    flat = Price(Decimal(str(price.electricity)), Decimal(str(price.service)))
    return _hourly(shipped_tariff(price.tariff), flat) if price.tariff else FlatPrice(flat, zone)


def _hourly(tariff: Tariff, otherwise: Price) -> Prices:
    def letters(day: date) -> str:
        return tariff.letters(day)

    elec = {letter: Decimal(str(round(tariff.price_of(letter), 4))) for letter in "SPFVD"}
    return HourlyPrices(tariff.id, tariff.zone, letters, elec, otherwise.service, otherwise)
