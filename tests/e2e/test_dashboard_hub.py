"""The one look for all pages over a real server: what it reads, whom it serves, who is turned out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from csms.model.clock import system_clock
from monitor.dashboard.web import desk as desk_module
from monitor.dashboard.web import hub as hub_module
from monitor.dashboard.web.api import Api, Refused
from monitor.dashboard.web.beside import Beside, Folders
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.siting import SitingDesk
from monitor.dashboard.web.visitors import Visitors
from tests.support.running import SETTINGS, Server, csms


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("hub"), settings=SETTINGS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Desk]:
    visitors = Visitors(lambda: asyncio.get_running_loop().time())
    api = Api(server.api_url)
    beside = Beside(Folders(), system_clock())
    desk = Desk(api, Hub(api, visitors), visitors, beside, SitingDesk(None, None))
    yield desk
    await desk.close()


def token(server: Server, name: str, role: str, *more: str) -> str:
    done = csms("token", "create", name, "--role", role, *more, "--json", "--url", server.api_url)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["token"])


async def test_nobody_signed_in_nothing_is_asked(desk: Desk) -> None:
    await desk.hub.look()
    assert desk.hub.snapshot is None
    assert desk.hub.age_s is None


async def test_one_look_serves_all(server: Server, desk: Desk) -> None:
    desk.visitors.enter(server.token, "ann", "administrator")
    told: list[int] = []
    stop = desk.hub.watch(lambda: told.append(1))
    working = asyncio.create_task(desk.hub.run())
    async with asyncio.timeout(30):
        while len(told) < 2:  # noqa: ASYNC110 - as somebody who looks
            await asyncio.sleep(0.02)
    snapshot = desk.hub.snapshot
    assert snapshot is not None
    assert [one["station_id"] for one in snapshot.stations] == ["CP-1", "CP-2"]
    assert desk.hub.history.points["T1"]
    assert (desk.hub.watching, desk.hub.fault) == (1, "")
    stop()
    assert desk.hub.watching == 0
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_change_is_heard_and_no_list_is_asked_for(
    server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two lists, which are far apart here, the stream alone tells of a pile that comes."""
    monkeypatch.setattr(hub_module, "SURE_S", 3600.0)
    desk.visitors.enter(server.token, "ann", "administrator")
    desk.hub.watch(lambda: None)
    working = asyncio.create_task(desk.hub.run())

    def online() -> list[str]:
        snapshot = desk.hub.snapshot
        return [one["station_id"] for one in snapshot.stations if one["online"]] if snapshot else []

    async with asyncio.timeout(60):
        while not desk.hub.streaming or desk.hub.snapshot is None:  # noqa: ASYNC110 - as somebody who looks
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)  # the list that follows the beginning of the stream has come
        async with connect(f"{server.ocpp_url}/CP-1", subprotocols=["ocpp1.6"]):
            while online() != ["CP-1"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        while online():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_one_page_that_fails_does_not_keep_others_from_the_news(server: Server, desk: Desk) -> None:
    desk.visitors.enter(server.token, "ann", "administrator")
    told = asyncio.Event()

    def broken() -> None:
        raise RuntimeError("a page of ours is broken")

    desk.hub.watch(broken)
    desk.hub.watch(told.set)
    working = asyncio.create_task(desk.hub.run())
    async with asyncio.timeout(30):
        await told.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_grid_operator_sees_its_feeders_alone(server: Server, desk: Desk) -> None:
    operator = desk.visitors.enter(token(server, "north", "grid_operator", "--feeder", "T1"), "north", "grid_operator")
    hub = desk.hub_for(operator)
    assert hub is not desk.hub
    assert desk.hub_for(operator) is hub
    await hub.look()
    assert hub.snapshot is not None
    assert [one["feeder_id"] for one in hub.snapshot.overview["feeders"]] == ["T1"]
    assert list(hub.snapshot.stations) == []
    await desk.hub.look()
    assert desk.hub.snapshot is None


async def test_whose_token_is_revoked_is_turned_out_and_nobody_else(
    server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "RECHECK_S", 0.05)
    staying = desk.visitors.enter(server.token, "ann", "administrator")
    leaving = desk.visitors.enter(token(server, "guest", "viewer"), "guest", "viewer")
    working = asyncio.create_task(desk.look_after_visitors())
    server.api.delete("/api/v1/access-tokens/guest").raise_for_status()
    async with asyncio.timeout(30):
        while desk.visitors.known(leaving.number):  # noqa: ASYNC110 - as the gate does
            await asyncio.sleep(0.02)
    assert desk.visitors.known(staying.number) is staying
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_refusals_are_told_in_the_server_s_words(server: Server, desk: Desk) -> None:
    with pytest.raises(Refused, match="no station 'CP-9'") as refused:
        await desk.api.get(server.token, "/stations/CP-9")
    assert (refused.value.status, refused.value.code) == (404, "unknown_station")


async def test_a_server_that_is_away_is_told_and_nobody_is_turned_out(tmp_path: Path) -> None:
    visitors = Visitors(lambda: asyncio.get_running_loop().time())
    api = Api("http://127.0.0.1:9")
    hub = Hub(api, visitors)
    visitor = visitors.enter("csms_x", "ann", "viewer")
    await hub.look()
    assert hub.fault
    assert hub.snapshot is None
    assert visitors.known(visitor.number) is visitor
    await api.close()
