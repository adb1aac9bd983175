"""Signed heads on request: an operator reads its own with the access token that it calls with; the key is for all."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from monitor.evidence.service import Evidence
from monitor.intake.desk import IntakeDesk
from monitor.store.days import following

PATH, KEY_PATH = "/evidence/heads", "/evidence/key"
HEADS_AT_ONCE = 100
"""In one answer: about half a megabyte."""


def head_routes(desk: IntakeDesk, evidence: Evidence) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get(KEY_PATH)
    async def key() -> Response:
        return PlainTextResponse(evidence.public_key)

    @router.get(PATH)
    async def heads(request: Request, after: str = "") -> Response:
        operator_id = desk.bearer(request.headers.get("Authorization", ""))
        if operator_id is None:
            return Response(status_code=401)
        if desk.is_too_fast(operator_id):
            return Response(status_code=429, headers={"Retry-After": "1"})
        try:
            first = following(after) if after else ""
        except (ValueError, OverflowError):
            return Response(status_code=400)
        found = await evidence.store.heads(operator_id, first, count=HEADS_AT_ONCE)
        return JSONResponse({"heads": [await evidence.prove_head(operator_id, one.head.day) for one in found]})

    return router
