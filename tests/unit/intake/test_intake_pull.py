"""The platform asks: pages, full and changed, wrong answers, differing states, what is due when. Real envelopes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.client import Partner
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, Door, Opened, check_request, seal_response
from csms.province.messages import render_reply
from csms.province.profile import Kind
from csms.province.replay import ReplayCache
from monitor.intake.keys import OperatorKeys
from monitor.intake.pull import PullClient, Puller, PullFailed, pullers_of
from monitor.intake.settings import read_partner_file, settings_of
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing
from tests.quality.world import World

KEY, OPERATOR, PLATFORM = "1234567890abcdef", "123456789", "987654321"
KEYS = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Asked:
    """An operator that answers: stations by pages, states; `down` and `spoil` make it misbehave."""

    def __init__(self, store: IntakeStore) -> None:
        row = {"operator_id": OPERATOR, "profile": "tcec102-2016", **KEYS, "pull_url": "http://127.0.0.1:1"}
        self.own = settings_of([row]).operators[OPERATOR]
        self.clock, self.store = ManualClock(NOW - timedelta(seconds=1)), store
        self.stations: list[dict[str, Any]] = []
        self.state = 1
        self.queries: list[tuple[str, dict[str, Any]]] = []
        self.down = False
        self.spoil: dict[str, Any] = {}
        self.replay = ReplayCache(300)
        partner = Partner("o", self.own.profile, self.own.pull_url, PLATFORM, CODEC.secrets)
        client = PullClient(partner, self.clock)
        client._connections = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        self.client = client
        self.clock.advance(1)  # the second of its start is not used for numbers
        self.puller = Puller(self.own, client, self.clock, store)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            return httpx.Response(503)
        wire = request.url.path.rpartition("/")[2]
        opened = check_request(request.content, Door({PLATFORM: CODEC}, self.clock.now(), self.replay, None))
        assert isinstance(opened, Opened)
        if wire == "query_token":
            body: dict[str, Any] = {
                "OperatorID": PLATFORM,
                "SuccStat": 0,
                "AccessToken": "t",
                "TokenAvailableTime": 7200,
            }
        else:
            self.queries.append((wire, opened.body))
            body = self.body(wire, opened.body) | self.spoil
        sealed = seal_response(CODEC, 0, "", strict_json.write(body)).to_wire()
        return httpx.Response(200, stream=httpx.ByteStream(sealed))

    def body(self, wire: str, query: dict[str, Any]) -> dict[str, Any]:
        profile = self.own.profile
        if wire == "query_stations_info":
            size, page = query["PageSize"], query["PageNo"]
            found = self.stations[size * (page - 1) : size * page] if not query["LastQueryTime"] else []
            pages = -(-len(self.stations) // size) if not query["LastQueryTime"] else 0
            values = {"PageNo": page, "PageCount": pages, "ItemSize": len(found), "StationInfos": found}
            return render_reply(profile, Kind.QUERY_STATIONS, values)
        told = [
            {
                "StationID": station,
                "ConnectorStatusInfos": [{"ConnectorID": "C1", "Status": self.state}],
            }
            for station in query["StationIDs"]
        ]
        return render_reply(profile, Kind.QUERY_STATUS, {"Total": len(told), "StationStatusInfos": told})


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    store = await open_intake(tmp_path)
    made = Asked(store)
    template = World(1, stations=1, piles=1).stations[0].values
    made.stations = [{**template, "StationID": f"{n:020d}"} for n in range(23)]
    yield made
    await made.client.close()
    await store.close()


async def test_all_stations_come_by_pages_then_only_changed_ones_and_all_again_after_a_week(asked: Asked) -> None:
    await asked.puller.round()
    pages = [query for wire, query in asked.queries if wire == "query_stations_info"]
    assert [(query["PageNo"], query["LastQueryTime"]) for query in pages] == [(1, ""), (2, ""), (3, "")]
    assert len(await asked.store.stations(OPERATOR)) == 23
    assert len(await asked.store.evidence.since(OPERATOR, NOW, NOW.replace(hour=2))) == 23
    await asked.puller.round()
    assert len(asked.queries) == 4, "nothing is due"
    asked.clock.advance(3600)
    await asked.puller.round()
    assert [query.get("LastQueryTime") for _, query in asked.queries[4:]] == ["2026-03-02 09:00:00", None]
    asked.clock.advance(7 * 86400)
    await asked.puller.round()
    assert asked.queries[6][1]["LastQueryTime"] == ""


async def test_fifty_stations_in_one_query_of_states(asked: Asked) -> None:
    asked.stations = [{**asked.stations[0], "StationID": f"{n:020d}"} for n in range(101)]
    await asked.puller.round()
    assert [len(query["StationIDs"]) for wire, query in asked.queries if wire == "query_station_status"] == [50, 50, 1]


async def test_states_that_differ_from_the_pushed_ones_are_noted(asked: Asked) -> None:
    await asked.puller.stations(None)
    call = Call(NOW, "notification_stationStatus", 200, 0, OPERATOR, "C1")
    await asked.store.accept(dict.fromkeys(Standing, call), Message(Kind.STATION_STATUS, {"Status": 1}, "", b"{}"))
    asked.stations = asked.stations[:1]
    assert await asked.puller.states() == []
    asked.state = 3
    assert set(await asked.puller.states()) == {"C1"}
    rows = await asked.store.quality.calls(NOW, NOW.replace(hour=2), OPERATOR)
    assert rows[-1].defects[0] == "PULL_DIFFERS C1"


async def test_a_station_that_is_wrong_is_left_out_and_noted(asked: Asked) -> None:
    asked.stations[4] = {**asked.stations[4], "StationType": 77}
    assert await asked.puller.stations(None) == 22
    rows = await asked.store.quality.calls(NOW, NOW.replace(hour=2), OPERATOR)
    assert [list(row.defects) for row in rows if row.ret == 4004] == [["DQ_ENUM StationInfo.StationType"]]


async def test_an_operator_that_is_down_or_answers_nonsense_is_asked_again(asked: Asked) -> None:
    asked.down = True
    await asked.puller.round()
    assert (await asked.store.pulled(OPERATOR))["full_at"] is None
    asked.down, asked.spoil = False, {"PageCount": "many"}
    with pytest.raises(PullFailed, match="query_stations_info"):
        await asked.puller.stations(None)
    asked.spoil = {}
    await asked.puller.round()
    assert (await asked.store.pulled(OPERATOR))["full_at"] == NOW


ODD = [
    "x",
    5,
    None,
    [],
    {},
    {"StationID": 5},
    {"ConnectorStatusInfos": 7},
    {"ConnectorStatusInfos": ["y", None, {}]},
    True,
]


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_rows_that_are_none_end_no_pull_and_are_no_fault_of_ours(asked: Asked, odd: Any) -> None:
    whole = asked.stations[0]
    asked.spoil = {"StationInfos": [odd, whole], "PageCount": 1}
    assert await asked.puller.stations(None) == 1
    asked.spoil = {"StationStatusInfos": [odd, {"StationID": whole["StationID"], "ConnectorStatusInfos": [odd]}]}
    assert await asked.puller.states() == []
    for name in ("StationInfos", "StationStatusInfos"):
        asked.spoil = {name: odd}
        for ask in (lambda: asked.puller.stations(None), asked.puller.states):
            with contextlib.suppress(PullFailed):
                await ask()


async def test_nobody_is_asked_without_an_address_and_an_id_of_ours(asked: Asked, tmp_path: Path) -> None:
    keys = "\n".join(f'{name} = "{value}"' for name, value in {"operator_id": OPERATOR, **KEYS}.items())
    path = tmp_path / "partners.toml"
    for text, count in (
        (f"[[partners]]\n{keys}\n", 0),
        (f'[[partners]]\n{keys}\npull_url = "https://op.example.cn"\n', 0),
        (f'[platform]\noperator_id = "{PLATFORM}"\n[[partners]]\n{keys}\npull_url = "https://op.example.cn"\n', 1),
    ):
        path.write_text(text)
        settings = read_partner_file(path)
        keys_of_all = OperatorKeys(settings, asked.clock, asked.store.keys, tmp_path)
        assert len(pullers_of(settings, asked.clock, asked.store, keys_of_all)) == count
