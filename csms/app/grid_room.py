"""What surrounds limits and charging: progress, overruns, demand response, and the channels to grid operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from csms.access.guard import Guard
from csms.app.channel_figures import ChannelFigures
from csms.app.limit_channels import limit_channels
from csms.app.limit_figures import LimitFigures
from csms.app.mqtt import feeder_state, mqtt_channel
from csms.app.response import ChannelDesk, ResponseRoom, response_room, way_back, way_back_to_vtns
from csms.app.settings import Settings
from csms.app.supervisor import Named
from csms.charging.service import ChargingService
from csms.grid import http as limit_routes
from csms.grid.overruns import Overruns
from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.ven import Ven
from csms.model.clock import Clock
from csms.response import driver_http
from csms.response import http as response_routes
from csms.station.bus import EventBus
from csms.station.service import StationService
from csms.store.engine import Store


@dataclass(frozen=True, slots=True)
class GridRoom:
    """The routes, the figures for Prometheus and the background work of all that."""

    limits: LimitService
    charging: ChargingService
    store: Store
    progress: LimitProgress
    response: ResponseRoom
    figures: LimitFigures
    channels: ChannelFigures
    background: Sequence[Named]

    def routers(self) -> list[APIRouter]:
        """Of limits and demand response."""
        drill, simulate = self.charging.drill, self.charging.simulate
        state = partial(_state, self.charging)
        return [
            limit_routes.router(self.limits, self.store.reader, state, self.progress, drill, simulate),
            response_routes.router(self.response.service, self.response.statements),
            driver_http.router(self.response.service),
        ]

    def lines(self) -> Iterator[str]:
        """Of `GET /api/v1/metrics`."""
        yield from self.figures.lines()
        yield from self.channels.lines()


def grid_room(
    settings: Settings,
    clock: Clock,
    store: Store,
    bus: EventBus,
    guard: Guard,
    stations: StationService,
    limits: LimitService,
    charging: ChargingService,
) -> GridRoom:
    """Everything, with the channels that the settings ask for; nothing is connected yet. Raises SettingsInvalid."""
    grace_s = settings.charging.lease_s + settings.charging.ramp_s
    progress = LimitProgress(clock, limits, charging.compliance, guard.audit, bus, grace_s)
    overruns = Overruns(clock, charging.loads, stations.alerts, grace_s)
    zone = ZoneInfo(settings.time_zone)
    response = response_room(settings.response, zone, clock, store, guard.audit, limits, charging, stations)
    desk, channels = ChannelDesk(response.service), ChannelFigures(charging.counters)
    background: list[Named] = [("limit-sources", limits.run), ("limit-progress", progress.run)]
    background += [("limits-of-others", limits.follow)]
    background += [("overruns", overruns.run), ("response", response.work.run)]
    if settings.broker_url:
        channels.mqtt = mqtt_channel(
            settings.broker_url,
            settings.mqtt,
            clock,
            limits,
            bus,
            charging=charging,
            progress=progress,
            state=partial(_state, charging),
            responses=desk,
        )
        response.work.reports["mqtt"] = way_back(channels.mqtt)
        background.append(("limits-mqtt", channels.mqtt.run))
    channels.channels = limit_channels(settings, clock, limits, charging.drawn_w, desk)
    vens = {one.source: one for _, one in channels.channels if isinstance(one, Ven)}
    response.work.reports["openadr3"] = way_back_to_vtns(vens)
    background += [(name, partial(one.run, limits)) for name, one in channels.channels]
    figures = LimitFigures(limits, progress, overruns, charging.loads)
    return GridRoom(limits, charging, store, progress, response, figures, channels, background)


def _state(charging: ChargingService, feeder_id: str) -> Mapping[str, Any]:
    return feeder_state(charging, asdict(charging.status(feeder_id)))
