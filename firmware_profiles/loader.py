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


class ProfileInvalid(ValueError):
    """A file that cannot be used; the text names the file and the field."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How the station takes charging profiles; None means "as it declares, else the neutral way".

    `unit` A or W when it understands only that; `periods_max` periods of a schedule; `stack_level` when only one works;
    `kind` when it refuses the other; `reaction_s` until a limit acts.
    """

    unit: str | None = None
    periods_max: int | None = None
    stack_level: int | None = None
    kind: str | None = None
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
