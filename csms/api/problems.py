"""Errors as RFC 9457 problem documents with a stable `code`, whatever went wrong and wherever."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from csms.api.security_headers import headers_for
from csms.charging.tree_change import FeederInUse, TreeRefused, UnknownFeeder
from csms.model.access import (
    AccessRefused,
    AuditUnavailable,
    LastAdministrator,
    NotAuthorised,
    RateLimited,
    TokenExists,
    TokenInvalid,
    Unauthenticated,
    UnknownAccessToken,
)
from csms.model.errors import (
    CallRefused,
    CallTimeout,
    ConnectionLost,
    CsmsError,
    LimitRefused,
    NotForThisStation,
    NotInThisVersion,
    PeerError,
    StationBusy,
    StationNotAccepted,
    StationOffline,
    StoreUnavailable,
    TokenRefused,
    UnknownStation,
)
from csms.security.authority_command import AuthorityFailed
from csms.security.facts import CertificateUnreadable, FirmwareSignatureInvalid
from csms.security.requests import RequestRefused
from csms.station.alerts import UnknownAlert
from csms.station.cost import CostUnknown
from csms.station.files import FirmwareExists, LinkBusy, NoFileServer, UnknownFirmware, UnknownLink
from csms.station.firmware import FirmwareUnsigned
from csms.station.proving import ProofRefused
from csms.station.raw_calls import RawCallRefused
from csms.station.reservation import UnknownReservation
from csms.station.roots import RootNotAllowed, SamePerson, UnknownRoot
from csms.store.files import FileTooLarge, NoSpace
from csms.wire.codec import CommandInvalid

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS_BY_ERROR: Mapping[type[CsmsError], int] = {
    Unauthenticated: 401,
    NotAuthorised: 403,
    RateLimited: 429,
    AuditUnavailable: 503,
    TokenExists: 409,
    LastAdministrator: 409,
    UnknownAccessToken: 404,
    TokenInvalid: 422,
    UnknownStation: 404,
    StationOffline: 409,
    StationNotAccepted: 409,
    NotInThisVersion: 409,
    NotForThisStation: 409,
    TokenRefused: 409,
    UnknownReservation: 404,
    CostUnknown: 409,
    ProofRefused: 409,
    UnknownLink: 404,
    UnknownFirmware: 404,
    FirmwareExists: 409,
    LinkBusy: 409,
    FileTooLarge: 413,
    LimitRefused: 422,
    CommandInvalid: 422,
    CertificateUnreadable: 422,
    FirmwareSignatureInvalid: 422,
    FirmwareUnsigned: 409,
    RequestRefused: 422,
    AuthorityFailed: 502,
    RootNotAllowed: 409,
    UnknownRoot: 404,
    SamePerson: 403,
    RawCallRefused: 409,
    UnknownAlert: 404,
    NoFileServer: 422,
    StationBusy: 429,
    CallRefused: 502,
    ConnectionLost: 502,
    StoreUnavailable: 503,
    CallTimeout: 504,
    NoSpace: 507,
    UnknownFeeder: 404,
    FeederInUse: 409,
    TreeRefused: 422,
}


class Refused(Exception):
    """A request that cannot be served: HTTP status, stable code and a text for a person."""

    def __init__(self, status: int, code: str, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more


def problem(status: int, code: str, detail: str, **more: object) -> JSONResponse:
    """The document itself; `more` adds members."""
    content = {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(CsmsError, _csms_error)
    app.add_exception_handler(PeerError, _peer_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, Refused)
    return problem(fault.status, fault.code, fault.detail, **fault.more)


async def _csms_error(request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, CsmsError)
    status = next((code for kind, code in STATUS_BY_ERROR.items() if isinstance(fault, kind)), 500)
    more: dict[str, Any] = {}
    if isinstance(fault, CallRefused):
        more["error_code"] = fault.error_code
    if isinstance(fault, LimitRefused):
        more["reason"] = fault.reason
    if isinstance(fault, AccessRefused):
        more["reason"] = fault.reason
    if isinstance(fault, TreeRefused):
        more["numbers"] = fault.numbers
    response = problem(status, fault.code, str(fault) or (type(fault).__doc__ or "").strip(), **more)
    response.headers.update(fault.headers if isinstance(fault, AccessRefused) else {})
    return response


async def _peer_error(request: Request, fault: Exception) -> JSONResponse:
    return problem(502, "answer_unreadable", f"the station's answer cannot be read: {fault}")


async def _http_error(request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(fault.status_code, "http_error")
    response = problem(fault.status_code, code, str(fault.detail))
    response.headers.update(fault.headers or {})
    return response


async def _invalid(request: Request, fault: Exception) -> JSONResponse:
    """422 with the place and reason of every wrong field, without echoing what was sent."""
    assert isinstance(fault, RequestValidationError)
    errors = [{"field": _place(error["loc"]), "reason": str(error["msg"])} for error in fault.errors()]
    detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors[:5])
    return problem(422, "invalid_request", detail, errors=errors[:50])


async def _unexpected(request: Request, fault: Exception) -> JSONResponse:
    """Answered outside of all middleware, so the headers of all answers are set here."""
    log.error("api_request_failed", exc_info=fault, extra={"path": _path(request)})
    response = problem(500, "internal_error", "the server made a mistake; its log has the details")
    response.headers.update(headers_for(request.scope))
    return response


def _path(request: Request) -> str:
    """The path as its route writes it: the path itself may hold a one-time token."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))


def _place(location: tuple[Any, ...]) -> str:
    """`("body", "evses", 0, "phases")` as `evses.0.phases`."""
    parts = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(parts) or "body"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
