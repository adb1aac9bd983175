"""Who gets in, who does not, and with what answer; what is recorded of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from csms.access.audit import AuditLog
from csms.access.guard import Rates
from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.charging.feeder import Feeder, FeederTree
from csms.grid import http as limit_routes
from csms.model.access import BOUND, Role
from csms.model.clock import ScaledClock
from csms.model.errors import StoreUnavailable
from csms.security.access_tokens import new_token
from csms.store.change import Change
from tests.support.access import bearer, guard_over, token_for
from tests.support.limits import limits_over
from tests.support.operations import Operations, TwinFeeders

PROBLEM = "application/problem+json"
TREE = FeederTree([Feeder("site", 200_000), Feeder("north", 80_000, "site")])


@asynccontextmanager
async def client(at: Operations, token: str = "", app: Any = None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app or at.app, raise_app_exceptions=False, client=("10.1.2.3", 5000))
    headers = bearer(token) if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as http:
        yield http


async def with_role(at: Operations, role: Role, bound_to: Sequence[str] = ()) -> str:
    return await token_for(at.guard, role, bound_to=bound_to)


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"], document["reason"]


async def test_without_a_token_nothing_is_told(at: Operations) -> None:
    await at.station("CP-1")
    async with client(at) as http:
        for path in ("/overview", "/stations", "/stations/CP-1", "/stations/NOBODY", "/audit", "/access-tokens"):
            answer = await http.get(f"/api/v1{path}")
            assert refused(answer) == (401, "unauthenticated", "missing")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        broken = await http.put("/api/v1/stations/CP-1", content=b"{", headers={"content-type": "application/json"})
        assert refused(broken) == (401, "unauthenticated", "missing"), "the body is not looked at before"
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/docs")).status_code == 200
        assert (await http.get("/openapi.json")).status_code == 200


WRONG = [
    "Bearer",
    "Bearer ",
    "Bearer nonsense",
    "Bearer csms_aaaaaaaaaa_" + "A" * 49,
    "Basic YWRtaW46YWRtaW4=",
    "Digest x",
    "Bearer " + "x" * 8000,
    "Bearer \xff\xfe",
]


@pytest.mark.parametrize("header", WRONG, ids=range(len(WRONG)))
async def test_every_wrong_token_is_answered_alike(at: Operations, header: str) -> None:
    async with client(at) as http:
        answer = await http.get("/api/v1/overview", headers={"Authorization": header.encode("latin-1")})
        assert refused(answer) == (401, "unauthenticated", "invalid")
        known = await with_role(at, Role.VIEWER)
        head, token_id, secret = known.split("_")
        stranger = new_token().text.split("_")
        mixed = f"{head}_{token_id}_{stranger[2]}"
        for text in (mixed, new_token().text, known[:-1], known + "0", known.swapcase()):
            other = await http.get("/api/v1/overview", headers=bearer(text))
            assert (other.json(), other.status_code) == (answer.json(), 401)
            assert secret not in other.text


async def test_expired_and_revoked_tokens_say_so_to_their_owner(at: Operations) -> None:
    expiring = await at.guard.tokens.create(
        "guest", Role.VIEWER, expires_at=at.clock.now() + timedelta(hours=1), created_by="x"
    )
    revoked = await at.guard.tokens.create("leaver", Role.VIEWER, created_by="x")
    async with client(at, expiring.text) as guest, client(at, revoked.text) as leaver:
        assert (await guest.get("/api/v1/overview")).status_code == 200
        assert (await leaver.get("/api/v1/overview")).status_code == 200
        assert (await at.http.delete("/api/v1/access-tokens/leaver")).status_code == 200
        at.clock.advance(3600)
        assert refused(await guest.get("/api/v1/overview"))[2] == "expired"
        assert refused(await leaver.get("/api/v1/overview"))[2] == "revoked"


ALLOWED = {
    Role.VIEWER: {"GET /stations"},
    Role.TECHNICIAN: {"GET /stations", "PUT /stations/CP-9", "POST /stations/CP-1/commands/trigger", "GET /id-tokens"},
    Role.ADMINISTRATOR: {
        "GET /stations",
        "PUT /stations/CP-9",
        "POST /stations/CP-1/commands/trigger",
        "POST /stations/CP-1/commands/call",
        "GET /id-tokens",
        "GET /access-tokens",
        "GET /audit",
    },
    Role.GRID_OPERATOR: set(),
    Role.PROVINCE_PARTNER: set(),
    Role.DRIVER: set(),
}
BODIES: dict[str, dict[str, Any]] = {
    "PUT /stations/CP-9": {"evses": [{}]},
    "POST /stations/CP-1/commands/trigger": {"message": "boot"},
    "POST /stations/CP-1/commands/call": {"action": "Heartbeat"},
}


@pytest.mark.parametrize("role", Role)
async def test_what_a_role_may_do(at: Operations, role: Role) -> None:
    await at.station("CP-1")
    token = await with_role(at, role, ["north"] if role is Role.GRID_OPERATOR else ["p"] if role in BOUND else [])
    async with client(at, token) as http:
        for asked in sorted(ALLOWED[Role.ADMINISTRATOR]):
            method, path = asked.split()
            answer = await http.request(method, f"/api/v1{path}", json=BODIES.get(asked))
            if asked in ALLOWED[role]:
                assert answer.status_code not in (401, 403), (asked, answer.text)
            else:
                assert refused(answer) == (403, "not_authorised", "role"), asked
        me = (await http.get("/api/v1/access-tokens/self")).json()
        assert me["role"] == role.value


async def test_bound_roles_see_what_is_theirs(at: Operations) -> None:
    async with client(at, await with_role(at, Role.GRID_OPERATOR, ["north"])) as http:
        assert [row["feeder_id"] for row in (await http.get("/api/v1/feeders")).json()["feeders"]] == ["north"]
        assert refused(await http.get("/api/v1/plans/site")) == (403, "not_authorised", "bound")
        assert (await http.get("/api/v1/plans/north")).json()["code"] == "no_plan"
    async with client(at, await with_role(at, Role.GRID_OPERATOR, ["site"])) as http:
        assert len((await http.get("/api/v1/feeders")).json()["feeders"]) == 2
    async with client(at, await with_role(at, Role.PROVINCE_PARTNER, ["hebei"])) as http:
        assert (await http.get("/api/v1/province")).json()["partners"] == []
    async with client(at, await with_role(at, Role.PROVINCE_PARTNER, ["shandong"])) as http:
        assert len((await http.get("/api/v1/province")).json()["partners"]) == 1


async def test_tokens_are_made_rotated_and_revoked(at: Operations) -> None:
    made = await at.http.post("/api/v1/access-tokens", json={"name": "alice", "role": "technician"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    token = made.json()["token"]
    async with client(at, token) as alice:
        assert (await alice.get("/api/v1/stations")).status_code == 200
        at.clock.advance(1)
        turned = (await at.http.post("/api/v1/access-tokens/alice/rotate", json={"grace_s": 0})).json()
        assert turned["name"] == "alice"
        assert refused(await alice.get("/api/v1/stations"))[2] == "expired"
    listed = await at.http.get("/api/v1/access-tokens")
    assert token.split("_")[2] not in listed.text
    assert turned["token"].split("_")[2] not in listed.text
    rows = [row for row in listed.json()["tokens"] if row["name"] == "alice"]
    assert [row["valid"] for row in rows] == [False, True]
    assert (await at.http.delete(f"/api/v1/access-tokens/{turned['token_id']}")).json()["tokens"][0]["revoked_at"]
    for status, code, body in (
        (409, "token_exists", {"name": "alice", "role": "viewer"}),
        (422, "invalid_access_token", {"name": "x", "role": "viewer", "bound_to": ["north"]}),
        (422, "unknown_feeder", {"name": "x", "role": "grid_operator", "bound_to": ["south"]}),
        (422, "invalid_request", {"name": "x", "role": "root"}),
    ):
        answer = await at.http.post("/api/v1/access-tokens", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await at.http.delete("/api/v1/access-tokens/nobody")).json()["code"] == "unknown_access_token"
    (admin,) = [row for row in listed.json()["tokens"] if row["role"] == "administrator"]
    assert (await at.http.delete(f"/api/v1/access-tokens/{admin['token_id']}")).json()["code"] == "last_administrator"


async def entries(at: Operations, **given: Any) -> list[dict[str, Any]]:
    return list(reversed((await at.http.get("/api/v1/audit", params={"limit": 100, **given})).json()["records"]))


async def test_every_action_is_recorded_before_and_after(at: Operations) -> None:
    await at.station("CP-1")
    token = await token_for(at.guard, Role.TECHNICIAN, "alice")
    async with client(at, token) as alice:
        await alice.post("/api/v1/stations/CP-1/commands/reset", json={"hard": True})
        await alice.post("/api/v1/stations/NOBODY/commands/reset", json={"hard": True})
        await alice.put("/api/v1/stations/CP-1", json={"evses": [{"phases": 9}]})
        await alice.get("/api/v1/stations")
        await alice.delete("/api/v1/access-tokens/alice")
    found = await entries(at, actor="alice")
    assert [(row["kind"], row["action"], row["result"].get("code", row["result"].get("status"))) for row in found] == [
        ("asked", "command reset", None),
        ("done", "command reset", "Accepted"),
        ("asked", "command reset", None),
        ("done", "command reset", "unknown_station"),
        ("asked", "PUT /stations/{station_id}", None),
        ("done", "PUT /stations/{station_id}", "invalid_request"),
        ("refused", "DELETE /access-tokens/{name}", "not_authorised"),
    ]
    first, second = found[:2]
    assert first["request"] == second["request"] != found[2]["request"]
    assert first["who"]["role"] == "technician"
    assert first["who"]["address"] == "10.1.2.3"
    assert first["on"] == {"station_id": "CP-1"}
    assert first["detail"] == {"hard": True}


class Failing:
    """The writer of a store that takes nothing."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.broken = inner, False

    async def commit(self, wanted: Sequence[Change]) -> None:
        if self.broken:
            raise StoreUnavailable("no space")
        await self.inner.commit(wanted)


@dataclass
class Broken:
    """A store for the audit log alone."""

    reader: Any
    writer: Failing


async def app_with(at: Operations, *, rates: Rates | None = None, clock: Any = None) -> tuple[Any, Any, Failing]:
    """An application with limits whose audit log can be put out of order; its guard, and the switch."""
    guard = guard_over(clock or at.clock, at.store, rates)
    failing = Failing(at.store.writer)
    guard._audit = AuditLog(at.clock, Broken(at.store.reader, failing))
    await guard.audit.restore()
    limits = limits_over(at.clock, at.store, TREE, at.service.bus, audit=guard.audit)
    deps = ApiDeps(
        at.clock,
        at.service,
        at.store.reader,
        TwinFeeders(),
        routers=lambda: [limit_routes.router(limits, at.store.reader)],
        guard=guard,
    )
    return create_api(deps), guard, failing


async def test_without_a_record_no_action_but_a_limit_is_held(at: Operations) -> None:
    await at.station("CP-1")
    app, guard, failing = await app_with(at)
    async with client(at, await token_for(guard), app) as http:
        failing.broken = True
        asked = len(at.links["CP-1"].asked)
        for method, path, code in (
            ("POST", "/stations/CP-1/commands/reset", "audit_unavailable"),
            ("PUT", "/stations/CP-7", "audit_unavailable"),
            ("DELETE", "/feeders/site/limits/L1", "store_unavailable"),
        ):
            answer = await http.request(method, f"/api/v1{path}", json={})
            assert (answer.status_code, answer.json()["code"]) == (503, code), path
        assert len(at.links["CP-1"].asked) == asked, "it was not begun"
        assert "CP-7" not in at.service.stations
        body = {"version": 1, "value_w": 100_000}
        assert (await http.put("/api/v1/feeders/site/limits/L1", json=body)).status_code == 202
        stop = await http.post("/api/v1/stations/CP-1/commands/remote_stop", json={"transaction_id": "7"})
        assert stop.json()["status"] == "Accepted", "what ends a load is not held up"
        assert (await http.get("/api/v1/overview")).status_code == 200, "reads need no record"
        assert guard.audit.owed == 3
        failing.broken = False
        await guard.audit.pay()
    rows = [(row.kind, row.action) for row in await at.store.reader.audit_after(0, 10)]
    stopping = "command remote_stop"
    assert rows == [("limit", "set limit"), ("asked", stopping), ("done", stopping)]


async def test_what_was_begun_is_answered_and_its_end_is_owed(at: Operations) -> None:
    await at.station("CP-1")
    app, guard, failing = await app_with(at)
    link = at.links["CP-1"]
    send = link.send

    async def breaking(command: Any) -> Any:
        failing.broken = True
        return await send(command)

    link.send = breaking  # type: ignore[method-assign]
    async with client(at, await token_for(guard), app) as http:
        answer = await http.post("/api/v1/stations/CP-1/commands/reset", json={})
        assert answer.json()["status"] == "Accepted"
    assert guard.audit.owed == 1


async def test_a_token_that_comes_too_often_waits_and_others_do_not(at: Operations) -> None:
    clock = ScaledClock()
    app, guard, _ = await app_with(at, rates=Rates(1.0, 5, 1.0, 5), clock=clock)
    async with client(at, await token_for(guard), app) as busy, client(at, await token_for(guard), app) as calm:
        codes = [(await busy.get("/api/v1/feeders")).status_code for _ in range(8)]
        assert codes == [200] * 5 + [429] * 3
        answer = await busy.get("/api/v1/feeders")
        assert refused(answer) == (429, "rate_limited", "token")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await calm.get("/api/v1/feeders")).status_code == 200
        open_codes = [(await calm.get("/healthz")).status_code for _ in range(7)]
        assert open_codes == [200] * 5 + [429] * 2


async def test_guessing_waits_ever_longer_but_locks_nobody_out(at: Operations) -> None:
    app, guard, _ = await app_with(at, clock=ScaledClock())
    async with client(at, "", app) as guesser, client(at, await token_for(guard), app) as neighbour:
        codes = [
            (await guesser.get("/api/v1/feeders", headers=bearer(new_token().text))).status_code for _ in range(12)
        ]
        assert codes[:6] == [401] * 6
        assert codes[6:] == [429] * 6
        refusal = await guesser.get("/api/v1/feeders", headers=bearer(new_token().text))
        assert refused(refusal) == (429, "rate_limited", "failures")
        assert (await neighbour.get("/api/v1/feeders")).status_code == 200, "the same address, a good token"
        assert guard.counters()["api_rate_limited_failures"] == 7


async def test_other_origins_get_nothing_and_browsers_are_told_to_trust_nothing(at: Operations) -> None:
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    answers = [
        await at.http.options("/api/v1/stations", headers=foreign),
        await at.http.get("/api/v1/overview", headers=foreign),
        await at.http.get("/nowhere"),
        await at.http.put("/api/v1/stations/CP-1", content=b"x" * 300_000),
        await at.http.get("/docs"),
    ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http:" not in policy
    assert answers[0].status_code == 405


async def test_the_page_runs_under_its_policy(at: Operations) -> None:
    answer = await at.http.get("/docs")
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", answer.text)


async def test_the_description_declares_the_scheme_and_the_roles(at: Operations) -> None:
    document = (await at.http.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["security"] == ([] if path == "/healthz" else [{"token": []}]), path
            assert path == "/healthz" or operation["x-roles"]
    assert document["paths"]["/api/v1/access-tokens"]["post"]["x-roles"] == ["administrator"]


async def test_a_cancelled_request_is_recorded_later(at: Operations) -> None:
    await at.station("CP-1")
    app, guard, _ = await app_with(at)

    reached = asyncio.Event()

    async def hang(command: Any) -> Any:
        reached.set()
        await asyncio.sleep(60)

    at.links["CP-1"].send = hang  # type: ignore[method-assign]
    async with client(at, await token_for(guard), app) as http:
        asking = asyncio.create_task(http.post("/api/v1/stations/CP-1/commands/reset", json={}))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await guard.audit.pay()
    last = await at.store.reader.audit_head()
    assert last is not None
    assert orjson.loads(last.text)["result"] == {"code": "cancelled"}


async def test_a_security_profile_is_lowered_by_administrators_alone(at: Operations) -> None:
    await at.station("CP-1")
    body = {"security_profile": 0, "lower": True}
    async with client(at, await with_role(at, Role.TECHNICIAN)) as http:
        assert refused(await http.put("/api/v1/stations/CP-1/security", json=body)) == (403, "not_authorised", "role")
        assert (await http.put("/api/v1/stations/CP-1/security", json={"serial": "SN-1"})).status_code == 200
    async with client(at, await with_role(at, Role.ADMINISTRATOR)) as http:
        assert (await http.put("/api/v1/stations/CP-1/security", json=body)).status_code == 200
