"""Charging profiles as they travel: OCPP JSON of both versions into `smart_charging.Profile`, schedules back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from device_sim.smart_charging import FOREVER, Kind, Period, Profile, Purpose

Json = Mapping[str, Any]
PURPOSES = {
    "ChargePointMaxProfile": Purpose.MAX,
    "ChargingStationMaxProfile": Purpose.MAX,
    "TxDefaultProfile": Purpose.DEFAULT,
    "TxProfile": Purpose.TRANSACTION,
}
REPEATS_S = {"Daily": 86_400.0, "Weekly": 604_800.0}


def moment_s(text: str) -> float:
    """An OCPP time as seconds since 1970; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _optional_s(json: Json, name: str, absent: float) -> float:
    return moment_s(json[name]) if json.get(name) else absent


def read_profile_16(json: Json, evse: int) -> Profile:
    """`csChargingProfiles`. Raises KeyError, ValueError or TypeError when it is not one."""
    transaction = json.get("transactionId")
    name = None if transaction is None else str(transaction)
    return _profile(json, json["chargingSchedule"], json["chargingProfileId"], evse, name)


def read_profile_201(json: Json, evse: int) -> Profile:
    """`chargingProfile`; only the first schedule counts without ISO 15118 (K01.FR.34). Raises like the one of 1.6."""
    return _profile(json, json["chargingSchedule"][0], json["id"], evse, json.get("transactionId"))


def _profile(json: Json, schedule: Json, number: Any, evse: int, transaction_id: str | None) -> Profile:
    return Profile(
        profile_id=int(number),
        stack_level=int(json["stackLevel"]),
        purpose=PURPOSES[json["chargingProfilePurpose"]],
        kind=Kind(json["chargingProfileKind"]),
        unit=schedule["chargingRateUnit"],
        periods=tuple(_period(period) for period in schedule["chargingSchedulePeriod"]),
        evse=evse,
        start_s=moment_s(schedule["startSchedule"]) if schedule.get("startSchedule") else None,
        duration_s=None if schedule.get("duration") is None else float(schedule["duration"]),
        valid_from_s=_optional_s(json, "validFrom", -FOREVER),
        valid_to_s=_optional_s(json, "validTo", FOREVER),
        repeat_s=REPEATS_S[json["recurrencyKind"]] if json.get("recurrencyKind") else None,
        transaction_id=transaction_id,
    )


def _period(json: Json) -> Period:
    phases = json.get("numberPhases")
    return Period(float(json["startPeriod"]), float(json["limit"]), None if phases is None else int(phases))


def schedule_json(periods: Sequence[Period], unit: str, duration_s: int) -> dict[str, Any]:
    """The part of a composite schedule that is alike in both versions."""
    return {
        "duration": duration_s,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": round(p.start_s), "limit": round(p.limit, 1), "numberPhases": p.phases} for p in periods
        ],
    }
