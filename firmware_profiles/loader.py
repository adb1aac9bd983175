"""Loads, checks and finds firmware profiles."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

GRADES = ("verified", "reported", "generic")
UNITS = ("A", "W")
KINDS = ("Absolute", "Relative")
PURPOSES = ("ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile")


class ProfileInvalid(ValueError):
    """A file that cannot be used; the text names the file and the field."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How the station takes limits on its load; None means "as it declares, else the neutral way".

    `purposes` that work, best first (ChargingStationMaxProfile, TxDefaultProfile, TxProfile); empty: no profile works.
    `static_key` is a configuration key that limits the load for good, in `static_unit` (A, mA, dA, W), kept by flash
    memory, so the last resort. `unit` A or W when only that works; `unit_key_lies`: what it declares of units is wrong.
    `kind` Absolute or Relative when it refuses the other; `stack_level` when only one works. `connector`: "station" (0)
    or "outlet" (1..n) when only that works; `station_only`: a limit on one outlet acts on all of them.
    `periods_max`, `profiles_max`, `profile_id_max`: the largest that it takes. `steps_a`: the only currents there are,
    lower ones are taken; `step_a` otherwise. Under `floor_a` or `floor_w` it stops. `zero_means` pause, remote_stop
    (0 must be sent as a stop) or hangs (0 must never be sent). `after_reconnect` kept or lost; `repeat_same` harmless
    or harmful. `confirm_by`: what proves a limit, best first, of offered, power, composite; empty: nothing does.
    `reaction_s` until a limit acts.
    """

    purposes: tuple[str, ...] = PURPOSES
    static_key: str = ""
    static_unit: str = "A"
    unit: str | None = None
    unit_key_lies: bool = False
    kind: str | None = None
    stack_level: int | None = None
    connector: str | None = None
    station_only: bool = False
    profile_id_max: int | None = None
    periods_max: int | None = None
    profiles_max: int | None = None
    step_a: float = 0.1
    steps_a: tuple[float, ...] = ()
    floor_a: float = 6.0
    floor_w: int = 0
    zero_means: str = "pause"
    after_reconnect: str = "lost"
    repeat_same: str = "harmless"
    needs_number_phases: bool = False
    tx_profile_needs_transaction_id: bool = False
    confirm_by: tuple[str, ...] = ("offered", "power", "composite")
    reaction_s: float | None = None


@dataclass(frozen=True, slots=True)
class FirmwareProfile:
    """One file. `vendor`, `model`, `firmware` are regular expressions that must match the whole text of a boot."""

    name: str
    vendor: str
    model: str
    firmware: str = ".*"
    grade: str = "reported"
    sources: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def matches(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether the profile is about this station."""
        pairs = ((self.vendor, vendor), (self.model, model), (self.firmware, firmware))
        return all(re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL) for pattern, text in pairs)


GENERIC = FirmwareProfile("generic", ".*", ".*", grade="generic")


def find(vendor: str, model: str, firmware: str = "") -> FirmwareProfile:
    """The first shipped profile, by name, that matches a boot; else the generic one."""
    return next((p for p in shipped() if p.matches(vendor, model, firmware)), GENERIC)


@cache
def shipped() -> tuple[FirmwareProfile, ...]:
    """All profiles of this package. Raises ProfileInvalid."""
    folder = files("firmware_profiles")
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(load(entry.name.removesuffix(".toml"), entry.read_text("utf-8")) for entry in found)


def load(name: str, text: str) -> FirmwareProfile:
    """Read one file. Raises ProfileInvalid for bad TOML, an unknown field, a value out of range, a missing source."""
    try:
        table = tomllib.loads(text)
        limits = Limits(**_known(name, table.pop("limits", {}), Limits))
        match = table.pop("match", {})
        sources = tuple(table.pop("sources", ()))
        profile = FirmwareProfile(
            name, sources=sources, limits=limits, **_known(name, {**match, **table}, FirmwareProfile)
        )
    except (tomllib.TOMLDecodeError, TypeError) as fault:
        raise ProfileInvalid(f"{name}: {fault}") from None
    _check(profile)
    return profile


def _known(name: str, table: dict[str, Any], kind: type) -> dict[str, Any]:
    unknown = set(table) - {entry.name for entry in fields(kind)}
    if unknown:
        raise ProfileInvalid(f"{name}: unknown field {', '.join(sorted(unknown))}")
    return table


def _check(profile: FirmwareProfile) -> None:
    limits = profile.limits
    faults = {
        f"grade is one of {', '.join(GRADES)}": profile.grade not in GRADES,
        "a fact needs a source": not profile.sources,
        "unit is A or W": limits.unit not in (None, *UNITS),
        "kind is Absolute or Relative": limits.kind not in (None, *KINDS),
        "periods_max is at least 1": limits.periods_max is not None and limits.periods_max < 1,
        "stack_level is not negative": limits.stack_level is not None and limits.stack_level < 0,
        "reaction_s is not negative": limits.reaction_s is not None and limits.reaction_s < 0,
    }
    for pattern in (profile.vendor, profile.model, profile.firmware):
        try:
            re.compile(pattern)
        except re.error as fault:
            raise ProfileInvalid(f"{profile.name}: {pattern!r} is no regular expression: {fault}") from None
    wrong = [text for text, broken in faults.items() if broken]
    if wrong:
        raise ProfileInvalid(f"{profile.name}: {'; '.join(wrong)}")
