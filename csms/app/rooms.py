"""Wiring: every room built from the settings, lower rooms first. Nothing runs yet when this returns."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.x509 import Certificate
from fastapi import FastAPI

from csms.access.audit import AuditLog
from csms.access.guard import Guard, Rates
from csms.access.tokens import AccessTokens
from csms.api.app import create_api
from csms.api.ports import ApiDeps, FeederFigures
from csms.app.channel_figures import ChannelFigures
from csms.app.grid import limit_service
from csms.app.limit_channels import limit_channels
from csms.app.limit_figures import LimitFigures
from csms.app.mqtt import feeder_state, mqtt_channel
from csms.app.pki import Pki
from csms.app.response import ChannelDesk, response_room, way_back, way_back_to_vtns
from csms.app.section import SettingsInvalid
from csms.app.settings import (
    AdmissionSection,
    PartnerSettings,
    Settings,
)
from csms.app.settings import StationSettings as ConfiguredStation
from csms.app.solvers import Solvers
from csms.app.supply import read_supply, tree_desk
from csms.app.tls import ServerTls
from csms.app.upkeep import Upkeep
from csms.app.webhook import Webhook
from csms.charging.feeder import FeederTree
from csms.charging.planner import NeedsPolicy
from csms.charging.profiles import ProfileRules
from csms.charging.service import ChargingService
from csms.charging.settings import ChargingSettings
from csms.gateway.admission import AdmissionLimits
from csms.gateway.metrics import Metrics
from csms.gateway.ports import forget
from csms.gateway.server import Gateway, GatewaySettings
from csms.gateway.socket import Limits
from csms.grid import http as limit_routes
from csms.grid.overruns import Overruns
from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.ven import Ven
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.model.station import Protocol, RegistrationStatus
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.feed import ProvinceFeed, Site
from csms.province.ids import IdPair, IdTable
from csms.province.ports import OutboxEntry
from csms.province.profile import load_profile
from csms.province.service import ProvinceService
from csms.response import http as response_routes
from csms.security.authority import LocalAuthority
from csms.security.authority_command import CommandAuthority
from csms.security.contract_check import ContractVerifier, read_roots
from csms.security.contracts import ContractProvider
from csms.security.inventory import fingerprints
from csms.security.numbers import Scrambler, kept_key
from csms.security.ocsp import OcspClient
from csms.security.server_certificate import ROOT_FILE
from csms.station.bus import EventBus
from csms.station.context import Outside, StationSettings
from csms.station.files import MB, FileDesk, FileLimits
from csms.station.proving import ProofRefused
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from csms.trace.service import Traces, TraceSettings

Work = Callable[[], Awaitable[None]]

TRANSACTION_KEY_FILE = "transactions.key"


@dataclass(slots=True)
class Rooms:
    """Everything that one server consists of; `background` is work for the supervisor."""

    settings: Settings
    clock: Clock
    store: Store
    stations: StationService
    limits: LimitService
    charging: ChargingService
    province: ProvinceService
    gateway: Gateway
    api: FastAPI
    files: FileDesk
    tls: ServerTls
    guard: Guard
    traces: Traces | None = None
    solvers: Solvers | None = None
    background: list[tuple[str, Work]] = field(default_factory=list)

    async def close(self) -> None:
        """After the gateway has stopped and no background work runs."""
        await self.guard.close()
        await self.stations.close()
        if self.solvers is not None:
            await asyncio.to_thread(self.solvers.close)
        await self.store.close()
        if self.traces is not None:
            await self.traces.close()


async def build_rooms(settings: Settings, clock: Clock) -> Rooms:
    """Open the store, restore what it knows, build the rest. Raises CsmsError."""
    store = await open_store(settings.store_url, clock, upgrade=True)
    try:
        return await _build(settings, clock, store)
    except BaseException:
        await store.close()
        raise


async def _build(settings: Settings, clock: Clock, store: Store) -> Rooms:
    bus = EventBus()
    makers = _makers(settings)
    files = FileDesk(settings.data_dir / "files", clock, store, _file_limits(settings), makers)
    files.public_url = settings.public_url
    own = LocalAuthority(settings.data_dir / "pki", clock, settings.certificates.organization)
    supply = await read_supply(settings, store)
    tree, outside = supply.tree, _outside(settings, clock, files, own, makers)
    stations = await _stations(settings, clock, store, bus, outside, supply.places)
    guard = await _guard(settings, clock, store, tree)
    limits = await limit_service(settings.limit_sources, clock, store, tree, guard.audit, stations)
    rules = _charging(settings)
    solvers = Solvers(settings.charging, rules.solve_wall_s)
    rules = replace(rules, plans_at_once=solvers.at_once)
    charging = ChargingService(clock, stations, store, solvers.solve, rules, tree, limits, stations.alerts)
    grace_s = settings.charging.lease_s + settings.charging.ramp_s
    progress = LimitProgress(clock, limits, charging.compliance, guard.audit, bus, grace_s)
    overruns = Overruns(clock, charging.loads, stations.alerts, grace_s)

    def state(feeder_id: str) -> Mapping[str, Any]:
        return feeder_state(charging, asdict(charging.status(feeder_id)))

    zone = ZoneInfo(settings.time_zone)
    response = response_room(settings.response, zone, clock, store, guard.audit, limits, charging, stations)
    province, feed = await _province(settings, clock, store, bus, stations)
    traces = _traces(settings, clock)
    note = traces.note if traces is not None else forget
    metrics = Metrics()
    tls = ServerTls(settings)
    gateway = Gateway(_gateway(settings), clock, stations, tls=await tls.contexts(), note=note, metrics=metrics)
    upkeep = Upkeep(settings, clock, store, files=files, traces=traces)
    figures, channels = LimitFigures(limits, progress, overruns, charging.loads), ChannelFigures(charging.counters)
    supply_desk = tree_desk(settings, clock, store, supply, stations, limits, charging, guard.tokens)
    api = create_api(
        ApiDeps(
            guard=guard,
            clock=clock,
            stations=stations,
            reader=store.reader,
            feeders=_Feeders(charging, tree),
            tree=supply_desk,
            ladders=charging if settings.charging.control else None,
            province=province,
            gateway=gateway,
            traces=traces,
            condition=upkeep.condition,
            routers=[
                limit_routes.router(
                    limits,
                    store.reader,
                    state,
                    progress,
                    charging.drill,
                    charging.simulate,
                ),
                response_routes.router(response.service, response.statements),
            ],
            figures=lambda: chain(figures.lines(), channels.lines()),
            version=version("csms"),
            time_zone=ZoneInfo(settings.time_zone),
            files=files,
            pki=Pki(settings, own),
        )
    )
    background: list[tuple[str, Work]] = [("stations", stations.run), *upkeep.background]
    if tls.profiles:
        background.append(("certificates", partial(tls.watch, gateway)))
    background += [("limit-sources", limits.run), ("limit-progress", progress.run)]
    background += [("limits-of-others", limits.follow), ("supply-tree", supply_desk.watch)]
    background += [("overruns", overruns.run), ("response", response.work.run)]
    desk = ChannelDesk(response.service)
    if settings.broker_url:
        channel = channels.mqtt = mqtt_channel(
            settings.broker_url,
            settings.mqtt,
            clock,
            limits,
            bus,
            charging=charging,
            progress=progress,
            state=state,
            responses=desk,
        )
        response.work.reports["mqtt"] = way_back(channel)
        background.append(("limits-mqtt", channel.run))
    channels.channels = limit_channels(settings, clock, limits, charging.drawn_w, desk)
    vens = {one.source: one for _, one in channels.channels if isinstance(one, Ven)}
    response.work.reports["openadr3"] = way_back_to_vtns(vens)
    background += [(name, partial(one.run, limits)) for name, one in channels.channels]
    background += [("access-tokens", guard.tokens.run), ("audit", guard.audit.run)]
    if settings.alerts.webhook:
        token = settings.alerts.webhook_token.get_secret_value()
        background.append(("alerts", Webhook(settings.alerts.webhook, token, stations.alerts).run))
    if settings.charging.control:
        charging.listen()
        await asyncio.to_thread(solvers.begin)
        background += [("charging", charging.run)]
    if settings.partners:
        background += [("province-feed", feed.run), ("province", province.run)]
    return Rooms(
        settings,
        clock,
        store,
        stations,
        limits,
        charging,
        province,
        gateway,
        api,
        files,
        tls,
        guard,
        traces,
        solvers,
        background,
    )


async def _guard(settings: Settings, clock: Clock, store: Store, tree: FeederTree) -> Guard:
    """Tokens and audit log as they are in the store."""
    tokens, audit = AccessTokens(clock, store), AuditLog(clock, store, settings.data_dir)
    await tokens.refresh()
    await audit.restore()

    def covers(bound: Sequence[str], feeder_id: str) -> bool:
        return feeder_id in tree and not set(bound).isdisjoint(tree.path(feeder_id))

    section = settings.api
    rates = Rates(
        token_per_s=section.requests_per_s,
        token_burst=section.requests_burst,
        open_per_s=section.open_requests_per_s,
        open_burst=section.open_requests_burst,
    )
    return Guard(clock, tokens, audit, covers=covers, rates=rates)


def _file_limits(settings: Settings) -> FileLimits:
    return FileLimits(settings.files.upload_max_mb * MB, settings.files.firmware_max_mb * MB)


def _takes_own(settings: Settings) -> bool:
    """Whether stations are let in with certificates of the built-in authority."""
    roots = settings.certificates.client_roots
    return not roots or bool(fingerprints(roots) & fingerprints([settings.data_dir / "pki" / "station-ca.pem"]))


def _makers(settings: Settings) -> Sequence[Certificate]:
    """Raises SettingsInvalid."""
    try:
        return read_roots(settings.firmware.maker_roots)
    except (OSError, ValueError) as fault:
        raise SettingsInvalid(f"firmware.maker_roots: {fault}") from None


def _outside(
    settings: Settings, clock: Clock, files: FileDesk, own: LocalAuthority, makers: Sequence[Certificate]
) -> Outside:
    section = settings.certificates
    responders = OcspClient(section.ocsp_responders)
    command = section.authority_command
    return Outside(
        files=files,
        authority=CommandAuthority(command, clock, section.authority_timeout_s) if command else own,
        signs_stations=bool(command) or _takes_own(settings),
        revocations=own.revocations,
        known_roots=partial(fingerprints, [settings.data_dir / "pki" / ROOT_FILE, *section.allowed_roots]),
        makers=makers,
        status_source=responders,
        contracts=ContractProvider(section.contract_url),
        contract_check=_contracts(section.contract_roots, responders, clock),
        client_check=_client_check(settings, responders, clock),
        organization=section.organization,
        numbers=Scrambler(kept_key(settings.data_dir / TRANSACTION_KEY_FILE)),
    )


def _contracts(roots: Sequence[Path], responders: OcspClient, clock: Clock) -> ContractVerifier | None:
    """Nobody, if no contract is accepted here. Raises SettingsInvalid."""
    try:
        return ContractVerifier(responders.status, read_roots(roots), clock) if roots else None
    except (OSError, ValueError) as fault:
        raise SettingsInvalid(f"certificates.contract_roots: {fault}") from None


def _client_check(settings: Settings, responders: OcspClient, clock: Clock) -> ContractVerifier | None:
    """Nobody is asked about certificates of stations unless the settings say so. Raises SettingsInvalid."""
    section = settings.certificates
    if not section.check_status:
        return None
    if not section.client_roots:
        raise SettingsInvalid(
            "certificates.check_status needs client_roots: this server's own authority has no responder"
        )
    return _contracts(section.client_roots, responders, clock)


async def _stations(
    settings: Settings, clock: Clock, store: Store, bus: EventBus, outside: Outside, places: Mapping[str, str]
) -> StationService:
    house = StationSettings(
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
    service = StationService(clock, store, bus, house, outside)
    await service.restore()
    await asyncio.gather(*(_register(service, station, places.get(station.id)) for station in settings.stations))
    return service


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


def _charging(settings: Settings) -> ChargingSettings:
    section = settings.charging
    return ChargingSettings(
        lease_s=section.lease_s,
        replan_s=section.replan_s,
        debounce_s=section.debounce_s,
        ramp_s=section.ramp_s,
        notice_s=section.notice_s,
        cut_off_after_s=section.cut_off_after_s,
        floor_a=section.floor_a,
        floor_share=section.floor_share,
        tilt_per_h=section.tilt_per_h,
        reserve_share=section.reserve_share,
        needs=NeedsPolicy(section.default_energy_kwh * 1000, section.default_stay_h * 3600),
        profiles=ProfileRules(periods_max=section.periods_max),
    )


def _gateway(settings: Settings) -> GatewaySettings:
    return GatewaySettings(
        host=settings.ocpp_host,
        ports={SecurityProfile(profile): port for profile, port in settings.station_ports.items()},
        versions=[Protocol(f"ocpp{version}") for version in settings.ocpp_versions],
        assume_ocpp16=settings.assume_ocpp16,
        call_timeout_s=settings.call_timeout_s,
        zone=ZoneInfo(settings.station_time_zone or settings.time_zone),
        limits=Limits(
            ping_interval_s=settings.ping_interval_s,
            ping_timeout_s=settings.ping_interval_s,
            handshake_s=settings.admission.handshake_s,
            message_bytes_max=settings.admission.frame_bytes_max,
        ),
        admission=_admission(settings.admission),
    )


def _admission(section: AdmissionSection) -> AdmissionLimits:
    return AdmissionLimits(
        trusted_proxies=frozenset(section.trusted_proxies),
        failures_free=section.failures_free,
        failures_wait_s=section.failures_wait_s,
        failures_wait_max_s=section.failures_wait_max_s,
        address_failures_per_s=section.address_failures_per_s,
        address_failures_burst=section.address_failures_burst,
        addresses_max=section.addresses_max,
        handshakes_max=section.handshakes_max,
        handshakes_per_address_max=section.handshakes_per_address_max,
        duplicate_ping_s=section.duplicate_ping_s,
        messages_per_s=section.messages_per_s,
        messages_burst=section.messages_burst,
        excess_s=section.excess_s,
        authorize_per_s=section.authorize_per_s,
        authorize_burst=section.authorize_burst,
        message_ids_kept=section.message_ids_kept,
        refuse_reused_ids=section.reused_message_ids == "refuse",
        commands_waiting_max=section.commands_waiting_max,
    )


def _traces(settings: Settings, clock: Clock) -> Traces | None:
    section = settings.traces
    if not section.enabled:
        return None
    return Traces(
        TraceSettings(
            folder=settings.traces_folder,
            writer=platform.node() or "csms",
            keep_days=section.keep_days,
            bytes_max=section.max_mb * MB,
            free_min_bytes=settings.disk_free_min_mb * MB,
            id_tokens=section.id_tokens,
        ),
        clock,
    )


async def _province(
    settings: Settings, clock: Clock, store: Store, bus: EventBus, stations: StationService
) -> tuple[ProvinceService, ProvinceFeed]:
    outbox = SqlOutbox(store, OutboxEntry)
    rows = await store.reader.external_ids()
    ids = IdTable(IdPair(row.scope, row.local, row.external) for row in rows)

    async def save_ids(pairs: Sequence[IdPair]) -> None:
        await store.writer.commit([changes.put_external_id(pair.scope, pair.local, pair.external) for pair in pairs])

    service = ProvinceService(clock, outbox, ids, [_partner(partner) for partner in settings.partners], save_ids)
    feed = ProvinceFeed(clock, service, outbox, store.reader, stations.stations, _site(settings))
    if settings.partners:
        bus.subscribe(feed.hear)
    return service, feed


def _partner(partner: PartnerSettings) -> Partner:
    secrets = Secrets(
        partner.operator_secret,
        partner.data_secret.encode(),
        partner.data_secret_iv.encode(),
        partner.sig_secret.encode(),
    )
    return Partner(partner.id, load_profile(partner.profile), partner.base_url, partner.operator_id, secrets)


def _site(settings: Settings) -> Site:
    site, price = settings.site, settings.price
    return Site(
        id=site.id,
        name=site.name,
        address=site.address,
        area_code=site.area_code,
        longitude=site.longitude,
        latitude=site.latitude,
        phone=site.phone,
        electricity_price=Decimal(str(price.electricity)),
        service_price=Decimal(str(price.service)),
    )


class _Feeders:
    """The feeders' live figures, as the API asks for them."""

    def __init__(self, charging: ChargingService, tree: FeederTree) -> None:
        self._charging, self._tree = charging, tree

    def figures(self, at: datetime) -> list[FeederFigures]:
        return [FeederFigures(**self._figures(feeder_id)) for feeder_id in self._tree.ids]

    def _figures(self, feeder_id: str) -> Mapping[str, Any]:
        facts = asdict(self._charging.status(feeder_id))
        facts.pop("room_w")
        return facts
