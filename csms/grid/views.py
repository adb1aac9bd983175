"""Limits, feeders, sources and records as every channel shows them: plain values, times with a zone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.sources import SourceStatus
from csms.model.limit import Limit
from csms.store.access_tables import AuditRow


def limit_view(limit: Limit, now: datetime) -> dict[str, Any]:
    """A limit; `state` is scheduled, in_force, expired or cancelled."""
    over = "expired" if now >= limit.valid_to else "scheduled"
    view = {
        "feeder_id": limit.feeder_id,
        "id": limit.limit_id,
        "version": limit.version,
        "value_w": limit.power_w,
        "direction": limit.direction.value,
        "priority": limit.priority,
        "valid_from": limit.valid_from.isoformat(),
        "valid_to": limit.valid_to.isoformat(),
        "issued_at": limit.issued_at.isoformat(),
        "persisted_at": limit.received_at.isoformat(),
        "source": limit.source,
        "reason": limit.reason,
        "state": "cancelled" if limit.cancelled else "in_force" if limit.in_force(now) else over,
    }
    blocks = [{"start": block.start.isoformat(), "value_w": block.power_w} for block in limit.blocks]
    return view | ({"blocks": blocks} if blocks else {})


def state_view(service: LimitService, feeder_id: str, progress: LimitProgress | None = None) -> dict[str, Any]:
    """The cap of a feeder now and what stands behind it; with `progress` how far each limit has come."""
    now = service.now()
    feeder = service.feeders.feeder(feeder_id)
    return {
        "feeder_id": feeder_id,
        "clock_time": now.isoformat(),
        "cap_w": service.feeders.cap_w(feeder_id, service, now),
        "export_cap_w": service.export_cap_w(feeder_id, now),
        "rating_w": feeder.rating_w,
        "lowest_cap_w": feeder.lowest_cap_w,
        "failsafe": service.failsafe_w(feeder_id) is not None,
        "failsafe_w": service.failsafe_w(feeder_id),
        "base_w": service.feeders.base_load_w(feeder_id, now),
        "limits": [limit_view(limit, now) | _come(limit, progress) for limit in service.known(feeder_id)],
    }


def _come(limit: Limit, progress: LimitProgress | None) -> dict[str, Any]:
    track = progress.track(limit) if progress is not None else None
    return {"stage": track.stage.value, "outcome": track.outcome.value} if track is not None else {}


def source_view(status: SourceStatus) -> dict[str, Any]:
    """A source; `mode` is speaks, failsafe or alone."""
    return {
        "source": status.source,
        "mode": status.mode.value,
        "silent_s": None if status.silent_s is None else round(status.silent_s, 1),
        "heartbeat_s": status.heartbeat_s,
        "failsafe_w": dict(status.failsafe_w),
        "emergency": status.emergency,
    }


def history_view(row: AuditRow) -> dict[str, Any]:
    """A record of the audit log about limits."""
    said = json.loads(row.text)
    names = ("action", "who", "on", "detail", "result")
    return {"seq": row.seq, "at": said["at"], **{name: said[name] for name in names}, "hash": row.hash}
