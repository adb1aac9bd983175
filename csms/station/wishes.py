"""How a station should be configured: what the house wishes and what its firmware profile recommends. Pure.

A wish is a value, or a list that must hold certain words whatever else is in it. Names are the station's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from csms.model.device import folded
from csms.model.meter import CURRENT_IMPORT, ENERGY_REGISTER, POWER_IMPORT, SOC, VOLTAGE
from csms.station.state import StationState
from firmware_profiles import FirmwareProfile, find

OCPP16 = "ocpp1.6"
HEARTBEAT, METER_INTERVAL, MEASURANDS = "heartbeat", "meter_interval", "measurands"
NAMES_16: Mapping[str, str] = MappingProxyType(
    {
        HEARTBEAT: "HeartbeatInterval",
        METER_INTERVAL: "MeterValueSampleInterval",
        MEASURANDS: "MeterValuesSampledData",
    }
)
NAMES: Mapping[str, str] = MappingProxyType(
    {
        HEARTBEAT: "OCPPCommCtrlr.HeartbeatInterval",
        METER_INTERVAL: "SampledDataCtrlr.TxUpdatedInterval",
        MEASURANDS: "SampledDataCtrlr.TxUpdatedMeasurands",
    }
)
NEEDED = (ENERGY_REGISTER, POWER_IMPORT)
WELCOME = (CURRENT_IMPORT, VOLTAGE)
"""Wished only of stations that are known to have them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One setting. `words`: it is a list and must hold these; `of`: house or profile; `fixed`: it cannot be changed."""

    name: str
    value: str
    of: str
    words: tuple[str, ...] = ()
    fixed: bool = False

    def met(self, now: str | None) -> bool:
        """Whether this value will do; None: it is not known."""
        if now is None:
            return False
        if self.words:
            return set(self.words) <= set(_words(now))
        return _same(now, self.value)

    def to_set(self, now: str | None) -> str:
        """What to set: a list keeps what it has."""
        if not self.words:
            return self.value
        kept = _words(now or "")
        return ",".join([*kept, *(word for word in self.words if word not in kept)])


def firmware_of(station: StationState | None) -> FirmwareProfile | None:
    """The firmware profile that fits what the station said at boot; None before it said anything."""
    if station is None or station.identity is None:
        return None
    said = station.identity
    kind = next((evse.rating.kind.value for evse in station.evses.values()), "")
    return find(
        said.vendor,
        said.model,
        said.firmware,
        station_id=station.station_id,
        protocol=station.protocol,
        kind=kind,
    )


def wishes(
    known: FirmwareProfile | None, protocol: str, *, dc: bool, heartbeat_s: int, meter_interval_s: int
) -> list[Wish]:
    """Everything that is wished of a station; what its profile says of a key goes before the house."""
    names = NAMES_16 if protocol == OCPP16 else NAMES
    wished: dict[str, Wish] = {names[HEARTBEAT]: Wish(names[HEARTBEAT], str(heartbeat_s), "house")}
    for wish in _of_meter(known, names, dc=dc, interval_s=meter_interval_s):
        wished[wish.name] = wish
    if known is None:
        return list(wished.values())
    for name, value in known.setup.keys.items():
        if folded(name) != folded(known.limits.static_key):  # that one belongs to the limit ladder
            wished[name] = Wish(name, value, "profile")
    return [_own(known, wish) for wish in wished.values()]


def _of_meter(profile: FirmwareProfile | None, names: Mapping[str, str], *, dc: bool, interval_s: int) -> list[Wish]:
    if profile is None:
        words = (*NEEDED, SOC) if dc else NEEDED
        return [_interval(names, interval_s), _measurands(names, words)]
    meter, legal = profile.meter, profile.setup.legal_measurands or profile.meter.measurands
    if meter.none or meter.only_on_trigger:
        return []
    found = [_interval(names, max(interval_s, meter.interval_min_s))]
    if meter.readback_reboots:
        return found  # it must not even be read
    wanted = [*NEEDED, *(WELCOME if legal else ()), *((SOC,) if dc else ())]
    if meter.no_power:
        wanted.remove(POWER_IMPORT)
    words = tuple(word for word in wanted if not legal or word in legal)
    return [*found, _measurands(names, words)] if words else found


def _interval(names: Mapping[str, str], interval_s: int) -> Wish:
    return Wish(names[METER_INTERVAL], str(interval_s), "house")


def _measurands(names: Mapping[str, str], words: tuple[str, ...]) -> Wish:
    return Wish(names[MEASURANDS], ",".join(words), "house", words)


def _own(profile: FirmwareProfile, wish: Wish) -> Wish:
    """Under the station's own name; keys that it never changes are only shown."""
    fixed = wish.name in profile.setup.readonly_keys
    return Wish(profile.cfg.key_names.get(wish.name, wish.name), wish.value, wish.of, wish.words, fixed)


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _same(now: str, wanted: str) -> bool:
    """Numbers by value, all else without regard to case and blanks."""
    try:
        return float(now) == float(wanted)
    except ValueError:
        return now.strip().casefold() == wanted.strip().casefold()
