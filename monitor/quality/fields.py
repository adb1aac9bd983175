"""Field by field: the defect classes of section 18.2 and how complete messages are. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from csms.province.messages import Defect, business_key, check_body, message_of
from csms.province.profile import Kind, PlatformProfile
from monitor.quality.observed import Observation, messages_in
from monitor.quality.tally import FIELD_CODES, MESSAGES, Tally

_ENDS = {f"DQ_{code.upper()}": code for code in FIELD_CODES}


SUBJECT_MAX = 64
"""Characters of what a finding is about; an id may be the very thing that is too long."""


@dataclass(slots=True)
class FieldCounts:
    """Fields that were judged and those found defective; mandatory fields and those of them that came."""

    fields: int = 0
    defective: int = 0
    required: int = 0
    filled: int = 0


def check_fields(profile: PlatformProfile, seen: Observation, counts: FieldCounts, tally: Tally) -> list[Defect]:
    """Judge one message as its receiver did; one finding for each faulty field."""
    defects = check_body(profile, seen.kind, seen.body)
    message = MESSAGES[seen.kind]
    subject = _subject(profile, seen)[:SUBJECT_MAX]
    for code in FIELD_CODES:
        if not any(_ENDS[defect.code] == code for defect in defects):
            tally.expect(f"{message}.field_{code}", True, subject, seen.received_at)
    for defect in defects:
        tally.expect(f"{message}.field_{_ENDS[defect.code]}", False, subject, seen.received_at, defect.field)
    _count(profile, seen.kind, seen.body, counts)
    counts.defective += len({defect.field for defect in defects})
    missing = sum(defect.code == "DQ_MISSING" for defect in defects)
    counts.filled -= missing
    counts.fields += missing
    return defects


def _subject(profile: PlatformProfile, seen: Observation) -> str:
    """The business id; of real-time power, which has none, the stations."""
    rows = messages_in(profile, seen)[0].get("SupStationPowerInfos") if seen.kind is Kind.POWER else None
    if isinstance(rows, list):
        return ", ".join(str(row.get("StationID", "")) for row in rows)
    return business_key(profile, seen.kind, seen.body)


def _count(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any], counts: FieldCounts) -> None:
    found = message_of(profile, kind, body)
    for row in found if isinstance(found, list) else [found]:
        _count_message(profile, profile.interfaces[kind].message, row, counts)


def _count_message(profile: PlatformProfile, message: str, value: Any, counts: FieldCounts) -> None:
    """Count what is there and what should be; the missing are taken off by the caller, who knows them."""
    rules = profile.messages[message]
    required = sum(rule.required for rule in rules.values())
    counts.required += required
    counts.filled += required
    if not isinstance(value, Mapping):
        counts.fields += 1
        counts.filled -= required
        return
    counts.fields += len(value)
    for name, rule in rules.items():
        below = value.get(profile.wire_name(message, name)) if rule.message else None
        for row in below if isinstance(below, list) else [below] if below is not None else []:
            _count_message(profile, rule.message, row, counts)


_STEP = re.compile(r"[^.\[\]]+")


def without_defects(profile: PlatformProfile, seen: Observation) -> Observation:
    """The message without its faulty fields, so that one fault is not found again by every check that reads it."""
    defects = check_body(profile, seen.kind, seen.body)
    body: dict[str, Any] = deepcopy(dict(seen.body))
    for defect in defects:
        _remove(body, _STEP.findall(defect.field))
    return replace(seen, body=body, refused=True)


def _remove(value: Any, path: list[str]) -> None:
    """Take away the field at a path, if it is there."""
    for step in path[:-1]:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if path and isinstance(value, dict):
        value.pop(path[-1], None)
