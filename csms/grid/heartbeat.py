"""A heartbeat as its source wrote it: that it is there, and which of its limits it takes to hold. Pure.

The list of limits is a statement: where it agrees with what is known here, it ends a failsafe as a limit would (rule 3
of grid-limits A4), also the empty list of a source that wants no limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from csms.grid.statement import BOUNDS, BadStatement
from csms.model.limit import Limit
from csms.wire.strict_json import JsonRefused, read_object

LIMITS_MAX = 10_000
KNOWN = frozenset({"schema", "sent_at", "limits"})


class Named(NamedTuple):
    """A version of a limit."""

    feeder_id: str
    limit_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`limits` None: nothing was said of them."""

    limits: frozenset[Named] | None = None

    def agrees(self, known: Iterable[Limit]) -> bool:
        """Whether the source takes just these limits to hold."""
        return self.limits == frozenset(Named(one.feeder_id, one.limit_id, one.version) for one in known)


def read_heartbeat(raw: bytes) -> Heartbeat:
    """An empty text is a heartbeat too. Raises BadStatement."""
    if not raw.strip():
        return Heartbeat()
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise BadStatement("malformed", str(fault)) from None
    unknown = sorted(set(body) - KNOWN)
    if unknown:
        raise BadStatement("malformed", f"unknown name {unknown[0]!r}")
    if body.get("limits") is None:
        return Heartbeat()
    listed = body["limits"]
    if not isinstance(listed, list) or len(listed) > LIMITS_MAX:
        raise BadStatement("malformed", f"limits is a list of at most {LIMITS_MAX} entries")
    return Heartbeat(frozenset(_named(entry) for entry in listed))


def _named(entry: Any) -> Named:
    if isinstance(entry, dict) and set(entry) == {"feeder", "id", "version"}:
        feeder_id, limit_id, version = entry["feeder"], entry["id"], entry["version"]
        plain = isinstance(version, int) and not isinstance(version, bool)
        if isinstance(feeder_id, str) and isinstance(limit_id, str) and plain:
            return Named(feeder_id, limit_id, version)
    raise BadStatement("malformed", "a limit in a heartbeat is an object of feeder, id and version")
