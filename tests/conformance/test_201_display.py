"""OCPP 2.0.1, block O: messages on the display (OCA cases TC_O)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.fast import fast_clock
from tests.support.scripted import Central, Station201, central

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


async def show(csms: Central, **fields: Any) -> dict[str, Any]:
    return await csms.operator("CP-1", "set_display_message", **({"content": "Welcome"} | fields))


async def kept(csms: Central, **given: str) -> list[dict[str, Any]]:
    answer = await csms.http.get("/api/v1/stations/CP-1/display-messages", params=given)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def message(number: int, content: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"id": number, "priority": "InFront", "message": {"format": "UTF8", "content": content}, **more}


@pytest.mark.octt("TC_O_01_CSMS")
@pytest.mark.req("O01.FR.04", "O01.FR.17")
async def test_a_message(csms: Central, cp: Station201) -> None:
    told = await show(csms, priority="InFront", language="en", display="Door", evse_id=1)
    (row,) = await kept(csms)
    asked = await cp.expected("SetDisplayMessage")
    assert asked["message"] == {
        "id": row["message_id"],
        "priority": "InFront",
        "display": {"name": "Door", "evse": {"id": 1}},
        "message": {"format": "UTF8", "content": "Welcome", "language": "en"},
    }
    assert (told["status"], told["values"]) == ("Accepted", {"message_id": str(row["message_id"])})
    assert row["status"] == "Accepted"


@pytest.mark.octt("TC_O_13_CSMS", "TC_O_14_CSMS", "TC_O_25_CSMS")
@pytest.mark.req("O01.FR.05")
async def test_when_a_message_is_shown(csms: Central, cp: Station201) -> None:
    starts, ends = (csms.clock.now() + timedelta(hours=hours) for hours in (1, 2))
    await show(csms, starts_at=starts.isoformat(), ends_at=ends.isoformat(), state="Charging")
    asked = (await cp.expected("SetDisplayMessage"))["message"]
    assert asked["startDateTime"] == starts.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert asked["endDateTime"] == ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert asked["state"] == "Charging"


@pytest.mark.octt("TC_O_06_CSMS", "TC_O_27_CSMS", "TC_O_28_CSMS")
@pytest.mark.req("O02.FR.02")
async def test_a_message_of_a_session_goes_with_it(tmp_path: Path) -> None:
    async with central(tmp_path, clock=fast_clock()) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        transaction_id = await cp.start()
        await show(csms, transaction_id=transaction_id)
        await show(csms, content="For ever")
        assert (await cp.expected("SetDisplayMessage"))["message"]["transactionId"] == transaction_id
        await cp.stop(transaction_id)
        await csms.until(lambda: kept(csms, status="Over"))
        assert [row["content"] for row in await kept(csms, status="Accepted")] == ["For ever"]


@pytest.mark.req("O01.FR.07", "O02.FR.07")
async def test_a_message_is_over_at_its_end(tmp_path: Path) -> None:
    async with central(tmp_path, clock=fast_clock()) as csms:
        await csms.station("CP-1", "ocpp2.0.1")
        await show(csms, ends_at=(csms.clock.now() + timedelta(seconds=30)).isoformat())
        await csms.until(lambda: kept(csms, status="Over"))


@pytest.mark.octt("TC_O_10_CSMS", "TC_O_17_CSMS", "TC_O_18_CSMS", "TC_O_19_CSMS", "TC_O_26_CSMS")
@pytest.mark.req("O01.FR.01", "O01.FR.02", "O01.FR.03", "O01.FR.11", "O02.FR.01", "O02.FR.03", "O02.FR.04", "O02.FR.05")
@pytest.mark.parametrize(
    "status",
    ["UnknownTransaction", "NotSupportedPriority", "NotSupportedState", "NotSupportedMessageFormat", "Rejected"],
)
async def test_why_a_message_is_not_shown(csms: Central, cp: Station201, status: str) -> None:
    cp.answers("SetDisplayMessage", {"status": status})
    told = await show(csms, transaction_id="TX-unknown", priority="AlwaysFront", state="Idle", format="HTML")
    assert (told["status"], told["accepted"]) == (status, False)
    assert [row["status"] for row in await kept(csms)] == [status]


@pytest.mark.octt("TC_O_12_CSMS")
@pytest.mark.req("O06.FR.01")
async def test_a_message_is_replaced_under_its_number(csms: Central, cp: Station201) -> None:
    await show(csms, content="Old")
    number = (await kept(csms))[0]["message_id"]
    cp.answers("SetDisplayMessage", {"status": "Rejected"})
    await show(csms, content="Refused", message_id=number)
    assert [row["content"] for row in await kept(csms)] == ["Old"], "it is still shown"
    cp.answers("SetDisplayMessage", {"status": "Accepted"})
    await show(csms, content="New", message_id=number)
    asked = [(await cp.expected("SetDisplayMessage"))["message"]["id"] for _ in range(3)]
    assert asked == [number] * 3
    assert [row["content"] for row in await kept(csms)] == ["New"]


@pytest.mark.octt("TC_O_04_CSMS", "TC_O_05_CSMS")
@pytest.mark.req("O05.FR.01", "O05.FR.02")
@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
async def test_a_message_is_cleared(csms: Central, cp: Station201, status: str) -> None:
    await show(csms)
    number = (await kept(csms))[0]["message_id"]
    cp.answers("ClearDisplayMessage", {"status": status})
    told = await csms.operator("CP-1", "clear_display_message", message_id=number)
    assert (told["status"], told["accepted"]) == (status, status == "Accepted")
    assert await cp.expected("ClearDisplayMessage") == {"id": number}
    assert [row["status"] for row in await kept(csms)] == ["Cleared"]


@pytest.mark.octt("TC_O_02_CSMS")
@pytest.mark.req("O03.FR.01", "O03.FR.02", "O03.FR.03", "O03.FR.04", "O03.FR.05")
async def test_all_messages_are_told_in_parts(csms: Central, cp: Station201) -> None:
    await show(csms, content="Lost")
    told = await csms.operator("CP-1", "get_display_messages")
    assert await cp.expected("GetDisplayMessages") == {"requestId": told["operation_id"]}
    part = {"requestId": told["operation_id"], "messageInfo": [message(901, "One", state="Idle")]}
    assert await cp.call("NotifyDisplayMessages", part | {"tbc": True}) == {}
    assert [row["status"] for row in await kept(csms)] == ["Accepted", "Accepted"], "others may follow"
    assert await cp.call("NotifyDisplayMessages", part | {"messageInfo": [message(902, "Two")]}) == {}
    assert {row["content"]: row["status"] for row in await kept(csms)} == {
        "Lost": "Missing",
        "One": "Accepted",
        "Two": "Accepted",
    }


@pytest.mark.octt("TC_O_03_CSMS")
@pytest.mark.req("O03.FR.06")
async def test_there_is_no_message(csms: Central, cp: Station201) -> None:
    await show(csms)
    cp.answers("GetDisplayMessages", {"status": "Unknown"})
    told = await csms.operator("CP-1", "get_display_messages")
    assert (told["status"], told["accepted"]) == ("Unknown", False)
    assert [row["status"] for row in await kept(csms)] == ["Missing"]


@pytest.mark.octt("TC_O_07_CSMS", "TC_O_08_CSMS", "TC_O_09_CSMS", "TC_O_11_CSMS")
@pytest.mark.req("O04.FR.01", "O04.FR.02", "O04.FR.03", "O04.FR.06")
@pytest.mark.parametrize(
    ("fields", "criteria"),
    [
        ({"message_ids": [7]}, {"id": [7]}),
        ({"priority": "InFront"}, {"priority": "InFront"}),
        ({"state": "Charging"}, {"state": "Charging"}),
        ({"message_ids": [9999]}, {"id": [9999]}),
    ],
    ids=["by id", "by priority", "by state", "unknown"],
)
async def test_some_messages_are_told(
    csms: Central, cp: Station201, fields: dict[str, Any], criteria: dict[str, Any]
) -> None:
    await show(csms, content="Another")
    unknown = criteria == {"id": [9999]}
    cp.answers("GetDisplayMessages", {"status": "Unknown" if unknown else "Accepted"})
    told = await csms.operator("CP-1", "get_display_messages", **fields)
    assert await cp.expected("GetDisplayMessages") == {"requestId": told["operation_id"], **criteria}
    if not unknown:
        await cp.call("NotifyDisplayMessages", {"requestId": told["operation_id"], "messageInfo": [message(7)]})
    rows = {row["content"]: row["status"] for row in await kept(csms)}
    assert rows == {"Another": "Accepted"} | ({} if unknown else {"Hello": "Accepted"})


@pytest.mark.req("O01.FR.15", "O01.FR.16", "O02.FR.18")
async def test_one_message_is_always_in_front(csms: Central, cp: Station201) -> None:
    for content in ("First", "Second"):
        await show(csms, content=content, priority="AlwaysFront")
    await show(csms, content="Elsewhere", priority="AlwaysFront", display="Door")
    assert {row["content"]: row["status"] for row in await kept(csms)} == {
        "First": "Replaced",
        "Second": "Accepted",
        "Elsewhere": "Accepted",
    }
