"""Charging profiles of 2.1, figures that change while they run, priority and energy transfer (blocks K and Q)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from msgspec import structs

from csms.model.smart_charging import ChargingNeeds, ChargingNeedsReply
from csms.model.v2x import (
    AllowEnergyTransfer,
    PriorityCharging,
    PullSchedule,
    PullScheduleReply,
    SendAfrrSignal,
    SetV2xProfile,
    UpdateDynamicSchedule,
    UsePriorityCharging,
    V2xNeeds,
    V2xProfile,
)
from csms.ocpp201 import smart_charging
from csms.wire.block import Block, Calls
from csms.wire.meter_values import parse_number
from csms.wire.naming import Names, written
from csms.wire.reading import NUMBER_MAX, number, optional_number, section, text
from csms.wire.times import format_time, parse_time
from csms.wire.translator import Payload

PERIOD: Names = {
    "start_s": "startPeriod",
    "mode": "operationMode",
    "phases": "numberPhases",
    "baseline_w": "v2xBaseline",
    "frequency_curve": "v2xFreqWattCurve",
    "signal_curve": "v2xSignalWattCurve",
    "precondition": "preconditioningRequest",
}
FIGURES: Names = {
    f"{name}_{phase.lower()}": f"{written_name}_{phase}"
    for name, written_name in (
        ("limit", "limit"),
        ("discharge_limit", "dischargeLimit"),
        ("setpoint", "setpoint"),
        ("setpoint_reactive", "setpointReactive"),
    )
    for phase in ("L2", "L3")
}
_CHARGE_POWERS = ("maxChargePower", "maxChargePower_L2", "maxChargePower_L3")
NEEDS_201 = smart_charging.BLOCK.calls["NotifyEVChargingNeeds"]
_V2X_MEMBERS = ("v2xChargingParameters", "derChargingParameters", "evEnergyOffer", "availableEnergyTransfer")


def _profile(profile: V2xProfile) -> Payload:
    schedule = {
        "id": profile.profile_id,
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": written(profile.periods, PERIOD),
        "startSchedule": profile.start and format_time(profile.start),
        "duration": profile.duration_s,
    }
    members = {
        "id": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose,
        "chargingProfileKind": profile.kind,
        "recurrencyKind": profile.recurrency,
        "validFrom": profile.valid_from and format_time(profile.valid_from),
        "validTo": profile.valid_to and format_time(profile.valid_to),
        "transactionId": profile.transaction_id,
        "dynUpdateInterval": profile.update_interval_s,
        "maxOfflineDuration": profile.offline_max_s,
        "invalidAfterOfflineDuration": profile.ends_after_offline,
        "chargingSchedule": [_given(schedule)],
    }
    return _given(members)


def _given(members: Payload) -> Payload:
    return {key: value for key, value in members.items() if value is not None}


def _set_profile(command: SetV2xProfile) -> Calls:
    return [("SetChargingProfile", {"evseId": command.evse_id, "chargingProfile": _profile(command.profile)})]


def _update(command: UpdateDynamicSchedule) -> Calls:
    """No call for what the station asks for by itself (K28)."""
    if command.on_pull:
        return []
    figures = written(command.figures, FIGURES)
    return [("UpdateDynamicSchedule", {"chargingProfileId": command.profile_id, "scheduleUpdate": figures})]


def _use_priority(command: UsePriorityCharging) -> Calls:
    return [("UsePriorityCharging", {"transactionId": command.transaction_id, "activate": command.activate})]


def _allow(command: AllowEnergyTransfer) -> Calls:
    payload = {"transactionId": command.transaction_id, "allowedEnergyTransfer": list(command.allowed)}
    return [("NotifyAllowedEnergyTransfer", payload)]


def _afrr(command: SendAfrrSignal) -> Calls:
    return [("AFRRSignal", {"timestamp": format_time(command.time), "signal": command.signal})]


def _pull(payload: Payload, received_at: datetime, zone: tzinfo) -> PullSchedule:
    return PullSchedule(number(payload, "chargingProfileId"))


def _pulled(reply: PullScheduleReply) -> Payload:
    """K28.FR.07, K28.FR.12."""
    if reply.figures is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    return {"status": "Accepted", "scheduleUpdate": written(reply.figures, FIGURES)}


def _priority(payload: Payload, received_at: datetime, zone: tzinfo) -> PriorityCharging:
    return PriorityCharging(text(payload, "transactionId"), payload.get("activated") is True)


def _charging_needs(payload: Payload, received_at: datetime, zone: tzinfo) -> ChargingNeeds:
    """As in 2.0.1, where figures are whole numbers; a car that can do both ways tells them in another place."""
    wanted = section(payload, "chargingNeeds")
    kinds = {name: _whole(section(wanted, name)) for name in ("acChargingParameters", "dcChargingParameters")}
    message = NEEDS_201({**payload, "chargingNeeds": {**wanted, **kinds}}, received_at, zone)
    assert isinstance(message, ChargingNeeds)
    v2x, told = section(wanted, "v2xChargingParameters"), message.needs
    energy_wh = _first(v2x, "evTargetEnergyRequest", "evMaxEnergyRequest")
    power_w = [parse_number(v2x[name]) for name in _CHARGE_POWERS if name in v2x]
    needs = structs.replace(
        told,
        energy_wh=told.energy_wh if told.energy_wh is not None else energy_wh,
        power_max_w=told.power_max_w if told.power_max_w is not None else _sum(power_w),
        current_max_a=told.current_max_a if told.current_max_a is not None else _first(v2x, "maxChargeCurrent"),
    )
    return structs.replace(message, needs=needs)


def _whole(figures: Mapping[str, Any]) -> Payload:
    return {name: round(value) if _is_figure(value) else value for name, value in figures.items()}


def _is_figure(value: object) -> bool:
    return isinstance(value, float) and abs(value) <= NUMBER_MAX


def _first(figures: Mapping[str, Any], *names: str) -> float | None:
    """The first figure that is told; one below zero asks the car to give, not to take."""
    told = (parse_number(figures.get(name)) for name in names)
    return next((max(0.0, figure) for figure in told if figure is not None), None)


def _sum(figures: Sequence[float | None]) -> float | None:
    told = [figure for figure in figures if figure is not None]
    return max(0.0, sum(told)) if told else None


def _needs_answer(reply: ChargingNeedsReply) -> Payload:
    """Rejected would say that the energy transfer is not possible, and end the session (Q01.FR.04, K18.FR.04)."""
    return {"status": "NoChargingProfile" if reply.status == "Rejected" else reply.status}


def _needs(payload: Payload, received_at: datetime, zone: tzinfo) -> Sequence[V2xNeeds]:
    """What goes beyond charging; what a car wants to be charged is said as in 2.0.1."""
    needs = section(payload, "chargingNeeds")
    detail = {name: needs[name] for name in needs if name in _V2X_MEMBERS}
    if not detail:
        return ()
    told = {**detail, **{name: needs[name] for name in ("requestedEnergyTransfer", "controlMode") if name in needs}}
    return (V2xNeeds(optional_number(payload, "evseId") or 0, parse_time(payload.get("timestamp"), zone), told),)


BLOCK = Block(
    calls={
        "PullDynamicScheduleUpdate": _pull,
        "NotifyPriorityCharging": _priority,
        "NotifyEVChargingNeeds": _charging_needs,
    },
    replies={PullScheduleReply: _pulled, ChargingNeedsReply: _needs_answer},
    commands={
        SetV2xProfile: _set_profile,
        UpdateDynamicSchedule: _update,
        UsePriorityCharging: _use_priority,
        AllowEnergyTransfer: _allow,
        SendAfrrSignal: _afrr,
    },
    extras={"NotifyEVChargingNeeds": _needs},
)
