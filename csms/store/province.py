"""What the province room keeps besides its outbox: secrets of partners, their starts, when sites changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, update
from sqlmodel import col, select

from csms.store import changes
from csms.store.change import RowChange, Statement
from csms.store.engine import Store
from csms.store.province_tables import ProvinceKey, ProvinceSite, ProvinceStart
from csms.store.tables import UNREPORTED, Session

_SESSION = changes.table_of(Session)
_PASS_OVER = Statement(lambda dialect: update(_SESSION).where(UNREPORTED).values(reported_at=bindparam("at")))
OVER = 4
"""The StartChargeSeqStat of a start that is over."""


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

    async def starts(self, since: datetime) -> Sequence[ProvinceStart]:
        """The starts of partners that are not over yet, and those asked for since a moment; the oldest first."""
        wanted = or_(col(ProvinceStart.stat) != OVER, col(ProvinceStart.asked_at) >= since)
        return await self.reader.rows(select(ProvinceStart).where(wanted).order_by(col(ProvinceStart.remote_start_id)))

    async def start(self, **given: Any) -> ProvinceStart | None:
        """The one start whose columns have these values."""
        found = await self.reader.find(ProvinceStart, **given)
        return found[0] if found else None

    async def last_remote_start(self) -> int:
        """The highest remote start id ever given to a partner's start, 0 for none."""
        return int(await self.reader.value(select(func.max(col(ProvinceStart.remote_start_id)))) or 0)

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

    async def begin(self, site_id: str, now: datetime) -> None:
        """At the very first start with partners: what ended before is history and not told."""
        if not await self.reader.find(ProvinceSite):
            seen = ProvinceSite(site_id=site_id, digest="", changed_at=now)
            await self._writer.commit([RowChange(_PASS_OVER, [{"at": now}]), changes.put_row(seen)])

    async def unreported(self, after: int, limit: int) -> Sequence[Session]:
        """Sessions that ended and have no order in the outbox yet, by their ids, from the one after `after`."""
        return await self.reader.rows(
            select(Session).where(UNREPORTED, col(Session.id) > after).order_by(col(Session.id)).limit(limit)
        )

    async def mark_reported(self, session_ids: Sequence[int], now: datetime) -> None:
        """The orders of these sessions are in the outbox."""
        await self._writer.commit([changes.update_session(one, reported_at=now) for one in session_ids])

    async def ended_between(self, since: datetime, until: datetime) -> Sequence[Session]:
        """Sessions that ended from `since` on and before `until`, in their order."""
        span = [col(Session.status) == "ended", col(Session.ended_at) >= since, col(Session.ended_at) < until]
        return await self.reader.rows(select(Session).where(*span).order_by(col(Session.id)))
