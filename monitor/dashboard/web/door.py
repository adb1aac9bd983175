"""Signing in and out: plain pages without script, so that strangers reach nothing but a form."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from csms.security.buckets import Failures
from csms.texts import LANGUAGES, Text, catalogue
from monitor.dashboard.source import SourceLost, SourceRefused
from monitor.dashboard.web.api import Refused
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.gate import COOKIE, DOOR, visitor_of
from monitor.dashboard.web.palette import THEMES
from monitor.dashboard.web.style import SHEET, STYLE_PATH
from monitor.dashboard.web.visitors import STAY_S, Visitor, home_of

TOKEN_LENGTH_MAX = 512
FORM_BYTES_MAX = 4096
PAGE = Path(__file__).with_name("door.html").read_text(encoding="utf-8")
"""Filled in with words of ours and markup of ours, nothing else."""


def router(desk: Desk, guest_token: str = "") -> APIRouter:
    """The routes; with `guest_token` whoever comes may look around as a guest."""
    routes = APIRouter(include_in_schema=False)
    failures = Failures()

    @routes.get(STYLE_PATH)
    async def style() -> Response:
        return Response(SHEET, media_type="text/css", headers={"cache-control": "public, max-age=31536000, immutable"})

    @routes.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @routes.get(DOOR)
    async def door(request: Request) -> Response:
        if visitor_of(request.scope) is not None:
            return RedirectResponse("/", 303)
        return _page(request, guest=bool(guest_token))

    @routes.post(DOOR)
    async def enter(request: Request) -> Response:
        form = await _form(request)
        guest = bool(guest_token) and "guest" in form
        token = guest_token if guest else form.get("token", "").strip()
        address = request.client.host if request.client else ""
        now_s = asyncio.get_running_loop().time()
        if failures.wait_s(address, now_s) > 0:
            return _page(request, "web.door.wait", 429, bool(guest_token))
        if not token or len(token) > TOKEN_LENGTH_MAX or not token.isascii() or not token.isprintable():
            return _page(request, "web.door.wrong", 401, bool(guest_token))
        try:
            who = await desk.api.get(token, "/access-tokens/self")
        except SourceRefused:
            failures.failed(address, now_s)
            return _page(request, "web.door.wrong", 401, bool(guest_token))
        except (SourceLost, Refused):
            return _page(request, "web.door.no_server", 502, bool(guest_token))
        failures.succeeded(address)
        if guest and who["role"] != "viewer":
            return _page(request, "web.door.no_guest", 403)
        visitor = desk.visitors.enter(
            token, who["name"], who["role"], tuple(who["bound_to"]), lang=_language(request), guest=guest
        )
        desk.hub_for(visitor).hurry()
        return _let_in(request, visitor)

    @routes.post("/logout")
    async def leave(request: Request) -> Response:
        visitor = visitor_of(request.scope)
        if visitor is not None:
            desk.visitors.leave(visitor)
        answer = RedirectResponse(DOOR, 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @routes.post("/look")
    async def look(request: Request) -> Response:
        # Another language or other colours, then back to where one was
        visitor, form = visitor_of(request.scope), await _form(request)
        if visitor is not None:
            visitor.lang = form.get("lang", "") if form.get("lang") in LANGUAGES else visitor.lang
            visitor.theme = next((name for name in THEMES if name == form.get("theme")), visitor.theme)
        came = urlsplit(request.headers.get("referer", ""))
        back = came.path + (f"?{came.query}" if came.query else "")
        return RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 303)

    return routes


def _let_in(request: Request, visitor: Visitor) -> Response:
    answer = RedirectResponse(home_of(visitor), 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, visitor.number, max_age=int(STAY_S), path="/", secure=secure, httponly=True, samesite="strict"
    )
    return answer


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; nothing when it is larger than a form of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _language(request: Request) -> str:
    """What the browser asks for first."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _page(request: Request, fault: str = "", status: int = 200, guest: bool = False) -> Response:
    lang = _language(request)
    text: Text = catalogue(lang)
    words = {name: text(f"web.door.{name}") for name in ("title", "lead", "token", "hint", "enter", "guest")}
    shown = Markup('<p class="fault" role="alert">{}</p>').format(text(fault)) if fault else Markup("")
    button = Markup('<button name="guest" value="1" class="second" formnovalidate>{}</button>').format(words["guest"])
    html = PAGE.format(
        lang="zh-CN" if lang == "zh" else "en",
        style=STYLE_PATH,
        fault=shown,
        guest_button=button if guest else "",
        **words,
    )
    return HTMLResponse(html, status)
