"""Routes about how limits reach a station: its ladder, and a new beginning of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import Response

from csms.access.needs import technicians, viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps, LadderPort
from csms.api.problems import Refused
from csms.api.schemas import Out, ProfileOut, StationOut
from csms.charging.status import LadderStatus, TrackStatus
from csms.model.errors import UnknownStation

LadderState = Literal["untried", "negotiating", "confirmed", "doubtful", "uncontrollable"]


class RungOut(Out):
    """One form of a limit. `static_key` instead of a purpose: a configuration key."""

    purpose: str | None
    unit: str
    kind: str
    stack_level: int
    station_wide: bool
    static_key: str


class TrackOut(Out):
    """How limits (or the floor) are told: `state` since when and why; `tried`: how many forms, this one included."""

    state: LadderState
    since: datetime
    proof: str
    rung: RungOut | None
    text: str
    tried: int


class OutletOut(Out):
    """How an outlet counts against the caps: with its limit, its floor, or its rating."""

    evse_id: int
    rating_w: int
    floor_w: int
    upper_bound_w: int
    counted_as: Literal["limit", "floor", "rating"]


class LimitsOut(Out):
    """How far limits of a station are known to act. `composite`: silent or odd, where its schedules prove nothing."""

    state: LadderState
    limit: TrackOut
    floor: TrackOut
    outlets: list[OutletOut]
    composite: str


class StationDetail(StationOut):
    """One station with the charging profiles last sent to it, newest first, and how limits reach it.

    `firmware_profile`: the name of what is known of its firmware; `generic` is neutral, empty before its first boot.
    """

    firmware_profile: str
    profiles: list[ProfileOut]
    limits: LimitsOut | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/stations", tags=["stations"])

    @routes.get("/{station_id}/limits", summary="Show how limits reach a station")
    @viewers
    async def show_limits(station_id: str) -> LimitsOut:
        """The rung of the limit ladder that is used, whether it is known to act, and how the outlets count."""
        found = limits_view(deps, station_id)
        if found is None:
            raise Refused(409, "charging_off", "no limits are kept here: charging.control is off")
        return found

    @routes.post("/{station_id}/limits/renegotiate", status_code=202, summary="Climb the limit ladder again")
    @technicians
    async def renegotiate(station_id: str) -> Response:
        """Forget what the station refused and begin with the first form; until one is proven it counts in full."""
        _ladders(deps, station_id).climb_again(station_id)
        return Response(status_code=202)

    return routes


def limits_view(deps: ApiDeps, station_id: str) -> LimitsOut | None:
    """The ladder of a station; None while the charging room is switched off."""
    if deps.ladders is None:
        return None
    status = _ladders(deps, station_id).ladder(station_id)
    return _view(status)


def _ladders(deps: ApiDeps, station_id: str) -> LadderPort:
    if station_id not in deps.stations.stations:
        raise UnknownStation(f"no station {station_id!r} is registered")
    if deps.ladders is None:
        raise Refused(409, "charging_off", "no limits are kept here: charging.control is off")
    return deps.ladders


def _view(status: LadderStatus) -> LimitsOut:
    return LimitsOut(
        state=status.state.value,
        limit=_track(status.limit),
        floor=_track(status.floor),
        outlets=[OutletOut.model_validate(outlet, from_attributes=True) for outlet in status.outlets],
        composite=status.composite,
    )


def _track(track: TrackStatus) -> TrackOut:
    rung = RungOut.model_validate(track.rung, from_attributes=True) if track.rung else None
    return TrackOut(
        state=track.state.value,
        since=track.since,
        proof=track.proof,
        rung=rung,
        text=str(track.rung) if track.rung else "",
        tried=track.tried,
    )
