"""Attack class 6: values that no reader expects (CVE-2023-52096; dallmann-consulting/OCPP.Core#33 and #36).

Accepted with care or refused by name: never an internal error, never a wrong bill, never the end of the connection.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import Central, central

REFUSALS = {
    "FormationViolation",
    "FormatViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "OccurrenceConstraintViolation",
    "TypeConstraintViolation",
    "RpcFrameworkError",
}
TIMES = [
    "1000000",
    1000000,
    "yesterday",
    "1970-01-01T00:00:00Z",
    "9999-99-99T99:99:99Z",
    "",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    1e300,
    None,
]
NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "01", "0x10"]
INTEGERS = [2**53, -(2**53), 2**63, 2**64, 10**40]


@pytest.fixture
async def csms(tmp_path: Path) -> AsyncIterator[Central]:
    async with central(tmp_path) as running:
        yield running


async def pile(csms: Central, protocol: str = "ocpp1.6") -> Any:
    cp = await csms.station("CP-1", protocol, strict=False)
    await cp.boot()
    return cp


async def outcome(cp: Any, action: str, payload: Any) -> str:
    """`taken`, or the code of the refusal."""
    return await said(cp, json.dumps([2, "y", action, payload]), "y")


async def said(cp: Any, text: str, unique_id: str = "x") -> str:
    """The same for any text."""
    answer = await cp.exchange(text, unique_id)
    if answer[0] == 3:
        return "taken"
    assert answer[2] in REFUSALS, answer
    return str(answer[2])


@pytest.mark.req("RB-35", "HP-D7")
@pytest.mark.parametrize("time", TIMES)
async def test_no_time_breaks_anything_and_a_session_begins_when_it_began(csms: Central, time: Any) -> None:
    cp = await pile(csms)
    now = csms.clock.now()
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": time}
    if await outcome(cp, "StartTransaction", start) == "taken":
        session = await csms.session("CP-1")
        assert abs(session.started_at - now) < timedelta(minutes=1)
        assert "clock_odd" in session.flags
    await outcome(
        cp,
        "StatusNotification",
        {"connectorId": 1, "errorCode": "NoError", "status": "Available"} | {"timestamp": time},
    )
    assert (await cp.boot())["status"] == "Accepted"


async def test_energy_is_never_negative_and_odd_registers_are_flagged(csms: Central) -> None:
    cp = await pile(csms)
    transaction = await cp.start(wh=5000)
    await cp.meter(transaction, -100_000)
    await cp.stop(transaction, wh=-1)
    session = await csms.session("CP-1")
    assert session.energy_wh >= 0
    assert session.flags
    other = await cp.start(wh=-5)
    await cp.stop(other, wh=10**15)
    newest = (await csms.sessions("CP-1"))[-1]
    assert 0 <= newest.energy_wh <= 10**12


START = '"connectorId":1,"meterStart":0,"timestamp":"%s"'
READ = '"meterValue":[{"timestamp":"%s","sampledValue":['
TWICE = {
    "the same member": ("StartTransaction", f'{START},"idTag":"A","idTag":"B"'),
    "once escaped": ("StartTransaction", f'{START},"idTag":"A","idT\\u0061g":"B"'),
    "within": (
        "StopTransaction",
        '"transactionId":1,"meterStop":5,"timestamp":"%s","transactionData":[{"timestamp":"","timestamp":"","sampledValue":[]}]',
    ),
    "a number": ("StopTransaction", '"transactionId":1,"transactionId":2,"meterStop":5,"timestamp":"%s"'),
}


def twice(way: str, time: str) -> str:
    action, members = TWICE[way]
    return f'[2,"x","{action}",{{{members % time}}}]'


@pytest.mark.parametrize("way", TWICE)
async def test_a_name_that_stands_twice_is_refused(csms: Central, way: str) -> None:
    cp = await pile(csms)
    assert await said(cp, twice(way, cp.stamp())) == "FormationViolation"
    assert await csms.sessions() == []
    assert (await cp.boot())["status"] == "Accepted"


async def test_in_the_frequent_messages_the_last_one_counts_for_every_reader(csms: Central) -> None:
    """They are read in one go, where looking for a second name would cost every reading a microsecond."""
    cp = await pile(csms)
    text = f'{{"connectorId":1,{READ}{{"value":"1","measurand":"Power.Active.Import","value":"9"}}]}}]}}' % cp.stamp()
    assert await said(cp, f'[2,"x","MeterValues",{text}]') == "taken"
    (sample,) = await csms.rooms.store.reader.samples()
    assert sample.value == float(json.loads(text)["meterValue"][0]["sampledValue"][0]["value"]) == 9


async def test_quotation_marks_within_texts_are_no_names(csms: Central) -> None:
    cp = await pile(csms)
    text = '[2,"x","DataTransfer",{"vendorId":"a\\"b\\\\","data":"{\\"k\\":1,\\"k\\":2}","messageId":"\\u0022"}]'
    assert await said(cp, text) == "taken"
    assert await cp.status(1, "Available", info='"quoted"', vendorErrorCode="") == {}


@pytest.mark.parametrize("number", NUMBERS)
async def test_what_is_no_number_in_json_is_refused(csms: Central, number: str) -> None:
    cp = await pile(csms)
    value = f'{{"connectorId":1,"idTag":"T","meterStart":{number},"timestamp":"{cp.stamp()}"}}'
    await cp.socket.send(f'[2,"x","StartTransaction",{value}]')
    assert (await cp.boot())["status"] == "Accepted", "1.6 has no answer to what cannot be read; the connection stays"
    assert all(0 <= (row.start_register_wh or 0) <= 10**12 for row in await csms.sessions())


@pytest.mark.parametrize("integer", INTEGERS)
@pytest.mark.parametrize("name", ["connectorId", "meterStart", "reservationId"])
async def test_integers_beyond_all_bounds_reach_nothing(csms: Central, name: str, integer: int) -> None:
    cp = await pile(csms)
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": cp.stamp()} | {name: integer}
    await outcome(cp, "StartTransaction", start)
    for row in await csms.sessions():
        assert 0 <= (row.start_register_wh or 0) <= 10**12
        assert name != "meterStart" or "start_register_odd" in row.flags
        assert (row.reservation_id or 0) < 2**31
    assert len(csms.rooms.stations.stations["CP-1"].evses) <= 2


@pytest.mark.parametrize("depth", [19, 200, 20_000])
async def test_deep_nesting_costs_nothing(csms: Central, depth: int) -> None:
    cp = await pile(csms)
    await cp.socket.send(f'[2,"x","DataTransfer",{{"vendorId":"V","data":{"[" * depth}{"]" * depth}}}]')
    await cp.socket.send("[" * depth * 2)
    assert (await cp.boot())["status"] == "Accepted"


async def test_properties_that_nobody_knows_have_no_effect(csms: Central) -> None:
    cp = await pile(csms)
    start = {"connectorId": 1, "idTag": "T", "meterStart": 7, "timestamp": cp.stamp()}
    extra = {"transactionId": 1, "energy_wh": -5, "__proto__": {"admin": True}, "status": "Accepted", "x" * 200: None}
    assert await outcome(cp, "StartTransaction", start | extra) == "taken"
    session = await csms.session("CP-1")
    assert (session.start_register_wh, session.energy_wh) == (7, 0)


async def test_all_that_left_the_server_and_its_neighbours_unharmed(csms: Central) -> None:
    cp, other = await pile(csms), await csms.station("CP-2")
    for time in TIMES:
        for way in TWICE:
            await cp.socket.send(twice(way, json.dumps(time)[1:-1]))
    assert await other.authorize("T") == "Accepted"
    assert "calls_failed" not in csms.rooms.gateway.counters()
