"""Which faults of stations are let pass (field rules SR-01, SR-02; RB-18, RB-28, RB-31, RB-42 to RB-45, RB-61 to 65).

A rule says of one fault whether to go on: action, schema keyword, path of the faulty or missing value, and that value.
What passes here must be read with care by the translators; their property tests feed them exactly that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT_LENGTH_MAX = 2500
"""The longest text tolerated where the schema wants a shorter one: as long as the longest setting of 2.0.1."""

WHOLE_FLOAT = "integer"
"""Stands for the keyword `type` when the fault is no more than a whole number with a point, such as 1.0."""

Path = Sequence[str | int]
Rule = Callable[[str, str, Path, object], bool]

_RANGES = frozenset({"minimum", "maximum"})
"""2.1 bounds numbers that 2.0.1 left open; one that cannot be is kept as odd, like everywhere, and refuses nothing."""

_OPEN_LISTS = frozenset({"meterValue", "transactionData", "reportData", "monitor", "eventData"})
"""Inside these a bad element is dropped by itself (SR-02): an error answer is repeated for ever (SR-01)."""

_OPEN_ENUMS = frozenset({"errorCode", "reason", "stoppedReason", "triggerReason", "chargingState", "type"})
"""Fields whose unknown values lose nothing that a decision needs."""

_OPEN_SCHEDULES = frozenset({"schedule", "chargingSchedule", "scheduleStart"})
"""Stations tell nonsense in composite schedules; it is read as "unknown" instead of failing the call."""


_OPEN_ANSWERS = frozenset({"configurationKey", "unknownKey"})
"""Of all keys of a station a bad one is read as far as it can be; it does not cost the others."""

_REGISTERS = frozenset({"meterStart", "meterStop"})
"""Stations count in fractions of a Wh or write a text; after an error answer to a stop they repeat it for ever."""

_TRANSACTING = frozenset({"StopTransaction", "MeterValues"})
"""These are kept whatever transaction they name (SR-01)."""


def nothing(action: str, keyword: str, path: Path, value: object) -> bool:
    """Strict: no fault passes."""
    return False


def in_call(action: str, keyword: str, path: Path, value: object) -> bool:
    """What is let pass in requests of stations; nothing is refused for its time (SR-05)."""
    if path and path[-1] in ("timestamp", "generatedAt"):
        return True
    if keyword in _RANGES or _as_text(action, keyword, path, value):
        return True
    return _harmless(keyword, path, value) or _in_samples(keyword, path) or _unknown_name(action, keyword, path)


def in_result(action: str, keyword: str, path: Path, value: object) -> bool:
    """What is let pass in answers of stations; an unknown status is shown as it came."""
    schedule = action == "GetCompositeSchedule" and bool(path) and path[0] in _OPEN_SCHEDULES
    key = action == "GetConfiguration" and len(path) > 1 and path[0] in _OPEN_ANSWERS
    return _harmless(keyword, path, value) or schedule or key or (keyword == "enum" and isinstance(value, str))


def without_nulls(payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Path]]:
    """The payload without the properties that are null, and where they were.

    Many writers of JSON put null where nothing stands; readers of fields take both for the same.
    """
    nulls: list[Path] = []
    kept = _kept(payload, (), nulls)
    return (kept, nulls) if nulls else (payload, nulls)


def _kept(value: Any, path: tuple[str | int, ...], nulls: list[Path]) -> Any:
    if isinstance(value, Mapping):
        nulls += [(*path, key) for key, item in value.items() if item is None]
        return {key: _kept(item, (*path, key), nulls) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_kept(item, (*path, place), nulls) for place, item in enumerate(value)]
    return value


def _as_text(action: str, keyword: str, path: Path, value: object) -> bool:
    """Numbers that are fractions or texts, where a wrong one costs less than an error answer."""
    if keyword != "type" or len(path) != 1:
        return False
    number = isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool))
    named = path[0] == "transactionId" and isinstance(value, str)
    return (path[0] in _REGISTERS and number) or (named and action in _TRANSACTING)


def _harmless(keyword: str, path: Path, value: object) -> bool:
    """Unknown properties, whole numbers with a point, texts that are too long; transaction ids come back unchanged."""
    if keyword == "additionalProperties":
        return True
    if not path or path[-1] == "transactionId":
        return False
    short_enough = isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX
    return keyword == WHOLE_FLOAT or (keyword == "maxLength" and short_enough)


def _in_samples(keyword: str, path: Path) -> bool:
    if not path or path[0] not in _OPEN_LISTS:
        return False
    return len(path) > 1 or keyword == "minItems"


def _unknown_name(action: str, keyword: str, path: Path) -> bool:
    """Unknown words where nothing hangs on them, such as the progress words of updates and logs (OA-22)."""
    progress = action.endswith("StatusNotification") and action != "StatusNotification"
    return keyword == "enum" and bool(path) and (progress or path[-1] in _OPEN_ENUMS)
