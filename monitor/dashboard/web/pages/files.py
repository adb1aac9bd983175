"""Pages that were made elsewhere, served as they are: quality reports of operators, siting reports."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from csms.model.errors import CsmsError
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.gate import visitor_of
from monitor.intake.keeper import report


def router(desk: Desk) -> APIRouter:
    """The routes; for whoever sees everything."""
    routes = APIRouter(prefix="/export", include_in_schema=False)
    missing = PlainTextResponse("there is no such page\n", 404)

    def sees(request: Request) -> bool:
        visitor = visitor_of(request.scope)
        return visitor is not None and visitor.sees_all

    @routes.get("/quality.html")
    async def quality(request: Request, operator: str, day: str) -> Response:
        if not sees(request):
            return missing
        try:
            platform = await desk.beside.platform()
            row = await platform.store.quality.day(operator, day) if platform is not None else None
            if platform is None or row is None or operator not in platform.quality.operators:
                return missing
            return HTMLResponse(await report(platform.quality, row))
        except (CsmsError, OSError, ValueError) as fault:
            return PlainTextResponse(f"{fault}\n", 500)

    @routes.get("/siting/{name}/{part}")
    async def siting(request: Request, name: str, part: str) -> Response:
        path = desk.siting.file(name, part) if sees(request) else None
        return FileResponse(path) if path is not None else missing

    return routes
