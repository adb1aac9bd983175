"""Routes that nobody passes without a look at their token: `Router` instead of FastAPI's own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from csms.access.needs import UndeclaredRoute, need_of
from csms.model.access import Caller

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """Asks the guard of the application before anything of the request is read. Raises UndeclaredRoute when made."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.need = need_of(endpoint)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """What FastAPI calls for each request."""
        serve = super().get_route_handler()
        need = self.need

        async def guarded(request: Request) -> Response:
            answer: Response = await request.app.state.guard.serve(need, request, serve)
            return answer

        return guarded


class Router(APIRouter):
    """A router of guarded routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=GuardedRoute, **options)


def caller_of(request: Request) -> Caller:
    """Whose request it is; only behind a route that is not open."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


def check_routes(app: FastAPI) -> list[GuardedRoute]:
    """All routes of an application. Raises UndeclaredRoute for one that came past `Router`."""
    return _guarded(app.router.routes)


def _guarded(routes: Any) -> list[GuardedRoute]:
    found: list[GuardedRoute] = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _guarded(inner.routes)
        elif isinstance(route, GuardedRoute):
            found.append(route)
        else:
            raise UndeclaredRoute(f"{getattr(route, 'path', route)!r}: routes are made with csms.access.routing.Router")
    return found
