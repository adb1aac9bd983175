"""Reading what stations were asked for and told beyond charging. Pages go from the newest row down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from csms.store.reading import Reading
from csms.store.security_tables import Alert, InstalledCertificate, SecurityEvent
from csms.store.station_tables import Operation, ReceivedFile, VariableRow


@dataclass(frozen=True, slots=True)
class Matters:
    """Which operations or alerts: so many, newest first; of a station, of a kind, open ones (or not), before one."""

    limit: int
    station_id: str | None = None
    kind: str | None = None
    is_open: bool | None = None
    before_id: int | None = None


class StationReading(Reading):
    """Queries of the functional blocks."""

    async def operation(self, operation_id: int) -> Operation | None:
        """One operation."""
        return await self.first(select(Operation).where(col(Operation.id) == operation_id))

    async def operations(self, wanted: Matters) -> Sequence[Operation]:
        """Operations that go on, or ended, or both."""
        return await self._matters(Operation, col(Operation.ended_at), wanted)

    async def alerts(self, wanted: Matters) -> Sequence[Alert]:
        """Alerts that are open, or acknowledged, or both."""
        return await self._matters(Alert, col(Alert.acknowledged_at), wanted)

    async def _matters(self, model: Any, over_at: Any, wanted: Matters) -> Sequence[Any]:
        given: list[Any] = [
            *([col(model.station_id) == wanted.station_id] if wanted.station_id is not None else []),
            *([col(model.kind) == wanted.kind] if wanted.kind is not None else []),
            *([col(model.id) < wanted.before_id] if wanted.before_id is not None else []),
        ]
        if wanted.is_open is not None:
            given.append(over_at.is_(None) if wanted.is_open else over_at.is_not(None))
        return await self.rows(select(model).where(*given).order_by(col(model.id).desc()).limit(wanted.limit))

    async def received_files(self, operation_ids: Sequence[int]) -> Sequence[ReceivedFile]:
        """The files that came for these operations."""
        return await self.rows(select(ReceivedFile).where(col(ReceivedFile.id).in_(operation_ids)))

    async def security_events(
        self, limit: int, station_id: str | None, *, critical: bool | None = None, before_id: int | None = None
    ) -> Sequence[SecurityEvent]:
        """Security events of a station, or of all and of none; all or those that are critical (or not)."""
        given: list[Any] = [col(SecurityEvent.station_id) == station_id] if station_id is not None else []
        if critical is not None:
            given.append(col(SecurityEvent.critical).is_(critical))
        if before_id is not None:
            given.append(col(SecurityEvent.id) < before_id)
        return await self.rows(select(SecurityEvent).where(*given).order_by(col(SecurityEvent.id).desc()).limit(limit))

    async def open_alert(self, kind: str, station_id: str) -> Alert | None:
        """The alert about this matter that nobody has acknowledged."""
        query = select(Alert).where(
            col(Alert.kind) == kind, col(Alert.station_id) == station_id, col(Alert.acknowledged_at).is_(None)
        )
        return await self.first(query.order_by(col(Alert.id)))

    async def open_alerts(self) -> dict[str, int]:
        """How many alerts are open, by kind."""
        query = select_columns(col(Alert.kind), func.count()).where(col(Alert.acknowledged_at).is_(None))
        async with self.connection() as connection:
            rows = (await connection.execute(query.group_by(col(Alert.kind)))).all()
        return {str(kind): int(count) for kind, count in rows}

    async def certificates(
        self, *, station_id: str | None = None, expires_before: datetime | None = None
    ) -> Sequence[InstalledCertificate]:
        """Certificates in stations; with `expires_before` those known to expire by then, soonest first."""
        given: list[Any] = [col(InstalledCertificate.station_id) == station_id] if station_id is not None else []
        order: list[Any] = [
            col(InstalledCertificate.station_id),
            col(InstalledCertificate.use),
            col(InstalledCertificate.serial),
        ]
        if expires_before is not None:
            given.append(col(InstalledCertificate.expires_at) < expires_before)
            order.insert(0, col(InstalledCertificate.expires_at))
        return await self.rows(select(InstalledCertificate).where(*given).order_by(*order))

    async def variables(self, station_id: str, keys: Sequence[str] | None = None) -> Sequence[VariableRow]:
        """What a station is configured to, by name; with `keys` these alone."""
        query = select(VariableRow).where(col(VariableRow.station_id) == station_id)
        if keys is not None:
            query = query.where(col(VariableRow.key).in_(keys))
        return await self.rows(query.order_by(col(VariableRow.key)))
