"""Routes about what OCPP 2.1 adds: DER control and V2X, dynamic schedules, tariffs, event streams, battery swaps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from fastapi import Query

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Out
from csms.api.stations import known_station
from csms.store import energy_tables as tables

NEWEST = 50
_Out = TypeVar("_Out", bound=Out)


class DerControlOut(Out):
    """A control that the station holds. `active` None: it has not said; `reported`: as the station itself listed it."""

    control_id: str
    control_type: str
    is_default: bool
    superseded: bool
    active: bool | None
    reported: bool
    changed_at: datetime
    setting: dict[str, Any]


class V2xEventOut(Out):
    """What the station told: alarm, alarm_ended, started, ended, needs, priority."""

    received_at: datetime
    time: datetime | None
    kind: str
    subject: str
    evse_id: int
    detail: dict[str, Any]


class DynamicScheduleOut(Out):
    """The figures that a station gets that asks for them; `pulled_at`: when it last did."""

    profile_id: int
    evse_id: int
    changed_at: datetime
    pulled_at: datetime | None
    figures: dict[str, float]


class DerOut(Out):
    """Controls, dynamic schedules and events (newest first) of a station."""

    station_id: str
    controls: list[DerControlOut]
    schedules: list[DynamicScheduleOut]
    events: list[V2xEventOut]


class TariffOut(Out):
    """A default tariff that the station accepted; EVSE 0: for all of them."""

    evse_id: int
    tariff_id: str
    set_at: datetime
    valid_from: datetime | None
    content: dict[str, Any]


class TariffsOut(Out):
    """The default tariffs of a station."""

    station_id: str
    tariffs: list[TariffOut]


class StreamOut(Out):
    """A stream of values of one monitor."""

    stream_id: int
    monitor_id: int
    interval_s: int | None
    values_max: int | None
    opened_at: datetime
    closed_at: datetime | None
    last_at: datetime | None
    values: int
    pending: int


class BatchOut(Out):
    """Values that came together: times and values."""

    stream_id: int
    monitor_id: int | None
    received_at: datetime
    values: list[tuple[datetime, str]]


class StreamsOut(Out):
    """Streams of a station, and the values that came last (newest first)."""

    station_id: str
    streams: list[StreamOut]
    batches: list[BatchOut]


class SwapOut(Out):
    """Batteries that were put in or taken out, as the station wrote them."""

    received_at: datetime
    event: str
    request_id: int | None
    id_token: str
    batteries: list[dict[str, Any]]


class SwapsOut(Out):
    """Battery swaps of a station, newest first."""

    station_id: str
    swaps: list[SwapOut]


class TermsOut(Out):
    """What is agreed for a transaction beyond its energy; `cost` and `limit` as the station wrote them last."""

    station_id: str
    transaction_id: str
    changed_at: datetime
    tariff_id: str
    operation_mode: str
    preconditioning: str
    evse_sleep: bool | None
    priority: bool | None
    energy_transfer: list[str]
    cost: dict[str, Any]
    limit: dict[str, Any]


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["OCPP 2.1"])
    _add_der(routes, deps)
    _add_money(routes, deps)
    _add_streams(routes, deps)
    return routes


def _add_der(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/der", summary="DER controls, dynamic schedules and V2X events")
    @viewers
    async def show_der(station_id: str, newest: int = Query(default=NEWEST, ge=0, le=1000)) -> DerOut:
        """What the station holds and what it told last."""
        known_station(deps, station_id)
        reader = deps.reader
        events = await reader.find(tables.V2xEvent, newest=newest, station_id=station_id) if newest else []
        return DerOut(
            station_id=station_id,
            controls=_views(DerControlOut, await reader.find(tables.DerControl, station_id=station_id)),
            schedules=_views(DynamicScheduleOut, await reader.find(tables.DynamicSchedule, station_id=station_id)),
            events=_views(V2xEventOut, events),
        )


def _add_money(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/tariffs", summary="Default tariffs of a station")
    @viewers
    async def show_tariffs(station_id: str) -> TariffsOut:
        """As the station accepted them."""
        known_station(deps, station_id)
        rows = await deps.reader.find(tables.Tariff, station_id=station_id)
        return TariffsOut(station_id=station_id, tariffs=_views(TariffOut, rows))

    @routes.get("/sessions/{session_id}/terms", summary="Tariff, cost, limits and modes of a session")
    @viewers
    async def show_terms(session_id: int) -> TermsOut:
        """What a 2.1 station told of it."""
        row = await deps.reader.session(session_id)
        who = (row.station_id, row.transaction_id) if row else ("", "")
        rows = await deps.reader.find(tables.TransactionTerms, station_id=who[0], transaction_id=who[1])
        if not rows:
            raise Refused(404, "no_terms", f"nothing is known of terms of a session {session_id}")
        return TermsOut.model_validate(rows[0], from_attributes=True)


def _add_streams(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/event-streams", summary="Periodic event streams")
    @viewers
    async def show_streams(station_id: str, newest: int = Query(default=NEWEST, ge=0, le=1000)) -> StreamsOut:
        """Open and closed ones, with the values that came last."""
        known_station(deps, station_id)
        reader = deps.reader
        batches = await reader.find(tables.StreamBatch, newest=newest, station_id=station_id) if newest else []
        streams = await reader.find(tables.EventStream, station_id=station_id)
        return StreamsOut(station_id=station_id, streams=_views(StreamOut, streams), batches=_views(BatchOut, batches))

    @routes.get("/stations/{station_id}/battery-swaps", summary="Battery swaps")
    @viewers
    async def show_swaps(station_id: str, newest: int = Query(default=NEWEST, ge=1, le=1000)) -> SwapsOut:
        """Which batteries went in and out."""
        known_station(deps, station_id)
        rows = await deps.reader.find(tables.BatterySwap, newest=newest, station_id=station_id)
        return SwapsOut(station_id=station_id, swaps=_views(SwapOut, rows))


def _views(kind: type[_Out], rows: Any) -> list[_Out]:
    return [kind.model_validate(row, from_attributes=True) for row in rows]
