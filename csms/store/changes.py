"""Builders of changes: what the other rooms may ask the store to write. Pure; the writer carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Table, inspect
from sqlmodel import SQLModel

from csms.model.meter import Together
from csms.store.change import (
    KEY_PREFIX,
    Change,
    RowChange,
    SampleBatch,
    SampleChange,
    Statement,
    delete_where,
    insert_ignoring,
    plain_insert,
    update_where,
    upsert,
)
from csms.store.station_tables import StateChange
from csms.store.tables import (
    Connector,
    Evse,
    ExternalId,
    IdToken,
    LimitRow,
    Notice,
    PlanRow,
    ProfileRow,
    Session,
    Station,
    UpperBoundRow,
)


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model."""
    table = inspect(model).local_table
    assert isinstance(table, Table)
    return table


@cache
def _columns(model: type[SQLModel]) -> tuple[str, ...]:
    return tuple(column.name for column in table_of(model).columns)


def row_of(model: SQLModel) -> dict[str, Any]:
    """The values of a model as a row; an id that the database shall give is left out."""
    held = model.__dict__
    row = {name: held[name] for name in _columns(type(model))}
    if row.get("id", 0) is None:
        del row["id"]
    return row


_STATION = table_of(Station)

_PUT_STATION = upsert(_STATION, ["id"])
_REGISTER_STATION = upsert(
    _STATION, ["id"], ["registered", "site_id", "feeder_id", "stage", "boot_wish", "registration"]
)
_SEE_STATION = update_where(_STATION, ["id"])
_PUT_EVSE = upsert(table_of(Evse), ["station_id", "evse_id"])
_PUT_CONNECTOR = upsert(table_of(Connector), ["station_id", "evse_id", "connector_id"])
_OPEN_SESSION = plain_insert(table_of(Session))
_PUT_TOKEN = upsert(table_of(IdToken), ["id_token"])
_ADD_NOTICE = plain_insert(table_of(Notice))
_LIMIT_KEY = ("source", "feeder_id", "limit_id", "version")
_ADD_LIMIT = plain_insert(table_of(LimitRow))
_CANCEL_LIMIT = update_where(table_of(LimitRow), _LIMIT_KEY)
_ADD_PLAN = plain_insert(table_of(PlanRow))
_ADD_PROFILE = plain_insert(table_of(ProfileRow))
_PUT_UPPER_BOUND = upsert(table_of(UpperBoundRow), ["station_id", "evse_id"])
_ADD_STATE_CHANGE = plain_insert(table_of(StateChange))
_PUT_EXTERNAL_ID = insert_ignoring(table_of(ExternalId), ["scope", "local"])


def put_station(station: Station) -> Change:
    """Add the station or replace all that is known of it."""
    return RowChange(_PUT_STATION, [row_of(station)])


def register_station(station: Station) -> Change:
    """Add the station, or set where it stands and how far it has come; what it said at boot stays."""
    return RowChange(_REGISTER_STATION, [row_of(station)])


def station_booted(station_id: str, *, at: datetime, **said: str) -> Change:
    """What a known station said of itself at boot and was answered: columns of `Station`; ValueError for others."""
    return _update(Station, {"id": station_id}, {"booted_at": at, "last_seen_at": at, **said})


def station_seen(station_id: str, at: datetime, protocol: str) -> Change:
    """A known station gave a sign of life."""
    return RowChange(_SEE_STATION, [{"key_id": station_id, "last_seen_at": at, "protocol": protocol}])


def put_evse(evse: Evse) -> Change:
    """Nameplate of an EVSE, new or changed."""
    return RowChange(_PUT_EVSE, [row_of(evse)])


def put_connector(
    station_id: str,
    evse_id: int,
    connector_id: int,
    *,
    status: str,
    received_at: datetime,
    error_code: str = "",
    info: str = "",
    station_time: datetime | None = None,
) -> Change:
    """State of a connector, new or changed."""
    key = {"station_id": station_id, "evse_id": evse_id, "connector_id": connector_id}
    said = {"status": status, "error_code": error_code, "info": info}
    return RowChange(_PUT_CONNECTOR, [{**key, **said, "station_time": station_time, "received_at": received_at}])


def open_session(session: Session) -> Change:
    """A new session; its id must be unused."""
    return RowChange(_OPEN_SESSION, [row_of(session)])


def update_session(session_id: int, **values: Any) -> Change:
    """Set columns of a session; no effect if there is none with this id. ValueError for an unknown column."""
    return _update(Session, {"id": session_id}, values)


def add_samples(*batches: SampleBatch) -> Change:
    """Store metered values; those that are there already (same EVSE, time and quantity) are left as they are."""
    return SampleChange([batch for batch in batches if type(batch.samples) is Together or batch.samples])


def put_token(token: IdToken) -> Change:
    """A card or app token, new or changed."""
    return RowChange(_PUT_TOKEN, [row_of(token) | {"folded": str(token.id_token).lower()}])


def add_notice(station_id: str, at: datetime, code: str, detail: Mapping[str, Any] | None = None) -> Change:
    """Something worth keeping; `detail` must be JSON."""
    return RowChange(
        _ADD_NOTICE, [{"station_id": station_id, "received_at": at, "code": code, "detail": dict(detail or {})}]
    )


def add_limit(limit: LimitRow) -> Change:
    """A new version of a limit; one that is there already refuses the commit, for it was acknowledged to somebody."""
    return RowChange(_ADD_LIMIT, [row_of(limit)])


def cancel_limit(limit: LimitRow) -> Change:
    """That a version which is there holds no more, when and why."""
    told = {name: getattr(limit, name) for name in ("cancelled", "reason", "issued_at", "received_at")}
    return RowChange(_CANCEL_LIMIT, [told | {KEY_PREFIX + name: getattr(limit, name) for name in _LIMIT_KEY}])


def add_plan(plan: PlanRow) -> Change:
    """A plan as adopted."""
    return RowChange(_ADD_PLAN, [row_of(plan)])


def add_profile(profile: ProfileRow) -> Change:
    """A charging profile as sent."""
    return RowChange(_ADD_PROFILE, [row_of(profile)])


def update_profile(station_id: str, profile_id: int, sent_at: datetime, **values: Any) -> Change:
    """Set columns of one sending of a profile (ids are used again, so the moment counts)."""
    return _update(ProfileRow, {"station_id": station_id, "profile_id": profile_id, "sent_at": sent_at}, values)


def put_upper_bound(bound: UpperBoundRow) -> Change:
    """The most one EVSE may be drawing."""
    return RowChange(_PUT_UPPER_BOUND, [row_of(bound)])


def put_row(row: SQLModel) -> Change:
    """A row of any table that names its own key, new or changed as a whole."""
    return RowChange(_put_statement(type(row)), [row_of(row)])


def put_columns(row: SQLModel, *columns: str) -> Change:
    """A row that is new as a whole, or of which only these columns change."""
    return RowChange(_put_statement(type(row), columns), [row_of(row)])


def add_row(row: SQLModel) -> Change:
    """A new row of any table; one with its key must not be there."""
    return RowChange(_add_statement(type(row)), [row_of(row)])


def add_row_once(row: SQLModel) -> Change:
    """A new row of any table; one with its key that is there already stays as it is."""
    return RowChange(_add_once_statement(type(row)), [row_of(row)])


def add_state_change(
    station_id: str,
    evse_id: int,
    connector_id: int,
    *,
    state: str,
    at: datetime,
    received_at: datetime,
    session_id: int | None = None,
    error_code: str = "",
    cause: str = "",
) -> Change:
    """A connector, or a session, went into another state. As frequent as charging is, so without a model in between."""
    place = {"station_id": station_id, "evse_id": evse_id, "connector_id": connector_id, "session_id": session_id}
    change = {"state": state, "error_code": error_code, "cause": cause, "at": at, "received_at": received_at}
    return RowChange(_ADD_STATE_CHANGE, [place | change])


def set_columns(model: type[SQLModel], keys: Mapping[str, Any], **values: Any) -> Change:
    """Set columns of the rows whose `keys` have these values; ValueError for an unknown column."""
    return _update(model, keys, values)


def delete_rows(model: type[SQLModel], **keys: Any) -> Change:
    """Take away the rows whose columns have these values."""
    row = {KEY_PREFIX + name: value for name, value in keys.items()}
    return RowChange(_delete_statement(model, tuple(keys)), [row])


def put_external_id(scope: str, local: str, external: str) -> Change:
    """A platform's identifier for our key; one that is there already stays. Taken by another key: the commit fails."""
    return RowChange(_PUT_EXTERNAL_ID, [{"scope": scope, "local": local, "external": external}])


def _update(model: type[SQLModel], keys: Mapping[str, Any], values: Mapping[str, Any]) -> Change:
    row = {KEY_PREFIX + name: value for name, value in keys.items()} | dict(sorted(values.items()))
    return RowChange(_update_statement(model, tuple(keys), tuple(sorted(values))), [row] if values else [])


@cache
def _put_statement(model: type[SQLModel], columns: tuple[str, ...] | None = None) -> Statement:
    table = table_of(model)
    return upsert(table, [column.name for column in table.primary_key.columns], columns)


@cache
def _add_once_statement(model: type[SQLModel]) -> Statement:
    table = table_of(model)
    return insert_ignoring(table, [column.name for column in table.primary_key])


@cache
def _add_statement(model: type[SQLModel]) -> Statement:
    return plain_insert(table_of(model))


@cache
def _delete_statement(model: type[SQLModel], keys: tuple[str, ...]) -> Statement:
    if not keys:
        raise ValueError("which rows?")
    return delete_where(table_of(model), keys)


@cache
def _update_statement(model: type[SQLModel], keys: tuple[str, ...], columns: tuple[str, ...]) -> Statement:
    """One statement object for each set of columns: only equal shapes may be carried out together."""
    table = table_of(model)
    unknown = set(columns) - set(table.columns.keys())
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    return update_where(table, keys)
