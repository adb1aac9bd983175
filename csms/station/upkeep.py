"""What has to be looked at from time to time without a message that asks for it: ends by time, wants not fulfilled."""

from __future__ import annotations

import asyncio
import logging

from csms.model.errors import StoreUnavailable
from csms.station import availability, display, meter_calls, remote_control, renewal, reservation
from csms.station.context import StationContext

EVERY_S = 5.0
PAUSE_WALL_S = 0.5
"""At least, however fast the clock runs."""

log = logging.getLogger(__name__)


async def look(context: StationContext) -> None:
    """Once over everything. Raises StoreUnavailable; the next look does what was left."""
    now = context.clock.now()
    await reservation.expire(context, now)
    await remote_control.give_up(context, now)
    await display.expire(context, now)
    await availability.reconcile(context, now)
    meter_calls.look(context, now)
    if context.renewals.is_turn(now):
        await renewal.look(context, now)


async def run(context: StationContext) -> None:
    """Look again and again until cancelled."""
    while True:
        await asyncio.sleep(max(context.clock.wall_s(EVERY_S), PAUSE_WALL_S))
        try:
            await look(context)
        except StoreUnavailable as fault:
            log.warning("station_upkeep_waits", extra={"fault": str(fault)})
