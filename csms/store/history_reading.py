"""Reading what happened since a moment, for those who keep it elsewhere. Pages go up by id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select

from csms.store.reading import Reading
from csms.store.response_tables import FeederLoad
from csms.store.security_tables import Alert
from csms.store.station_tables import StateChange
from csms.store.tables import ExternalId, LimitRow, OutboxRow

ORDERS = "charge_order"
"""The kind of message by which a partner is sent an order."""


class HistoryReading(Reading):
    """Queries on what was told, raised, limited and sent."""

    async def state_changes(self, since: datetime, after_id: int = 0, limit: int = 1000) -> Sequence[StateChange]:
        """States of connectors (not of sessions) that were heard of since a moment."""
        query = select(StateChange).where(
            col(StateChange.session_id).is_(None), col(StateChange.received_at) >= since, col(StateChange.id) > after_id
        )
        return await self.rows(query.order_by(col(StateChange.id)).limit(limit))

    async def states_of(self, station_id: str, since: datetime, until: datetime) -> Sequence[StateChange]:
        """Into which states a station's connectors and sessions went, since <= at < until, in the order in which they
        happened; what happened at once in that in which it was heard.
        """
        at = col(StateChange.at)
        query = select(StateChange).where(StateChange.station_id == station_id, at >= since, at < until)
        return await self.rows(query.order_by(at, col(StateChange.id)))

    async def alerts_since(self, since: datetime, after_id: int = 0, limit: int = 1000) -> Sequence[Alert]:
        """Alerts that happened or were acknowledged since a moment."""
        touched = or_(col(Alert.last_at) >= since, col(Alert.acknowledged_at) >= since)
        query = select(Alert).where(touched, col(Alert.id) > after_id)
        return await self.rows(query.order_by(col(Alert.id)).limit(limit))

    async def messages_since(self, since: datetime, after_id: int = 0, limit: int = 1000) -> Sequence[OutboxRow]:
        """Messages for partners that were made or acknowledged since a moment, and those still under way."""
        touched = or_(
            col(OutboxRow.created_at) >= since,
            col(OutboxRow.acked_at) >= since,
            col(OutboxRow.state).in_(("queued", "sent", "retry")),
        )
        query = select(OutboxRow).where(touched, col(OutboxRow.id) > after_id)
        return await self.rows(query.order_by(col(OutboxRow.id)).limit(limit))

    async def orders_told(self, session_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """By session the newest order that a partner was sent of it, or is to be, as it is written; only those with
        numbers of our own: what a partner started has the partner's.
        """
        order = col(ExternalId.scope).like("%.order")
        wanted = col(ExternalId.local).in_([str(session_id) for session_id in session_ids])
        numbers = {row.external: int(row.local) for row in await self.rows(select(ExternalId).where(order, wanted))}
        partners = await self.values(select(col(OutboxRow.partner)).distinct()) if numbers else []
        found: dict[int, dict[str, Any]] = {}
        for partner in partners:  # the index leads with the partner
            mine = OutboxRow.partner == partner, OutboxRow.interface == ORDERS
            query = select(OutboxRow).where(*mine, col(OutboxRow.business_key).in_(numbers)).order_by(col(OutboxRow.id))
            found |= {numbers[row.business_key]: row.payload for row in await self.rows(query)}
        return found

    async def limit_statements(self, since: datetime) -> Sequence[LimitRow]:
        """Every version of a limit that was received since a moment, in the order in which they came."""
        query = select(LimitRow).where(col(LimitRow.received_at) >= since)
        order = col(LimitRow.received_at), col(LimitRow.source), col(LimitRow.feeder_id), col(LimitRow.version)
        return await self.rows(query.order_by(*order))

    async def loads_of_feeders(self, since: datetime, until: datetime) -> Sequence[FeederLoad]:
        """What was seen of all feeders, since <= begins_at < until."""
        begins_at = col(FeederLoad.begins_at)
        query = select(FeederLoad).where(begins_at >= since, begins_at < until)
        return await self.rows(query.order_by(begins_at, col(FeederLoad.feeder_id)))
