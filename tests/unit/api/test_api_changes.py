"""Stations as they change, and where sites are, over the real application and a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from csms.api import changes as stream
from csms.api import listeners
from csms.api.app import create_api
from csms.api.listeners import Changes, station_of
from csms.api.ports import ApiDeps
from csms.app.http import HttpServer
from csms.app.province_settings import SiteSettings
from csms.model.event import LimitChanged, SessionOpened, StationConnected
from csms.model.ids import EvseRef
from csms.model.station import ConnectorStatus
from monitor.dashboard.web.stream import told
from tests.support.operations import START, Operations

SITES = (
    SiteSettings(id="yard", name="Yard", longitude=119.5, latitude=35.4),
    SiteSettings(id="depot", name="Depot"),
)


@pytest.fixture
def heard(at: Operations) -> Changes:
    made = Changes()
    at.service.bus.subscribe(made.hear)
    return made


@pytest.fixture
async def http(at: Operations, heard: Changes) -> AsyncIterator[httpx.AsyncClient]:
    deps = ApiDeps(at.clock, at.service, at.store.reader, changes=heard, sites=SITES, guard=at.guard)
    server = HttpServer(create_api(deps), "127.0.0.1", 0)
    port = await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30, headers=at.http.headers
    ) as client:
        yield client
    heard.hang_up()
    await server.stop()


async def test_a_state_is_told_as_it_changes_and_the_list_agrees(http, at, heard) -> None:
    await at.station("CP-1", evses=2)
    async with http.stream("GET", "/api/v1/changes") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        news = told(answer.aiter_lines())
        assert await anext(news) == ("", None)
        await at.status("CP-1", ConnectorStatus.FAULTED, 2)
        name, data = await anext(news)
        assert name == "stations"
        (now,) = data["stations"]
        assert [evse["status"] for evse in now["evses"]] == ["Unknown", "Faulted"]
        (listed,) = (await http.get("/api/v1/stations")).json()["stations"]
        assert now.items() <= listed.items()
        heard.hang_up()
        assert [event async for event in news] == []


async def test_what_changes_together_is_told_together(http, at, monkeypatch) -> None:
    monkeypatch.setattr(stream, "TELL_S", 0.5)
    names = [f"CP-{number}" for number in range(1, 6)]
    for name in names:
        await at.station(name)
    async with http.stream("GET", "/api/v1/changes") as answer:
        news = told(answer.aiter_lines())
        await anext(news)
        await at.status("CP-1", ConnectorStatus.AVAILABLE)
        first = await anext(news)
        for name in names:
            await at.status(name, ConnectorStatus.FAULTED)
            await at.status(name, ConnectorStatus.AVAILABLE)
        second = await anext(news)
        assert [one["station_id"] for one in first[1]["stations"]] == ["CP-1"]
        assert [one["station_id"] for one in second[1]["stations"]] == names


async def test_a_silent_stream_is_kept_alive(http, monkeypatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.05)
    async with http.stream("GET", "/api/v1/changes") as answer:
        news = told(answer.aiter_lines())
        assert [await anext(news) for _ in range(3)] == [("", None)] * 3


async def test_who_leaves_is_forgotten_and_too_many_are_refused(http, heard, monkeypatch) -> None:
    monkeypatch.setattr(listeners, "LISTENERS_MAX", 1)
    async with http.stream("GET", "/api/v1/changes") as answer:
        await anext(answer.aiter_lines())
        refused = await http.get("/api/v1/changes")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_listeners")
    async with asyncio.timeout(30):
        while heard.crowded:  # noqa: ASYNC110 - the server notices when it likes
            await asyncio.sleep(0.01)


async def test_a_stream_needs_a_token(http) -> None:
    answer = await http.get("/api/v1/changes", headers={"Authorization": "Bearer csms_no"})
    assert answer.status_code == 401


def test_which_station_an_event_is_about() -> None:
    assert station_of(StationConnected("CP-1", "ocpp1.6", START)) == "CP-1"
    assert station_of(SessionOpened(1, EvseRef("CP-2", 1), START)) == "CP-2"
    assert station_of(LimitChanged("T1", START)) == ""


async def test_sites_and_who_stands_there(http, at) -> None:
    await at.station("CP-1")
    await at.station("CP-2")
    at.service.stations["CP-2"].site_id = "nowhere"
    yard, depot = (await http.get("/api/v1/sites")).json()["sites"]
    assert (yard["longitude"], yard["latitude"], yard["stations"]) == (119.5, 35.4, ["CP-1", "CP-2"])
    assert (depot["longitude"], depot["latitude"], depot["stations"]) == (None, None, [])


async def test_without_settings_there_are_no_sites(at) -> None:
    await at.station("CP-1")
    assert (await at.http.get("/api/v1/sites")).json() == {"sites": []}
