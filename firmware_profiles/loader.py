"""Reads and checks profiles: one TOML file each.

    product = "..."             what it is called; needed
    grade = "reported"          verified (measured by us), reported (told in public) or generic (nothing known)
    unverified = true           generic, for a maker of whom nothing is public: such a file holds no facts
    sources = ["a/b#1"]         who vouches for the facts that name no source of their own; also for [match]
    extends = "other"           takes the facts and notes of another profile; what is said here goes first
    notes = [{ text, source }]  what a technician should know and no field can say
    [match] [limits] [meter] ...  the tables of `schema` and `limits`

Everything else is refused, with file and field.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from firmware_profiles import schema
from firmware_profiles.facts import FactInvalid, Sources, read_sources, read_table
from firmware_profiles.limits import Limits
from firmware_profiles.matching import Rule

GRADES = ("verified", "reported", "generic")
TABLES: dict[str, type] = {
    "match": schema.Match,
    "ocpp": schema.Ocpp,
    "limits": Limits,
    "meter": schema.Meter,
    "time": schema.Time,
    "boot": schema.Boot,
    "tx": schema.Tx,
    "rpc": schema.Rpc,
    "cfg": schema.Cfg,
    "status": schema.Status,
    "setup": schema.Setup,
    "start": schema.Start,
    "hw": schema.Hw,
}
TOP = ("product", "grade", "unverified", "sources", "extends", "notes")
NOTE_CHARS_MAX = 300
ANSWER = re.compile(r"(error )?[A-Za-z]{2,40}")
MAKERS_NAME: Sources = ("the maker's name",)

Raw = Mapping[str, Any]


class ProfileInvalid(ValueError):
    """A file that cannot be used; the text names the file and the field."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know that no field can say."""

    text: str
    sources: Sources


@dataclass(frozen=True, slots=True)
class FirmwareProfile:
    """One file. `facts`: `table.field` -> sources, of everything that the file (or what it extends) states."""

    name: str
    product: str
    rule: Rule
    grade: str = "reported"
    unverified: bool = False
    sources: Sources = ()
    notes: tuple[Note, ...] = ()
    facts: Mapping[str, Sources] = field(default_factory=dict)
    match: schema.Match = field(default_factory=schema.Match)
    ocpp: schema.Ocpp = field(default_factory=schema.Ocpp)
    limits: Limits = field(default_factory=Limits)
    meter: schema.Meter = field(default_factory=schema.Meter)
    time: schema.Time = field(default_factory=schema.Time)
    boot: schema.Boot = field(default_factory=schema.Boot)
    tx: schema.Tx = field(default_factory=schema.Tx)
    rpc: schema.Rpc = field(default_factory=schema.Rpc)
    cfg: schema.Cfg = field(default_factory=schema.Cfg)
    status: schema.Status = field(default_factory=schema.Status)
    setup: schema.Setup = field(default_factory=schema.Setup)
    start: schema.Start = field(default_factory=schema.Start)
    hw: schema.Hw = field(default_factory=schema.Hw)

    def states(self, name: str) -> bool:
        """Whether `table.field` is known, be it as neutral."""
        return name in self.facts


GENERIC = FirmwareProfile("generic", "Any station", Rule(schema.Match()), grade="generic")


class Entry(Protocol):
    """A file, of a package or of a folder."""

    @property
    def name(self) -> str:
        """With its ending."""

    def read_text(self, encoding: str) -> str:
        """All of it."""


def load(name: str, text: str, bases: Mapping[str, Raw] | None = None) -> FirmwareProfile:
    """One file; `bases`: what it may extend. Raises ProfileInvalid naming file and field."""
    return _build(name, {**(bases or {}), name: parse(name, text)})


def load_all(entries: Iterable[Entry], bases: Mapping[str, Raw] | None = None) -> list[FirmwareProfile]:
    """All `*.toml` of a folder, by name. Raises ProfileInvalid."""
    raws = parse_all(entries)
    everything = {**(bases or {}), **raws}
    return [_build(name, everything) for name in sorted(raws)]


def parse_all(entries: Iterable[Entry]) -> dict[str, Raw]:
    """The files as they stand, by name without ending. Raises ProfileInvalid."""
    files = {entry.name.removesuffix(".toml"): entry for entry in entries if entry.name.endswith(".toml")}
    return {name: parse(name, _read(name, entry)) for name, entry in files.items()}


def _read(name: str, entry: Entry) -> str:
    try:
        return entry.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ProfileInvalid(f"{name}: {fault}") from None


def parse(name: str, text: str) -> Raw:
    """A file as it stands. Raises ProfileInvalid for what is no TOML or has names that mean nothing."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ProfileInvalid(f"{name}: {fault}") from None
    unknown = sorted(raw.keys() - {*TOP, *TABLES})
    if unknown:
        raise ProfileInvalid(f"{name}: unknown field {', '.join(unknown)}")
    return raw


def folder(path: Path) -> list[Path]:
    """The files of a folder; none where it is not there."""
    return sorted(path.glob("*.toml")) if path.is_dir() else []


def _build(name: str, everything: Mapping[str, Raw]) -> FirmwareProfile:
    try:
        return _made(name, _extended(name, everything, ()))
    except (FactInvalid, ValueError) as fault:
        raise fault if isinstance(fault, ProfileInvalid) else ProfileInvalid(f"{name}: {fault}") from None


def _extended(name: str, everything: Mapping[str, Raw], above: tuple[str, ...]) -> Raw:
    """The file with the facts and notes of what it extends; those keep the sources of their own file."""
    raw = everything[name]
    base_name = raw.get("extends")
    if base_name is None:
        return raw
    if base_name not in everything or base_name in (*above, name):
        raise ProfileInvalid(f"{name}: extends {base_name!r}, which is not there or extends this one")
    base = _extended(base_name, everything, (*above, name))
    tables = {table: {**_vouched(base, table), **raw.get(table, {})} for table in TABLES if table != "match"}
    notes = [*raw.get("notes", []), *base.get("notes", [])]
    return {**raw, **tables, "notes": notes}


def _vouched(raw: Raw, table: str) -> dict[str, Any]:
    sources = raw.get("sources", [])
    return {
        name: value if isinstance(value, Mapping) and "value" in value else {"value": value, "source": sources}
        for name, value in raw.get(table, {}).items()
    }


def _made(name: str, raw: Raw) -> FirmwareProfile:
    sources = read_sources(raw.get("sources", ()), "sources")
    read: dict[str, tuple[Any, dict[str, Sources]]] = {
        table: read_table(kind, raw.get(table, {}), table, sources)
        for table, kind in TABLES.items()
        if table != "match"
    }
    match, _ = read_table(schema.Match, raw.get("match", {}), "match", sources or MAKERS_NAME)
    facts = {key: given for _, found in read.values() for key, given in found.items()}
    profile = FirmwareProfile(
        name=name,
        product=_text(raw, "product"),
        rule=Rule(match),
        grade=raw.get("grade", "reported"),
        unverified=raw.get("unverified", False),
        sources=sources,
        notes=tuple(_note(entry) for entry in raw.get("notes", [])),
        facts=facts,
        match=match,
        **{table: made for table, (made, _) in read.items()},
    )
    _check(profile)
    return profile


def _text(raw: Raw, name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip():
        raise FactInvalid(f"{name} is missing or no text")
    return value


def _note(entry: Any) -> Note:
    if not isinstance(entry, Mapping) or entry.keys() != {"text", "source"}:
        raise FactInvalid("notes: each has text and source")
    text, sources = _text(entry, "text"), read_sources(entry["source"], "notes")
    if len(text) > NOTE_CHARS_MAX or not sources:
        raise FactInvalid(f"notes: each has a source and at most {NOTE_CHARS_MAX} characters")
    return Note(text, sources)


def _check(profile: FirmwareProfile) -> None:
    """What one field alone cannot tell."""
    limits, generic = profile.limits, profile.grade == "generic"
    faults = {
        f"grade is one of {', '.join(GRADES)}": profile.grade not in GRADES,
        "unverified is true or false": not isinstance(profile.unverified, bool),
        "unverified goes with grade generic": profile.unverified and not generic,
        "an unverified profile holds no facts": profile.unverified and bool(profile.facts),
        "a profile that is not generic names its sources": not generic and not profile.sources,
        "match.version_from goes with match.version": bool(profile.match.version_from) and not profile.match.version,
        "limits.static_unit goes with limits.static_key": profile.states("limits.static_unit")
        and not limits.static_key,
        "limits.steps_a rises": list(limits.steps_a) != sorted(set(limits.steps_a)),
        "limits.purposes: each once": len(set(limits.purposes)) < len(limits.purposes),
        **{f"{name} is a status or `error CODE`": not ANSWER.fullmatch(how) for name, how in _refusals(profile)},
    }
    wrong = [text for text, broken in faults.items() if broken]
    if wrong:
        raise FactInvalid("; ".join(wrong))


def _refusals(profile: FirmwareProfile) -> Iterable[tuple[str, str]]:
    yield "limits.refusal", profile.limits.refusal
    yield "start.profile_in_remote_start", profile.start.profile_in_remote_start
    yield "start.remote_stop", profile.start.remote_stop
    yield from ((f"rpc.refuses.{action}", how) for action, how in profile.rpc.refuses.items())


def tables_of(profile: FirmwareProfile) -> Iterable[tuple[str, Any]]:
    """Name and content of each table."""
    return ((table, getattr(profile, table)) for table in TABLES)


def stated(profile: FirmwareProfile) -> list[tuple[str, Any, Sources]]:
    """Every fact that the profile states: `table.field`, value, sources, in the order of the schema."""
    return [
        (f"{table}.{entry.name}", getattr(content, entry.name), profile.facts[f"{table}.{entry.name}"])
        for table, content in tables_of(profile)
        for entry in fields(content)
        if f"{table}.{entry.name}" in profile.facts
    ]
