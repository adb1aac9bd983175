"""How a station should be configured: what the house wishes and what its firmware profile recommends. Pure.

A wish is a value, or a list that must hold certain words whatever else is in it. Names are the station's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from csms.model.device import folded
from csms.model.meter import CURRENT_IMPORT, ENERGY_REGISTER, POWER_IMPORT, SOC, VOLTAGE
from csms.station.keys import may_read_all, own_name
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
SETTING = frozenset({"ChangeConfiguration", "SetVariables"})
NEEDED = (ENERGY_REGISTER, POWER_IMPORT)
WELCOME = (CURRENT_IMPORT, VOLTAGE)
"""Wished only of stations that are known to have them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One setting. `words`: it is a list and must hold these; `of`: house or profile; `fixed`: it cannot be changed.

    `one_by_one`: the list must not grow by more than a word at a time.
    """

    name: str
    value: str
    of: str
    words: tuple[str, ...] = ()
    fixed: bool = False
    one_by_one: bool = False

    def met(self, now: str | None) -> bool:
        """Whether this value will do; None: it is not known."""
        if now is None:
            return False
        if self.words:
            return set(self.words) <= set(_words(now))
        return _same(now, self.value)

    def portions(self, now: str | None) -> list[tuple[str, ...]]:
        """The words that are missing, as many at a time as may be added; nothing to add for a plain value."""
        missing = tuple(word for word in self.words if word not in _words(now or ""))
        return [(word,) for word in missing] if self.one_by_one else [missing]

    def to_set(self, now: str | None, portion: tuple[str, ...]) -> str:
        """What to set: a list keeps what it has."""
        return ",".join([*_words(now or ""), *portion]) if self.words else self.value


def firmware_of(station: StationState | None) -> FirmwareProfile | None:
    """The firmware profile that fits what the station said at boot; before that the one for its id, or None."""
    if station is None:
        return None
    said = station.identity
    if said is None or not (said.vendor or said.model or said.firmware):
        return firmware_of_id(station.station_id)
    kind = next((evse.rating.kind.value for evse in station.evses.values()), "")
    return find(
        said.vendor,
        said.model,
        said.firmware,
        station_id=station.station_id,
        protocol=station.protocol,
        kind=kind,
    )


def firmware_of_id(station_id: str) -> FirmwareProfile | None:
    """The firmware profile for ids like this one; None where ids tell nothing."""
    found = find(None, station_id=station_id)
    return found if found.rule.id else None


def limit_key(known: FirmwareProfile | None) -> str:
    """The key that belongs to the limit ladder alone; empty where limits are no key."""
    return known.limits.static_key if known is not None else ""


def wishes(
    known: FirmwareProfile | None, protocol: str, *, dc: bool, heartbeat_s: int, meter_interval_s: int
) -> list[Wish]:
    """Everything that is wished of a station; what its profile says of a key goes before the house.

    The key of a limit is nobody's wish: the limit ladder sets it to what is due.
    """
    names = NAMES_16 if protocol == OCPP16 else NAMES
    wished: dict[str, Wish] = {names[HEARTBEAT]: Wish(names[HEARTBEAT], str(heartbeat_s), "house")}
    for wish in _of_meter(known, names, dc=dc, interval_s=meter_interval_s):
        wished[wish.name] = wish
    if known is None:
        return list(wished.values())
    if known.cfg.no_standard_keys:
        wished.clear()
    for name, value in known.setup.keys.items():
        if folded(name) != folded(limit_key(known)):  # that one belongs to the limit ladder
            wished[name] = Wish(name, value, "profile")
    return [_own(known, wish) for wish in wished.values()]


def _of_meter(profile: FirmwareProfile | None, names: Mapping[str, str], *, dc: bool, interval_s: int) -> list[Wish]:
    if profile is None:
        words = (*NEEDED, SOC) if dc else NEEDED
        return [_interval(names, interval_s), _measurands(names, words)]
    meter, legal = profile.meter, profile.setup.legal_measurands or profile.meter.measurands
    if meter.none:
        return []
    found = [_interval(names, max(interval_s, meter.interval_min_s))]
    if not may_read_all(profile):
        return found  # it must not even be read
    wanted = [*NEEDED, *(WELCOME if legal else ()), *((SOC,) if dc else ())]
    if meter.no_power:
        wanted.remove(POWER_IMPORT)
    words = tuple(word for word in wanted if not legal or word in legal)
    careful = profile.setup.measurands_one_by_one or meter.one_measurand_rejects_list
    return [*found, replace(_measurands(names, words), one_by_one=careful)] if words else found


def _interval(names: Mapping[str, str], interval_s: int) -> Wish:
    return Wish(names[METER_INTERVAL], str(interval_s), "house")


def _measurands(names: Mapping[str, str], words: tuple[str, ...]) -> Wish:
    return Wish(names[MEASURANDS], ",".join(words), "house", words)


def _own(profile: FirmwareProfile, wish: Wish) -> Wish:
    """Under the station's own name; keys that it never changes are only shown."""
    fixed = wish.name in profile.setup.readonly_keys or bool(SETTING & profile.rpc.refuses.keys())
    return replace(wish, name=own_name(profile, wish.name), fixed=fixed)


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _same(now: str, wanted: str) -> bool:
    """Numbers by value, all else without regard to case and blanks."""
    try:
        return float(now) == float(wanted)
    except ValueError:
        return now.strip().casefold() == wanted.strip().casefold()
