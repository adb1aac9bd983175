"""OCPP 2.0.1, block H: reservations (OCA cases TC_H)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.fast import fast_clock
from tests.support.scripted import Central, Silence, Station201, central

pytestmark = pytest.mark.conformance

TAG = "TAG-1"


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


async def reserve(csms: Central, **more: Any) -> dict[str, Any]:
    expires = (csms.clock.now() + timedelta(minutes=30)).isoformat()
    fields = {"id_token": TAG, "token_type": "ISO14443", "expires_at": expires, **more}
    return await csms.operator("CP-1", "reserve_now", **fields)


async def recorded(csms: Central, **given: str) -> list[dict[str, Any]]:
    answer = await csms.http.get("/api/v1/reservations", params=given)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.mark.octt("TC_H_01_CSMS", "TC_H_08_CSMS", "TC_H_15_CSMS")
@pytest.mark.req("H01.FR.04", "H01.FR.06", "H01.FR.23")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"evse_id": 1}, {"evseId": 1}),
        ({}, {}),
        ({"connector_type": "cCCS2"}, {"connectorType": "cCCS2"}),
    ],
    ids=["an EVSE", "any", "a connector type"],
)
async def test_a_reservation(csms: Central, cp: Station201, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    told = await reserve(csms, **fields)
    asked = await cp.expected("ReserveNow")
    assert asked.pop("expiryDateTime") > cp.stamp()
    assert asked == {
        "id": told["operation_id"],
        "idToken": {"idToken": TAG, "type": "ISO14443"},
        **expected,
    }
    await cp.status(1, "Reserved")
    (row,) = await recorded(csms)
    assert (row["state"], row["evse_id"]) == ("Accepted", fields.get("evse_id", 0))


@pytest.mark.octt("TC_H_14_CSMS")
@pytest.mark.req("H01.FR.20")
async def test_as_many_reservations_as_evses(csms: Central, cp: Station201) -> None:
    numbers = [(await reserve(csms))["operation_id"] for _ in range(2)]
    assert [(await cp.expected("ReserveNow"))["id"] for _ in range(2)] == numbers
    for evse in (1, 2):
        await cp.status(evse, "Reserved")
    assert [evse["status"] for evse in (await csms.shown("CP-1"))["evses"]] == ["Reserved", "Reserved"]


@pytest.mark.req("H01.FR.15", "H03.FR.01", "H03.FR.09", "E01.FR.13")
async def test_a_session_uses_it(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    await cp.start(evse_id=1, token=TAG, reservationId=number)
    row = await csms.session("CP-1")
    assert row.reservation_id == number
    assert [(r["state"], r["session_id"]) for r in await recorded(csms)] == [("Used", row.id)]


@pytest.mark.req("H01.FR.15")
async def test_a_session_that_began_with_the_cable_uses_it_when_the_card_comes(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    where = {"id": 1, "connectorId": 1}
    await cp.event("Started", "TX-1", "CablePluggedIn", info={"chargingState": "EVConnected"}, evse=where)
    assert [r["state"] for r in await recorded(csms)] == ["Accepted"]
    await cp.event("Updated", "TX-1", "Authorized", token=TAG, reservationId=number)
    assert [r["state"] for r in await recorded(csms)] == ["Used"]
    assert (await csms.session("CP-1")).reservation_id == number


@pytest.mark.octt("TC_H_19_CSMS")
@pytest.mark.req("H03.FR.04", "H03.FR.08")
async def test_a_reservation_of_a_group(csms: Central, cp: Station201) -> None:
    await csms.list_token("CARD-7", group_id="FLEET")
    await reserve(csms, evse_id=1, group_id="FLEET")
    asked = await cp.expected("ReserveNow")
    assert asked["groupIdToken"]["idToken"] == "FLEET"
    await cp.status(1, "Reserved")
    answer = await cp.call("Authorize", {"idToken": {"idToken": "CARD-7", "type": "ISO14443"}})
    assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == "FLEET"
    await cp.start(evse_id=1, token="CARD-7")
    assert [r["state"] for r in await recorded(csms)] == ["Used"]


@pytest.mark.octt("TC_H_17_CSMS")
@pytest.mark.req("H02.FR.02")
async def test_a_reservation_is_cancelled(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    await cp.status(1, "Reserved")
    assert (await csms.operator("CP-1", "cancel_reservation", reservation_id=number))["accepted"]
    assert await cp.expected("CancelReservation") == {"reservationId": number}
    await cp.status(1, "Available")
    assert [r["state"] for r in await recorded(csms)] == ["Cancelled"]


@pytest.mark.octt("TC_H_07_CSMS")
@pytest.mark.req("H04.FR.01", "H04.FR.03")
async def test_the_station_says_that_it_expired(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    await cp.status(1, "Reserved")
    await cp.status(1, "Available")
    update = {"reservationId": number, "reservationUpdateStatus": "Expired"}
    assert await cp.call("ReservationStatusUpdate", update) == {}
    assert [r["state"] for r in await recorded(csms)] == ["Expired"]


@pytest.mark.req("H04.FR.01")
async def test_it_expires_while_the_station_is_away(tmp_path: Path) -> None:
    async with central(tmp_path, clock=fast_clock()) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        expires = (csms.clock.now() + timedelta(seconds=30)).isoformat()
        number = (await reserve(csms, expires_at=expires))["operation_id"]
        await cp.disconnect()
        await csms.until(lambda: recorded(csms, state="Expired"))
        await cp.connect()
        update = {"reservationId": number, "reservationUpdateStatus": "Expired"}
        assert await cp.call("ReservationStatusUpdate", update) == {}, "the station's word comes later and is welcome"


@pytest.mark.octt("TC_H_20_CSMS")
@pytest.mark.req("H01.FR.16", "H01.FR.17")
async def test_the_station_gives_it_up_because_of_a_fault(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    await cp.status(1, "Reserved")
    await cp.status(1, "Faulted")
    update = {"reservationId": number, "reservationUpdateStatus": "Removed"}
    assert await cp.call("ReservationStatusUpdate", update) == {}
    assert [r["state"] for r in await recorded(csms)] == ["Removed"]


@pytest.mark.octt("TC_H_22_CSMS")
@pytest.mark.req("H01.FR.01", "H01.FR.11", "H01.FR.12", "H01.FR.14")
@pytest.mark.parametrize("status", ["Rejected", "Occupied", "Faulted", "Unavailable"])
async def test_a_reservation_is_refused(csms: Central, cp: Station201, status: str) -> None:
    cp.answers("ReserveNow", {"status": status})
    told = await reserve(csms, evse_id=1)
    assert (told["status"], told["accepted"]) == (status, False)
    assert [(r["state"], r["answer"]) for r in await recorded(csms)] == [("Refused", status)]


async def test_a_reservation_whose_answer_was_lost_may_be_held(tmp_path: Path) -> None:
    async with central(tmp_path, call_timeout_s=0.2) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("ReserveNow", Silence())
        assert (await reserve(csms, evse_id=1))["code"] == "call_timeout"
        (row,) = await recorded(csms)
        assert row["state"] == "unanswered"
        await cp.start(evse_id=1, token=TAG, reservationId=row["reservation_id"])
        assert [r["state"] for r in await recorded(csms)] == ["Used"]


async def test_an_update_about_somebody_elses_reservation_changes_nothing(csms: Central, cp: Station201) -> None:
    number = (await reserve(csms, evse_id=1))["operation_id"]
    other: Station201 = await csms.station("CP-2", "ocpp2.0.1")
    for reservation_id in (number, 4711):
        update = {"reservationId": reservation_id, "reservationUpdateStatus": "Removed"}
        assert await other.call("ReservationStatusUpdate", update) == {}
    assert [r["state"] for r in await recorded(csms, station_id="CP-1")] == ["Accepted"]
    assert len(await csms.notices("unknown_reservation", "CP-2")) == 2
