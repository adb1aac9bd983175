"""What the province room keeps besides its outbox: secrets of partners, their starts, when sites changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from csms.store import changes
from csms.store.engine import Store
from csms.store.province_tables import ProvinceKey, ProvinceSite, ProvinceStart
from csms.store.tables import Session


class ProvinceRecords:
    """Reads and writes; every change is durable when its method returns. Raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._writer, self.reader = store.writer, store.reader

    async def keys(self) -> Sequence[ProvinceKey]:
        """All secrets, sealed."""
        return await self.reader.find(ProvinceKey)

    async def put_keys(self, rows: Sequence[ProvinceKey]) -> None:
        """New ones, or what became of them."""
        await self._writer.commit([changes.put_row(row) for row in rows])

    async def starts(self) -> Sequence[ProvinceStart]:
        """Every start that partners asked for, in the order of their numbers."""
        return await self.reader.find(ProvinceStart)

    async def put_start(self, row: ProvinceStart) -> None:
        """A new start, or what became of it."""
        await self._writer.commit([changes.put_row(row)])

    async def note_site(self, site_id: str, digest: str, now: datetime) -> None:
        """What is told of a site; if it is something new, it changed now."""
        known = await self.reader.find(ProvinceSite, site_id=site_id)
        if not known or known[0].digest != digest:
            row = ProvinceSite(site_id=site_id, digest=digest, changed_at=now)
            await self._writer.commit([changes.put_row(row)])

    async def site_changes(self) -> Mapping[str, datetime]:
        """When each site changed last."""
        return {row.site_id: row.changed_at for row in await self.reader.find(ProvinceSite)}

    async def session(self, session_id: int) -> Session | None:
        """One session."""
        return await self.reader.session(session_id)

    async def started_by(self, station_id: str, remote_start_id: int) -> Session | None:
        """The session that came of a remote start."""
        given: dict[str, Any] = {"station_id": station_id, "remote_start_id": remote_start_id}
        found = await self.reader.find(Session, newest=1, **given)
        return found[0] if found else None

    async def ended(self, newest: int) -> Sequence[Session]:
        """The newest sessions that ended."""
        return await self.reader.sessions(limit=newest, status="ended")

    async def ended_between(self, since: datetime, until: datetime) -> Sequence[Session]:
        """Sessions that ended from `since` on and before `until`, in their order."""
        span = [col(Session.status) == "ended", col(Session.ended_at) >= since, col(Session.ended_at) < until]
        return await self.reader.rows(select(Session).where(*span).order_by(col(Session.id)))
