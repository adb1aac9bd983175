"""All limits in force or to come, merged: the cap of a feeder is the minimum over its active limits (grid-limits A3).

The contractual rating is part of the feeder tree and always stands below the book: cancelling never means "no limit".
Import and export are merged apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from csms.model.limit import Direction, Limit


class LimitBook:
    """The highest version of each limit by source, feeder and limit id."""

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._limits: dict[tuple[str, str, str], Limit] = {}
        self._by_feeder: dict[str, list[Limit]] = {}
        for limit in limits:
            self.put(limit)

    def put(self, limit: Limit) -> None:
        """Take over a newer version, or that the known one is cancelled; anything older changes nothing."""
        key = limit.source, limit.feeder_id, limit.limit_id
        before = self._limits.get(key)
        if before is not None and not limit.newer_than(before):
            return
        self._limits[key] = limit
        listed = self._by_feeder.setdefault(limit.feeder_id, [])
        self._by_feeder[limit.feeder_id] = [*(other for other in listed if other is not before), limit]

    def get(self, source: str, feeder_id: str, limit_id: str) -> Limit | None:
        """The highest version known, cancelled or over ones too."""
        return self._limits.get((source, feeder_id, limit_id))

    def called(self, limit_id: str) -> list[Limit]:
        """All limits with this id, of whatever source and feeder, cancelled or over ones too."""
        return [limit for (_, _, id_), limit in self._limits.items() if id_ == limit_id]

    def known(self, feeder_id: str, at: datetime) -> list[Limit]:
        """Limits in force or to come at `at`, by their beginning."""
        alive = (limit for limit in self._by_feeder.get(feeder_id, ()) if not limit.cancelled and at < limit.valid_to)
        return sorted(alive, key=lambda limit: (limit.valid_from, limit.power_w))

    def of_source(self, source: str, at: datetime) -> list[Limit]:
        """What a source wants, now or later."""
        return [limit for id_ in self._by_feeder for limit in self.known(id_, at) if limit.source == source]

    def cap_w(self, feeder_id: str, at: datetime, direction: Direction = Direction.IMPORT) -> int | None:
        """The lowest limit in force at `at`; None when nobody limits the feeder."""
        limits = (limit for limit in self._by_feeder.get(feeder_id, ()) if limit.direction is direction)
        return min((cap for limit in limits if (cap := limit.cap_w(at)) is not None), default=None)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When limits begin, change or end, in (since, until]."""
        limits = self._by_feeder.get(feeder_id, ())
        return sorted({at for limit in limits for at in limit.edges() if since < at <= until})

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest import limit in force or to come."""
        imports = (limit for limit in self.known(feeder_id, at) if limit.direction is Direction.IMPORT)
        return min((limit.power_w for limit in imports), default=None)
