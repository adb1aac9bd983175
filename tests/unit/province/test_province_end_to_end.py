"""Forwarder and platform over real HTTP on loopback: every kind, outage, lost tokens, kill between send and ack."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from csms.model.clock import ScaledClock
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.ids import IdTable
from csms.province.keys import KeyRing
from csms.province.mapping import priced
from csms.province.memory import MemoryOutbox
from csms.province.ports import OutboxEntry, OutboxStore
from csms.province.profile import Kind, build_profile, load_profile
from csms.province.records import ChargeOrder, ChargeStatus, ConnectorInfo, ConnectorState, Equipment, StationInfo
from csms.province.service import ProvinceService
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from monitor.intake.console import LOOPBACK, QuietServer, listening
from monitor.intake.desk import IntakeDesk
from monitor.intake.platform import create_platform
from monitor.intake.settings import PlatformSettings, settings_of
from monitor.store.intake import IntakeStore, open_intake

KEY = "1234567890abcdef"
OPERATOR = "123456789"
START = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
CONNECTOR = ConnectorRef("CP-1", 1, 1)
SENT = (Kind.QUERY_TOKEN, Kind.STATION_INFO, Kind.STATION_STATUS, Kind.CHARGE_STATUS, Kind.CHARGE_ORDER)
PROFILES = ["tcec102-2016", "shandong", "city-2019"]


def fast_clock(speed: float = 600.0) -> ScaledClock:
    return ScaledClock(speed, time.time(), START)  # the anchor is the moment of the test


def rows(profile: str = "shandong", **more: str) -> list[dict[str, str]]:
    keys = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
    return [{"operator_id": OPERATOR, "profile": profile, **keys, **more}]


@dataclass
class Platform:
    """A platform process that can be stopped and started again on the same port and files."""

    clock: ScaledClock
    folder: Path
    profile: str = "shandong"
    port: int = 0
    settings: PlatformSettings | None = None

    @asynccontextmanager
    async def up(self) -> AsyncIterator[tuple[IntakeDesk, IntakeStore]]:
        store = await open_intake(self.folder)
        app = await create_platform(self.settings or settings_of(rows(self.profile)), self.clock, store)
        server = QuietServer(uvicorn.Config(app, lifespan="off", ws="none", log_level="warning"))
        with listening(self.port) as listener:
            self.port = listener.getsockname()[1]
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield app.state.desk, store
            finally:
                server.should_exit = True
                await serving
                await store.close()


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def operator(
    clock: ScaledClock, port: int, profile: str = "shandong", outbox: OutboxStore | None = None
) -> AsyncIterator[ProvinceService]:
    secrets = Secrets.of(KEY, KEY, KEY, KEY)
    partner = Partner("prov", load_profile(profile), f"http://{LOOPBACK}:{port}", OPERATOR, secrets)
    service = ProvinceService(clock, MemoryOutbox() if outbox is None else outbox, IdTable(), [partner])
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def station() -> StationInfo:
    plug = ConnectorInfo(CONNECTOR, 60_000, 150, 750, 200, 4)
    pile = Equipment("CP-1", 1, 60_000, (plug,), "Maker", "DC60")
    return StationInfo("site-1", "日照市充电站", "港口路1号", "371102", 119.527, 35.417, "0633-0000000", (pile,))


def snapshot(session_id: int, at: datetime) -> ChargeStatus:
    detail = priced(START, at, 5_000, Decimal("0.66"), Decimal("0.40"))
    return ChargeStatus(session_id, "site-1", CONNECTOR, START, at, 3, (120.0,), (400.0,), (detail,), soc=40)


def order(session_id: int, energy_wh: float = 12_345.6) -> ChargeOrder:
    end = START + timedelta(hours=1)
    detail = priced(START, end, energy_wh, Decimal("0.66"), Decimal("0.40"))
    return ChargeOrder(session_id, "site-1", CONNECTOR, START, end, (detail,), 0, 1000.0, 1000.0 + energy_wh)


async def until(service: ProvinceService, reached: Callable[[dict[str, Any]], object], partner: str = "prov") -> None:
    """Wait for a status of the delivery; a hang fails by the time limit of the test."""
    async with asyncio.timeout(30):
        while not reached((await service.status())[partner]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def later(clock: ScaledClock, hours: float = 24) -> datetime:
    return clock.now() + timedelta(hours=hours)


@pytest.mark.parametrize("profile", PROFILES)
async def test_all_four_kinds_arrive(tmp_path: Path, profile: str) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path, profile)
    async with platform.up() as (_, store), operator(clock, platform.port, profile) as service:
        await service.enqueue(service.station_info(station()))
        await service.enqueue(service.connector_status(ConnectorState(CONNECTOR, 3, START)))
        await service.enqueue(service.charge_status(snapshot(1, START + timedelta(minutes=5))))
        assert await service.drain(later(clock))
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
        status = (await service.status())["prov"]
        summary = await store.summary()
    assert (status["acked"], status["retry"], status["dead"], status["last_error"]) == (4, 0, 0, "")
    assert (status["token"], status["profile_state"]) == ("fresh", load_profile(profile).state)
    names = {load_profile(profile).interfaces[kind].wire for kind in SENT}
    assert set(summary["received"]) == names
    assert all(answers == {"0": 1} for answers in summary["answers"].values())
    assert (summary["orders"], summary["stations"], summary["connectors"], summary["sessions_seen"]) == (1, 1, 1, 1)
    assert (summary["order_energy_kwh"], summary["order_money_yuan"]) == (12.35, 13.09)


async def test_a_platform_that_comes_up_later_gets_orders_first_and_the_latest_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    resync = ProvinceService.resync

    async def noted(service: ProvinceService, partner_id: str) -> None:
        await resync(service, partner_id)
        synced.append(partner_id)

    monkeypatch.setattr(ProvinceService, "resync", noted)
    clock = fast_clock(7200.0)
    platform = Platform(clock, tmp_path, port=free_port())
    async with operator(clock, platform.port) as service:
        for status in (1, 2, 3):
            await service.enqueue(service.connector_status(ConnectorState(CONNECTOR, status, clock.now())))
        for number in range(3):
            await service.enqueue(service.order(order(number)))
        await until(service, lambda status: status["unreachable"])
        async with platform.up() as (_, store):
            assert await service.drain(later(clock, 240))
            await until(service, lambda status: not status["unreachable"] and synced)
            assert await service.drain(later(clock, 240))
            summary = await store.summary()
        status = (await service.status())["prov"]
    assert set(synced) == {"prov"}, "all that a platform should know is said again when it is back"
    assert (summary["orders"], summary["connectors"]) == (3, 1)
    received = summary["received"]["supervise_notification_station_status"]
    assert received in (1, 2), "the latest, and the re-sync, which takes its place where it still waits"
    assert (status["dead"], status["retry"], status["queued"], status["sent"]) == (0, 0, 0, 0)


async def test_a_platform_that_forgets_tokens_costs_one_refresh(tmp_path: Path) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    async with platform.up() as (desk, store), operator(clock, platform.port) as service:
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
        await desk.forget_tokens()
        await service.enqueue(service.order(order(2)))
        assert await service.drain(later(clock))
        status, summary = (await service.status())["prov"], await store.summary()
    assert summary["answers"]["supervise_notification_charge_order_info"] == {"0": 2, "4002": 1}
    assert summary["answers"]["query_token"] == {"0": 2}
    assert (status["acked"], status["attempts"]) == (2, 2)


async def test_a_kill_between_send_and_ack_loses_nothing_and_is_accepted_once(tmp_path: Path) -> None:
    """The first process dies after the platform stored the order and before the outbox heard of it."""
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    async with platform.up() as (_, store):
        dying = DeafOutbox()
        async with operator(clock, platform.port, outbox=dying) as service:
            await service.enqueue(service.order(order(1)))
            await asyncio.wait_for(dying.killed.wait(), 10)
        assert [row.state for row in dying.rows.values()] == ["sent"]
        assert (await store.summary())["orders"] == 1
        survivor = dying.restarted()
        async with operator(clock, platform.port, outbox=survivor) as service:
            assert await service.drain(later(clock))
        summary = await store.summary()
    assert [(row.state, row.attempts, row.last_code) for row in survivor.rows.values()] == [("acked", 2, 4015)]
    assert (summary["orders"], summary["duplicates"], summary["for_review"]) == (1, 1, 0)


class DeafOutbox(MemoryOutbox):
    """Dies when told that a message was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = asyncio.Event()

    async def mark_acked(self, *given: Any, **more: Any) -> None:
        self.killed.set()
        await asyncio.Event().wait()


async def test_the_same_kill_with_the_outbox_in_a_database(tmp_path: Path) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    async with platform.up() as (_, intake):
        store = await open_store(url, clock, upgrade=True)
        dying = DeafSqlOutbox(store, OutboxEntry)
        async with operator(clock, platform.port, outbox=dying) as service:
            await service.enqueue(service.order(order(1)))
            await asyncio.wait_for(dying.killed.wait(), 10)
        await store.close()
        store = await open_store(url, clock)
        survivor = SqlOutbox(store, OutboxEntry)
        assert (await survivor.counts())["sent"] == 1
        async with operator(clock, platform.port, outbox=survivor) as service:
            assert await service.drain(later(clock))
        assert (await survivor.counts())["acked"] == 1
        await store.close()
        summary = await intake.summary()
    assert (summary["orders"], summary["duplicates"]) == (1, 1)


class DeafSqlOutbox(SqlOutbox[OutboxEntry]):
    """The same on SQLite."""

    def __init__(self, store: Store, entry: type[OutboxEntry]) -> None:
        super().__init__(store, entry)
        self.killed = asyncio.Event()

    async def mark_acked(self, *given: Any, **more: Any) -> None:
        self.killed.set()
        await asyncio.Event().wait()


async def test_delivery_can_be_stopped_and_started_again(tmp_path: Path) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    async with platform.up(), operator(clock, platform.port) as service:
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
        again = asyncio.create_task(service.forwarder.run())
        await asyncio.sleep(0)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        await service.enqueue(service.order(order(2)))
        assert await service.drain(later(clock))


async def test_a_restarted_platform_keeps_tokens_and_remembers_envelopes(tmp_path: Path) -> None:
    clock = fast_clock(1.0)
    platform = Platform(clock, tmp_path)
    seen: list[tuple[str, bytes, dict[str, str]]] = []

    async def watch(request: httpx.Request) -> None:
        seen.append((str(request.url), request.content, dict(request.headers)))

    async with platform.up(), operator(clock, platform.port) as service:
        service.forwarder.partners["prov"]._client.connections().event_hooks = {"request": [watch]}
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
    url, content, headers = seen[-1]
    async with platform.up() as (_, store), httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(url, content=content, headers={"Authorization": headers["authorization"]})
        summary = await store.summary()
    assert response.json()["Ret"] == 4001
    assert summary["answers"]["supervise_notification_charge_order_info"] == {"0": 1, "4001": 1}


async def test_the_same_id_with_other_content_is_4004_and_kept_for_review(tmp_path: Path) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    async with platform.up() as (_, store), operator(clock, platform.port) as service:
        await service.enqueue(service.order(order(1)))
        await service.enqueue(service.order(order(1, energy_wh=99_000)))
        assert await service.drain(later(clock))
        status, summary = (await service.status())["prov"], await store.summary()
    assert (status["acked"], status["dead"], status["paused"]) == (1, 1, "")
    assert (summary["orders"], summary["for_review"], summary["order_energy_kwh"]) == (1, 1, 12.35)


async def test_an_answer_that_is_wrongly_signed_acknowledges_nothing(tmp_path: Path) -> None:
    clock = fast_clock(7200.0)
    platform = Platform(clock, tmp_path)
    async with platform.up() as (_, store), operator(clock, platform.port) as service:
        client = service.forwarder.partners["prov"]._client
        right = client._ring
        client._ring = KeyRing.of(clock, Secrets.of(KEY, KEY, KEY, "another key"))
        await service.enqueue(service.order(order(1)))
        await until(service, lambda status: "signature of the response" in status["last_error"])
        client._ring = right
        assert await service.drain(later(clock, 240))
        assert (await store.summary())["orders"] == 1


async def test_plain_http_leaves_this_machine_never() -> None:
    secrets = Secrets.of(KEY, KEY, KEY, KEY)
    for address in (
        "http://platform.example",
        "http://192.0.2.1:80",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1?x",
    ):
        with pytest.raises(Exception, match="partner p"):
            Partner("p", load_profile("shandong"), address, OPERATOR, secrets)
    for address in ("http://localhost:1", "http://[::1]:1", "https://platform.example"):
        assert Partner("p", load_profile("shandong"), address, OPERATOR, secrets)


async def test_operators_of_both_spellings_at_one_platform(tmp_path: Path) -> None:
    clock = fast_clock()
    settings = settings_of([*rows("tcec102-2016"), {**rows("shandong")[0], "operator_id": "987654321"}])
    platform = Platform(clock, tmp_path, settings=settings)
    secrets = Secrets.of(KEY, KEY, KEY, KEY)
    async with platform.up() as (_, store):
        base = f"http://{LOOPBACK}:{platform.port}"
        partners = [
            Partner("old", load_profile("tcec102-2016"), base, OPERATOR, secrets),
            Partner("new", load_profile("shandong"), base, "987654321", secrets),
        ]
        service = ProvinceService(clock, MemoryOutbox(), IdTable(), partners)
        running = asyncio.create_task(service.run())
        await service.enqueue(service.order(order(1)))
        assert await service.drain(later(clock))
        summary = await store.summary()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert summary["orders"] == 2
    assert summary["answers"]["notification_charge_order_info"] == {"0": 1}
    assert summary["answers"]["supervise_notification_charge_order_info"] == {"0": 1}


async def test_a_slow_partner_delays_nobody_else(tmp_path: Path) -> None:
    clock = fast_clock()
    platform = Platform(clock, tmp_path)
    hanging = await asyncio.start_server(_never_answers, LOOPBACK, 0)
    port = hanging.sockets[0].getsockname()[1]
    async with platform.up():
        secrets = Secrets.of(KEY, KEY, KEY, KEY)
        partners = [
            Partner(name, load_profile("shandong"), f"http://{LOOPBACK}:{at}", OPERATOR, secrets)
            for name, at in (("slow", port), ("good", platform.port))
        ]
        service = ProvinceService(clock, MemoryOutbox(), IdTable(), partners)
        running = asyncio.create_task(service.run())
        await service.enqueue(service.order(order(1)))
        await until(service, lambda status: status["acked"] == 1, "good")
        assert (await service.status())["slow"]["acked"] == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    hanging.close()
    await hanging.wait_closed()


async def _never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass
    writer.close()


async def test_a_renamed_field_in_the_profile_changes_the_wire_and_nothing_else(tmp_path: Path) -> None:
    secrets = Secrets.of(KEY, KEY, KEY, KEY)
    other = build_profile({"id": "x", "extends": "shandong", "rename": {"TotalElect": "TotalPower"}})
    partners = [
        Partner(name, profile, "http://127.0.0.1:9", OPERATOR, secrets)
        for name, profile in (("a", load_profile("shandong")), ("b", other))
    ]
    service = ProvinceService(fast_clock(), MemoryOutbox(), IdTable(), partners)
    first, second = (dict(entry.payload) for entry in service.order(order(1)).entries)
    assert first.pop("TotalElect") == second.pop("TotalPower") == 12.35
    assert first == second
