"""Puts the dashboard together: gate, door, pages, and the shared look at the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from nicegui import ui

from csms.model.clock import clock_from_environment
from monitor.dashboard.web import door, exports, places_map
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.beside import Beside, Folders
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.drivers import routes as drivers_routes
from monitor.dashboard.web.drivers.board import Boards
from monitor.dashboard.web.drivers.neighbours import Neighbours
from monitor.dashboard.web.gate import Gate
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.pages import (
    alarms,
    audit,
    evidence,
    feeders,
    files,
    forecast,
    overview,
    plan,
    province,
    quality,
    session,
    sessions,
    settings,
    siting,
    station,
    stations,
    statistics,
    wall,
)
from monitor.dashboard.web.siting import SitingDesk
from monitor.dashboard.web.visitors import Visitors

RECONNECT_S = 20.0
"""A page that was away for longer is made anew."""
MESSAGES_KEPT = 300
PAGES = (
    overview, stations, station, alarms, feeders, sessions, session, plan, province, quality, forecast, siting,
    statistics, evidence, audit, settings, wall,
)  # fmt: skip
NOTHING_BESIDE = Folders()


def create_app(
    url: str,
    guest_token: str = "",
    folders: Folders = NOTHING_BESIDE,
    *,
    outline: bytes = b"",
    drivers: bool = False,
    partners: bool = False,
) -> FastAPI:
    """The application over the API at `url`. One in a process: NiceGUI keeps pages in a place of its own.

    `folders`: what lies on this machine beside the API; `outline`: GeoJSON that maps are drawn over; `drivers`: with
    the page for them; `partners`: with the stations that the platform of `folders` was told of, too.
    """
    api = Api(url)
    visitors = Visitors(_now_s)
    beside, siting_desk = Beside(folders, clock_from_environment()), SitingDesk(folders.siting, folders.areas)
    neighbours = Neighbours(folders.platform, _now_s, folders.partner_file)
    hub = Hub(api, visitors, foresee=beside.said, neighbours=neighbours.offers)
    desk = Desk(api, hub, visitors, beside, siting_desk, outline=bool(outline))
    boards = Boards(api, neighbours if partners else None, _now_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in (desk.hub.run, desk.look_after_visitors)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await neighbours.close()
        await desk.close()

    app = FastAPI(title="csms dashboard", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(door.router(desk, guest_token))
    for room in (exports, statistics, files):
        app.include_router(room.router(desk))
    places_map.mount(app, outline)
    if drivers:
        app.include_router(drivers_routes.router(boards, bool(outline)))
    for page in PAGES:
        page.mount(desk)
    ui.run_with(
        app,
        title="csms",
        favicon="⚡",
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        message_history_length=MESSAGES_KEPT,
        show_welcome_message=False,
    )
    app.add_middleware(Gate, visitors=visitors, also_open=(drivers_routes.PATH,) if drivers else ())
    return app


def _now_s() -> float:
    return asyncio.get_running_loop().time()
