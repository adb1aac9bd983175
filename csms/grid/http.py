"""The HTTP twin (grid-limits A6): set, show, cancel limits. The body is read raw; `decide` alone judges it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import JSONResponse

from csms.access.needs import Audited, feeder_operators, feeder_viewers
from csms.access.routing import Router, caller_of
from csms.grid.decide import Decision, refused
from csms.grid.service import LimitService
from csms.grid.statement import BODY_BYTES_MAX
from csms.model.access import Role
from csms.model.errors import StoreUnavailable
from csms.model.limit import Limit

PREFIX = "/api/v1/feeders/{feeder_id}"

FeederState = Callable[[str], Mapping[str, Any]]
"""What charging knows of a feeder (planned, metered, upper bound), as plain values."""

_STATUS = {"stale_version": 409, "unknown_feeder": 404, "unknown_limit": 404, "not_authorised": 403}

looking = feeder_viewers.but(feeder="feeder_id")
limiting = feeder_operators.but(feeder="feeder_id", audited=Audited.OWED)
"""A limit is held also while the audit log cannot be written: what was decided is stored beside the limit itself."""
cancelling = feeder_operators.but(feeder="feeder_id")
"""Cancelling lets the load rise again: first the record, then the deed."""

Source = Annotated[str, Query(max_length=80)]


def router(service: LimitService, state: FeederState | None = None) -> Router:
    """The routes over `service`; `state` adds figures of charging to a feeder's state."""
    routes = Router(prefix=PREFIX, tags=["limits"])

    @routes.put("/limits/{limit_id}", summary="Set a limit", status_code=202, openapi_extra=_BODY)
    @limiting
    async def put_limit(feeder_id: str, limit_id: str, request: Request) -> JSONResponse:
        """Cap a feeder. 202 means durable; the same id and version again gets the same answer. Each grid operator has
        limits of its own, technicians and administrators share those of the house; the lowest counts.
        """
        raw = await _body(request)
        if raw is None:
            return problem(413, "body_too_large", f"a request body has at most {BODY_BYTES_MAX} bytes")
        try:
            return _answer(service, await service.submit(raw, caller_of(request).source, feeder_id, limit_id))
        except StoreUnavailable:
            return problem(503, StoreUnavailable.code, "not stored and not in force; try again")

    @routes.delete("/limits/{limit_id}", summary="Cancel a limit", status_code=202)
    @cancelling
    async def delete_limit(feeder_id: str, limit_id: str, request: Request, source: Source = "") -> JSONResponse:
        """The next lowest limit counts again, the contractual cap at the latest. `source`: of somebody else, which an
        administrator may.
        """
        caller = caller_of(request)
        if source not in ("", caller.source) and caller.role is not Role.ADMINISTRATOR:
            return _answer(service, refused("not_authorised", "limits of others are cancelled by an administrator"))
        try:
            return _answer(service, await service.cancel(source or caller.source, feeder_id, limit_id))
        except StoreUnavailable:
            return problem(503, StoreUnavailable.code, "not stored, the limit stays in force; try again")

    @routes.get("/limits", summary="List limits")
    @looking
    async def list_limits(feeder_id: str) -> JSONResponse:
        """Limits in force or to come."""
        if feeder_id not in service.feeders:
            return problem(404, "unknown_feeder", f"there is no feeder {feeder_id[:64]!r}")
        limits = [limit_view(limit, service) for limit in service.known(feeder_id)]
        return JSONResponse({"clock_time": service.now().isoformat(), "limits": limits})

    @routes.get("/state", summary="Show a feeder's cap")
    @looking
    async def show_state(feeder_id: str) -> JSONResponse:
        """The cap in force, where it comes from, and what charging makes of it."""
        if feeder_id not in service.feeders:
            return problem(404, "unknown_feeder", f"there is no feeder {feeder_id[:64]!r}")
        return JSONResponse(state_view(service, feeder_id) | dict(state(feeder_id) if state else {}))

    return routes


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
    content = limit_view(limit, service) | {"status_url": f"/api/v1/feeders/{limit.feeder_id}/state"}
    return JSONResponse(content, status_code=202)


def limit_view(limit: Limit, service: LimitService) -> dict[str, Any]:
    """A limit as it is shown; `state` is scheduled, in_force, expired or cancelled."""
    now = service.now()
    over = "expired" if now >= limit.valid_to else "scheduled"
    return {
        "feeder_id": limit.feeder_id,
        "id": limit.limit_id,
        "version": limit.version,
        "value_w": limit.power_w,
        "valid_from": limit.valid_from.isoformat(),
        "valid_to": limit.valid_to.isoformat(),
        "issued_at": limit.issued_at.isoformat(),
        "persisted_at": limit.received_at.isoformat(),
        "source": limit.source,
        "reason": limit.reason,
        "state": "cancelled" if limit.cancelled else "in_force" if limit.in_force(now) else over,
    }


def state_view(service: LimitService, feeder_id: str) -> dict[str, Any]:
    """The cap of a feeder now and the limits behind it."""
    now = service.now()
    feeder = service.feeders.feeder(feeder_id)
    return {
        "feeder_id": feeder_id,
        "clock_time": now.isoformat(),
        "cap_w": service.feeders.cap_w(feeder_id, service, now),
        "rating_w": feeder.rating_w,
        "lowest_cap_w": feeder.lowest_cap_w,
        "base_w": service.feeders.base_load_w(feeder_id, now),
        "limits": [limit_view(limit, service) for limit in service.known(feeder_id)],
    }


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
                    "required": ["version", "value_w"],
                    "additionalProperties": False,
                    "properties": {
                        "schema": {"type": "string"},
                        "id": {"type": "string"},
                        "version": {"type": "integer", "minimum": 1},
                        "value_w": {"type": "number", "minimum": 0},
                        "valid_from": {"type": "string", "format": "date-time"},
                        "valid_to": {"type": "string", "format": "date-time"},
                        "issued_at": {"type": "string", "format": "date-time"},
                        "direction": {"type": "string", "enum": ["import"]},
                        "unit": {"type": "string", "enum": ["W"]},
                        "priority": {"type": "integer"},
                        "reason": {"type": "string"},
                        "cancel": {"type": "boolean"},
                    },
                }
            }
        },
    }
}
