"""OCPP 1.6: reservations (OCA cases 046 to 053)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.fast import fast_clock
from tests.support.scripted import Central, Station16, central

pytestmark = pytest.mark.conformance

TAG = "TAG-1"


@pytest.fixture
def cp(cp16: Station16) -> Station16:
    return cp16


def until(csms: Central, **more: float) -> str:
    return (csms.clock.now() + timedelta(**(more or {"minutes": 30}))).isoformat()


async def reserve(csms: Central, connector: int = 1, **more: Any) -> dict[str, Any]:
    fields = {"id_token": TAG, "evse_id": connector, "expires_at": until(csms), **more}
    return await csms.operator("CP-1", "reserve_now", **fields)


async def recorded(csms: Central, **given: str) -> list[dict[str, Any]]:
    answer = await csms.http.get("/api/v1/reservations", params={"station_id": "CP-1", **given})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.mark.octt("TC_046_CSMS")
@pytest.mark.req("1.6:5.13", "1.6:4.8", "1.6:3.11")
async def test_a_reservation_is_used(csms: Central, cp: Station16) -> None:
    told = await reserve(csms)
    asked = await cp.expected("ReserveNow")
    assert (asked["connectorId"], asked["idTag"], asked["reservationId"]) == (1, TAG, told["operation_id"])
    assert "parentIdTag" not in asked
    await cp.status(1, "Reserved")
    assert await cp.authorize(TAG) == "Accepted"
    await cp.status(1, "Preparing")
    transaction_id = await cp.start(token=TAG, reservationId=asked["reservationId"])
    (row,) = await recorded(csms)
    session = await csms.session("CP-1")
    assert session.transaction_id == transaction_id
    assert (row["state"], row["session_id"]) == ("Used", session.id)
    assert session.reservation_id == asked["reservationId"]


@pytest.mark.req("1.6:5.13")
async def test_a_session_that_does_not_name_its_reservation_uses_it_too(csms: Central, cp: Station16) -> None:
    await reserve(csms, connector=2)
    await cp.start(evse_id=1, token=TAG)
    assert [row["state"] for row in await recorded(csms)] == ["Accepted"], "of another connector"
    await cp.start(evse_id=2, token=TAG.lower())
    assert [row["state"] for row in await recorded(csms)] == ["Used"]


@pytest.mark.octt("TC_047_CSMS")
@pytest.mark.req("1.6:5.13")
async def test_a_reservation_expires_without_a_word_of_the_station(tmp_path: Path) -> None:
    async with central(tmp_path, clock=fast_clock()) as csms:
        cp: Station16 = await csms.station("CP-1", evses=2)
        await cp.boot()
        await reserve(csms, expires_at=until(csms, seconds=30))
        await cp.status(1, "Reserved")
        await csms.until(lambda: recorded(csms, state="Expired"))
        await cp.status(1, "Available")
        assert (await reserve(csms))["accepted"]


@pytest.mark.octt("TC_048_1_CSMS", "TC_048_2_CSMS", "TC_048_3_CSMS", "TC_048_4_CSMS")
@pytest.mark.req("1.6:5.13")
@pytest.mark.parametrize("status", ["Faulted", "Occupied", "Unavailable", "Rejected"])
async def test_a_reservation_is_refused(csms: Central, cp: Station16, status: str) -> None:
    cp.answers("ReserveNow", {"status": status})
    told = await reserve(csms)
    assert (told["status"], told["accepted"]) == (status, False)
    (row,) = await recorded(csms)
    assert (row["state"], row["answer"]) == ("Refused", status)
    operation = (await csms.rooms.store.reader.find(_operation(), id=told["operation_id"]))[0]
    assert (operation.status, operation.ended_at is None) == (status, False)


def _operation() -> Any:
    from csms.store.station_tables import Operation

    return Operation


@pytest.mark.octt("TC_049_CSMS")
@pytest.mark.req("1.6:5.13")
async def test_the_whole_charge_point_is_reserved(csms: Central, cp: Station16) -> None:
    await reserve(csms, connector=0)
    assert (await cp.expected("ReserveNow"))["connectorId"] == 0
    await cp.start(evse_id=2, token=TAG)
    assert [(row["evse_id"], row["state"]) for row in await recorded(csms)] == [(0, "Used")]


@pytest.mark.octt("TC_051_CSMS")
@pytest.mark.req("1.6:5.1")
async def test_a_reservation_is_cancelled(csms: Central, cp: Station16) -> None:
    number = (await reserve(csms))["operation_id"]
    await cp.status(1, "Reserved")
    told = await csms.operator("CP-1", "cancel_reservation", reservation_id=number)
    assert told["accepted"]
    assert await cp.expected("CancelReservation") == {"reservationId": number}
    await cp.status(1, "Available")
    assert [row["state"] for row in await recorded(csms)] == ["Cancelled"]
    await cp.start(token=TAG)
    assert (await csms.session("CP-1")).reservation_id is None


@pytest.mark.octt("TC_052_CSMS")
@pytest.mark.req("1.6:5.1")
async def test_a_cancellation_is_refused(csms: Central, cp: Station16) -> None:
    number = (await reserve(csms))["operation_id"]
    cp.answers("CancelReservation", {"status": "Rejected"})
    told = await csms.operator("CP-1", "cancel_reservation", reservation_id=number)
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert [row["state"] for row in await recorded(csms)] == ["Accepted"]


@pytest.mark.octt("TC_053_CSMS")
@pytest.mark.req("1.6:5.13")
async def test_a_reservation_of_a_family_of_cards(csms: Central, cp: Station16) -> None:
    await csms.list_token("CARD-7", group_id="FLEET")
    told = await reserve(csms, group_id="FLEET")
    asked = await cp.expected("ReserveNow")
    assert asked["parentIdTag"] == "FLEET"
    answer = await cp.call("Authorize", {"idTag": "CARD-7"})
    assert answer["idTagInfo"]["parentIdTag"] == "FLEET"
    await cp.start(token="CARD-7")
    (row,) = await recorded(csms)
    assert (row["reservation_id"], row["state"]) == (told["operation_id"], "Used")


@pytest.mark.req("1.6:5.13")
async def test_a_reservation_is_replaced_under_its_number(csms: Central, cp: Station16) -> None:
    number = (await reserve(csms, connector=1))["operation_id"]
    cp.answers("ReserveNow", {"status": "Occupied"})
    refused = await reserve(csms, connector=2, reservation_id=number)
    assert (refused["status"], refused["operation_id"]) == ("Occupied", number)
    assert [(row["evse_id"], row["state"]) for row in await recorded(csms)] == [(1, "Accepted")], "the old one counts"
    cp.answers("ReserveNow", {"status": "Accepted"})
    await reserve(csms, connector=2, reservation_id=number)
    assert [(row["evse_id"], row["state"]) for row in await recorded(csms)] == [(2, "Accepted")]
    unknown = await reserve(csms, reservation_id=number + 1)
    assert unknown["code"] == "unknown_reservation"


async def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    numbers = []
    for _ in range(2):
        async with central(tmp_path) as csms:
            cp: Station16 = await csms.station("CP-1")
            numbers += [(await reserve(csms))["operation_id"], (await reserve(csms))["operation_id"]]
            await cp.disconnect()
    assert numbers == sorted(set(numbers))


async def test_a_held_reservation_is_known_after_a_restart(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp: Station16 = await csms.station("CP-1")
        await reserve(csms)
        await cp.disconnect()
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1")
        await cp.start(token=TAG)
        assert [row["state"] for row in await recorded(csms)] == ["Used"]
