"""The same bad limits by every source: each is refused with its code, stands in the audit log, and changes nothing.

Real channels over one state machine: HTTP, a file, an OpenADR 3 VTN over TLS. MQTT through a broker and OpenADR 2.0b
with openleadr have the same tables beside their own tests.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from csms.api import problems
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.file_plug import FilePlug
from csms.grid.http import router
from csms.grid.openadr3 import Agreed
from csms.grid.peer import Peer
from csms.grid.service import LimitService
from csms.grid.ven import Ven, VenRule
from csms.grid.vtn import Vtn, VtnAddress
from csms.model.access import Role
from csms.model.clock import ManualClock
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.access import bearer, guard_over, token_for
from tests.support.limits import limits_over
from tests.support.vtn_twin import CLIENT, SECRET, Bad, VtnTwin

CLOCK = ManualClock()
NOW = CLOCK.now()
STANDING_W = 300_000


class House:
    """A limit in force by each source, and what is said after it."""

    def __init__(self, store: Store, folder: Path, twin: VtnTwin) -> None:
        self.store, self.folder, self.twin, self.clock = store, folder, twin, ManualClock()
        self.listed: dict[str, dict[str, Any]] = {}
        tree = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000), Feeder("T2", 400_000)])
        guard = guard_over(self.clock, store)
        self.limits: LimitService = limits_over(self.clock, store, tree, EventBus(), audit=guard.audit)
        app = FastAPI()
        app.state.guard = self.guard = guard
        problems.install(app)
        app.include_router(router(self.limits, store.reader))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test/api/v1")
        bound = frozenset({"T1"})
        self.file = FilePlug(folder / "limits.json", Peer("grid:file", "file", "file", feeders=bound), self.clock)
        self.vtn = Vtn(VtnAddress(twin.url, CLIENT, SECRET, ca=twin.ca))
        agreed = Agreed("csms", feeders=("T1",), targets={"T2": "T2", "T1": "T1"})
        peer = Peer("grid:vtn", "openadr3", "vtn", feeders=bound)
        self.ven = Ven(VenRule(agreed), self.vtn, peer, self.clock, lambda _: 0)

    async def by_http(self, said: dict[str, Any], feeder: str, version: int) -> None:
        body = {"version": version} | said
        await self.http.put(f"/feeders/{feeder}/limits/L", content=json.dumps(body))

    async def by_file(self, said: dict[str, Any], feeder: str, version: int) -> None:
        self.listed[feeder] = {"feeder": feeder, "id": "L", "version": version} | said
        (self.folder / "new.json").write_text(json.dumps({"limits": list(self.listed.values())}))
        (self.folder / "new.json").replace(self.folder / "limits.json")
        await self.file.look(self.limits)

    async def by_vtn(self, said: dict[str, Any], feeder: str, version: int) -> None:
        period: dict[str, Any] = {"start": said.get("valid_from", "0001-01-01T00:00:00Z"), "duration": "P9999Y"}
        value, scale = said["value_w"], 1 if isinstance(said["value_w"], str) else 1000
        payloads = [{"type": "IMPORT_CAPACITY_LIMIT", "values": [value if scale == 1 else value / scale]}]
        modified = f"2025-12-31T00:00:{version:02}Z"
        more = {"targets": [feeder], "intervalPeriod": period}
        self.twin.event(f"L-{feeder}", modified, intervals=[{"id": 0, "payloads": payloads}], **more)
        await self.ven.poll(self.limits)

    async def codes(self) -> list[str]:
        rows = [json.loads(row.text) for row in await self.store.reader.audit_page(100, kind="limit")]
        return [row["result"]["code"] for row in rows if row["action"] == "set limit"][::-1]

    def state(self) -> tuple[int | None, int | None, list[tuple[str, int]]]:
        known = [(limit.limit_id, limit.version) for id_ in ("T1", "T2") for limit in self.limits.known(id_)]
        now = self.clock.now()
        return self.limits.cap_w("T1", now), self.limits.cap_w("T2", now), known


State = Callable[[dict[str, Any], str, int], Awaitable[None]]
BAD: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "a feeder of others": ({"value_w": 100_000}, "T2", 10, "not_authorised"),
    "an older version": ({"value_w": 390_000}, "T1", 3, "stale_version"),
    "negative": ({"value_w": -1000}, "T1", 10, "bad_sign"),
    "absurdly high": ({"value_w": 1e300}, "T1", 10, "not_finite"),
    "a text": ({"value_w": "much"}, "T1", 10, "bad_unit"),
    "nothing at all": ({"value_w": 0}, "T1", 10, "below_floor"),
    "in a hundred years": (
        {"value_w": 100_000, "valid_from": (NOW + timedelta(days=36_500)).isoformat()},
        "T1",
        10,
        "beyond_horizon",
    ),
}
PLAIN: dict[str, tuple[dict[str, Any], str]] = {
    "over": (
        {"value_w": 100_000, "valid_from": "2020-01-01T00:00:00Z", "valid_to": "2020-01-02T00:00:00Z"},
        "window_past",
    ),
    "for a hundred years": (
        {"value_w": 100_000, "valid_to": (NOW + timedelta(days=36_500)).isoformat()},
        "beyond_horizon",
    ),
    "the wrong way round": (
        {"value_w": 100_000, "valid_from": "2031-01-01T00:00:00Z", "valid_to": "2030-01-01T00:00:00Z"},
        "window_order",
    ),
    "misspelt": ({"value_w": 100_000, "valid_too": "2030-01-01T00:00:00Z"}, "malformed"),
}
"""What an OpenADR event cannot say, or says of itself that it is over."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    async with VtnTwin(tmp_path) as twin:
        made = House(store, tmp_path, twin)
        made.http.headers.update(bearer(await token_for(made.guard, Role.GRID_OPERATOR, "north", ["T1"])))
        yield made
        await made.vtn.close()
        await made.http.aclose()
    await store.close()


def by(house: House, source: str) -> State:
    return {"http": house.by_http, "file": house.by_file, "vtn": house.by_vtn}[source]


async def refused(house: House, source: str, said: dict[str, Any], feeder: str, version: int, code: str) -> None:
    state = by(house, source)
    await state({"value_w": STANDING_W}, "T1", 5)
    before = house.state()
    assert before[:2] == (STANDING_W, None)
    await state(said, feeder, version)
    if source == "http" and code == "not_authorised":
        (row, *_) = await house.store.reader.audit_page(1)
        assert json.loads(row.text)["result"]["code"] == code, "the door refused it before it was read"
    else:
        assert await house.codes() == ["", code]
    assert house.state() == before


@pytest.mark.req("GL-A2")
@pytest.mark.parametrize("source", ["http", "file", "vtn"])
@pytest.mark.parametrize("what", BAD)
async def test_what_is_refused_by_every_source(house: House, source: str, what: str) -> None:
    await refused(house, source, *BAD[what])


@pytest.mark.req("GL-A2")
@pytest.mark.parametrize("source", ["http", "file"])
@pytest.mark.parametrize("what", PLAIN)
async def test_what_is_refused_where_it_can_be_said(house: House, source: str, what: str) -> None:
    said, code = PLAIN[what]
    await refused(house, source, said, "T1", 10, code)


@pytest.mark.req("GL-A2")
async def test_what_is_no_number_in_json(house: House) -> None:
    """HTTP has a code for it; a list that cannot be read as a whole changes nothing at all."""
    for source in ("http", "file", "vtn"):
        await by(house, source)({"value_w": STANDING_W}, "T1", 5)
    before = house.state()
    answer = await house.http.put("/feeders/T1/limits/L", content='{"version": 10, "value_w": NaN}')
    assert answer.json()["code"] == "malformed"
    (house.folder / "limits.json").write_text('{"limits": [{"feeder": "T1", "id": "L", "value_w": NaN}]}')
    await house.file.look(house.limits)
    house.twin.always["/events"] = Bad(raw=b'[{"id": "L", "intervals": NaN}]')
    await house.ven.poll(house.limits)
    assert house.state() == before
    assert house.ven.counts["polls_unavailable"] == 1
