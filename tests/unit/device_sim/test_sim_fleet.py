"""A fleet against a real websocket server and a real HTTP server; its trace and its summary."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from device_sim.assign import assign
from device_sim.clock import SimClock
from device_sim.driver import Declared, needs
from device_sim.faults import parse_fault
from device_sim.fleet import Fleet, FleetSettings
from device_sim.generate import generate_piles, generate_sessions
from tests.support.csms_stub import CsmsStub
from tests.support.simulated import BEGIN, visit

DAY = date(2026, 11, 24)


def fleet(url: str, piles: int = 6, speed: float = 5_000.0, hour: int = 7, day: int = 24, **settings: Any) -> Fleet:
    specs = generate_piles(piles)
    clock = SimClock(speed, time.time(), datetime(2026, 11, day, hour, tzinfo=UTC))
    plan = assign(generate_sessions(1, DAY, UTC, piles), specs, 1)
    return Fleet(FleetSettings(url=url, **settings), specs, plan, clock)


@asynccontextmanager
async def http_server(status: str, heard: list[tuple[str, Any]]) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(next(x for x in head.lower().splitlines() if x.startswith("content-length")).split(":")[1])
        heard.append((head.split()[1], json.loads(await reader.readexactly(length))))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_day_runs_to_its_end_and_everything_is_acknowledged(tmp_path: Path) -> None:
    trace, summary = tmp_path / "trace.jsonl", tmp_path / "summary.json"
    async with CsmsStub() as csms:
        running = fleet(csms.url, hours=4.0, trace=trace, trace_piles=True, summary=summary)
        await running.run()
        told = json.loads(summary.read_text())
        assert csms.invalid == []
    assert told["stations_by_version"] == {"ocpp1.6": 3, "ocpp2.0.1": 3}
    assert told["sessions_started"] == told["sessions_ended"] > 0
    assert told["drained"] is True
    assert told["unacknowledged"] == 0
    assert told["call_errors"] == {}
    assert told["energy_delivered_wh"] == pytest.approx(sum(told["energy_by_session_wh"].values()), abs=0.1)
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [line["at_s"] for line in lines] == sorted(line["at_s"] for line in lines)
    assert max(line["power_w"] for line in lines) == told["peak_w"] > 0
    for line in lines:
        assert sum(line["piles"].values()) == pytest.approx(line["power_w"], abs=1.0)


async def test_samples_are_all_acknowledged_in_spite_of_mishaps() -> None:
    async with CsmsStub() as csms:
        faults = [parse_fault("drop:1/h"), parse_fault("power:0.3/h=300"), parse_fault("repeat:2/h")]
        running = fleet(csms.url, speed=2_000.0, hours=3.0, faults=faults)
        await running.run()
        assert csms.invalid == []
        values = {
            (s.station, m["timestamp"], str(v))
            for s in csms.said
            for m in s.payload.get("meterValue", s.payload.get("transactionData", ()))
            for v in m["sampledValue"]
        }
    assert running.stats.samples_acknowledged == len(values)
    assert min(running.stats.faults[kind] for kind in ("drop", "power", "repeat")) > 0


async def test_it_can_be_stopped_at_any_moment() -> None:
    async with CsmsStub() as csms:
        running = fleet(csms.url, speed=100.0)
        task = asyncio.create_task(running.run())
        await csms.until(lambda: running.online == 6)
        running.request_stop()
        await asyncio.wait_for(task, 10.0)
    assert running.summary()["interrupted"] is True
    assert running.online == 0


async def test_a_fleet_without_a_server_gives_up_draining_only_when_told() -> None:
    async with CsmsStub() as csms:
        url = csms.url
    running = fleet(url, speed=20_000.0, hours=3.0)
    task = asyncio.create_task(running.run())
    while running.stats.sessions_ended == 0:  # noqa: ASYNC110 - there is no event without a server
        await asyncio.sleep(0.05)
    running.request_stop()
    await asyncio.wait_for(task, 10.0)
    assert running.summary()["unacknowledged"] > 0


async def test_the_drivers_app_declares_the_truth() -> None:
    heard: list[tuple[str, Any]] = []
    async with CsmsStub() as csms, http_server("200 OK", heard) as api:
        running = fleet(csms.url, hours=3.0, api_url=api)
        await running.run()
    path, body = heard[0]
    station = path.split("/")[4]
    assert path == f"/api/v1/stations/{station}/evses/1/needs"
    first = running.assignment.visits[station][0].session
    assert body == {"departure": first.departure.isoformat(), "energy_wh": first.energy_wh}
    assert running.stats.needs_declared == len(heard)


async def test_an_app_that_fails_disturbs_nobody() -> None:
    heard: list[tuple[str, Any]] = []
    async with CsmsStub() as csms, http_server("500 Broken", heard) as api:
        running = fleet(csms.url, hours=2.5, api_url=api)
        await running.run()
    assert running.stats.needs_failed > 0
    assert running.stats.sessions_started > 0


def test_what_is_declared() -> None:
    session = visit().session
    assert needs(session, Declared.TRUE) == (session.departure, session.energy_wh)
    assert needs(session, Declared.NOTHING) is None
    assert needs(session, Declared.DRIVER) is None
    assert session.arrival > BEGIN


async def test_late_in_the_day_the_stations_are_there_all_the_same() -> None:
    async with CsmsStub() as csms:
        running = fleet(csms.url, day=25, hour=20, hours=1.0)
        assert running.assignment.end is not None
        assert running.assignment.end < running.clock.now()
        await running.run()
    assert running.summary()["messages_sent"] > 0
