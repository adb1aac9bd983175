"""Meter values that come only when they are asked for: of every session, as often as others send them by themselves."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from csms.model.command import Trigger
from csms.model.errors import CsmsError, PeerError
from csms.station.asking import ask
from csms.station.context import StationContext
from csms.station.ports import Link
from csms.station.state import EvseState, StationState
from csms.station.wishes import firmware_of

log = logging.getLogger(__name__)


def look(context: StationContext, now: datetime) -> None:
    """Ask where it is time to."""
    for station in context.stations.values():
        charging = [evse for evse in station.evses.values() if evse.session is not None]
        link = station.link
        if link is None or not charging:
            continue
        known = firmware_of(station)
        if known is not None and known.meter.only_on_trigger:
            for evse in charging:
                _look_at(context, station, link, evse, now)


def _look_at(context: StationContext, station: StationState, link: Link, evse: EvseState, now: datetime) -> None:
    every = timedelta(seconds=context.settings.meter_interval_s)
    if evse.meter_asked_at is not None and evse.meter_asked_at <= now < evse.meter_asked_at + every:
        return
    evse.meter_asked_at = now
    context.spawn(_ask(context, station, link, evse.ref.evse_id))


async def _ask(context: StationContext, station: StationState, link: Link, evse_id: int) -> None:
    try:
        await ask(context, station, link, Trigger("MeterValues", evse_id))
    except (CsmsError, PeerError) as fault:
        log.info("meter_values_not_triggered", extra={"station": station.station_id, "fault": str(fault)})
