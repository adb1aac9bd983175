"""Routes about what stations are and tell of themselves: stage, configuration, monitors, events, lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import Query
from pydantic import Field

from csms.access.needs import technicians, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Body, Out
from csms.api.stations import known_station
from csms.model.device import folded
from csms.model.station import RegistrationStatus, Stage
from csms.store.station_tables import EventRow, LocalListRow, MonitorRow

STATION = "/stations/{station_id}"
SHOWN_MAX = 1000


class RegistrationBody(Body):
    """How far the station has come. `boot` left out: Pending for approved (held until it is set up), Accepted for
    commissioned, Rejected for rejected.
    """

    stage: Literal["seen", "approved", "commissioned", "rejected"]
    boot: Literal["Accepted", "Pending", "Rejected"] | None = None


class RegistrationOut(Out):
    """`boot` is what the next boot is answered, `registration` what the last one was."""

    station_id: str
    stage: str
    boot: str
    registration: str
    registered: bool


class VariableOut(Out):
    """One attribute of a variable (2.0.1) or a configuration key (1.6) as the station told it last.

    `value` is "(secret)" for what is never kept. `reboot_required`: it was set and counts after the next boot.
    """

    name: str
    value: str | None
    mutability: str
    data_type: str
    unit: str
    min_limit: float | None
    max_limit: float | None
    values_list: str
    monitored: bool
    reboot_required: bool
    reported_at: datetime


class ConfigurationOut(Out):
    """What a station is configured to, as it told last."""

    station_id: str
    clock_time: datetime
    variables: list[VariableOut]


class MonitorOut(Out):
    """A monitor on a variable; `severity` 0 is the worst."""

    monitor_id: int
    name: str
    kind: str
    value: float
    severity: int
    in_transaction: bool
    reported_at: datetime


class MonitorsOut(Out):
    """The monitors of a station, as it told last."""

    station_id: str
    monitors: list[MonitorOut]


class EventOut(Out):
    """Something that happened to a variable. `open`: an alert that has not been cleared."""

    id: int
    station_id: str
    event_id: int
    occurred_at: datetime
    received_at: datetime
    trigger: str
    name: str
    value: str
    severity: int | None
    monitor_id: int | None
    cause_id: int | None
    cleared: bool
    open: bool
    transaction_id: str
    tech_code: str
    tech_info: str
    origin: str


class EventsOut(Out):
    """Events, newest first."""

    clock_time: datetime
    events: list[EventOut]


class LocalListOut(Out):
    """The local list as the station acknowledged it. `version` 0: nothing is known of it, -1: the station has none.

    `chosen` null: all tokens. `left_out` are kept off it, because what the station knew of them was cleared.
    """

    station_id: str
    version: int = 0
    status: str = ""
    tokens: list[str] = Field(default_factory=list)
    chosen: list[str] | None = None
    left_out: list[str] = Field(default_factory=list)
    changed_at: datetime | None = None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["device"])
    _add_registration(routes, deps)
    _add_configuration(routes, deps)
    _add_monitoring(routes, deps)
    return routes


def _add_registration(routes: Router, deps: ApiDeps) -> None:
    @routes.put(f"{STATION}/registration", summary="Approve, commission or reject a station")
    @technicians
    async def put_registration(station_id: str, body: RegistrationBody) -> RegistrationOut:
        """Counts from the next boot on, which a station that waits is asked for at once; a rejection counts now."""
        wish = RegistrationStatus(body.boot) if body.boot else None
        await deps.stations.settle(station_id, Stage(body.stage), wish)
        return _registration(deps, station_id)

    @routes.get(f"{STATION}/registration", summary="How far a station has come")
    @viewers
    async def show_registration(station_id: str) -> RegistrationOut:
        """Its stage, what its last boot was answered and its next one will be."""
        return _registration(deps, station_id)


def _registration(deps: ApiDeps, station_id: str) -> RegistrationOut:
    state = known_station(deps, station_id)
    return RegistrationOut(
        station_id=station_id,
        stage=state.stage,
        boot=state.boot_wish,
        registration=state.registration,
        registered=state.registered,
    )


def _add_configuration(routes: Router, deps: ApiDeps) -> None:
    @routes.get(f"{STATION}/configuration", summary="What a station is configured to")
    @viewers
    async def configuration(station_id: str, search: str = Query(default="", max_length=200)) -> ConfigurationOut:
        """Without asking the station; `search` picks names that contain it. Ask anew with `get_base_report`."""
        known_station(deps, station_id)
        rows = [row for row in await deps.reader.variables(station_id) if folded(search) in row.key]
        variables = [VariableOut.model_validate(row, from_attributes=True) for row in rows]
        return ConfigurationOut(station_id=station_id, clock_time=deps.clock.now(), variables=variables)

    @routes.get(f"{STATION}/local-list", summary="The local list of a station")
    @viewers
    async def local_list(station_id: str) -> LocalListOut:
        """As the station acknowledged it last."""
        known_station(deps, station_id)
        rows = await deps.reader.find(LocalListRow, station_id=station_id)
        if not rows:
            return LocalListOut(station_id=station_id)
        row = rows[0]
        return LocalListOut(
            station_id=station_id,
            version=row.version,
            status=row.status,
            tokens=sorted(row.entries),
            chosen=row.chosen,
            left_out=row.left_out,
            changed_at=row.changed_at,
        )


def _add_monitoring(routes: Router, deps: ApiDeps) -> None:
    @routes.get(f"{STATION}/monitors", summary="The monitors of a station")
    @viewers
    async def monitors(station_id: str) -> MonitorsOut:
        """Without asking the station; ask anew with `get_monitoring_report`."""
        known_station(deps, station_id)
        rows: Any = await deps.reader.find(MonitorRow, station_id=station_id)
        views = [MonitorOut.model_validate(row, from_attributes=True) for row in rows]
        return MonitorsOut(station_id=station_id, monitors=views)

    @routes.get("/events", summary="What happened at the stations")
    @viewers
    async def events(
        station_id: str | None = None,
        alerts: bool = False,
        limit: int = Query(default=100, ge=1, le=SHOWN_MAX),
    ) -> EventsOut:
        """Newest first, of one station or all; `alerts`: those alone that nobody has cleared."""
        rows = await deps.reader.find(EventRow, newest=limit, station_id=station_id, open=True if alerts else None)
        views = [EventOut.model_validate(row, from_attributes=True) for row in rows]
        return EventsOut(clock_time=deps.clock.now(), events=views)
