"""OCPP 2.0.1: vendor data (block P), signs of life (G02), texts for lack of a tariff (I04, I05)."""

from __future__ import annotations

from typing import Any

import pytest

from csms.model.inbound import DataTransfer, DataTransferReply
from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


@pytest.mark.octt("TC_P_02_CSMS")
@pytest.mark.req("P01.FR.05", "P01.FR.06", "P02.FR.06", "P02.FR.07", "P02.FR.08", "RB-32")
@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("EV-BOX", "evbStatusNotification", "Accepted"),
        ("EV-BOX", "unheard", "UnknownMessageId"),
        ("org.unheard", "hello", "UnknownVendorId"),
        ("com.example", "double", "Accepted"),
        ("com.example", "", "Rejected"),
    ],
)
async def test_vendor_data(csms: Central, cp: Station201, vendor: str, message: str, status: str) -> None:
    async def double(context: object, station_id: str, asked: DataTransfer) -> DataTransferReply:
        return DataTransferReply("Accepted", str(int(asked.data) * 2))

    async def decline(context: object, station_id: str, asked: DataTransfer) -> DataTransferReply:
        return DataTransferReply("Rejected")

    csms.rooms.stations.vendors.add("com.example", "double", double)
    csms.rooms.stations.vendors.add("com.example", "", decline)
    payload: dict[str, Any] = {"vendorId": vendor, "data": "21"} | ({"messageId": message} if message else {})
    answer = await cp.call("DataTransfer", payload)
    assert answer == {"status": status} | ({"data": "42"} if message == "double" else {})
    (notice,) = await csms.notices("data_transfer")
    assert (notice.detail["vendor_id"], notice.detail["data"]) == (vendor, "21")


@pytest.mark.req("P01.FR.03", "P02.FR.08")
async def test_vendor_data_for_the_station(csms: Central, cp: Station201) -> None:
    cp.answers("DataTransfer", {"status": "Accepted", "data": {"lamp": "on"}})
    told = await csms.operator("CP-1", "data_transfer", vendor_id="com.example", message_id="lamp", data="on")
    assert (told["status"], told["data"]) == ("Accepted", '{"lamp":"on"}')
    assert await cp.expected("DataTransfer") == {"vendorId": "com.example", "messageId": "lamp", "data": "on"}


@pytest.mark.req("G02.FR.04")
async def test_every_message_is_a_sign_of_life(csms: Central, cp: Station201) -> None:
    live = csms.rooms.stations.stations["CP-1"]
    for action, payload in (("Heartbeat", {}), ("DataTransfer", {"vendorId": "x"})):
        before = live.last_seen_at
        await cp.call(action, payload)
        assert before is not None
        assert live.last_seen_at is not None
        assert live.last_seen_at > before


@pytest.mark.req("I04.FR.02", "I05.FR.01")
async def test_texts_for_lack_of_a_tariff(csms: Central, cp: Station201) -> None:
    names = ("TariffCostCtrlr.TariffFallbackMessage", "TariffCostCtrlr.TotalCostFallbackMessage")
    results = [
        {
            "attributeStatus": "Accepted",
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": name.partition(".")[2]},
        }
        for name in names
    ]
    cp.answers("SetVariables", {"setVariableResult": results})
    told = await csms.operator("CP-1", "set_variables", values=dict.fromkeys(names, "See the app"))
    assert told["values"] == dict.fromkeys(names, "Accepted")
    asked = (await cp.expected("SetVariables"))["setVariableData"]
    assert [entry["attributeValue"] for entry in asked] == ["See the app"] * 2
