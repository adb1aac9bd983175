"""Errors are problem documents everywhere; bodies are bounded; the API describes itself without outside files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from csms.access.needs import open_to_all
from csms.access.routing import Router
from csms.api.app import create_api
from csms.api.body_limit import BODY_BYTES_MAX
from csms.api.docs_page import PAGE
from csms.api.ports import ApiDeps
from csms.model.commands import COMMANDS
from csms.model.errors import CsmsError, LimitRefused, StoreUnavailable
from tests.support.operations import Operations

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/stations/CP-0", 404, "unknown_station"),
        ("GET", "/api/v1/sessions/17", 404, "unknown_session"),
        ("GET", "/api/v1/sessions/99999999999999999999", 404, "unknown_session"),
        ("GET", "/api/v1/sessions/17/samples", 404, "unknown_session"),
        ("GET", "/api/v1/plans/nowhere", 404, "no_plan"),
        ("DELETE", "/api/v1/overview", 405, "method_not_allowed"),
        ("GET", "/api/v1/sessions?limit=0", 422, "invalid_request"),
        ("GET", "/api/v1/sessions?status=lost", 422, "invalid_request"),
    ],
)
async def test_errors_are_problem_documents(at, method, path, status, code) -> None:
    answer = await at.http.request(method, path)
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["title"]
    assert document["detail"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"nonsense", b'{"energy_wh": NaN}', b"[" * 5000, b"\xff\xfe"])
async def test_broken_bodies_are_refused(at, body) -> None:
    await at.station("CP-1")
    headers = {"content-type": "application/json"}
    answer = await at.http.put("/api/v1/stations/CP-1/evses/1/needs", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == PROBLEM


async def test_a_wrong_field_is_named(at) -> None:
    answer = await at.http.put("/api/v1/stations/CP-1", json={"evses": [{"phases": 9}]})
    assert answer.json()["errors"][0]["field"] == "evses.0.phases"


async def test_a_large_body_is_refused_announced_or_not(at) -> None:
    large = b"x" * (BODY_BYTES_MAX + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, pieces()):
        answer = await at.http.put("/api/v1/stations/CP-1", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await at.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (RuntimeError("secret detail"), 500, "internal_error"),
        (CsmsError(), 500, "csms_error"),
        (StoreUnavailable("disk full"), 503, "store_unavailable"),
        (LimitRefused("below_floor", "under the floor"), 422, "limit_refused"),
    ],
)
async def test_faults_of_mounted_routers_are_problems_too(at: Operations, fault, status, code) -> None:
    router = Router()

    @router.get("/broken")
    @open_to_all("a test")
    async def broken() -> None:
        raise fault

    app = create_api(ApiDeps(at.clock, at.service, at.store.reader, routers=lambda: [router], guard=at.guard))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=at.http.headers) as http:
        answer = await http.get("/broken")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "secret" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'"), "whoever answers"
        assert (await http.get("/api/v1/overview")).json()["feeders"] == []
        assert (await http.get("/api/v1/province")).json()["partners"] == []


async def test_the_api_describes_itself(at) -> None:
    document = (await at.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    operations = [op for methods in document["paths"].values() for op in methods.values()]
    assert len(operations) >= 24
    assert all(op["summary"] and op["operationId"] for op in operations)
    names = [op["operationId"] for op in operations]
    assert len(set(names)) == len(names)
    assert {f"command_{name}" for name in COMMANDS} <= set(names)
    _every_reference_leads_somewhere(document)


def _every_reference_leads_somewhere(document: dict) -> None:
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', httpx.Response(200, json=document).text):
        found = document
        for part in reference.split("/"):
            found = found[part]


async def test_numbers_have_units_in_their_names(at) -> None:
    schemas = (await at.http.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("Overview", "FeederOut", "SessionOut", "StationOut"):
        for field in schemas[name]["properties"]:
            assert not re.search(r"(power|energy|cap|bound|planned|metered|base)$", field), f"{name}.{field}"


async def test_the_docs_page_needs_nothing_from_outside(at) -> None:
    answer = await at.http.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.", answer.text)
    assert "openapi.json" in PAGE.read_text(encoding="utf-8")
