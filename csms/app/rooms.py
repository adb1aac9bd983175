"""Wiring: every room built from the settings, lower rooms first. Nothing runs yet when this returns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from csms.access.audit import AuditLog
from csms.access.guard import CertifiedOperator, Guard, Rates
from csms.access.tokens import AccessTokens
from csms.api.app import create_api
from csms.api.listeners import Changes
from csms.api.ports import ApiDeps, FeederFigures
from csms.app.drivers import price_at, public_desk
from csms.app.grid import limit_service
from csms.app.grid_room import grid_room
from csms.app.outlook import OutlookFile
from csms.app.outside import makers as firmware_makers
from csms.app.outside import outside as outside_of
from csms.app.pki import Pki
from csms.app.province import province_room
from csms.app.room_settings import charging_settings, file_limits, gateway_settings, trace_settings
from csms.app.settings import (
    Settings,
)
from csms.app.solvers import Solvers
from csms.app.stations import station_room
from csms.app.supervisor import Named
from csms.app.supply import read_supply, tree_desk
from csms.app.tls import ServerTls
from csms.app.upkeep import Upkeep
from csms.app.webhook import Webhook
from csms.charging.base_load_keeper import BaseLoadKeeper
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.gateway.metrics import Metrics
from csms.gateway.ports import forget
from csms.gateway.server import Gateway
from csms.grid.service import LimitService
from csms.model.clock import Clock
from csms.public import http as public_http
from csms.security.authority import LocalAuthority
from csms.station.bus import EventBus
from csms.station.files import FileDesk
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from csms.trace.service import Traces


@dataclass
class Rooms:
    """Everything that one server consists of; `background` is work for the supervisor."""

    settings: Settings
    clock: Clock
    store: Store
    stations: StationService
    charging: ChargingService
    gateway: Gateway
    api_deps: ApiDeps
    files: FileDesk
    tls: ServerTls
    guard: Guard
    solvers: Solvers
    traces: Traces | None
    background: Sequence[Named]

    @cached_property
    def api(self) -> FastAPI:
        """The HTTP interface; to make its many routes takes longer than all the rest, so only who serves it does."""
        return create_api(self.api_deps)

    async def close(self) -> None:
        """After the gateway has stopped and no background work runs."""
        await self.guard.close()
        await self.stations.close()
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
    outside = outside_of(settings, clock, files, own, makers)
    stations = await station_room(settings, clock, store, bus, outside, supply.places)
    guard = await _guard(settings, clock, store, supply.tree)
    limits = await limit_service(settings.limit_sources, clock, store, supply.tree, guard.audit, stations)
    solvers, charging = _charging(settings, clock, store, stations, limits)
    grid = grid_room(settings, clock, store, bus, guard, stations, limits, charging)
    partners = await province_room(settings, clock, store, bus, stations)
    traces = Traces(trace_settings(settings), clock) if settings.traces.enabled else None
    tls = ServerTls(settings)
    gateway = Gateway(
        gateway_settings(settings),
        clock,
        stations,
        tls=await tls.contexts(),
        note=traces.note if traces is not None else forget,
        metrics=Metrics(),
    )
    upkeep = Upkeep(settings, clock, store, files=files, traces=traces)
    changes = Changes()
    bus.subscribe(changes.hear)
    public = public_desk(settings, clock, store, stations) if settings.drivers.enabled else None
    supply_desk = tree_desk(settings, clock, store, supply, stations, limits, charging, guard.tokens)
    deps = ApiDeps(
        guard=guard,
        clock=clock,
        stations=stations,
        reader=store.reader,
        feeders=_Feeders(charging, supply.tree),
        tree=supply_desk,
        ladders=charging if settings.charging.control else None,
        province=partners.office,
        money=partners.picture,
        gateway=gateway,
        traces=traces,
        condition=upkeep.condition,
        routers=lambda: [*grid.routers(), *partners.routers, *([public_http.router(public)] if public else [])],
        figures=grid.lines,
        version=version("csms"),
        time_zone=ZoneInfo(settings.time_zone),
        files=files,
        pki=Pki(settings, own),
        changes=changes,
        sites=(settings.site, *settings.sites),
        price_at=price_at(settings),
    )
    background: list[Named] = [("stations", stations.run), *upkeep.background, *grid.background]
    background += [("access-tokens", guard.tokens.run), ("audit", guard.audit.run), ("supply-tree", supply_desk.watch)]
    background.append(("base-loads", BaseLoadKeeper(clock, supply.tree, store.writer, stations.alerts).run))
    if public is not None:
        background.append(("habits", public.run))
    if tls.profiles:
        background.append(("certificates", partial(tls.watch, gateway)))
    if settings.alerts.webhook:
        token = settings.alerts.webhook_token.get_secret_value()
        background.append(("alerts", Webhook(settings.alerts.webhook, token, stations.alerts).run))
    if settings.charging.control:
        charging.listen()
        await asyncio.to_thread(solvers.begin)
        background.append(("charging", charging.run))
        if settings.charging.forecast:
            outlook = OutlookFile(settings.data_dir, settings.charging.forecast_age_max_s)
            charging.expect(outlook)
            background.append(("outlook", outlook.run))
    if settings.partners:
        background += [("province-feed", partners.feed.run), ("province", partners.service.run)]
    return Rooms(
        settings, clock, store, stations, charging, gateway, deps, files, tls, guard, solvers, traces, background
    )


def _charging(
    settings: Settings, clock: Clock, store: Store, stations: StationService, limits: LimitService
) -> tuple[Solvers, ChargingService]:
    rules = charging_settings(settings)
    solvers = Solvers(settings.charging, rules.solve_wall_s)
    rules = replace(rules, plans_at_once=solvers.at_once)
    tree = limits.feeders
    return solvers, ChargingService(clock, stations, store, solvers.solve, rules, tree, limits, stations.alerts)


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
    certified = {
        one.certificate: CertifiedOperator(one.name, tuple(one.feeders))
        for one in settings.limit_sources
        if one.certificate
    }
    return Guard(clock, tokens, audit, covers=covers, rates=rates, certificates=certified)


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
