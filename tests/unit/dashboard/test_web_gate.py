"""Nobody gets past the gate who is not signed in, and no other site speaks for who is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from monitor.dashboard.web.gate import COOKIE, Gate, visitor_of
from monitor.dashboard.web.visitors import STAY_S, VISITORS_MAX, Visitors

TALK = "/_nicegui_ws/socket.io/"


class Hands:
    def __init__(self) -> None:
        self.now_s = 0.0


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def visitors(hands: Hands) -> Visitors:
    return Visitors(lambda: hands.now_s)


async def _page(request: Request) -> PlainTextResponse:
    visitor = visitor_of(request.scope)
    return PlainTextResponse(visitor.name if visitor else "nobody")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


@pytest.fixture
def gate(visitors: Visitors) -> Gate:
    everything = Route("/{path:path}", _page, methods=["GET", "POST"])
    return Gate(Starlette(routes=[WebSocketRoute(TALK, _talk), everything]), visitors)


@pytest.fixture
def client(gate: Gate) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://here")


async def talk(gate: Gate, cookie: str = "", origin: str = "http://here") -> list[str]:
    """What a live connection is told, in the words of ASGI."""
    told: list[str] = []
    headers = {"host": "here", "origin": origin, "cookie": f"{COOKIE}={cookie}"}
    scope = {
        "type": "websocket",
        "path": TALK,
        "query_string": b"",
        "scheme": "ws",
        "subprotocols": [],
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        told.append(message["type"])

    await gate(scope, receive, send)
    return told


def sign_in(client: httpx.AsyncClient, visitors: Visitors) -> str:
    number = visitors.enter("csms_x", "ann", "viewer").number
    client.cookies.set(COOKIE, number)
    return number


async def test_strangers_see_the_door(client, gate) -> None:
    answer = await client.get("/stations")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await client.post("/look")).status_code == 401
    assert (await client.get("/login")).text == "nobody"
    assert await talk(gate) == ["websocket.close"]


async def test_visitors_get_in(client, gate, visitors) -> None:
    number = sign_in(client, visitors)
    assert (await client.get("/stations")).text == "ann"
    assert await talk(gate, number) == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_another_site_does_nothing_in_a_visitor_s_name(client, gate, visitors) -> None:
    number = sign_in(client, visitors)

    async def posted(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await client.post("/look", headers=named)).status_code

    assert await posted(origin="http://elsewhere") == 403
    assert await posted(origin="null") == 403
    assert await posted(sec_fetch_site="cross-site") == 403
    assert await posted(origin="http://here") == 200
    assert (await client.get(TALK, headers={"origin": "http://elsewhere"})).status_code == 403
    assert await talk(gate, number, "http://elsewhere") == ["websocket.close"]


async def test_a_shift_ends(client: httpx.AsyncClient, visitors: Visitors, hands: Hands) -> None:
    sign_in(client, visitors)
    hands.now_s = STAY_S + 1
    assert (await client.get("/")).status_code == 303
    assert visitors.all() == []


async def test_who_signs_out_is_out_at_once(client: httpx.AsyncClient, visitors: Visitors) -> None:
    sign_in(client, visitors)
    (visitor,) = visitors.all()
    visitors.leave(visitor)
    assert (await client.get("/")).status_code == 303


async def test_headers_trust_nobody(client: httpx.AsyncClient, visitors: Visitors) -> None:
    sign_in(client, visitors)
    answer = await client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http:" not in policy.replace("http://here", "")
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    secure = await client.get("https://here/login")
    assert "strict-transport-security" in secure.headers


async def test_a_broken_cookie_is_nobody_s(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers={"cookie": f"{COOKIE}=<>; ;;="})).status_code == 303


def test_the_token_shows_nowhere(visitors: Visitors) -> None:
    assert "csms_secret" not in repr(visitors.enter("csms_secret", "ann", "viewer"))


def test_too_many_visitors_push_out_the_oldest(visitors: Visitors) -> None:
    first = visitors.enter("t", "first", "viewer")
    for _ in range(VISITORS_MAX):
        visitors.enter("t", "more", "viewer")
    assert visitors.known(first.number) is None
    assert len(visitors.all()) == VISITORS_MAX
