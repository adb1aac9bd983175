"""Read queries. Every call reads what was committed before it; rows come back detached, with UTC-aware times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy import select as select_columns
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, select

from csms.store.access_reading import AccessReading
from csms.store.feeder_reading import FeederReading
from csms.store.history_reading import HistoryReading
from csms.store.rollup_reading import RollupReading
from csms.store.station_reading import StationReading
from csms.store.tables import (
    Connector,
    Evse,
    ExternalId,
    IdToken,
    LimitRow,
    Notice,
    OutboxRow,
    PlanRow,
    ProfileRow,
    Session,
    Station,
    Tally,
    UpperBoundRow,
)

_ENERGY_ENDED_WH = select(func.sum(col(Session.energy_wh))).where(col(Session.status) == "ended")
_SAMPLES_STORED = select(func.sum(col(Tally.value))).where(col(Tally.name) == "samples")


class Reader(RollupReading, StationReading, AccessReading, FeederReading, HistoryReading):
    """Made by `open_store`. Every method raises StoreUnavailable when the database cannot be read."""

    async def stations(self) -> Sequence[Station]:
        """All stations by id."""
        return await self.rows(select(Station).order_by(col(Station.id)))

    async def station(self, station_id: str) -> Station | None:
        """One station."""
        return await self.first(select(Station).where(col(Station.id) == station_id))

    async def evses(self, station_id: str | None = None) -> Sequence[Evse]:
        """EVSEs by station and number."""
        query = select(Evse).where(*_given((col(Evse.station_id), station_id)))
        return await self.rows(query.order_by(col(Evse.station_id), col(Evse.evse_id)))

    async def connectors(self, station_id: str | None = None) -> Sequence[Connector]:
        """Connectors by station, EVSE and number."""
        query = select(Connector).where(*_given((col(Connector.station_id), station_id)))
        order = col(Connector.station_id), col(Connector.evse_id), col(Connector.connector_id)
        return await self.rows(query.order_by(*order))

    async def open_sessions(self) -> Sequence[Session]:
        """Sessions that run, those without an EVSE of theirs too, oldest first."""
        running = col(Session.status).in_(("open", "aside"))
        return await self.rows(select(Session).where(running).order_by(col(Session.id)))

    async def sessions(
        self, limit: int, station_id: str | None = None, status: str | None = None, before_id: int | None = None
    ) -> Sequence[Session]:
        """At most `limit` sessions, newest first; `before_id` is the last id of the page before."""
        given = _given((col(Session.station_id), station_id), (col(Session.status), status))
        if before_id is not None:
            given.append(col(Session.id) < before_id)
        return await self.rows(select(Session).where(*given).order_by(col(Session.id).desc()).limit(limit))

    async def sessions_since(self, since: datetime, after_id: int = 0, limit: int = 1000) -> Sequence[Session]:
        """Sessions that were heard of or ended since a moment, and those that run, by id, behind `after_id`."""
        changed = or_(col(Session.received_at) >= since, col(Session.ended_at) >= since, col(Session.status) != "ended")
        query = select(Session).where(changed, col(Session.id) > after_id)
        return await self.rows(query.order_by(col(Session.id)).limit(limit))

    async def energy_ended_wh(self, since: datetime) -> float:
        """Energy of the sessions that ended since a moment."""
        return float(await self.value(_ENERGY_ENDED_WH.where(col(Session.ended_at) >= since)) or 0.0)

    async def stays(self, since: datetime, before_id: int | None, limit: int) -> Sequence[Any]:
        """Of sessions that began since a moment and ended, newest first: id, station_id, evse_id, started_at,
        ended_at."""
        columns: list[Any] = [Session.id, Session.station_id, Session.evse_id, Session.started_at, Session.ended_at]
        given = [col(Session.status) == "ended", col(Session.started_at) >= since]
        if before_id is not None:
            given.append(col(Session.id) < before_id)
        query = select_columns(*columns).where(*given).order_by(col(Session.id).desc()).limit(limit)
        async with self.connection() as connection:
            return (await connection.execute(query)).all()

    async def session(self, session_id: int) -> Session | None:
        """One session."""
        return await self.first(select(Session).where(col(Session.id) == session_id))

    async def session_by_transaction(self, station_id: str, transaction_id: str) -> Session | None:
        """The newest session with the station's own word for it."""
        given = _given((col(Session.station_id), station_id), (col(Session.transaction_id), transaction_id))
        return await self.first(select(Session).where(*given).order_by(col(Session.id).desc()))

    async def max_session_id(self) -> int:
        """The highest session id ever used, 0 in an empty store."""
        return int(await self.value(select(func.max(col(Session.id)))) or 0)

    async def recent_starts(self, limit: int) -> Sequence[Any]:
        """Of the `limit` newest sessions, newest first: id, station_id, evse_id, transaction_id, id_token, started_at,
        start_register_wh, received_at."""
        names = ["id", "station_id", "evse_id", "transaction_id", "id_token", "started_at", "start_register_wh"]
        names += ["received_at"]
        columns: list[Any] = [getattr(Session, name) for name in names]
        query = select_columns(*columns).order_by(col(Session.id).desc()).limit(limit)
        async with self.connection() as connection:
            return (await connection.execute(query)).all()

    async def tokens(self, id_tokens: Sequence[str]) -> dict[str, IdToken]:
        """Those of some hundred tokens that are listed, by the words they were asked for with; case does not count."""
        wanted = {id_token: id_token.lower() for id_token in id_tokens}
        found = await self.rows(select(IdToken).where(col(IdToken.folded).in_(set(wanted.values()))))
        by_word = {row.folded: row for row in found}
        return {id_token: by_word[word] for id_token, word in wanted.items() if word in by_word}

    async def token(self, id_token: str) -> IdToken | None:
        """One card or app token."""
        return await self.first(select(IdToken).where(col(IdToken.folded) == id_token.lower()))

    async def token_page(self, after: str = "", limit: int = 100) -> Sequence[IdToken]:
        """At most `limit` tokens in their order, from the one after `after` on."""
        query = select(IdToken).where(col(IdToken.id_token) > after)
        return await self.rows(query.order_by(col(IdToken.id_token)).limit(limit))

    async def limits(self, feeder_id: str | None = None) -> Sequence[LimitRow]:
        """The highest version of each limit, cancelled and expired ones too."""
        identity = col(LimitRow.source), col(LimitRow.feeder_id), col(LimitRow.limit_id)
        newest = select(*identity, func.max(col(LimitRow.version)).label("version")).group_by(*identity).subquery()
        names = ("source", "feeder_id", "limit_id", "version")
        same = and_(*(newest.c[name] == getattr(LimitRow, name) for name in names))
        query = select(LimitRow).join(newest, same)
        return await self.rows(query.where(*_given((col(LimitRow.feeder_id), feeder_id))).order_by(*identity))

    async def limit_count(self) -> int:
        """How many versions of limits there are and how many of them are cancelled: it rises with every statement that
        is accepted."""
        cancelled = func.count().filter(col(LimitRow.cancelled))
        return int(await self.value(select(func.count() + cancelled).select_from(LimitRow)) or 0)

    async def last_plan(self, feeder_id: str) -> PlanRow | None:
        """The plan adopted last."""
        query = select(PlanRow).where(col(PlanRow.feeder_id) == feeder_id)
        return await self.first(query.order_by(col(PlanRow.id).desc()))

    async def plans(self, feeder_id: str, limit: int = 100) -> Sequence[PlanRow]:
        """At most `limit` plans, newest first."""
        query = select(PlanRow).where(col(PlanRow.feeder_id) == feeder_id)
        return await self.rows(query.order_by(col(PlanRow.id).desc()).limit(limit))

    async def profiles(
        self, *, station_id: str | None = None, session_id: int | None = None, limit: int = 100
    ) -> Sequence[ProfileRow]:
        """At most `limit` charging profiles as sent, newest first."""
        given = _given((col(ProfileRow.station_id), station_id), (col(ProfileRow.session_id), session_id))
        return await self.rows(select(ProfileRow).where(*given).order_by(col(ProfileRow.id).desc()).limit(limit))

    async def upper_bounds(self) -> Sequence[UpperBoundRow]:
        """All upper bounds, past ones too."""
        order = col(UpperBoundRow.station_id), col(UpperBoundRow.evse_id)
        return await self.rows(select(UpperBoundRow).order_by(*order))

    async def notices(
        self, station_id: str | None = None, code: str | None = None, limit: int = 100
    ) -> Sequence[Notice]:
        """At most `limit` notices, newest first."""
        given = _given((col(Notice.station_id), station_id), (col(Notice.code), code))
        return await self.rows(select(Notice).where(*given).order_by(col(Notice.id).desc()).limit(limit))

    async def external_id(self, scope: str, local: str) -> str | None:
        """A platform's identifier for our key."""
        given = _given((col(ExternalId.scope), scope), (col(ExternalId.local), local))
        found = await self.first(select(ExternalId).where(*given))
        return found.external if found else None

    async def external_ids(self, *scopes: str) -> Sequence[ExternalId]:
        """All identifiers, or those of these scopes, by our key."""
        query = select(ExternalId).where(*([col(ExternalId.scope).in_(scopes)] if scopes else []))
        return await self.rows(query.order_by(col(ExternalId.scope), col(ExternalId.local)))

    async def tally(self, name: str) -> int | None:
        """A sum that is kept with the transactions (see `Tally`); None before its first one."""
        found = await self.value(select(func.sum(col(Tally.value))).where(col(Tally.name) == name))
        return None if found is None else int(found)

    async def counts(self) -> dict[str, Any]:
        """Totals: stations, sessions, samples, energy_ended_wh (of sessions that ended); profiles and outbox
        by state; profiles seen to act."""
        async with self.connection() as connection:
            sessions = await _by_state(connection, col(Session.status))
            return {
                "stations": await connection.scalar(select(func.count()).select_from(Station)),
                "sessions_open": sessions.get("open", 0),
                "sessions_ended": sessions.get("ended", 0),
                "samples": int(await connection.scalar(_SAMPLES_STORED) or 0),
                "energy_ended_wh": float(await connection.scalar(_ENERGY_ENDED_WH) or 0.0),
                "profiles": await _by_state(connection, col(ProfileRow.status)),
                "profiles_seen": await connection.scalar(
                    select(func.count()).select_from(ProfileRow).where(col(ProfileRow.seen_at).is_not(None))
                ),
                "outbox": await _by_state(connection, col(OutboxRow.state)),
                "plans": await connection.scalar(select(func.count()).select_from(PlanRow)),
                "plan_gap_max": await connection.scalar(select(func.max(col(PlanRow.gap)))),
            }


def _given(*wanted: tuple[Any, object | None]) -> list[ColumnElement[bool]]:
    """Conditions for the values that are not None."""
    return [column == value for column, value in wanted if value is not None]


async def _by_state(connection: AsyncConnection, column: Any) -> dict[str, int]:
    rows = await connection.execute(select(column, func.count()).group_by(column))
    return {str(state): int(count) for state, count in rows}
