"""The station room, with the stations that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from csms.app.section import SettingsInvalid
from csms.app.sections import StationSettings as ConfiguredStation
from csms.app.settings import Settings
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.model.station import RegistrationStatus
from csms.station.bus import EventBus
from csms.station.context import Outside, StationSettings
from csms.station.proving import ProofRefused
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store.engine import Store


async def station_room(
    settings: Settings, clock: Clock, store: Store, bus: EventBus, outside: Outside, places: Mapping[str, str]
) -> StationService:
    """As the store knows it; `places`: feeders that an administrator put stations on. Raises SettingsInvalid."""
    service = StationService(clock, store, bus, _house(settings), outside)
    await service.restore()
    await asyncio.gather(*(_register(service, station, places.get(station.id)) for station in settings.stations))
    return service


def _house(settings: Settings) -> StationSettings:
    return StationSettings(
        accept_unknown=settings.accept_unknown,
        unknown_boot=RegistrationStatus(settings.unknown_boot),
        strangers_max=settings.strangers_max,
        unknown_tokens=settings.unknown_tokens,
        refuse_concurrent=settings.refuse_concurrent,
        master_pass_group=settings.master_pass_group,
        keep_local_lists=settings.keep_local_lists,
        read_device_model=settings.read_device_model,
        heartbeat_s=settings.heartbeat_s,
        meter_interval_s=settings.meter_interval_s,
        boot_grace_s=settings.boot_grace_s,
        remote_wait_s=settings.remote_wait_s,
        profiles=frozenset(map(SecurityProfile, settings.security_profiles)),
        expired_accepted=frozenset(settings.certificates.expired_accepted),
        renew_days=settings.certificates.renew_days,
        unsigned_for=tuple(settings.firmware.unsigned_for),
        plans=settings.charging.control,
        price_per_kwh=settings.price.electricity + settings.price.service if settings.price.shown else None,
        default_feeder=settings.feeders[0].id,
        default_site=settings.site.id,
        zone=ZoneInfo(settings.station_time_zone or settings.time_zone),
    )


async def _register(service: StationService, station: ConfiguredStation, place: str | None) -> None:
    """`place`: the feeder that an administrator put it on. What the settings say of its proof can only make that
    stronger. Raises SettingsInvalid."""
    await service.register(_registration(station, place))
    profile = max(service.stations[station.id].proof.profile, SecurityProfile(station.security_profile))
    if station.serial or station.security_profile:
        try:
            await service.demand(station.id, profile, station.serial or None)
        except ProofRefused as fault:
            raise SettingsInvalid(f"stations: {fault}") from None


def _registration(station: ConfiguredStation, place: str | None) -> Registration:
    plate = rating(station.kind, station.phases, station.current_max_a, round(station.power_max_kw * 1000))
    evses = {n: replace(plate, rotation=rotation) for n, rotation in enumerate(station.rotations, start=1)}
    return Registration(station.id, place or station.feeder, station.site, evses)
