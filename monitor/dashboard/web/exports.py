"""Records as files: what was stated about a feeder, and the audit log link by link as `csms audit verify` reads it.

Read with the token of who asks, so that nobody gets more than the API gives; page by page, so that size is no matter.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from monitor.dashboard.source import SourceLost, SourceRefused
from monitor.dashboard.web.api import Refused, segment
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.gate import visitor_of
from monitor.reports.writing import BYTE_ORDER, csv_lines

PAGE = 500
LIMIT_COLUMNS = ("seq", "at", "who", "action", "limit", "version", "power_w", "result", "reason", "raw_sha256", "hash")
Row = Mapping[str, Any]
Pages = AsyncIterator[list[Row]]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/export", include_in_schema=False)

    @routes.get("/limits")
    async def limits(request: Request, feeder: str, form: Literal["csv", "jsonl"] = "csv") -> Response:
        pages = _pages(_reader(desk, request), f"/feeders/{segment(feeder)}/limits/history")
        if form == "jsonl":
            return await _file(pages, _json_lines, "limits.jsonl", "application/x-ndjson")
        return await _file(
            pages, _limit_lines, "limits.csv", "text/csv; charset=utf-8", BYTE_ORDER + csv_lines([LIMIT_COLUMNS])
        )

    @routes.get("/audit.jsonl")
    async def audit(request: Request) -> Response:
        return await _file(_links(_reader(desk, request)), _json_lines, "audit.jsonl", "application/x-ndjson")

    return routes


Read = Callable[..., Any]


def _reader(desk: Desk, request: Request) -> Read:
    """The API with the token of who asks."""
    visitor = visitor_of(request.scope)

    async def read(path: str, **params: Any) -> Any:
        if visitor is None:
            raise SourceRefused("nobody is signed in")
        return await desk.api.get(visitor.token, path, **params)

    return read


async def _pages(read: Read, path: str) -> Pages:
    """Newest first."""
    before = None
    while True:
        answer = await read(path, limit=PAGE, before_seq=before)
        yield answer["records"]
        before = answer["next_before_seq"]
        if not before:
            return


async def _links(read: Read) -> Pages:
    """Oldest first, as the chain runs."""
    after = 0
    while True:
        links = (await read("/audit/chain", after=after, limit=PAGE))["links"]
        yield links
        if len(links) < PAGE:
            return
        after = links[-1]["seq"]


async def _file(pages: Pages, written: Callable[[list[Row]], str], name: str, kind: str, head: str = "") -> Response:
    """A download; when already the first page is refused, the reason instead."""
    try:
        first = await anext(pages)
    except SourceRefused as fault:
        return PlainTextResponse(f"{fault}\n", 403)
    except Refused as fault:
        return PlainTextResponse(f"{fault}\n", fault.status)
    except SourceLost as fault:
        return PlainTextResponse(f"{fault}\n", 502)

    async def parts() -> AsyncIterator[str]:
        yield head + written(first)
        async for page in pages:
            yield written(page)

    return StreamingResponse(parts(), media_type=kind, headers=attachment(name))


def attachment(name: str) -> dict[str, str]:
    """Headers of a file to be kept; `name` is one of ours."""
    return {"content-disposition": f'attachment; filename="{name}"'}


def _json_lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _limit_lines(rows: list[Row]) -> str:
    return csv_lines([limit_row(row) for row in rows])


def limit_row(record: Row) -> list[Any]:
    """A record of a limit in the order of LIMIT_COLUMNS."""
    who, on, told, detail = (_table(record[name]) for name in ("who", "on", "result", "detail"))
    result = told.get("code") or told.get("outcome") or "accepted"
    facts = [record["seq"], record["at"], who.get("name") or detail.get("source", ""), record["action"]]
    facts += [on.get("limit", ""), told.get("version", ""), told.get("power_w", ""), result]
    return [*facts, _reason(detail), detail.get("raw_sha256", ""), record["hash"]]


def _reason(detail: Row) -> str:
    """Why, as it stands in the statement; statements of OpenADR have none."""
    try:
        stated = json.loads(detail.get("raw", ""))
    except ValueError:
        return ""
    return str(stated.get("reason", "")) if isinstance(stated, dict) else ""


def _table(value: Any) -> Row:
    return value if isinstance(value, dict) else {}
