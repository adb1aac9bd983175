"""`/driver` and `/driver/places.json`: for anybody, often enough for a person and too seldom for a machine.

The page has no script of its own in it and trusts no other host; a place that a browser knows is rounded to a hundred
metres before it leaves it, and is kept nowhere.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from csms.security.addresses import network_of
from csms.security.buckets import Buckets
from csms.texts import LANGUAGES, catalogue
from monitor.dashboard.source import SourceLost
from monitor.dashboard.web.api import Refused
from monitor.dashboard.web.drivers.board import Boards
from monitor.dashboard.web.drivers.document import document
from monitor.dashboard.web.drivers.offers import Order, Wish, fitting
from monitor.dashboard.web.drivers.page import ARRIVALS_MIN, POWERS_KW, SCRIPT, SCRIPT_PATH, page

PATH = "/driver"
PER_S, BURST = 2.0, 30.0
"""Of one address: thirty at once, then two a second."""
WORDS_MAX = 80
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "permissions-policy": "camera=(), geolocation=(self), microphone=()",
    "referrer-policy": "no-referrer",
}
KINDS = ("ac", "dc")
ORDERS: Mapping[str, Order] = {"near": "near", "cheap": "cheap", "free": "free"}


def router(boards: Boards, outline: bool) -> APIRouter:
    """The routes; `outline`: whether maps have one."""
    routes = APIRouter(include_in_schema=False)
    buckets = Buckets(PER_S, BURST)

    def too_many(request: Request) -> Response | None:
        host = request.client.host if request.client else ""
        wait_s = buckets.take(network_of(host), asyncio.get_running_loop().time())
        headers = {"retry-after": str(math.ceil(wait_s))}
        return Response("too many requests; try again later\n", 429, headers) if wait_s > 0 else None

    @routes.get(SCRIPT_PATH)
    async def script() -> Response:
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(SCRIPT, media_type="text/javascript", headers=headers)

    @routes.get(PATH)
    async def driver(request: Request) -> Response:
        if (refused := too_many(request)) is not None:
            return refused
        lang, wish = language(request), wish_of(request.query_params)
        text = catalogue(lang)
        try:
            board = await boards.board()
        except (SourceLost, Refused):
            return HTMLResponse(page(text, lang, wish, None, [], "", outline), 503, HEADERS)
        found = fitting(board.offers, wish, board.clock_time)
        here = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "lang"])
        return HTMLResponse(page(text, lang, wish, board, found, here, outline), headers=HEADERS)

    @routes.get(f"{PATH}/places.json")
    async def places(request: Request) -> Response:
        if (refused := too_many(request)) is not None:
            return refused
        try:
            board = await boards.board()
        except (SourceLost, Refused) as fault:
            return JSONResponse({"code": "no_server", "detail": str(fault)}, 503, HEADERS)
        wish = wish_of(request.query_params)
        return JSONResponse(document(board, fitting(board.offers, wish, board.clock_time)), headers=HEADERS)

    return routes


def language(request: Request) -> str:
    """What was chosen, else what the browser asks for first."""
    chosen = request.query_params.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def wish_of(given: Mapping[str, str]) -> Wish:
    """What a query asks for; what cannot be meant is as if it were not said."""
    longitude, latitude = _number(given, "lng", 180.0), _number(given, "lat", 90.0)
    power_kw, in_min = _number(given, "kw", 10_000.0), _number(given, "in", 1_000.0)
    return Wish(
        words=given.get("q", "")[:WORDS_MAX],
        kind=given.get("kind", "") if given.get("kind") in KINDS else "",
        power_w=round(power_kw * 1000) if power_kw in POWERS_KW else 0,
        price_max=_number(given, "price", 1000.0),
        spot=None if longitude is None or latitude is None else (longitude, latitude),
        in_min=int(in_min) if in_min in ARRIVALS_MIN else 0,
        order=ORDERS.get(given.get("order", ""), "near"),
        free_only=given.get("free") == "1",
    )


def _number(given: Mapping[str, str], name: str, most: float) -> float | None:
    try:
        value = float(given.get(name, ""))
    except ValueError:
        return None
    return value if -most <= value <= most else None
