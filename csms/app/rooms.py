"""Wiring: every room built from the settings, lower rooms first. Nothing runs yet when this returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from importlib.metadata import version
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

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
from csms.app.outside import makers as firmware_makers
from csms.app.outside import outside as outside_of
from csms.app.pki import Pki
from csms.app.province import province_room
from csms.app.response import ChannelDesk, response_room, way_back, way_back_to_vtns
from csms.app.room_settings import charging_settings, file_limits, gateway_settings, trace_settings
from csms.app.settings import (
    Settings,
)
from csms.app.solvers import Solvers
from csms.app.stations import station_room
from csms.app.supply import read_supply, tree_desk
from csms.app.tls import ServerTls
from csms.app.upkeep import Upkeep
from csms.app.webhook import Webhook
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.gateway.metrics import Metrics
from csms.gateway.ports import forget
from csms.gateway.server import Gateway
from csms.grid import http as limit_routes
from csms.grid.overruns import Overruns
from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.ven import Ven
from csms.model.clock import Clock
from csms.province.service import ProvinceService
from csms.response import http as response_routes
from csms.security.authority import LocalAuthority
from csms.station.bus import EventBus
from csms.station.files import FileDesk
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from csms.trace.service import Traces

Work = Callable[[], Awaitable[None]]


@dataclass
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
    api_deps: ApiDeps
    files: FileDesk
    tls: ServerTls
    guard: Guard
    traces: Traces | None = None
    solvers: Solvers | None = None
    background: list[tuple[str, Work]] = field(default_factory=list)

    @cached_property
    def api(self) -> FastAPI:
        """The HTTP interface; to make its many routes takes longer than all the rest, so only who serves it does."""
        return create_api(self.api_deps)

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
    makers = firmware_makers(settings)
    files = FileDesk(settings.data_dir / "files", clock, store, file_limits(settings), makers)
    files.public_url = settings.public_url
    own = LocalAuthority(settings.data_dir / "pki", clock, settings.certificates.organization)
    supply = await read_supply(settings, store)
    tree, outside = supply.tree, outside_of(settings, clock, files, own, makers)
    stations = await station_room(settings, clock, store, bus, outside, supply.places)
    guard = await _guard(settings, clock, store, tree)
    limits = await limit_service(settings.limit_sources, clock, store, tree, guard.audit, stations)
    rules = charging_settings(settings)
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
    partners = await province_room(settings, clock, store, bus, stations)
    province = partners.service
    traces = Traces(trace_settings(settings), clock) if settings.traces.enabled else None
    note = traces.note if traces is not None else forget
    metrics = Metrics()
    tls = ServerTls(settings)
    gateway = Gateway(gateway_settings(settings), clock, stations, tls=await tls.contexts(), note=note, metrics=metrics)
    upkeep = Upkeep(settings, clock, store, files=files, traces=traces)
    figures, channels = LimitFigures(limits, progress, overruns, charging.loads), ChannelFigures(charging.counters)
    api_deps = ApiDeps(
        guard=guard,
        clock=clock,
        stations=stations,
        reader=store.reader,
        feeders=_Feeders(charging, tree),
        tree=tree_desk(settings, clock, store, supply, stations, limits, charging, guard.tokens),
        ladders=charging if settings.charging.control else None,
        province=province,
        gateway=gateway,
        traces=traces,
        condition=upkeep.condition,
        routers=lambda: [
            limit_routes.router(limits, store.reader, state, progress, charging.drill, charging.simulate),
            response_routes.router(response.service),
            *partners.routers,
        ],
        figures=lambda: chain(figures.lines(), channels.lines()),
        version=version("csms"),
        time_zone=ZoneInfo(settings.time_zone),
        files=files,
        pki=Pki(settings, own),
    )
    background: list[tuple[str, Work]] = [("stations", stations.run), *upkeep.background]
    if tls.profiles:
        background.append(("certificates", partial(tls.watch, gateway)))
    background += [("limit-sources", limits.run), ("limit-progress", progress.run)]
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
        background += [("province-feed", partners.feed.run), ("province", province.run)]
    return Rooms(
        settings,
        clock,
        store,
        stations,
        limits,
        charging,
        province,
        gateway,
        api_deps,
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
