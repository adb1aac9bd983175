"""A limit service over a real store, with a record and alerts of its own, and a peer for the house."""

from __future__ import annotations

from collections.abc import Iterable

from csms.access.audit import AuditLog
from csms.charging.feeder import FeederTree
from csms.grid.peer import Peer, SourceRule
from csms.grid.service import LimitService
from csms.model.clock import Clock
from csms.station.alerts import Alerts
from csms.station.bus import EventBus
from csms.store.engine import Store

HOUSE = Peer("http", name="house")


def limits_over(
    clock: Clock,
    store: Store,
    tree: FeederTree,
    bus: EventBus,
    rules: Iterable[SourceRule] = (),
    audit: AuditLog | None = None,
) -> LimitService:
    """`audit` of somebody else, whose chain it is then."""
    record = audit or AuditLog(clock, store)
    return LimitService(clock, store, record, tree, bus, Alerts(clock, store), rules)
