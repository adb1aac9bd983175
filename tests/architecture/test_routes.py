"""Default deny: every route of the real application says who may use it; one that does not ends the start."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from csms.access.needs import UndeclaredRoute, need_of, open_to_all, viewers
from csms.access.routing import GuardedRoute, Router, check_routes
from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.model.access import Role
from tests.support.operations import Operations, operations

ROOT = Path(__file__).resolve().parents[2]
OPEN = {"/docs", "/openapi.json", "/healthz", "/files/upload", "/files/firmware"}


@pytest.fixture
async def at(tmp_path: Path):
    async with operations(tmp_path) as opened:
        yield opened


async def test_only_these_routes_are_open(at: Operations) -> None:
    routes = check_routes(at.app)
    found = {route.path for route in routes if route.need.is_open}
    assert {path.partition("/{")[0] for path in found} == OPEN
    assert all(route.need.roles for route in routes if not route.need.is_open)
    assert len(routes) > 60


async def test_no_role_but_an_administrator_makes_tokens_or_reads_the_audit_log(at: Operations) -> None:
    for route in check_routes(at.app):
        if route.path.startswith(("/audit", "/access-tokens")) and route.path != "/access-tokens/self":
            assert route.need.roles == {Role.ADMINISTRATOR}, route.path


async def test_what_bound_roles_may_use(at: Operations) -> None:
    bound = {
        (route.path, role.value)
        for route in check_routes(at.app)
        for role in (Role.GRID_OPERATOR, Role.PROVINCE_PARTNER, Role.DRIVER)
        if role in route.need.roles
    }
    assert bound == {
        ("/feeders", "grid_operator"),
        ("/feeders/{feeder_id}/day", "grid_operator"),
        ("/plans/{feeder_id}", "grid_operator"),
        ("/province", "province_partner"),
        ("/access-tokens/self", "grid_operator"),
        ("/access-tokens/self", "province_partner"),
        ("/access-tokens/self", "driver"),
    }


async def test_viewers_change_nothing(at: Operations) -> None:
    for route in check_routes(at.app):
        if Role.VIEWER in route.need.roles:
            assert route.methods == {"GET"}, route.path


def test_a_route_without_a_word_cannot_be_made() -> None:
    routes = Router()

    async def forgotten() -> None:
        """Says nothing."""

    with pytest.raises(UndeclaredRoute, match="forgotten"):
        routes.get("/x")(forgotten)
    with pytest.raises(UndeclaredRoute):
        need_of(forgotten)


async def test_a_router_that_came_past_ours_ends_the_start(at: Operations) -> None:
    foreign = APIRouter()

    @foreign.get("/x")
    @viewers
    async def declared() -> None:
        """Declared, but nobody would look."""

    with pytest.raises(UndeclaredRoute, match="Router"):
        create_api(ApiDeps(at.clock, at.service, at.store.reader, routers=lambda: [foreign], guard=at.guard))
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(foreign)
    with pytest.raises(UndeclaredRoute):
        check_routes(app)


def test_nested_routers_are_looked_into() -> None:
    inner, outer = Router(), Router()

    @inner.get("/x")
    @open_to_all("a test")
    async def nested() -> None:
        """Two levels down."""

    outer.include_router(inner, prefix="/b")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(outer, prefix="/a")
    (route,) = check_routes(app)
    assert isinstance(route, GuardedRoute)


@pytest.mark.parametrize("room", ["api", "grid", "province", "public", "response"])
def test_rooms_of_the_api_use_our_router(room: str) -> None:
    for path in sorted((ROOT / "csms" / room).rglob("*.py")):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module == "fastapi"
            for alias in node.names
        }
        assert "APIRouter" not in names or path.name == "ports.py", path
