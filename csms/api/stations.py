"""Routes about stations: list, one, register or change, and what a driver wants."""

from __future__ import annotations

from fastapi import Query, Response

from csms.access.needs import technicians, viewers
from csms.access.routing import Router
from csms.api.ladders import StationDetail, limits_view
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import EvseBody, NeedsBody, StationBody, StationOut, StationsOut
from csms.api.views import profile_view, station_fields, station_views
from csms.model.errors import UnknownStation
from csms.model.ids import EvseRef
from csms.model.station import EvseRating, Stage
from csms.station.registration import Registration, rating
from csms.station.state import StationState
from csms.station.wishes import firmware_of

NOMINAL_VOLTAGE_V = 230
PROFILES_SHOWN = 20


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/stations", tags=["stations"])
    _add_reads(routes, deps)
    _add_writes(routes, deps)
    return routes


def _add_reads(routes: Router, deps: ApiDeps) -> None:
    @routes.get("", summary="List stations")
    @viewers
    async def list_stations(
        feeder_id: str | None = None,
        site_id: str | None = None,
        online: bool | None = None,
        status: str | None = None,
        vendor: str = "",
        model: str = "",
        firmware: str = "",
        version: str | None = None,
        stage: Stage | None = None,
    ) -> StationsOut:
        """All stations, or those of a feeder or site, connected or not, with an EVSE in a state, of a make, at a stage.

        `vendor` and `model` are parts of what the station says, `firmware` is its beginning; `version` is of OCPP.
        """
        wanted = [s for s in deps.stations.stations.values() if _matches(s, feeder_id, site_id, online)]
        views = station_views(wanted, await deps.reader.stations())
        if status is not None:
            views = [v for v in views if any(evse.status.lower() == status.lower() for evse in v.evses)]
        kept = [v for v in views if _is_of(v, vendor, model, firmware, version) and stage in (None, v.stage)]
        return StationsOut(clock_time=deps.clock.now(), stations=kept)

    @routes.get("/{station_id}", summary="Show a station")
    @viewers
    async def show_station(
        station_id: str, profiles: int = Query(default=PROFILES_SHOWN, ge=0, le=200)
    ) -> StationDetail:
        """Connectors, live values, sessions and the charging profiles last sent."""
        return await _detail(deps, station_id, profiles)


def _add_writes(routes: Router, deps: ApiDeps) -> None:
    @routes.put("/{station_id}", summary="Register or change a station")
    @technicians
    async def put_station(station_id: str, body: StationBody) -> StationDetail:
        """From now on the station may connect; a running session of a known station goes on. One that is known stays on
        its feeder unless the body names another.
        """
        _check_feeder(deps, body.feeder_id)
        known = deps.stations.stations.get(station_id)
        if known is not None and known.registered:
            if deps.tree is not None and body.feeder_id not in ("", known.feeder_id):
                await deps.tree.move(station_id, body.feeder_id)
            body = body.model_copy(update={"feeder_id": body.feeder_id or known.feeder_id})
        await deps.stations.register(_registration(station_id, body))
        return await _detail(deps, station_id, PROFILES_SHOWN)

    @routes.put("/{station_id}/evses/{evse_id}/needs", status_code=204, summary="Say what the driver wants")
    @technicians
    async def put_needs(station_id: str, evse_id: int, body: NeedsBody) -> Response:
        """Energy still wanted since plug-in and the time of leaving; the plan follows at once."""
        await deps.stations.set_needs(EvseRef(station_id, evse_id), body.energy_wh, body.departure)
        return Response(status_code=204)


def _matches(state: StationState, feeder_id: str | None, site_id: str | None, online: bool | None) -> bool:
    return feeder_id in (None, state.feeder_id) and site_id in (None, state.site_id) and online in (None, state.online)


def _is_of(view: StationOut, vendor: str, model: str, firmware: str, version: str | None) -> bool:
    named = vendor.casefold() in view.vendor.casefold() and model.casefold() in view.model.casefold()
    spoken = version is None or view.protocol == f"ocpp{version}"
    return named and spoken and view.firmware.casefold().startswith(firmware.casefold())


async def _detail(deps: ApiDeps, station_id: str, profiles: int) -> StationDetail:
    state = known_station(deps, station_id)
    row = await deps.reader.station(station_id)
    sent = await deps.reader.profiles(station_id=station_id, limit=profiles) if profiles else []
    views = [profile_view(profile) for profile in sent]
    known = firmware_of(state)
    return StationDetail(
        **station_fields(state, row),
        firmware_profile=known.name if known is not None else "",
        profiles=views,
        limits=limits_view(deps, station_id),
    )


def known_station(deps: ApiDeps, station_id: str) -> StationState:
    """The live station; raises UnknownStation."""
    state = deps.stations.stations.get(station_id)
    if state is None:
        raise UnknownStation(f"no station {station_id!r} is registered")
    return state


def _check_feeder(deps: ApiDeps, feeder_id: str) -> None:
    if not feeder_id or deps.feeders is None:
        return
    known = [figures.feeder_id for figures in deps.feeders.figures(deps.clock.now())]
    if feeder_id not in known:
        raise Refused(422, "unknown_feeder", f"no feeder {feeder_id!r}; there are: {', '.join(known) or 'none'}")


def _registration(station_id: str, body: StationBody) -> Registration:
    numbers = [evse.evse_id for evse in body.evses]
    if len(set(numbers)) != len(numbers):
        raise Refused(422, "invalid_request", "evses: a number stands twice")
    try:
        return Registration(station_id, body.feeder_id, body.site_id, {e.evse_id: _rating(e) for e in body.evses})
    except ValueError as fault:
        raise Refused(422, "invalid_station", str(fault)) from fault


def _rating(evse: EvseBody) -> EvseRating:
    power_max_w = evse.power_max_w or round(evse.current_max_a * NOMINAL_VOLTAGE_V * evse.phases)
    return rating(evse.kind, evse.phases, evse.current_max_a, power_max_w, evse.rotation)
