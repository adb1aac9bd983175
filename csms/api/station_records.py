"""Routes about what stations hold and told: reservations, displays, charging profiles, limits from outside, states."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Query
from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Out
from csms.api.stations import known_station
from csms.model.reservation import ReservationState
from csms.store.station_tables import (
    DisplayMessage,
    ExternalLimit,
    InstalledProfile,
    Reservation,
    SignedValue,
    StateChange,
    WantedAvailability,
)

ROWS_MAX = 1000


class ReservationOut(Out):
    """An outlet held free for a token; EVSE 0: any. `state`: asked, unanswered, Accepted, Refused (`answer` says how),
    Used (by `session_id`), Expired, Cancelled, Removed.
    """

    reservation_id: int
    station_id: str
    evse_id: int
    connector_type: str
    id_token: str
    group_id: str
    expires_at: AwareDatetime
    made_at: AwareDatetime
    changed_at: AwareDatetime
    state: str
    answer: str
    session_id: int | None


class DisplayMessageOut(Out):
    """A message at a station. `status`: asked, unanswered, Accepted, a refusal, Cleared, Over, Replaced, Missing."""

    message_id: int
    status: str
    content: str
    format: str
    language: str
    priority: str
    state: str
    starts_at: AwareDatetime | None
    ends_at: AwareDatetime | None
    transaction_id: str
    display: str
    evse_id: int | None
    sent_at: AwareDatetime | None
    reported_at: AwareDatetime | None


class InstalledProfileOut(Out):
    """A charging profile that the station said it keeps; `source` is who set it."""

    evse_id: int
    profile_id: int
    source: str
    purpose: str
    stack_level: int
    content: dict[str, Any]
    reported_at: AwareDatetime


class OutsideLimitOut(Out):
    """A limit that somebody else set on the station (EVSE 0) or an EVSE; `cleared_at` None: it holds."""

    evse_id: int
    source: str
    grid_critical: bool | None
    schedules: list[dict[str, Any]]
    received_at: AwareDatetime
    cleared_at: AwareDatetime | None


class WantedAvailabilityOut(Out):
    """What an operator wants of the station (EVSE 0), an EVSE (connector 0) or a connector; `answer` of the station."""

    evse_id: int
    connector_id: int
    operative: bool
    answer: str
    asked_at: AwareDatetime
    sent_at: AwareDatetime


class StateChangeOut(Out):
    """A connector, or a session, went into another state."""

    evse_id: int
    connector_id: int
    session_id: int | None
    state: str
    error_code: str
    cause: str
    at: AwareDatetime
    received_at: AwareDatetime


class SignedValueOut(Out):
    """A metered value as the meter signed it."""

    time: AwareDatetime
    measurand: str
    context: str
    signing: str
    encoding: str
    public_key: str
    data: str


Row = TypeVar("Row", bound=Out)


def _views(kind: type[Row], rows: Any) -> list[Row]:
    return [kind.model_validate(row, from_attributes=True) for row in rows]


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["stations"])
    _add_reservations(routes, deps)
    _add_displays_and_profiles(routes, deps)
    _add_states(routes, deps)
    _add_of_session(routes, deps)
    return routes


def _add_reservations(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/reservations", summary="List reservations")
    @viewers
    async def list_reservations(
        station_id: str | None = None,
        state: ReservationState | None = None,
        limit: int = Query(default=100, ge=1, le=ROWS_MAX),
    ) -> list[ReservationOut]:
        """Newest first; ended ones too."""
        rows = await deps.reader.find(Reservation, newest=limit, station_id=station_id, state=state)
        return [
            ReservationOut(reservation_id=row.id, **row.model_dump(include=set(ReservationOut.model_fields)))
            for row in rows
        ]


def _add_displays_and_profiles(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/display-messages", summary="Messages on the display of a station")
    @viewers
    async def display_messages(station_id: str, status: str | None = None) -> list[DisplayMessageOut]:
        """As sent, or as the station reported them; get_display_messages asks it."""
        known_station(deps, station_id)
        rows = await deps.reader.find(DisplayMessage, station_id=station_id, status=status)
        return _views(DisplayMessageOut, rows)

    @routes.get("/stations/{station_id}/installed-profiles", summary="Charging profiles that a station keeps")
    @viewers
    async def installed_profiles(station_id: str, evse_id: int | None = None) -> list[InstalledProfileOut]:
        """As it reported them last; get_charging_profiles asks it."""
        known_station(deps, station_id)
        rows = await deps.reader.find(InstalledProfile, station_id=station_id, evse_id=evse_id)
        return _views(InstalledProfileOut, rows)

    @routes.get("/stations/{station_id}/outside-limits", summary="Limits that somebody else set on a station")
    @viewers
    async def outside_limits(station_id: str, cleared: bool = False) -> list[OutsideLimitOut]:
        """Those that hold; with `cleared` the last ones that are gone, too."""
        known_station(deps, station_id)
        rows = await deps.reader.find(ExternalLimit, station_id=station_id)
        return _views(OutsideLimitOut, [row for row in rows if cleared or row.cleared_at is None])


def _add_states(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/availability", summary="What is wanted of a station")
    @viewers
    async def wanted_availability(station_id: str) -> list[WantedAvailabilityOut]:
        """What operators made inoperative; a station that lost it is asked again."""
        known_station(deps, station_id)
        return _views(WantedAvailabilityOut, await deps.reader.find(WantedAvailability, station_id=station_id))

    @routes.get("/stations/{station_id}/state-changes", summary="States that a station's connectors were in")
    @viewers
    async def state_changes(
        station_id: str, evse_id: int | None = None, limit: int = Query(default=100, ge=1, le=ROWS_MAX)
    ) -> list[StateChangeOut]:
        """Newest first; charging states of sessions too."""
        known_station(deps, station_id)
        rows = await deps.reader.find(StateChange, newest=limit, station_id=station_id, evse_id=evse_id)
        return _views(StateChangeOut, rows)


def _add_of_session(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/sessions/{session_id}/state-changes", tags=["sessions"], summary="Charging states of a session")
    @viewers
    async def session_states(session_id: int) -> list[StateChangeOut]:
        """In the order in which they came in."""
        await _check_session(deps, session_id)
        return _views(StateChangeOut, await deps.reader.find(StateChange, session_id=session_id))

    @routes.get("/sessions/{session_id}/signed-values", tags=["sessions"], summary="Signed values of a session")
    @viewers
    async def signed_values(session_id: int) -> list[SignedValueOut]:
        """As the meter signed them, with the key if the station told it: for whoever must prove the energy."""
        await _check_session(deps, session_id)
        return _views(SignedValueOut, await deps.reader.find(SignedValue, session_id=session_id))


async def _check_session(deps: ApiDeps, session_id: int) -> None:
    if not 0 < session_id < 2**63 or await deps.reader.session(session_id) is None:
        raise Refused(404, "unknown_session", f"there is no session {session_id}")
