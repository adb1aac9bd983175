"""All limits in force or to come, merged: the cap of a feeder is the minimum over its active limits (grid-limits A3).

The contractual rating is part of the feeder tree and always stands below the book: cancelling never means "no limit".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from csms.model.limit import Limit


class LimitBook:
    """The highest version of each limit by source, feeder and limit id."""

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._limits: dict[tuple[str, str, str], Limit] = {}
        self._by_feeder: dict[str, list[Limit]] = {}
        for limit in limits:
            self.put(limit)

    def put(self, limit: Limit) -> None:
        """Take a newer version over; an older one changes nothing."""
        key = limit.source, limit.feeder_id, limit.limit_id
        before = self._limits.get(key)
        if before is not None and before.version >= limit.version:
            return
        self._limits[key] = limit
        listed = self._by_feeder.setdefault(limit.feeder_id, [])
        self._by_feeder[limit.feeder_id] = [*(other for other in listed if other is not before), limit]

    def get(self, source: str, feeder_id: str, limit_id: str) -> Limit | None:
        """The highest version known, cancelled or over ones too."""
        return self._limits.get((source, feeder_id, limit_id))

    def known(self, feeder_id: str, at: datetime) -> list[Limit]:
        """Limits in force or to come at `at`, by their beginning."""
        alive = (limit for limit in self._by_feeder.get(feeder_id, ()) if not limit.cancelled and at < limit.valid_to)
        return sorted(alive, key=lambda limit: (limit.valid_from, limit.power_w))

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest limit in force at `at`; None when nobody limits the feeder."""
        return min((limit.power_w for limit in self._by_feeder.get(feeder_id, ()) if limit.in_force(at)), default=None)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When limits begin or end, in (since, until]."""
        active = (limit for limit in self._by_feeder.get(feeder_id, ()) if not limit.cancelled)
        return sorted({at for limit in active for at in (limit.valid_from, limit.valid_to) if since < at <= until})
