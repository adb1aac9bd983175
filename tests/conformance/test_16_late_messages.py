"""OCPP 1.6: stops that fit no session, and what meters sign (pains 11, 13, 14)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.scripted import Central, Station16

pytestmark = pytest.mark.conformance

OCMF = 'OCMF|{"FV":"1.0","GI":"Meter","PG":"T1"}|{"SD":"3046022100"}'


@pytest.fixture
def cp(cp16: Station16) -> Station16:
    return cp16


def at(csms: Central, minutes_ago: float) -> str:
    return (csms.clock.now() - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def reading(time: str, wh: int, context: str = "Sample.Periodic") -> dict[str, Any]:
    return {"timestamp": time, "sampledValue": [{"value": str(wh), "unit": "Wh", "context": context}]}


@pytest.mark.req("PAIN-14", "1.6:4.10")
async def test_a_session_whose_start_was_lost_is_rebuilt_from_its_stop(csms: Central, cp: Station16) -> None:
    data = [reading(at(csms, 40), 1000, "Transaction.Begin"), reading(at(csms, 20), 3000)]
    stop = {"transactionData": data, "timestamp": at(csms, 10)}
    for _ in range(2):
        assert await cp.stop("815", 5000, token="TAG-1", **stop) == {"idTagInfo": {"status": "Accepted"}}
    row = await csms.session("CP-1")
    assert (row.status, row.transaction_id, row.id_token) == ("ended", "815", "TAG-1")
    assert (row.start_register_wh, row.end_register_wh, row.energy_wh) == (1000, 5000, 4000)
    assert row.ended_at is not None
    assert row.ended_at - row.started_at == timedelta(minutes=30)
    assert (row.evse_id, row.flags) == (0, ["orphan_stop", "rebuilt"]), "1.6 does not tell the connector of a stop"
    assert len(await csms.rooms.store.reader.samples(session_id=row.id)) == 2
    assert [notice.code for notice in await csms.notices("repeated_stop")] == ["repeated_stop"]


@pytest.mark.req("PAIN-14")
async def test_a_station_with_one_connector_tells_where_it_was(csms: Central) -> None:
    cp: Station16 = await csms.station("CP-9")
    data = [reading(at(csms, 40), 1000, "Transaction.Begin")]
    await cp.stop("-1", 5000, transactionData=data)
    await cp.stop("-1", 9000, transactionData=[reading(at(csms, 20), 5000, "Transaction.Begin")])
    first, second = await csms.sessions("CP-9")
    assert [(row.evse_id, row.energy_wh) for row in (first, second)] == [(1, 4000), (1, 4000)]


@pytest.mark.req("PAIN-12")
async def test_a_stop_that_tells_no_beginning_is_only_kept(csms: Central, cp: Station16) -> None:
    assert await cp.stop("815", 5000) == {}
    assert await csms.sessions("CP-1") == []
    (notice,) = await csms.notices("orphan_stop")
    assert notice.detail["register_wh"] == 5000


@pytest.mark.req("PAIN-11")
async def test_a_second_stop_that_differs_is_flagged_and_changes_nothing(csms: Central, cp: Station16) -> None:
    transaction_id = await cp.start(wh=0)
    for wh in (1000, 1000, 7000):
        assert await cp.stop(transaction_id, wh) == {}
    row = await csms.session("CP-1")
    assert (row.energy_wh, row.flags) == (1000, ["differing_stop"])


@pytest.mark.req("PAIN-13")
@pytest.mark.parametrize("number", ["-1", "0"])
async def test_a_stop_without_a_number_ends_the_session_that_it_must_be(
    csms: Central, cp: Station16, number: str
) -> None:
    await cp.start(evse_id=1, token="TAG-1", wh=1000)
    await cp.start(evse_id=2, token="TAG-1", wh=8000)
    data = [reading(at(csms, 40), 8000, "Transaction.Begin")]
    await cp.stop(number, 9500, token="TAG-1", transactionData=data)
    first, second = await csms.sessions("CP-1")
    assert (first.status, second.status, second.energy_wh) == ("open", "ended", 1500)
    assert second.flags == ["matched_by_token"]


@pytest.mark.req("PAIN-13")
@pytest.mark.parametrize(
    "stop",
    [
        {"token": "TAG-2", "wh": 9000},
        {"token": "TAG-1", "wh": 500},
        {"token": "TAG-1", "wh": 9000, "begin": 400},
        {"token": "TAG-1", "wh": 9000, "minutes_ago": 60.0},
    ],
    ids=["another card", "a lower register", "another beginning", "before the start"],
)
async def test_a_stop_without_a_number_never_ends_a_wrong_session(
    csms: Central, cp: Station16, stop: dict[str, Any]
) -> None:
    await cp.start(token="TAG-1", wh=1000)
    begin = stop.get("begin")
    data = [reading(at(csms, 90), begin, "Transaction.Begin")] if begin is not None else []
    time = at(csms, stop.get("minutes_ago", 0.0))
    await cp.stop("-1", stop["wh"], token=stop["token"], timestamp=time, transactionData=data)
    rows = await csms.sessions("CP-1")
    assert rows[0].status == "open"
    assert len(await csms.notices("orphan_stop")) == 1


@pytest.mark.req("1.6:3.16", "1.6:4.7")
async def test_signed_data_is_evidence_and_no_energy(csms: Central, cp: Station16) -> None:
    transaction_id = await cp.start(wh=0)
    signed = {"value": OCMF, "format": "SignedData", "context": "Transaction.End"}
    values = {"timestamp": at(csms, 0), "sampledValue": [signed, {"value": "700", "unit": "Wh"}]}
    meter = {"connectorId": 1, "transactionId": int(transaction_id), "meterValue": [values]}
    assert await cp.call("MeterValues", meter) == {}
    await cp.stop(transaction_id, 700, transactionData=[values])
    row = await csms.session("CP-1")
    kept = (await csms.api("GET", f"/api/v1/sessions/{row.id}/signed-values")).json()
    assert [(value["data"], value["context"]) for value in kept] == [(OCMF, "Transaction.End")] * 2
    assert (row.energy_wh, len(await csms.rooms.store.reader.samples(session_id=row.id))) == (700, 1)


async def test_a_start_at_no_connector_is_kept_and_can_be_stopped(csms: Central, cp: Station16) -> None:
    transaction_id = await cp.start(evse_id=0, wh=100)
    assert (await csms.session("CP-1")).status == "aside"
    await cp.stop(transaction_id, 600)
    row = await csms.session("CP-1")
    assert (row.status, row.energy_wh) == ("ended", 500)
