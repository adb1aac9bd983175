"""Power in both directions, profiles whose figures change while they run, terms of transactions (2.1 E16, I12, K, Q).

Figures of a dynamic profile are kept as last set: a station that asks for them gets exactly those (K28.FR.07).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from csms.model.command import ClearChargingProfile, CommandResult
from csms.model.errors import CallTimeout, ConnectionLost
from csms.model.event import PriorityChargingChanged
from csms.model.inbound import Acknowledged
from csms.model.v2x import (
    AllowEnergyTransfer,
    PriorityCharging,
    PullSchedule,
    PullScheduleReply,
    ScheduleFigures,
    SetV2xProfile,
    TransactionTerms,
    UpdateDynamicSchedule,
    V2xNeeds,
    V2xPeriod,
)
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes, energy_tables
from csms.store.change import Change
from csms.store.energy_tables import DynamicSchedule, V2xEvent

KEPT_FOR_PULL = "Scheduled"
"""The status of figures that wait until the station asks for them."""


async def pull(
    context: StationContext, station_id: str, message: PullSchedule, received_at: datetime
) -> PullScheduleReply:
    """What was last set (K28.FR.07); nothing for a profile that is none of ours, or not a dynamic one (K28.FR.12)."""
    row = await _schedule(context, station_id, message.profile_id)
    if row is None:
        return PullScheduleReply(None)
    keys = {"station_id": station_id, "profile_id": message.profile_id}
    await context.store.writer.commit([changes.set_columns(DynamicSchedule, keys, pulled_at=received_at)])
    return PullScheduleReply(msgspec.convert(row.figures, ScheduleFigures))


async def priority(
    context: StationContext, station_id: str, message: PriorityCharging, received_at: datetime
) -> Acknowledged:
    """Keep it with the transaction and tell who plans (K21.FR.09, K22.FR.06)."""
    event = V2xEvent(
        station_id=station_id,
        received_at=received_at,
        kind="priority",
        subject=message.transaction_id,
        detail={"active": message.active},
    )
    terms = await with_terms(context, station_id, message.transaction_id, received_at, priority=message.active)
    await context.store.writer.commit([changes.add_row(event), terms])
    context.bus.publish(PriorityChargingChanged(station_id, message.transaction_id, message.active, received_at))
    return Acknowledged()


async def needs(context: StationContext, station_id: str, message: V2xNeeds, received_at: datetime) -> Acknowledged:
    """Keep what a car can do and wants beyond charging (Q01.FR.03)."""
    event = V2xEvent(
        station_id=station_id,
        received_at=received_at,
        time=message.time,
        kind="needs",
        evse_id=message.evse_id,
        detail=message.detail,
    )
    await context.store.writer.commit([changes.add_row(event)])
    return Acknowledged()


async def terms(
    context: StationContext, station_id: str, message: TransactionTerms, received_at: datetime
) -> Acknowledged:
    """Keep what an event says of its transaction's terms; what it does not say stays (I12, Q block)."""
    told = {name: value for name, value in msgspec.structs.asdict(message).items() if value not in (None, "")}
    transaction_id = told.pop("transaction_id", "")
    change = await with_terms(context, station_id, transaction_id, received_at, **told)
    await context.store.writer.commit([change])
    return Acknowledged()


async def with_terms(
    context: StationContext, station_id: str, transaction_id: str, at: datetime, **values: Any
) -> Change:
    """The terms of a transaction with new values."""
    kind = energy_tables.TransactionTerms
    found = await context.store.reader.find(kind, station_id=station_id, transaction_id=transaction_id)
    row = found[0] if found else kind(station_id=station_id, transaction_id=transaction_id, changed_at=at)
    for name, value in {**values, "changed_at": at}.items():
        setattr(row, name, value)
    return changes.put_row(row)


async def set_profile(context: StationContext, station_id: str, command: SetV2xProfile, send: Send) -> CommandResult:
    """A dynamic profile can be pulled from now on; another one that takes its number no longer."""
    result = await send(command)
    if result.accepted:
        await context.store.writer.commit([_installed(station_id, command, context.clock.now())])
    return result


def _installed(station_id: str, command: SetV2xProfile, at: datetime) -> Change:
    profile = command.profile
    if not profile.dynamic:
        return changes.delete_rows(DynamicSchedule, station_id=station_id, profile_id=profile.profile_id)
    row = DynamicSchedule(
        station_id=station_id,
        profile_id=profile.profile_id,
        evse_id=command.evse_id,
        changed_at=at,
        figures=_plain(_figures(profile.periods[0])),
    )
    return changes.put_row(row)


def _figures(period: V2xPeriod) -> ScheduleFigures:
    return ScheduleFigures(
        limit=period.limit,
        discharge_limit=period.discharge_limit,
        setpoint=period.setpoint,
        setpoint_reactive=period.setpoint_reactive,
    )


async def update_schedule(
    context: StationContext, station_id: str, command: UpdateDynamicSchedule, send: Send
) -> CommandResult:
    """Also an update whose answer was lost is what the station gets that asks: the newest figures count."""
    keep = await _updated(context, station_id, command)
    if command.on_pull:
        await send(command)  # nothing is said, but a station of a version that cannot ask is refused
        await context.store.writer.commit([keep])
        return CommandResult(KEPT_FOR_PULL)
    try:
        result = await send(command)
    except (CallTimeout, ConnectionLost):
        await context.store.writer.commit([keep])
        raise
    if result.accepted:
        await context.store.writer.commit([keep])
    return result


async def _updated(context: StationContext, station_id: str, command: UpdateDynamicSchedule) -> Change:
    """New figures over those that are known; also for a profile that was set in another way."""
    row = await _schedule(context, station_id, command.profile_id)
    now = context.clock.now()
    row = row or DynamicSchedule(station_id=station_id, profile_id=command.profile_id, changed_at=now)
    row.figures, row.changed_at = {**row.figures, **_plain(command.figures)}, now
    return changes.put_row(row)


def _plain(figures: ScheduleFigures) -> dict[str, float]:
    return {name: value for name, value in msgspec.structs.asdict(figures).items() if value is not None}


async def _schedule(context: StationContext, station_id: str, profile_id: int) -> DynamicSchedule | None:
    found = await context.store.reader.find(DynamicSchedule, station_id=station_id, profile_id=profile_id)
    return found[0] if found else None


async def clear_profiles(
    context: StationContext, station_id: str, command: ClearChargingProfile, send: Send
) -> CommandResult:
    """A dynamic profile that is gone cannot be pulled any more (K28.FR.12).

    What was cleared by purpose or level is not known here: such a profile stays until it is set or cleared by itself.
    """
    result = await send(command)
    if not result.accepted or (command.purpose, command.stack_level) != (None, None):
        return result
    known = await context.store.reader.find(DynamicSchedule, station_id=station_id)
    gone = [row for row in known if command.profile_id in (None, row.profile_id)]
    gone = [row for row in gone if command.profile_id is not None or command.evse_id in (None, row.evse_id)]
    if gone:
        keys = [{"station_id": station_id, "profile_id": row.profile_id} for row in gone]
        await context.store.writer.commit([changes.delete_rows(DynamicSchedule, **key) for key in keys])
    return result


async def allow(context: StationContext, station_id: str, command: AllowEnergyTransfer, send: Send) -> CommandResult:
    """Keep what the station accepted with the transaction."""
    result = await send(command)
    if result.accepted:
        now, allowed = context.clock.now(), list(command.allowed)
        change = await with_terms(context, station_id, command.transaction_id, now, energy_transfer=allowed)
        await context.store.writer.commit([change])
    return result


HANDLERS: Handlers = {PullSchedule: pull, PriorityCharging: priority, V2xNeeds: needs, TransactionTerms: terms}

PERFORMERS: Performers = {
    SetV2xProfile: set_profile,
    ClearChargingProfile: clear_profiles,
    UpdateDynamicSchedule: update_schedule,
    AllowEnergyTransfer: allow,
}
