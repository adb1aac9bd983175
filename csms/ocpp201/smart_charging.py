"""What stations report of charging, in 2.0.1 (block K): profiles installed, limits from outside, wants of cars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, get_args

from csms.model.smart_charging import (
    ChargingNeeds,
    ChargingNeedsReply,
    EvNeeds,
    EvSchedule,
    EvScheduleReply,
    ExternalLimitCleared,
    ExternalLimitSet,
    GetChargingProfiles,
    InstalledProfile,
    LimitSource,
    ProfilesReport,
)
from csms.wire.block import Block, Calls, present
from csms.wire.reading import items, number, optional_number, section, text
from csms.wire.schedules import read_composite
from csms.wire.times import parse_time
from csms.wire.translator import Payload


def _get(command: GetChargingProfiles) -> Calls:
    """There is always a criterion (K09.FR.03): who asks for all gets those of all sources."""
    criteria = present(
        {
            "chargingProfileId": list(command.profile_ids) or None,
            "chargingProfilePurpose": command.purpose,
            "stackLevel": command.stack_level,
            "chargingLimitSource": list(command.sources) or None,
        }
    )
    everything = {"chargingLimitSource": list(get_args(LimitSource))}
    payload = {"requestId": command.request_id, "chargingProfile": criteria or everything}
    return [("GetChargingProfiles", payload | present({"evseId": command.evse_id}))]


def _reported(payload: Payload, received_at: datetime, zone: tzinfo) -> ProfilesReport:
    """A profile without a number is left out."""
    profiles = [entry for entry in items(payload, "chargingProfile") if optional_number(entry, "id") is not None]
    return ProfilesReport(
        request_id=number(payload, "requestId"),
        evse_id=number(payload, "evseId"),
        source=text(payload, "chargingLimitSource"),
        profiles=tuple(_profile(entry) for entry in profiles),
        more=payload.get("tbc") is True,
    )


def _profile(entry: Mapping[str, Any]) -> InstalledProfile:
    return InstalledProfile(
        profile_id=number(entry, "id"),
        purpose=text(entry, "chargingProfilePurpose"),
        stack_level=optional_number(entry, "stackLevel") or 0,
        content=entry,
    )


def _limit_set(payload: Payload, received_at: datetime, zone: tzinfo) -> ExternalLimitSet:
    """Without an EVSE it holds for the station (K12.FR.04)."""
    limit, schedules = section(payload, "chargingLimit"), items(payload, "chargingSchedule")
    critical = limit.get("isGridCritical")
    return ExternalLimitSet(
        evse_id=optional_number(payload, "evseId") or 0,
        source=text(limit, "chargingLimitSource"),
        grid_critical=critical if isinstance(critical, bool) else None,
        schedules=tuple(read_composite(entry, entry.get("startSchedule"), zone) for entry in schedules),
        content=tuple(schedules),
    )


def _limit_cleared(payload: Payload, received_at: datetime, zone: tzinfo) -> ExternalLimitCleared:
    return ExternalLimitCleared(optional_number(payload, "evseId") or 0, text(payload, "chargingLimitSource"))


def _needs(payload: Payload, received_at: datetime, zone: tzinfo) -> ChargingNeeds:
    wanted = section(payload, "chargingNeeds")
    ac, dc = section(wanted, "acChargingParameters"), section(wanted, "dcChargingParameters")
    needs = EvNeeds(
        energy_wh=_energy_wh(ac, dc),
        departure=parse_time(wanted.get("departureTime"), zone),
        power_max_w=_power_w(ac, dc, text(wanted, "requestedEnergyTransfer")),
        current_max_a=_figure(ac, "evMaxCurrent") or _figure(dc, "evMaxCurrent"),
        soc=_figure(dc, "stateOfCharge"),
        transfer=text(wanted, "requestedEnergyTransfer"),
        periods_max=optional_number(payload, "maxScheduleTuples"),
        capacity_wh=_figure(dc, "evEnergyCapacity"),
    )
    return ChargingNeeds(number(payload, "evseId"), needs)


def _energy_wh(ac: Mapping[str, Any], dc: Mapping[str, Any]) -> float | None:
    """As told, else what lacks to the SOC that the car calls full."""
    told = _figure(ac, "energyAmount")
    told = _figure(dc, "energyAmount") if told is None else told
    capacity_wh, soc = _figure(dc, "evEnergyCapacity"), _figure(dc, "stateOfCharge")
    if told is not None or capacity_wh is None or soc is None:
        return told
    full = _figure(dc, "fullSoC") or 100.0
    return max(0.0, capacity_wh * (full - soc) / 100.0)


PHASES: Mapping[str, int] = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}


def _power_w(ac: Mapping[str, Any], dc: Mapping[str, Any], transfer: str) -> float | None:
    """DC: as told, else current times voltage; AC: the voltage is that of a phase against neutral (K15)."""
    told = _figure(dc, "evMaxPower")
    if told is not None:
        return told
    of, phases = (ac, PHASES.get(transfer, 1)) if ac else (dc, 1)
    current_a, voltage_v = _figure(of, "evMaxCurrent"), _figure(of, "evMaxVoltage")
    return None if current_a is None or voltage_v is None else current_a * voltage_v * phases


def _figure(of: Mapping[str, Any], key: str) -> float | None:
    value = optional_number(of, key)
    return None if value is None or value < 0 else float(value)


def _ev_schedule(payload: Payload, received_at: datetime, zone: tzinfo) -> EvSchedule:
    """The times of the schedule count from its time base."""
    schedule = section(payload, "chargingSchedule")
    return EvSchedule(number(payload, "evseId"), read_composite(schedule, payload.get("timeBase"), zone), payload)


def _status(reply: ChargingNeedsReply | EvScheduleReply) -> Payload:
    return {"status": reply.status}


BLOCK = Block(
    calls={
        "ReportChargingProfiles": _reported,
        "NotifyChargingLimit": _limit_set,
        "ClearedChargingLimit": _limit_cleared,
        "NotifyEVChargingNeeds": _needs,
        "NotifyEVChargingSchedule": _ev_schedule,
    },
    replies={ChargingNeedsReply: _status, EvScheduleReply: _status},
    commands={GetChargingProfiles: _get},
)
