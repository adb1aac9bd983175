"""The type plate of a profile's hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from device_sim.behaviour import Quirk
from device_sim.outgoing import Payload
from device_sim.pile import PROTOCOLS, PileSpec
from firmware_profiles import Book, FirmwareProfile

SPOKEN_AS = {"ocpp2.1": "ocpp2.0.1"}  # what both have in common
AC_A, DC_W, VOLTAGE_V = 32.0, 60_000.0, 230.0


def pile_like(profile: FirmwareProfile, station_id: str, protocol: str = "") -> PileSpec:
    """A pile of that make; `protocol` empty: the first that the make is known for, else 1.6."""
    hw = profile.hw
    kind = hw.kind or profile.match.kind or "ac"
    phases = 1 if hw.phases == 1 else 3
    spec = PileSpec(station_id, kind, phases, protocol=protocol or _protocol(profile), profile=profile.name)
    if kind == "dc":
        power_w = float(hw.power_w_max or DC_W)
        return replace(spec, max_current_a=power_w / (phases * VOLTAGE_V) * 1.05, max_power_w=power_w)
    current_a = hw.current_a_max or AC_A
    power_w = float(hw.power_w_max or current_a * phases * VOLTAGE_V)
    return replace(spec, max_current_a=current_a, max_power_w=power_w)


def piles_like(book: Book, names: Sequence[str], count: int) -> list[PileSpec]:
    """At least `count` piles, each profile in its turn; `all` stands for all of the book. Raises ValueError."""
    wanted = [one.name for one in book.profiles] if list(names) == ["all"] else list(names)
    profiles = [_named(book, name) for name in wanted]
    turns = range(max(count, len(profiles)))
    return [pile_like(profiles[turn % len(profiles)], f"SIM{turn + 1:04d}") for turn in turns]


def _named(book: Book, name: str) -> FirmwareProfile:
    found = book.named(name)
    if found is None:
        near = get_close_matches(name, [one.name for one in book.profiles])
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"there is no firmware profile {name!r}{hint}")
    return found


def check_profiles(book: Book, piles: Sequence[PileSpec]) -> None:
    """Raises ValueError when a pile names a profile that there is not."""
    for pile in piles:
        if pile.profile:
            _named(book, pile.profile)


def _protocol(profile: FirmwareProfile) -> str:
    stated = (profile.match.protocol, *profile.ocpp.versions)
    spoken = [SPOKEN_AS.get(name, name) for name in stated if name]
    return spoken[0] if spoken else PROTOCOLS[0]


def connectors(profile: FirmwareProfile) -> int:
    """How many connectors it shows; the simulated pile charges at the first."""
    return profile.hw.connectors


class Counting(Quirk):
    """NumberOfConnectors as the hardware has them."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._count = connectors(profile)

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """In GetConfiguration."""
        keys = answer.get("configurationKey", [])
        told = [k | {"value": str(self._count)} if k["key"] == "NumberOfConnectors" else k for k in keys]
        return answer | {"configurationKey": told} if keys else answer
