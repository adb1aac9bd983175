"""Limits over HTTP on a real store: durable before the answer, restored at start, problem documents."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from csms.api import problems
from csms.charging.base_load import BaseLoads
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.http import router
from csms.grid.peer import SourceRule
from csms.grid.service import LimitService
from csms.model.access import Role
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.event import Event, LimitChanged
from csms.station.alerts import Alerts
from csms.station.bus import EventBus
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.security_tables import Alert
from tests.support.access import bearer, guard_over, token_for

TREE = FeederTree([Feeder("T1", 400_000, base_load_w=(20_000,), lowest_cap_w=50_000)])
URL = "/api/v1/feeders/T1/limits/L1"


class Desk:
    """A limit service with its HTTP client and what it told."""

    def __init__(self, store: Store, clock: ManualClock, rules: Sequence[SourceRule] = ()) -> None:
        self.store, self.clock = store, clock
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        app = FastAPI()
        app.state.guard = self.guard = guard_over(clock, store)
        alerts = Alerts(clock, store)
        self.service = LimitService(clock, store, self.guard.audit, TREE, bus, alerts, rules)
        problems.install(app)
        app.include_router(router(self.service, store.reader, lambda feeder_id: {"metered_w": 12_345}))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")

    async def records(self) -> list[dict[str, Any]]:
        """What stands in the audit log about limits, newest first."""
        return [json.loads(row.text) for row in await self.store.reader.audit_page(100, kind="limit")]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    found = Desk(store, clock)
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


@pytest.mark.req("GL-A6")
async def test_a_limit_is_durable_when_it_is_acknowledged(desk: Desk) -> None:
    answer = await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert answer.status_code == 202
    assert answer.json()["state"] == "in_force"
    assert answer.json()["status_url"] == "/api/v1/feeders/T1/state"
    rows = await desk.store.reader.limits("T1")
    assert [(row.limit_id, row.power_w, row.version) for row in rows] == [("L1", 150_000, 1)]
    (record,) = await desk.records()
    assert (record["result"]["accepted"], record["result"]["code"]) == (True, "")
    assert record["detail"]["raw_sha256"] == hashlib.sha256(answer.request.content).hexdigest()
    assert desk.events == [LimitChanged("T1", desk.clock.now())]
    reborn = Desk(desk.store, desk.clock)
    reborn.http.headers.update(desk.http.headers)
    await reborn.guard.tokens.refresh()
    await reborn.guard.audit.restore()
    await reborn.service.restore()
    assert reborn.service.cap_w("T1", desk.clock.now()) == 150_000
    repeated = await reborn.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert repeated.status_code == 202
    assert reborn.events == []
    await reborn.http.aclose()


@pytest.mark.parametrize(
    ("url", "content", "status", "code"),
    [
        (URL, b"{", 422, "malformed"),
        (URL, b'{"version": 1, "value_w": -5}', 422, "bad_sign"),
        (URL, b'{"version": 1, "value_w": NaN}', 422, "malformed"),
        (URL, b'{"version": 1, "value_w": 5}', 422, "below_floor"),
        ("/api/v1/feeders/T9/limits/L1", b'{"version": 1, "value_w": 100000}', 404, "unknown_feeder"),
        (URL, b" " * (256 * 1024 + 1), 413, "body_too_large"),
    ],
)
async def test_refusals_are_problem_documents(desk: Desk, url: str, content: bytes, status: int, code: str) -> None:
    answer = await desk.http.put(url, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert (document["status"], document["code"]) == (status, code)
    assert {"type", "title", "detail"} <= set(document)
    assert await desk.store.reader.limits() == []
    assert [record["result"]["code"] for record in await desk.records()] == ([] if status == 413 else [code])


async def test_versions_and_cancelling(desk: Desk) -> None:
    await desk.http.put(URL, json={"version": 5, "value_w": 150_000})
    stale = await desk.http.put(URL, json={"version": 4, "value_w": 140_000})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    gone = await desk.http.delete(URL)
    assert (gone.status_code, gone.json()["state"], gone.json()["version"]) == (202, "cancelled", 5)
    assert (await desk.http.delete(URL)).status_code == 202
    missing = await desk.http.delete("/api/v1/feeders/T1/limits/other")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_limit")
    assert desk.service.cap_w("T1", desk.clock.now()) is None


async def test_who_cancels_does_not_use_up_the_next_version_of_the_source(desk: Desk) -> None:
    await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert (await desk.http.delete(URL, params={"version": 1})).status_code == 202
    assert (await desk.http.put(URL, json={"version": 2, "value_w": 90_000})).status_code == 202
    late = await desk.http.delete(URL, params={"version": 1})
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert desk.service.cap_w("T1", desk.clock.now()) == 90_000
    reborn = Desk(desk.store, desk.clock)
    await reborn.service.restore()
    assert reborn.service.cap_w("T1", desk.clock.now()) == 90_000


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_was_stored_is_known_although_the_caller_went_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    stored, go_on = asyncio.Event(), asyncio.Event()
    commit = desk.store.writer.commit

    async def slow(changes: Sequence[Change]) -> None:
        await commit(changes)
        stored.set()
        await go_on.wait()

    monkeypatch.setattr(desk.store.writer, "commit", slow)
    body = {"json": {"version": 2, "value_w": 90_000}} if method == "PUT" else {}
    asking = asyncio.create_task(desk.http.request(method, URL, **body))
    await stored.wait()
    asking.cancel()
    go_on.set()
    await asyncio.gather(asking, return_exceptions=True)
    assert desk.service.cap_w("T1", desk.clock.now()) == (90_000 if method == "PUT" else None)


async def test_state_and_list(desk: Desk) -> None:
    later = {"version": 1, "value_w": 90_000, "valid_from": "2026-01-01T05:00:00Z"}
    await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    await desk.http.put("/api/v1/feeders/T1/limits/L2", json=later)
    state = (await desk.http.get("/api/v1/feeders/T1/state")).json()
    assert (state["cap_w"], state["rating_w"], state["base_w"], state["metered_w"]) == (
        150_000,
        400_000,
        20_000,
        12_345,
    )
    listed = (await desk.http.get("/api/v1/feeders/T1/limits")).json()["limits"]
    assert [(row["id"], row["state"]) for row in listed] == [("L1", "in_force"), ("L2", "scheduled")]
    for path in ("state", "limits"):
        assert (await desk.http.get(f"/api/v1/feeders/T9/{path}")).status_code == 404


async def test_what_cannot_be_stored_is_not_acknowledged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(changes: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(desk.store.writer, "commit", down)
    answer = await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    cancelled = await desk.http.delete(URL)
    assert (cancelled.status_code, cancelled.json()["code"]) == (503, "store_unavailable")
    assert desk.service.cap_w("T1", desk.clock.now()) is None
    assert desk.events == []


OPERATOR = SourceRule("grid:ops", frozenset({"T1"}), heartbeat_s=30, failsafe_w={"T1": 80_000})
BEAT = "/api/v1/limit-sources/heartbeat"


@pytest.fixture
async def watched(desk: Desk) -> AsyncIterator[Desk]:
    """With a grid operator whose silence means something, and its token."""
    found = Desk(desk.store, desk.clock, [OPERATOR])
    token = await token_for(found.guard, Role.GRID_OPERATOR, name="ops", bound_to=["T1"])
    found.http.headers.update(bearer(token))
    yield found
    await found.http.aclose()


@pytest.mark.req("GL-A4")
async def test_a_silent_source_holds_its_feeder_at_the_failsafe_value(watched: Desk) -> None:
    state = (await watched.http.get("/api/v1/feeders/T1/state")).json()
    assert (state["cap_w"], state["failsafe_w"]) == (80_000, 80_000)
    assert (await watched.http.post(BEAT)).json() == {"agrees": None, "mode": "failsafe"}
    assert (await watched.http.post(BEAT, json={"limits": []})).json() == {"agrees": True, "mode": "speaks"}
    assert watched.service.cap_w("T1", watched.clock.now()) is None
    watched.clock.advance(119)
    await watched.service.look()
    assert watched.service.cap_w("T1", watched.clock.now()) is None
    watched.clock.advance(1)
    await watched.service.look()
    assert watched.service.cap_w("T1", watched.clock.now()) == 80_000
    changed = watched.clock.now() - timedelta(seconds=120), watched.clock.now()
    assert watched.events == [LimitChanged("T1", at) for at in changed]
    open_alerts = [row.kind for row in await watched.store.reader.find(Alert) if row.acknowledged_at is None]
    assert open_alerts == ["LimitSourceSilent"]
    await watched.http.post(BEAT)
    answer = await watched.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert answer.status_code == 202
    assert watched.service.cap_w("T1", watched.clock.now()) == 150_000
    assert (await watched.http.post(BEAT, json={"limits": []})).json() == {"agrees": False, "mode": "speaks"}
    named = {"limits": [{"feeder": "T1", "id": "L1", "version": 1}]}
    assert (await watched.http.post(BEAT, json=named)).json() == {"agrees": True, "mode": "speaks"}
    (source,) = (await watched.http.get("/api/v1/limit-sources")).json()["sources"]
    assert (source["source"], source["mode"], source["silent_s"]) == ("grid:ops", "speaks", 0.0)
    assert not [row for row in await watched.store.reader.find(Alert) if row.acknowledged_at is None]


async def test_a_failsafe_value_that_was_stated_outlives_a_restart(watched: Desk) -> None:
    await watched.http.put(URL, json={"version": 1, "value_w": 150_000, "failsafe_w": 70_000})
    again = Desk(watched.store, watched.clock, [OPERATOR])
    await again.service.restore()
    assert again.service.cap_w("T1", again.clock.now()) == 70_000
    await again.http.aclose()


async def test_heartbeats_that_are_refused(watched: Desk) -> None:
    answer = await watched.http.post(BEAT, content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert (await watched.http.post(BEAT, content=b" " * 300_000)).status_code == 413
    assert (await watched.http.post(BEAT, headers={"authorization": ""})).status_code == 401


async def test_history_holds_what_was_refused_too(watched: Desk) -> None:
    await watched.http.put(URL, json={"version": 1, "value_w": 150_000})
    await watched.http.put(URL, json={"version": 1, "value_w": 140_000})
    await watched.http.put("/api/v1/feeders/T1/limits/zero", json={"version": 1, "value_w": 0})
    await watched.http.delete(URL)
    answer = (await watched.http.get("/api/v1/feeders/T1/limits/history", params={"limit": 3})).json()
    told = [(record["action"], record["result"]["code"], record["who"]["name"]) for record in answer["records"]]
    refused = [("set limit", "below_floor", "ops"), ("set limit", "stale_version", "ops")]
    assert told == [("cancel limit", "", "ops"), *refused]
    older = {"limit": 3, "before_seq": answer["next_before_seq"]}
    answer = (await watched.http.get("/api/v1/feeders/T1/limits/history", params=older)).json()
    assert [record["result"]["code"] for record in answer["records"]] == [""]
    assert (await watched.http.get("/api/v1/feeders/T9/limits/history")).status_code in (403, 404)
    alerts = [(row.kind, row.info) for row in await watched.store.reader.find(Alert)]
    assert ("LimitRefused", "below_floor: grid:ops about feeder T1") in alerts


async def test_a_source_that_states_too_much_is_slowed(desk: Desk) -> None:
    slow = Desk(desk.store, desk.clock, [SourceRule("http", statements_per_min=2)])
    slow.http.headers.update(desk.http.headers)
    await slow.guard.tokens.refresh()
    codes = [(await slow.http.put(URL, json={"version": n, "value_w": 90_000})).status_code for n in (1, 2, 3)]
    assert codes == [202, 202, 429]
    slow.clock.advance(30)
    assert (await slow.http.put(URL, json={"version": 3, "value_w": 90_000})).status_code == 202
    await slow.http.aclose()


async def test_what_becomes_of_a_limit_is_shown_to_whom_it_concerns(desk: Desk, watched: Desk) -> None:
    await watched.http.put(URL, json={"version": 1, "value_w": 150_000})
    (limit,) = (await watched.http.get("/api/v1/limits/L1")).json()["limits"]
    assert (limit["feeder_id"], limit["source"], limit["progress"]) == ("T1", "grid:ops", None)
    missing = await watched.http.get("/api/v1/limits/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_limit")
    token = await token_for(watched.guard, Role.GRID_OPERATOR, name="others", bound_to=["T2"])
    foreign = await watched.http.get("/api/v1/limits/L1", headers=bearer(token))
    assert foreign.status_code == 404


async def test_a_metered_base_load_takes_the_place_of_the_curve(desk: Desk) -> None:
    path = "/api/v1/feeders/T1/base-load"
    try:
        assert (await desk.http.put(path, json={"power_w": 35_000})).json() == {"counted": True, "base_w": 35_000}
        assert (await desk.http.get("/api/v1/feeders/T1/state")).json()["base_w"] == 35_000
        old = {"power_w": 1, "at": "2025-12-31T00:00:00Z"}
        assert (await desk.http.put(path, json=old)).json() == {"counted": False, "base_w": 35_000}
        for wrong in ({"power_w": "x"}, {"power_w": 1e11}, {"power_w": 1, "at": "2026-01-01T00:00:00"}, {}):
            assert (await desk.http.put(path, json=wrong)).status_code == 422, wrong
        assert (await desk.http.put("/api/v1/feeders/T9/base-load", json={"power_w": 1})).status_code == 404
    finally:
        TREE.base_loads = BaseLoads()
