"""Routes that partners call, outside the API: no access token opens them, a signed envelope and its own token do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response

from csms.access.needs import open_to_all
from csms.access.routing import Router
from csms.province import strict_json
from csms.province.desk import OperatorDesk
from csms.province.profile import Kind

JSON_TYPE = "application/json; charset=utf-8"

partners = open_to_all("a partner proves itself by the signature of its envelope and a token of query_token")


def router(desk: OperatorDesk) -> Router:
    """One route for each path of each partner's profile."""
    routes = Router(include_in_schema=False)
    for path, kinds in desk.paths().items():
        routes.post(path)(partners(_endpoint(desk, kinds)))
    return routes


def _endpoint(desk: OperatorDesk, kinds: Mapping[str, Kind]) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        """Answer a partner's call."""
        raw = await strict_json.bounded(request.stream())
        reply = await desk.receive(kinds, raw, request.headers.get("Authorization", ""))
        return Response(reply.body, reply.http_status, media_type=JSON_TYPE)

    return receive
