"""What stations report of charging (OCPP 2.0.1 block K): installed profiles, limits from outside, wants of cars.

Nothing here limits anybody: limits and wants are stored, shown and told to whoever plans.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.command import (
    ClearChargingProfile,
    Command,
    CommandResult,
    RawCall,
    SetChargingProfile,
    SetVariables,
)
from csms.model.device import folded
from csms.model.event import OutsideLimitChanged, SessionNeedsChanged
from csms.model.ids import EvseRef
from csms.model.inbound import Acknowledged
from csms.model.smart_charging import (
    ChargingNeeds,
    ChargingNeedsReply,
    EvSchedule,
    EvScheduleReply,
    ExternalLimitCleared,
    ExternalLimitSet,
    GetChargingProfiles,
    ProfilesReport,
)
from csms.model.v2x import SetV2xProfile
from csms.station import operations
from csms.station.context import EVSE_ID_MAX, Handlers, Performers, Send, StationContext
from csms.station.state import EvseState, OutsideLimit, StationState
from csms.station.wishes import firmware_of, limit_key
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import ExternalLimit, InstalledProfile
from csms.store.tables import ProfileRow
from csms.wire.schedules import read_composite

GET = "get_charging_profiles"
TOUCHING = frozenset({"SetChargingProfile", "ClearChargingProfile"})
"""Actions after which other profiles may rule."""
NOMINAL_VOLTAGE_V = 230.0
TOLERANCE = 1.01
"""A car rounds; what is within one percent of its limit is within it."""


async def ask(context: StationContext, station_id: str, command: GetChargingProfiles, send: Send) -> CommandResult:
    """Ask what is installed. The parts that come later replace what was known of the EVSEs asked about (K09)."""
    chosen = command.profile_ids or command.sources or command.purpose or command.stack_level is not None
    everything = not chosen
    asked = {"evse_id": command.evse_id, "whole": everything, "profiles": 0}
    operation = await operations.begin(context, station_id, GET, asked)
    result = await operations.carry_out(context, operation, replace(command, request_id=operation.id), send)
    if result.status == "NoProfiles" and everything:
        await context.store.writer.commit(_forget(station_id, command.evse_id))
    return result


def _forget(station_id: str, evse_id: int | None) -> list[Change]:
    keys: dict[str, Any] = {"station_id": station_id} | ({} if evse_id is None else {"evse_id": evse_id})
    return [changes.delete_rows(InstalledProfile, **keys)]


async def reported(
    context: StationContext, station_id: str, message: ProfilesReport, received_at: datetime
) -> Acknowledged:
    """A part of what is installed; the first one of a full report takes the place of what was known before."""
    operation = await operations.find(context, station_id, GET, message.request_id)
    written: list[Change] = []
    if operation is not None and operation.ended_at is None:
        detail = operation.detail
        if detail.get("whole") and not detail.get("profiles"):
            written += _forget(station_id, detail.get("evse_id"))
    for profile in message.profiles:
        row = InstalledProfile(
            station_id=station_id,
            evse_id=message.evse_id,
            profile_id=profile.profile_id,
            source=message.source,
            purpose=profile.purpose,
            stack_level=profile.stack_level,
            content=dict(profile.content),
            reported_at=received_at,
        )
        written.append(changes.put_row(row))
    await context.store.writer.commit(written)
    if operation is not None:
        count = int(operation.detail.get("profiles", 0)) + len(message.profiles)
        status = "Receiving" if message.more else "Received"
        await operations.reported(
            context, station_id, GET, operation.id, received_at, status, ended=not message.more, profiles=count
        )
    return Acknowledged()


async def limit_set(
    context: StationContext, station_id: str, message: ExternalLimitSet, received_at: datetime
) -> Acknowledged:
    """Somebody else limits the station or an EVSE: kept, shown, told to the planner (K12.FR.02)."""
    row = ExternalLimit(
        station_id=station_id,
        evse_id=message.evse_id,
        source=message.source,
        grid_critical=message.grid_critical,
        schedules=[dict(schedule) for schedule in message.content],
        received_at=received_at,
    )
    await context.store.writer.commit([changes.put_row(row)])
    limit = OutsideLimit(message.evse_id, message.source, message.grid_critical, message.schedules, received_at)
    if 0 <= message.evse_id <= EVSE_ID_MAX:
        context.stations[station_id].limits[message.evse_id, message.source] = limit
    context.bus.publish(OutsideLimitChanged(EvseRef(station_id, message.evse_id), message.source, received_at))
    return Acknowledged()


async def limit_cleared(
    context: StationContext, station_id: str, message: ExternalLimitCleared, received_at: datetime
) -> Acknowledged:
    """It is gone (K13.FR.02)."""
    key = {"station_id": station_id, "evse_id": message.evse_id, "source": message.source}
    await context.store.writer.commit([changes.set_columns(ExternalLimit, key, cleared_at=received_at)])
    context.stations[station_id].limits.pop((message.evse_id, message.source), None)
    context.bus.publish(OutsideLimitChanged(EvseRef(station_id, message.evse_id), message.source, received_at))
    return Acknowledged()


async def needs(
    context: StationContext, station_id: str, message: ChargingNeeds, received_at: datetime
) -> ChargingNeedsReply:
    """A car says what it wants (K15, K17): it goes into the wants of its plug-in, and who plans hears of it.

    Accepted when a session runs that a profile can be made for; Processing when its start has still to come.
    """
    evse = context.evse(station_id, message.evse_id)
    if evse is None:
        return ChargingNeedsReply("Rejected")
    evse.want(car=message.needs)
    if evse.session is not None:
        wanted = changes.update_session(
            evse.session.session_id,
            wanted_wh=evse.needs.energy_wh,
            departure_at=evse.needs.departure,
            ev_needs=message.needs.written(),
        )
        await context.store.writer.commit([wanted])
    else:
        detail = message.needs.written() or {}
        await context.store.writer.commit(
            [changes.add_notice(station_id, received_at, "ev_needs", {"evse_id": message.evse_id, **detail})]
        )
    context.bus.publish(SessionNeedsChanged(evse.ref, received_at))
    if not context.settings.plans:
        return ChargingNeedsReply("Rejected")
    return ChargingNeedsReply("Accepted" if evse.session is not None else "Processing")


async def ev_schedule(
    context: StationContext, station_id: str, message: EvSchedule, received_at: datetime
) -> EvScheduleReply:
    """What a car means to draw: kept; more than it may draw is refused and planned again (K15.FR.12, K15.FR.13)."""
    evse = context.evse(station_id, message.evse_id)
    if evse is None or evse.session is None:
        detail = {"evse_id": message.evse_id, "schedule": dict(message.content)}
        await context.store.writer.commit([changes.add_notice(station_id, received_at, "ev_schedule", detail)])
        return EvScheduleReply("Accepted")
    session_id = evse.session.session_id
    kept = changes.update_session(session_id, ev_schedule=dict(message.content))
    await context.store.writer.commit([kept])
    profiles = await context.store.reader.profiles(station_id=station_id, session_id=session_id, limit=1)
    if profiles and _exceeds(message.schedule, profiles[0], evse):
        context.bus.publish(SessionNeedsChanged(evse.ref, received_at))
        return EvScheduleReply("Rejected")
    return EvScheduleReply("Accepted")


def _exceeds(schedule: CompositeSchedule, profile: ProfileRow, evse: EvseState) -> bool:
    """By the highest power that the profile allows at all: its times and the car's need not begin together."""
    if profile.status != "Accepted" or schedule.unit is None:
        return False
    allowed_w = max(p["limit"] for p in profile.content["periods"]) * _watts(profile.content["unit"], evse)
    limits = [limit for _, limit in schedule.periods]
    return any(limit is None or limit * _watts(schedule.unit, evse) > allowed_w * TOLERANCE for limit in limits)


def _watts(unit: str, evse: EvseState) -> float:
    """One unit of a limit in W."""
    return 1.0 if unit == RateUnit.W else NOMINAL_VOLTAGE_V * evse.rating.phases


def touches_limits(station: StationState, command: Command) -> bool:
    """Whether a command may overrule or take away what limits the station."""
    match command:
        case SetChargingProfile() | ClearChargingProfile() | SetV2xProfile():
            return True
        case RawCall(action=action):
            return action in TOUCHING
        case SetVariables(values=values):
            key = folded(limit_key(firmware_of(station)))
            return bool(key) and key in map(folded, values)
    return False


async def restore(context: StationContext) -> None:
    """Limits from outside that hold."""
    for row in await context.store.reader.find(ExternalLimit):
        station = context.stations.get(row.station_id)
        if station is not None and row.cleared_at is None:
            schedules = tuple(read_composite(s, s.get("startSchedule")) for s in row.schedules)
            limit = OutsideLimit(row.evse_id, row.source, row.grid_critical, schedules, row.received_at)
            station.limits[row.evse_id, row.source] = limit


HANDLERS: Handlers = {
    ProfilesReport: reported,
    ExternalLimitSet: limit_set,
    ExternalLimitCleared: limit_cleared,
    ChargingNeeds: needs,
    EvSchedule: ev_schedule,
}
PERFORMERS: Performers = {GetChargingProfiles: ask}
