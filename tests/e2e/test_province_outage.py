"""Operator and platform over HTTP with every twentieth call failing, both sides restarted, and an outage of 72 hours.

No order is lost or accepted twice, and the states of connectors end equal. `CSMS_PROVINCE_ORDERS` sets the size (10,000
orders and ten times as many states, at `CSMS_PROVINCE_SPEED` 600, are the proof; `make test` runs a small one).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.model.clock import ScaledClock
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, seal_response
from csms.province.ids import IdPair, IdTable
from csms.province.mapping import priced
from csms.province.ports import OutboxEntry
from csms.province.profile import load_profile
from csms.province.records import ChargeOrder, ConnectorState
from csms.province.service import ProvinceService
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from monitor.store.tables import IntakeOrder, IntakeStatus
from tests.unit.province import test_province_end_to_end as loopback
from tests.unit.province.test_province_end_to_end import KEY, LOOPBACK, OPERATOR, START, Platform

ORDERS = int(os.environ.get("CSMS_PROVINCE_ORDERS", "60"))
PER_ORDER = 10
SHARE = 0.05
FAULTS = ("answer lost", "4002", "twice", "busy", "http 500", "500")
SPEED = float(os.environ.get("CSMS_PROVINCE_SPEED", "20000"))
DRAINED = timedelta(hours=2) if SPEED <= 1000 else timedelta(seconds=SPEED * (60 + ORDERS))
"""Two hours of a clock that runs so fast that they are a third of a second of the machine would say nothing."""
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
Scope = MutableMapping[str, Any]


class Faults:
    """ASGI middleware: some calls fail before they are looked at, some after they were taken, some come twice."""

    rng = Random(8)
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or self.rng.random() >= SHARE:
            await self._app(scope, receive, send)
            return
        fault = FAULTS[self.seen.total() % len(FAULTS)]
        self.seen[fault] += 1
        if fault in ("answer lost", "twice"):
            await self._taken(scope, receive, send, fault)
        else:
            ret = {"busy": -1, "500": 500, "4002": 4002}.get(fault)
            await _say(send, 200 if ret else 500, seal_response(CODEC, ret, "", b"").to_wire() if ret else b"")

    async def _taken(self, scope: Scope, receive: Any, send: Any, fault: str) -> None:
        body, messages = b"", []
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def kept(message: Any) -> None:
            messages.append(message)

        await self._app(scope, again, kept)
        if fault == "answer lost":
            await _say(send, 502, b"")
            return
        first = list(messages)
        await self._app(scope, again, kept)
        for message in first:
            await send(message)


async def _say(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(autouse=True)
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    real = loopback.create_platform

    async def create(*given: Any) -> Any:
        app = await real(*given)
        app.add_middleware(Faults)
        return app

    monkeypatch.setattr(loopback, "create_platform", create)


@asynccontextmanager
async def operator(store: Store, clock: ScaledClock, port: int) -> AsyncIterator[ProvinceService]:
    """A process of the operator: what it knew is gone when it ends, whatever it was doing."""
    ids = IdTable(IdPair(row.scope, row.local, row.external) for row in await store.reader.external_ids())

    async def save(pairs: Any) -> None:
        await store.writer.commit([changes.put_external_id(p.scope, p.local, p.external) for p in pairs])

    partner = Partner("prov", load_profile("tcec102-2016"), f"http://{LOOPBACK}:{port}", OPERATOR, CODEC.secrets)
    service = ProvinceService(clock, SqlOutbox(store, OutboxEntry), ids, [partner], save)
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Work:
    """Sessions that end, and states that change; `states`: what was told last."""

    def __init__(self) -> None:
        self.rng = Random(9)
        self.states: dict[str, int] = {}
        self.orders = 0

    async def do(self, service: ProvinceService, orders: int) -> None:
        for _ in range(orders):
            for _ in range(PER_ORDER):
                ref = ConnectorRef(f"CP-{self.rng.randrange(20)}", 1, 1)
                status = self.rng.choice((0, 1, 2, 3, 4, 255))
                await service.enqueue(service.connector_status(ConnectorState(ref, status, START)))
                self.states[service.names["prov"].connector(ref)] = status
            self.orders += 1
            await service.enqueue(service.order(self._order(self.orders)))

    def _order(self, number: int) -> ChargeOrder:
        end = START + timedelta(hours=1)
        detail = priced(START, end, self.rng.randrange(1000, 90_000), loopback.Decimal("0.66"), loopback.Decimal("0.4"))
        return ChargeOrder(number, "site-1", ConnectorRef("CP-1", 1, 1), START, end, (detail,), 0)


async def until(clock: ScaledClock, hours: float) -> None:
    await asyncio.sleep(clock.wall_s(hours * 3600))


@pytest.mark.timeout(300 if ORDERS < 1000 else 3600)
async def test_nothing_is_lost_or_taken_twice(tmp_path: Path) -> None:
    clock, work, third = loopback.fast_clock(SPEED), Work(), ORDERS // 3
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    platform = Platform(clock, tmp_path / "platform", "tcec102-2016")
    try:
        async with platform.up(), operator(store, clock, platform.port) as service:
            await work.do(service, third)
        async with operator(store, clock, platform.port) as service:
            await work.do(service, third)
            await until(clock, 72)
            unsent = await service.forwarder.partners["prov"].open_count()
            assert unsent >= third
        async with operator(store, clock, platform.port) as service:
            await work.do(service, ORDERS - 2 * third)
            async with platform.up() as (_, intake):
                back_at = clock.now()
                assert await service.drain(back_at + DRAINED)
                took = clock.now() - back_at
                status = (await service.status())["prov"]
                async with AsyncSession(intake._engine) as session:
                    orders = (await session.exec(select(IntakeOrder.business_id))).all()
                    states = (await session.exec(select(IntakeStatus))).all()
    finally:
        await store.close()
    assert status["dead"] == 0, status
    assert len(orders) == len(set(orders)) == work.orders == ORDERS
    assert {row.business_id: row.status for row in states} == work.states
    assert {"answer lost", "4002", "twice"} <= Faults.seen.keys(), Faults.seen
    assert took <= DRAINED
