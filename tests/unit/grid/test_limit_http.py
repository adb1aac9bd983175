"""Limits over HTTP on a real store: durable before the answer, restored at start, problem documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from csms.api import problems
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.http import router
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.event import Event, LimitChanged
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.access import bearer, guard_over, token_for

TREE = FeederTree([Feeder("T1", 400_000, base_load_w=(20_000,), lowest_cap_w=50_000)])
URL = "/api/v1/feeders/T1/limits/L1"


class Desk:
    """A limit service with its HTTP client and what it told."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.service = LimitService(clock, store, TREE, bus)
        app = FastAPI()
        problems.install(app)
        app.include_router(router(self.service, lambda feeder_id: {"metered_w": 12_345}))
        app.state.guard = self.guard = guard_over(clock, store)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    found = Desk(store, clock)
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


async def test_a_limit_is_durable_when_it_is_acknowledged(desk: Desk) -> None:
    answer = await desk.http.put(URL, json={"version": 1, "value_w": 150_000})
    assert answer.status_code == 202
    assert answer.json()["state"] == "in_force"
    assert answer.json()["status_url"] == "/api/v1/feeders/T1/state"
    rows = await desk.store.reader.limits("T1")
    assert [(row.limit_id, row.power_w, row.version) for row in rows] == [("L1", 150_000, 1)]
    decisions = await desk.store.reader.limit_decisions()
    assert [(row.accepted, row.code, len(row.raw_sha256)) for row in decisions] == [(True, "", 64)]
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
    kept = await desk.store.reader.limit_decisions()
    assert [row.code for row in kept] == ([] if status == 413 else [code])


async def test_versions_and_cancelling(desk: Desk) -> None:
    await desk.http.put(URL, json={"version": 5, "value_w": 150_000})
    stale = await desk.http.put(URL, json={"version": 4, "value_w": 140_000})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    gone = await desk.http.delete(URL)
    assert (gone.status_code, gone.json()["state"], gone.json()["version"]) == (202, "cancelled", 6)
    assert (await desk.http.delete(URL)).status_code == 202
    missing = await desk.http.delete("/api/v1/feeders/T1/limits/other")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_limit")
    assert desk.service.cap_w("T1", desk.clock.now()) is None


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
    assert (cancelled.status_code, cancelled.json()["code"]) == (503, "audit_unavailable")
    assert desk.service.cap_w("T1", desk.clock.now()) is None
    assert desk.events == []
