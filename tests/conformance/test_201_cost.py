"""OCPP 2.0.1, block I: what a session costs (OCA cases TC_I)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from csms.model.cost import PersonalMessage
from csms.station.state import OpenSession
from tests.support.scripted import Central, Station201, central

pytestmark = pytest.mark.conformance


@pytest.fixture
async def priced(tmp_path: Path) -> AsyncIterator[Central]:
    price = {"electricity": 0.6, "service": 0.4, "shown": True}
    async with central(tmp_path, price=price) as csms:
        yield csms


@pytest.fixture
async def cp(priced: Central) -> Station201:
    station: Station201 = await priced.station("CP-1", "ocpp2.0.1")
    await station.boot()
    return station


@pytest.mark.octt("TC_I_02_CSMS")
@pytest.mark.req("I02.FR.01", "I02.FR.04", "I03.FR.02")
async def test_the_cost_is_told_with_each_event_and_at_the_end(priced: Central, cp: Station201) -> None:
    transaction_id = await cp.start(wh=1000)
    assert (await cp.meter(transaction_id, 3500))["totalCost"] == 2.5
    assert (await cp.stop(transaction_id, 11_000))["totalCost"] == 10.0
    assert (await priced.session("CP-1")).cost == 10.0


@pytest.mark.req("I03.FR.04")
async def test_a_session_may_be_free(tmp_path: Path) -> None:
    async with central(tmp_path, price={"electricity": 0, "service": 0, "shown": True}) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        assert (await cp.stop(await cp.start(), 5000))["totalCost"] == 0.0


@pytest.mark.req("I03.FR.04")
async def test_without_a_price_nothing_is_said(csms: Central, cp201: Station201) -> None:
    transaction_id = await cp201.start()
    assert await cp201.meter(transaction_id, 500) == {}
    assert "totalCost" not in await cp201.stop(transaction_id)
    told = await csms.operator("CP-1", "update_cost", transaction_id=transaction_id)
    assert told["code"] == "cost_unknown"


@pytest.mark.octt("TC_I_01_CSMS")
@pytest.mark.req("I02.FR.01", "I02.FR.02")
@pytest.mark.parametrize(("given", "sent"), [({}, 2.5), ({"total_cost": 3.75}, 3.75)])
async def test_the_running_cost(priced: Central, cp: Station201, given: dict[str, float], sent: float) -> None:
    transaction_id = await cp.start()
    await cp.meter(transaction_id, 2500)
    told = await priced.operator("CP-1", "update_cost", transaction_id=transaction_id, **given)
    assert told["accepted"]
    assert await cp.expected("CostUpdated") == {"totalCost": sent, "transactionId": transaction_id}


@pytest.mark.req("I06.FR.01", "I06.FR.02")
async def test_a_new_tariff_is_told_once(priced: Central, cp: Station201, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tariff:
        def cost(self, session: OpenSession, now: object) -> float:
            return 0.0

        def message(self, session: OpenSession, now: object) -> PersonalMessage | None:
            return PersonalMessage("Night tariff", language="en") if session.energy_wh >= 1000 else None

    priced.rooms.stations.price(Tariff())
    transaction_id = await cp.start()
    answers = [await cp.meter(transaction_id, wh) for wh in (500, 1000, 1500)]
    said = [answer.get("updatedPersonalMessage") for answer in answers]
    assert said == [None, {"format": "UTF8", "content": "Night tariff", "language": "en"}, None]
