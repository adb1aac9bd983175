"""What the province room keeps besides its outbox: secrets of partners, their starts, when sites changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, update
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from csms.store import changes
from csms.store.change import RowChange, Statement, insert_ignoring
from csms.store.engine import Store
from csms.store.province_tables import ProvinceKey, ProvinceSeen, ProvinceSite, ProvinceStart
from csms.store.tables import UNREPORTED, ExternalId, Session

_SESSION = changes.table_of(Session)
_PASS_OVER = Statement(lambda dialect: update(_SESSION).where(UNREPORTED).values(reported_at=bindparam("at")))
_SEEN = changes.table_of(ProvinceSeen)
_NOTE_SEEN = insert_ignoring(_SEEN, ["key"])
_FORGET_SEEN = Statement(lambda dialect: delete(_SEEN).where(_SEEN.c.expires_at < bindparam("before")))
KEYS_AT_ONCE = 500
OVER = 4
"""The StartChargeSeqStat of a start that is over."""


def ids_query(scope: str, column: Any, wanted: Sequence[str]) -> SelectOfScalar[ExternalId]:
    """The identifiers of a scope in which this column is one of these."""
    return select(ExternalId).where(col(ExternalId.scope) == scope, column.in_(wanted))


class ProvinceRecords:
    """Reads and writes; every change is durable when its method returns. Raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._writer, self.reader = store.writer, store.reader

    async def ids_of(self, scope: str, locals_: Sequence[str], externals: Sequence[str]) -> list[ExternalId]:
        """The identifiers of a scope with one of these keys of ours, or that are one of these."""
        found: list[ExternalId] = []
        for column, wanted in ((col(ExternalId.local), locals_), (col(ExternalId.external), externals)):
            for place in range(0, len(wanted), KEYS_AT_ONCE):
                query = ids_query(scope, column, wanted[place : place + KEYS_AT_ONCE])
                found += await self.reader.rows(query)
        return found

    async def put_ids(self, pairs: Iterable[tuple[str, str, str]]) -> None:
        """New identifiers: scope, our key, theirs."""
        await self._writer.commit([changes.put_external_id(*pair) for pair in pairs])

    async def seen(self, now: datetime) -> list[tuple[str, datetime]]:
        """Keys of the envelopes that were taken and might come again, with their ends."""
        rows = await self.reader.rows(select(ProvinceSeen).where(col(ProvinceSeen.expires_at) >= now))
        return [(row.key, row.expires_at) for row in rows]

    async def note_seen(self, taken: Sequence[tuple[str, datetime]], now: datetime) -> None:
        """Envelopes that are taken now, with the ends of their keys; what has ended is forgotten."""
        rows = [{"key": key, "expires_at": expires_at} for key, expires_at in taken]
        await self._writer.commit([RowChange(_NOTE_SEEN, rows), RowChange(_FORGET_SEEN, [{"before": now}])])

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
