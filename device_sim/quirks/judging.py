"""Which charging profiles it takes at all, and what it drops of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device_sim.behaviour import Quirk, refusal
from device_sim.outgoing import Payload
from firmware_profiles import FirmwareProfile, Limits

if TYPE_CHECKING:
    from device_sim.station import Station

STATUSES_16 = ("Rejected", "NotSupported")
STATUSES_201 = ("Rejected",)
OLD_NAMES = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A charging profile of either version, as far as it is judged."""

    purpose: str
    kind: str
    unit: str
    stack_level: int
    number: int
    connector: int
    has_transaction_id: bool
    has_end: bool


def asked(payload: Payload) -> Asked:
    """Read a SetChargingProfile. Raises like the station itself for what is none."""
    if "csChargingProfiles" in payload:
        profile = payload["csChargingProfiles"]
        return _asked(profile, profile["chargingSchedule"], profile["chargingProfileId"], payload["connectorId"])
    profile = payload["chargingProfile"]
    return _asked(profile, profile["chargingSchedule"][0], profile["id"], payload["evseId"])


def _asked(profile: Mapping[str, Any], schedule: Mapping[str, Any], number: int, connector: int) -> Asked:
    purpose = profile["chargingProfilePurpose"]
    return Asked(
        OLD_NAMES.get(purpose, purpose),
        profile["chargingProfileKind"],
        schedule["chargingRateUnit"],
        int(profile["stackLevel"]),
        int(number),
        int(connector),
        profile.get("transactionId") is not None,
        profile.get("validTo") is not None,
    )


Rule = Callable[[Limits, Asked], bool]
REFUSED_IF: tuple[Rule, ...] = (
    lambda limits, asked: asked.purpose not in limits.purposes,
    lambda limits, asked: limits.unit not in (None, asked.unit),
    lambda limits, asked: (
        limits.kind is not None and asked.kind in ("Absolute", "Relative") and asked.kind != limits.kind
    ),
    lambda limits, asked: limits.stack_level not in (None, asked.stack_level),
    lambda limits, asked: limits.valid_to == "refused" and asked.has_end,
    lambda limits, asked: limits.connector == "station" and asked.connector != 0,
    lambda limits, asked: limits.connector == "outlet" and asked.connector == 0,
    lambda limits, asked: limits.profile_id_max is not None and asked.number > limits.profile_id_max,
    lambda limits, asked: (
        limits.tx_profile_needs_transaction_id and asked.purpose == "TxProfile" and not asked.has_transaction_id
    ),
)


class Judging(Quirk):
    """Refuses what the profile says does not work; the largest numbers go into the station's own rules."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._limits = profile.limits

    def attach(self, station: Station) -> None:
        """The station knows how many periods and profiles it takes, and says so."""
        super().attach(station)
        variables, limits = station.variables, self._limits
        variables.periods_max = limits.periods_max or variables.periods_max
        variables.profiles_max = limits.profiles_max or variables.profiles_max
        station.book.rules = station.rules()

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """A refusal, or None."""
        if action != "SetChargingProfile":
            return None
        wish = asked(payload)
        if not any(refused(self._limits, wish) for refused in REFUSED_IF):
            return None
        return refusal(self._limits.refusal, STATUSES_16 if "csChargingProfiles" in payload else STATUSES_201)

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """What it takes may lose its end."""
        if action == "SetChargingProfile" and self._limits.valid_to == "ignored":
            self.station.book.forget_ends()
        return answer
