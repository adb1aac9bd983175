"""Demand response between a VTN over real TLS and the room that judges it: invited, bid, cleared, reported, over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.app.response import ChannelDesk, way_back_to_vtns
from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_periods import Release
from csms.grid.peer import Peer
from csms.grid.ven import Ven, VenRule
from csms.grid.vtn import Vtn, VtnAddress
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.store.engine import open_store
from tests.support.access import bearer, token_for
from tests.support.response import NOW, START, ZONE, Desk
from tests.support.vtn_twin import CLIENT, SECRET, Bad, VtnTwin

PEER = Peer("grid:utility", "openadr3", "utility", feeders=frozenset({"T1"}))
AGREED = Agreed("csms-1", feeders=("T1",), zone=ZONE)
FIRST, SECOND, THIRD = (f"2026-07-13T0{n}:00:00Z" for n in (2, 3, 4))
EVENT = "/api/v1/response-events/oadr3:e1"


class House:
    """A desk of demand response, our end node, and its VTN."""

    def __init__(self, desk: Desk, twin: VtnTwin, rule: VenRule) -> None:
        self.desk, self.twin = desk, twin
        self.vtn = Vtn(VtnAddress(twin.url, CLIENT, SECRET, ca=twin.ca))
        self.ven = self.another(rule)

    def another(self, rule: VenRule) -> Ven:
        """As after a restart."""
        self.ven = Ven(rule, self.vtn, PEER, self.desk.clock, lambda _: 0, ChannelDesk(self.desk.service))
        self.desk.work.reports["openadr3"] = way_back_to_vtns({PEER.source: self.ven})
        return self.ven

    async def poll(self, times: int = 1) -> None:
        for _ in range(times):
            await self.ven.poll(self.desk.limits)

    def call(self, kw: float, modified: str = FIRST, *, price: float | None = 1.5, asks: bool = True) -> None:
        payloads: list[dict[str, Any]] = [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [kw]}]
        payloads += [] if price is None else [{"type": "PRICE", "values": [price]}]
        more = {"reportDescriptors": [{"payloadType": "LOAD_SHED_DELTA_AVAILABLE"}]} if asks else {}
        period = {"start": START.isoformat(), "duration": "PT1H"}
        self.twin.event("e1", modified, intervalPeriod=period, intervals=[{"id": 0, "payloads": payloads}], **more)
        self.twin.events["e1"]["createdDateTime"] = FIRST

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.desk.http.get(EVENT)).json()
        return found

    def said(self, name: str) -> list[Any]:
        """Values of the first payloads of the reports of a name."""
        reports = [report for report in self.twin.reports.values() if report["reportName"] == name]
        return [_values(report["resources"][0]["intervals"][0]) for report in reports]


def _values(interval: dict[str, Any]) -> dict[str, Any]:
    return {payload["type"]: payload["values"][0] for payload in interval["payloads"]}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock(NOW)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    async with VtnTwin(tmp_path) as twin:
        made = House(Desk(store, clock), twin, VenRule(AGREED))
        made.desk.http.headers.update(bearer(await token_for(made.desk.guard)))
        yield made
        await made.vtn.close()
        await made.desk.http.aclose()
    await store.close()


async def bid(house: House, power_kw: float = 20.0, price: float = 1.2) -> None:
    answer = await house.desk.http.put(EVENT + "/bid", json={"power_kw": power_kw, "price": price})
    assert answer.status_code == 202, answer.text


@pytest.mark.req("GL-A7")
async def test_an_invitation_its_bid_its_result_and_its_report_all_through_the_vtn(house: House) -> None:
    desk = house.desk
    await desk.history()
    house.call(-30)
    await house.poll(2)
    shown = await house.shown()
    assert (shown["channel"], shown["source"], shown["type"], shown["target_kw"]) == (
        "openadr3",
        "grid:utility",
        "shave",
        30,
    )
    assert [record["action"] for record in await desk.records()] == ["invite"], "what is known is not said again"
    assert house.said("response-state") == [{"RESPONSE_STATE": "accepted"}]
    assert desk.limits.cap_w("T1", START) is None, "an invitation limits nothing"

    await desk.work.look()
    assert house.said("response-bid") == []
    await bid(house)
    await desk.work.look()
    assert house.said("response-bid") == [{"LOAD_SHED_DELTA_AVAILABLE": -20.0, "BID_PRICE": 1.2}]
    assert house.said("response") == [{"RESPONSE_STATUS": "21"}]

    house.call(-20, SECOND, price=1.3, asks=False)
    await house.poll(2)
    shown = await house.shown()
    assert (shown["status"], shown["clearing"]["price"]) == ("22", 1.3)
    assert desk.limits.cap_w("T1", START) == 80_000
    assert house.said("response-state") == [{"RESPONSE_STATE": "accepted"}] * 2

    desk.at(START + timedelta(minutes=20))
    desk.drawn_w = 70_000.0
    await desk.seen(START, [80_000.0] * 4)
    await desk.work.look()
    (running,) = [one for one in house.twin.reports.values() if one["reportName"] == "response"]
    first = running["resources"][0]["intervals"][1]
    assert (first["id"], _values(first)["BASELINE"]) == (1, 100.0)
    del house.twin.events["e1"]
    desk.at(START + timedelta(hours=1, minutes=21))
    await house.poll(3)
    await desk.work.look()
    (told,) = house.said("response")
    assert told == {"RESPONSE_STATUS": "25", "RESPONSE_RATIO": 1.0, "RESPONSE_CREDITED": 20.0, "RESPONSE_PAY": 26.0}
    assert (await house.shown())["status"] == "25", "an event that is over is not cancelled when the VTN forgets it"


async def test_a_refused_bid_limits_nothing(house: House) -> None:
    await house.desk.history()
    house.call(-30)
    await house.poll()
    await bid(house)
    house.call(0, SECOND, price=None, asks=False)
    await house.poll(2)
    assert (await house.shown())["status"] == "23"
    assert house.desk.limits.cap_w("T1", START) is None


async def test_an_event_that_is_missing_twice_is_cancelled_also_after_a_restart(house: House) -> None:
    await house.desk.history()
    house.call(-30)
    await house.poll()
    await bid(house)
    house.call(-20, SECOND, asks=False)
    await house.poll()
    assert house.desk.limits.cap_w("T1", START) == 80_000
    house.another(VenRule(AGREED))
    await house.poll()
    actions = [record["action"] for record in await house.desk.records()]
    assert actions.count("invite") == actions.count("clear") == 1, "a new process says nothing again"
    del house.twin.events["e1"]
    await house.poll()
    assert (await house.shown())["status"] == "22"
    await house.poll()
    assert (await house.shown())["status"] == "cancelled"
    assert house.desk.limits.cap_w("T1", START) is None


async def test_what_is_refused_is_told_once_and_again_when_it_could_be_different(house: House) -> None:
    await house.desk.history()
    house.call(-20, asks=False)
    await house.poll(3)
    assert house.said("response-state") == [{"RESPONSE_STATE": "unknown_event"}]
    house.call(-20, SECOND)
    await house.poll()
    house.call(-20, THIRD, asks=False)
    await house.poll(3)
    assert house.said("response-state")[1:] == [{"RESPONSE_STATE": "accepted"}, {"RESPONSE_STATE": "no_bid"}]
    await bid(house)
    await house.poll()
    assert (await house.shown())["status"] == "22", "the bid came after the order that waits for it"


async def test_another_invitation_under_the_same_id_is_refused(house: House) -> None:
    house.call(-20)
    await house.poll()
    house.call(-25, SECOND)
    await house.poll(2)
    assert house.said("response-state")[1:] == [{"RESPONSE_STATE": "event_known"}]
    assert (await house.shown())["target_kw"] == 20


async def test_a_feeder_of_others_is_out_of_reach(house: House) -> None:
    house.another(VenRule(replace(AGREED, targets={"other": "T2"})))
    house.call(-20)
    house.twin.events["e1"]["targets"] = ["other"]
    await house.poll(2)
    assert house.said("response-state") == [{"RESPONSE_STATE": "not_authorised"}]
    assert (await house.desk.http.get(EVENT)).status_code == 404


async def test_while_nothing_can_be_stored_nothing_is_taken_and_later_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.call(-20)

    async def away(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(house.desk.store.writer, "commit", away)
        await house.poll()
        assert house.ven.counts["polls_not_stored"] == 1
    await house.poll()
    assert (await house.shown())["status"] == "11"


async def test_a_report_that_the_vtn_does_not_take_now_is_told_again(house: House) -> None:
    house.call(-20)
    await house.poll()
    house.twin.always["/reports"] = Bad(503)
    await house.desk.work.look()
    assert house.said("response") == []
    del house.twin.always["/reports"]
    await house.desk.work.look()
    assert house.said("response") == [{"RESPONSE_STATUS": "11"}]
    house.twin.always["/reports/reports-0"] = house.twin.always["/reports/reports-1"] = Bad(404)
    await house.desk.history()
    await bid(house)
    await house.desk.work.look()
    assert house.ven.counts["reports_not_taken"] == 2, "what it will never take holds nothing up"


async def test_release_3_0_names_the_program_and_has_typed_targets(house: House) -> None:
    house.another(VenRule(replace(AGREED, release=Release.V3_0)))
    house.call(-20)
    house.twin.events["e1"]["targets"] = [{"type": "VEN_NAME", "values": ["csms-1"]}]
    await house.poll()
    await house.desk.work.look()
    (report,) = [one for one in house.twin.reports.values() if one["reportName"] == "response"]
    assert (report["programID"], report["eventID"], report["objectType"]) == ("p1", "e1", "REPORT")


async def test_without_a_room_for_it_such_an_event_means_nothing(house: House) -> None:
    house.ven = Ven(VenRule(AGREED), house.vtn, PEER, house.desk.clock, lambda _: 0)
    house.call(-20)
    await house.poll()
    assert [next(iter(one.values())) for one in house.said("limit-state")] == ["not_mapped"]
