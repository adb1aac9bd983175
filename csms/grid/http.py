"""The HTTP twin (grid-limits A6): set, show, cancel limits, say that one is there. The body is read raw; `decide` alone
judges it. Every statement stands in the audit log by itself, so the routes write nothing more there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from csms.access.needs import Audited, feeder_operators, feeder_viewers
from csms.access.routing import Router, caller_of
from csms.charging.drill import Drill
from csms.charging.simulation import Simulation
from csms.grid.decide import Decision, refused
from csms.grid.peer import Peer
from csms.grid.progress import LimitProgress
from csms.grid.service import LimitService
from csms.grid.statement import BODY_BYTES_MAX, POWER_MAX_W, VERSION_MAX, BadStatement
from csms.grid.views import history_view, limit_view, source_view, state_view
from csms.model.access import Caller, Role
from csms.model.errors import StoreUnavailable
from csms.model.limit import Limit
from csms.store.access_tables import AuditRow

PREFIX = "/api/v1"
FEEDER = "/feeders/{feeder_id}"

FeederState = Callable[[str], Mapping[str, Any]]
"""What charging knows of a feeder (planned, metered, upper bound), as plain values."""

_STATUS = {
    "stale_version": 409,
    "unknown_feeder": 404,
    "unknown_limit": 404,
    "not_authorised": 403,
    "unsigned": 403,
    "bad_signature": 403,
    "rate_limited": 429,
}

looking = feeder_viewers.but(feeder="feeder_id")
stating = feeder_operators.but(audited=Audited.ITSELF)
limiting = stating.but(feeder="feeder_id")

Source = Annotated[str, Query(max_length=80)]
Version = Annotated[int | None, Query(ge=1, le=VERSION_MAX)]


Rehearse = Callable[[Limit], Awaitable[Drill]]
"""What charging would make of a limit."""
Simulate = Callable[[Limit, int], Awaitable[Simulation]]
"""What a limit would do to the plan of so many quarter-hours."""


class BaseLoadIn(BaseModel):
    """A reading; `at` is the time of arrival when left out. Negative power feeds in."""

    model_config = ConfigDict(extra="forbid")

    power_w: float = Field(ge=-POWER_MAX_W, le=POWER_MAX_W, allow_inf_nan=False)
    at: AwareDatetime | None = None


class RecordReader(Protocol):
    """The audit log, read."""

    async def audit_page(
        self, limit: int, *, before_seq: int | None = None, kind: str | None = None, target: str | None = None
    ) -> Sequence[AuditRow]:
        """Newest first."""
        ...


def router(
    service: LimitService,
    records: RecordReader,
    state: FeederState | None = None,
    progress: LimitProgress | None = None,
    drill: Rehearse | None = None,
    simulate: Simulate | None = None,
) -> Router:
    """The routes over `service`; `state` adds figures of charging to a feeder, `progress` what becomes of limits."""
    routes = Router(prefix=PREFIX, tags=["limits"])
    _add_status(routes, service, progress)
    _add_base_load(routes, service)
    if drill is not None:
        _add_drill(routes, service, drill)
    if simulate is not None:
        _add_simulation(routes, service, simulate)
    _add_stating(routes, service)
    _add_looking(routes, service, state, progress)
    _add_sources(routes, service)
    _add_history(routes, service, records)
    return routes


def peer_of(caller: Caller) -> Peer:
    """A caller as a source of limits; the guard has checked to which feeders it is bound."""
    feeders = frozenset(caller.bound_to) if caller.role is Role.GRID_OPERATOR else None
    return Peer(caller.source, "http", caller.name, caller.address, feeders)


def _add_stating(routes: Router, service: LimitService) -> None:
    @routes.put(FEEDER + "/limits/{limit_id}", summary="Set a limit", status_code=202, openapi_extra=_BODY)
    @limiting
    async def put_limit(feeder_id: str, limit_id: str, request: Request) -> JSONResponse:
        """Cap a feeder. 202 means durable; the same id and version again gets the same answer. Each grid operator has
        limits of its own, technicians and administrators share those of the house; the lowest counts.
        """
        raw = await _body(request)
        if raw is None:
            return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")
        try:
            return _answer(service, await service.submit(raw, peer_of(caller_of(request)), feeder_id, limit_id))
        except StoreUnavailable:
            return problem(503, StoreUnavailable.code, "not stored and not in force; try again")

    @routes.delete(FEEDER + "/limits/{limit_id}", summary="Cancel a limit", status_code=202)
    @limiting
    async def delete_limit(
        feeder_id: str, limit_id: str, request: Request, source: Source = "", version: Version = None
    ) -> JSONResponse:
        """The next lowest limit counts again, the contractual cap at the latest. `version`: the one that is meant, so
        that a request that was late does not cancel a newer one. `source`: of somebody else, as an administrator may.
        """
        caller = caller_of(request)
        if source not in ("", caller.source) and caller.role is not Role.ADMINISTRATOR:
            return _answer(service, refused("not_authorised", "limits of others are cancelled by an administrator"))
        peer = peer_of(caller)
        if source not in ("", caller.source):
            peer = replace(peer, source=source, deputy=True)
        try:
            return _answer(service, await service.cancel(peer, feeder_id, limit_id, version))
        except StoreUnavailable:
            return problem(503, StoreUnavailable.code, "not stored, the limit stays in force; try again")


def _add_looking(
    routes: Router, service: LimitService, state: FeederState | None, progress: LimitProgress | None
) -> None:
    @routes.get(FEEDER + "/limits", summary="List limits")
    @looking
    async def list_limits(feeder_id: str) -> JSONResponse:
        """Limits in force or to come."""
        if feeder_id not in service.feeders:
            return _unknown(feeder_id)
        limits = [limit_view(limit, service.now()) for limit in service.known(feeder_id)]
        return JSONResponse({"clock_time": service.now().isoformat(), "limits": limits})

    @routes.get(FEEDER + "/state", summary="Show a feeder's cap")
    @looking
    async def show_state(feeder_id: str) -> JSONResponse:
        """The cap in force, where it comes from, and what charging makes of it."""
        if feeder_id not in service.feeders:
            return _unknown(feeder_id)
        return JSONResponse(state_view(service, feeder_id, progress) | dict(state(feeder_id) if state else {}))


def _add_status(routes: Router, service: LimitService, progress: LimitProgress | None) -> None:
    @routes.get("/limits/{limit_id}", summary="What becomes of a limit")
    @feeder_viewers
    async def show_limit(limit_id: str, request: Request) -> JSONResponse:
        """Every limit with this id that the caller may see: how far it has come (acknowledged, commanded, confirmed,
        verified, over), when, its outcome, and which stations stand in the way.
        """
        peer = peer_of(caller_of(request))
        seen = [one for one in service.called(limit_id) if peer.may_limit(one.feeder_id, service.feeders)]
        if not seen:
            return problem(404, "unknown_limit", f"there is no limit {limit_id[:64]!r}")
        shown = []
        for limit in seen:
            track = progress.track(limit) if progress is not None else None
            shown.append(limit_view(limit, service.now()) | {"progress": track.view() if track is not None else None})
        return JSONResponse({"clock_time": service.now().isoformat(), "limits": shown})


def _add_drill(routes: Router, service: LimitService, drill: Rehearse) -> None:
    @routes.post(FEEDER + "/limits/{limit_id}/drill", summary="Rehearse a limit", openapi_extra=_BODY)
    @limiting
    async def rehearse(feeder_id: str, limit_id: str, request: Request) -> JSONResponse:
        """What would happen if this statement came now: whether it would be accepted, when the last station would be
        told, when the cap would hold, and which cars would get less. Nothing is stored and nobody is told anything.
        """
        raw = await _body(request)
        if raw is None:
            return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")
        decision = service.would(raw, peer_of(caller_of(request)), feeder_id, limit_id, rehearsed=True)
        if not decision.accepted or decision.limit is None:
            return _answer(service, decision)
        shown = {"limit": limit_view(decision.limit, service.now()), "clock_time": service.now().isoformat()}
        return JSONResponse(shown | asdict(await drill(decision.limit)))


def _add_simulation(routes: Router, service: LimitService, simulate: Simulate) -> None:
    @routes.post(FEEDER + "/limits/{limit_id}/simulation", summary="Simulate a limit", openapi_extra=_BODY)
    @limiting
    async def look_ahead(
        feeder_id: str, limit_id: str, request: Request, slots: Annotated[int, Query(ge=1, le=96)] = 24
    ) -> JSONResponse:
        """What the plan of the next `slots` quarter-hours would be with this statement: cap, base load, charging and
        energy, and which cars would get less. Nothing is stored and nobody is told anything.
        """
        raw = await _body(request)
        if raw is None:
            return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")
        decision = service.would(raw, peer_of(caller_of(request)), feeder_id, limit_id, rehearsed=True)
        if not decision.accepted or decision.limit is None:
            return _answer(service, decision)
        shown = {"limit": limit_view(decision.limit, service.now()), "clock_time": service.now().isoformat()}
        return JSONResponse(shown | asdict(await simulate(decision.limit, slots)))


def _add_base_load(routes: Router, service: LimitService) -> None:
    @routes.put(FEEDER + "/base-load", summary="Report a metered base load")
    @limiting
    async def put_base_load(feeder_id: str, reading: BaseLoadIn) -> JSONResponse:
        """What the loads right at this feeder draw that are no stations; it counts for five minutes in place of the
        configured curve. `counted` is false for a reading that is not newer than the last one, or of another time.
        """
        if feeder_id not in service.feeders:
            return _unknown(feeder_id)
        now = service.now()
        counted = service.feeders.base_loads.report(feeder_id, reading.power_w, reading.at or now, now)
        return JSONResponse({"counted": counted, "base_w": service.feeders.base_load_w(feeder_id, now)})


def _add_sources(routes: Router, service: LimitService) -> None:
    @routes.post("/limit-sources/heartbeat", summary="Say that a source of limits is there", openapi_extra=_BEAT)
    @stating
    async def beat(request: Request) -> JSONResponse:
        """`agrees`: whether the limits named in it are the ones known here, null when it named none. A source in
        failsafe comes back with a heartbeat and a statement: a limit, or such a list.
        """
        raw = await _body(request)
        if raw is None:
            return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")
        peer = peer_of(caller_of(request))
        try:
            agrees = await service.heartbeat(raw, peer)
        except BadStatement as fault:
            return problem(422, fault.code, str(fault))
        mine = [source_view(status) for status in service.sources() if status.source == peer.source]
        return JSONResponse({"agrees": agrees, "mode": mine[0]["mode"] if mine else "unwatched"})

    @routes.get("/limit-sources", summary="List sources of limits")
    @feeder_viewers
    async def list_sources(request: Request) -> JSONResponse:
        """Whether they speak, and what their silence means; a grid operator sees its own."""
        caller = caller_of(request)
        alone = caller.source if caller.role is Role.GRID_OPERATOR else ""
        shown = [source_view(status) for status in service.sources() if alone in ("", status.source)]
        return JSONResponse({"clock_time": service.now().isoformat(), "sources": shown})


def _add_history(routes: Router, service: LimitService, records: RecordReader) -> None:
    @routes.get(FEEDER + "/limits/history", summary="What was stated about a feeder")
    @looking
    async def history(
        feeder_id: str,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        before_seq: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    ) -> JSONResponse:
        """Statements and what was decided, refused ones too, newest first; as they stand in the audit log."""
        if feeder_id not in service.feeders:
            return _unknown(feeder_id)
        rows = await records.audit_page(limit, before_seq=before_seq, kind="limit", target=feeder_id)
        next_seq = rows[-1].seq if len(rows) == limit else None
        content = {"clock_time": service.now().isoformat(), "records": [history_view(row) for row in rows]}
        return JSONResponse(content | {"next_before_seq": next_seq})


def _unknown(feeder_id: str) -> JSONResponse:
    return problem(404, "unknown_feeder", f"there is no feeder {feeder_id[:64]!r}")


async def _body(request: Request) -> bytes | None:
    """The raw body, None when it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(service: LimitService, decision: Decision) -> JSONResponse:
    if not decision.accepted or decision.limit is None:
        return problem(_STATUS.get(decision.code, 422), decision.code, decision.text)
    limit = decision.limit
    content = limit_view(limit, service.now()) | {"status_url": f"/api/v1/feeders/{limit.feeder_id}/state"}
    return JSONResponse(content, status_code=202)


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """An RFC 9457 problem document with our stable code."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(content, status_code=status, media_type="application/problem+json")


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["version"],
                    "additionalProperties": False,
                    "properties": {
                        "schema": {"type": "string"},
                        "id": {"type": "string"},
                        "version": {"type": "integer", "minimum": 1},
                        "value_w": {"type": "number", "minimum": 0},
                        "valid_from": {"type": "string", "format": "date-time"},
                        "valid_to": {"type": "string", "format": "date-time"},
                        "issued_at": {"type": "string", "format": "date-time"},
                        "blocks": {"type": "array", "items": {"type": "object", "required": ["start", "value_w"]}},
                        "failsafe_w": {"type": "number", "minimum": 0},
                        "direction": {"type": "string", "enum": ["import", "export"]},
                        "unit": {"type": "string", "enum": ["W"]},
                        "priority": {"type": "integer"},
                        "reason": {"type": "string"},
                        "cancel": {"type": "boolean"},
                        "feeder": {"type": "string"},
                        "signature": {"type": "string", "description": "detached JWS over all the rest (RFC 8785)"},
                    },
                }
            }
        },
    }
}

_BEAT: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "schema": {"type": "string"},
                        "sent_at": {"type": "string", "format": "date-time"},
                        "limits": {
                            "type": "array",
                            "items": {"type": "object", "required": ["feeder", "id", "version"]},
                        },
                    },
                }
            }
        },
    }
}
