"""Limits as rows of the store, and back."""

from __future__ import annotations

from datetime import datetime

from csms.model.limit import Block, Direction, Limit
from csms.store.tables import LimitRow


def row_of(limit: Limit) -> LimitRow:
    """A limit for the store."""
    return LimitRow(
        source=limit.source,
        feeder_id=limit.feeder_id,
        limit_id=limit.limit_id,
        version=limit.version,
        power_w=limit.power_w,
        valid_from=limit.valid_from,
        valid_to=limit.valid_to,
        issued_at=limit.issued_at,
        received_at=limit.received_at,
        cancelled=limit.cancelled,
        reason=limit.reason,
        direction=limit.direction.value,
        priority=limit.priority,
        blocks=[[block.start.isoformat(), block.power_w] for block in limit.blocks] or None,
        failsafe_w=limit.failsafe_w,
    )


def limit_of(row: LimitRow) -> Limit:
    """A limit from the store."""
    return Limit(
        source=row.source,
        feeder_id=row.feeder_id,
        limit_id=row.limit_id,
        version=row.version,
        power_w=row.power_w,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        issued_at=row.issued_at,
        received_at=row.received_at,
        cancelled=row.cancelled,
        reason=row.reason,
        direction=Direction(row.direction),
        priority=row.priority,
        blocks=tuple(Block(datetime.fromisoformat(start), power_w) for start, power_w in row.blocks or ()),
        failsafe_w=row.failsafe_w,
    )
