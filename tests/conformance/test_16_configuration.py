"""OCPP 1.6: configuration keys, tokens that may not charge, boots that have to wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csms.store.station_tables import Operation
from tests.support.scripted import CallError, Central, Silence, central

pytestmark = pytest.mark.conformance

Payload = dict[str, Any]
KEYS = {"HeartbeatInterval": "300", "GetConfigurationMaxKeys": "2", "NumberOfConnectors": "1", "AuthorizationKey": None}


def telling(payload: Payload) -> Payload:
    """A station with these keys; the first two can be changed."""
    asked = payload.get("key") or list(KEYS)
    known = [{"key": key, "readonly": key != "HeartbeatInterval"} for key in asked if key in KEYS]
    valued = [entry | ({"value": KEYS[entry["key"]]} if KEYS[entry["key"]] is not None else {}) for entry in known]
    return {"configurationKey": valued, "unknownKey": [key for key in asked if key not in KEYS]}


async def configuration(csms: Central) -> dict[str, Payload]:
    answer = await csms.api("GET", "/api/v1/stations/CP-1/configuration")
    return {entry["name"]: entry for entry in answer.json()["variables"]}


@pytest.mark.octt("TC_019_1_CSMS", "TC_019_2_CSMS")
@pytest.mark.req("OA-09", "OA-10", "RB-33")
async def test_all_keys_and_one_key(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("GetConfiguration", telling)
        told = await csms.operator("CP-1", "get_variables")
        assert (await cp.expected("GetConfiguration"), told["values"]) == ({}, KEYS)
        told = await csms.operator("CP-1", "get_variables", names=["HeartbeatInterval"])
        assert await cp.expected("GetConfiguration") == {"key": ["HeartbeatInterval"]}
        assert told["values"] == {"HeartbeatInterval": "300"}
        kept = await configuration(csms)
        assert {name: (entry["value"], entry["mutability"]) for name, entry in kept.items()} == {
            "AuthorizationKey": (None, "ReadOnly"),
            "GetConfigurationMaxKeys": ("2", "ReadOnly"),
            "HeartbeatInterval": ("300", "ReadWrite"),
            "NumberOfConnectors": ("1", "ReadOnly"),
        }


@pytest.mark.octt("TC_019_1_CSMS")
async def test_a_base_report_of_a_16_station_is_its_configuration(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("GetConfiguration", telling)
        told = await csms.operator("CP-1", "get_base_report")
        assert (await cp.expected("GetConfiguration"), told["status"]) == ({}, "Accepted")
        (done,) = await csms.rooms.store.reader.find(Operation, id=told["operation_id"])
        assert (done.status, done.detail["variables"]) == ("Complete", 4)
        assert set(await configuration(csms)) == set(KEYS)
        refused = await csms.operator("CP-1", "get_base_report", base="SummaryInventory")
        assert refused["code"] == "not_in_this_version"


@pytest.mark.req("OA-11")
async def test_keys_are_asked_for_in_pieces_and_unknown_ones_are_forgotten(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        await csms.operator("CP-1", "set_variables", values={"Invented": "1"})
        assert set(await configuration(csms)) == {"Invented"}
        cp.answers("GetConfiguration", telling)
        await csms.operator("CP-1", "get_variables", names=["GetConfigurationMaxKeys"])
        names = ["heartbeatinterval", "NumberOfConnectors", "Invented"]
        cp.answers("GetConfiguration", lambda payload: telling({"key": [_spelt(key) for key in payload["key"]]}))
        told = await csms.operator("CP-1", "get_variables", names=names)
        assert told["values"] == {"heartbeatinterval": "300", "NumberOfConnectors": "1", "Invented": None}
        assert [len(payload["key"]) for action, payload in cp.asked if action == "GetConfiguration"] == [1, 2, 1]
        assert set(await configuration(csms)) == {"GetConfigurationMaxKeys", "HeartbeatInterval", "NumberOfConnectors"}


def _spelt(key: str) -> str:
    """As the station writes it: case does not count."""
    return next((known for known in KEYS if known.lower() == key.lower()), key)


@pytest.mark.octt("TC_021_CSMS", "TC_040_1_CSMS", "TC_040_2_CSMS")
@pytest.mark.req("OA-12", "OA-13")
@pytest.mark.parametrize(
    ("status", "kept"),
    [("Accepted", "60"), ("RebootRequired", "60"), ("Rejected", "300"), ("NotSupported", None)],
)
async def test_a_key_is_changed(tmp_path: Path, status: str, kept: str | None) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("GetConfiguration", telling)
        await csms.operator("CP-1", "get_variables", names=["HeartbeatInterval"])
        cp.answers("ChangeConfiguration", {"status": status})
        told = await csms.operator("CP-1", "set_variables", values={"HeartbeatInterval": "60"})
        assert await cp.expected("ChangeConfiguration") == {"key": "HeartbeatInterval", "value": "60"}
        assert (told["status"], told["values"]) == (status, {"HeartbeatInterval": status})
        entry = (await configuration(csms)).get("HeartbeatInterval")
        assert (entry and entry["value"]) == kept
        assert (entry or {}).get("reboot_required", False) is (status == "RebootRequired")


async def test_of_several_keys_what_was_answered_is_told_when_the_station_falls_silent(tmp_path: Path) -> None:
    def answer(payload: Payload) -> Any:
        said = {"A": {"status": "Accepted"}, "B": CallError("InternalError"), "C": {"status": "Rejected"}}
        return said.get(payload["key"], Silence())

    async with central(tmp_path, call_timeout_s=1.0) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("ChangeConfiguration", answer)
        told = await csms.operator("CP-1", "set_variables", values=dict.fromkeys("ABCDE", "1"))
        assert told["values"] == {
            "A": "Accepted",
            "B": "call_refused",
            "C": "Rejected",
            "D": "call_timeout",
            "E": "call_timeout",
        }
        assert not told["accepted"]
        assert [payload["key"] for action, payload in cp.asked if action == "ChangeConfiguration"] == list("ABCD")
        assert (await configuration(csms))["A"]["value"] == "1"


@pytest.mark.octt("TC_023_1_CSMS", "TC_023_2_CSMS", "TC_023_3_CSMS")
async def test_tokens_that_may_not_charge(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        await csms.api("PUT", "/api/v1/id-tokens/OLD", {"expires_at": "2020-01-01T00:00:00Z"})
        await csms.api("PUT", "/api/v1/id-tokens/BAD", {"status": "Blocked"})
        await csms.api("PUT", "/api/v1/id-tokens/POOR", {"status": "NoCredit"})
        await csms.api("PUT", "/api/v1/id-tokens/FAR", {"allowed": ["CP-2"]})
        statuses = {name: await cp.authorize(name) for name in ("NOBODY", "OLD", "BAD", "POOR", "FAR")}
        assert statuses == {
            "NOBODY": "Invalid",
            "OLD": "Expired",
            "BAD": "Blocked",
            "POOR": "Blocked",
            "FAR": "Blocked",
        }
        assert await csms.sessions() == []


@pytest.mark.req("1.6:3.9", "1.6:3.10")
async def test_a_token_says_its_parent_and_until_when_it_may_be_remembered(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6", evses=2)
        facts = {"group_id": "FAMILY", "expires_at": "2030-01-01T00:00:00Z", "allowed": ["CP-1/1"]}
        await csms.api("PUT", "/api/v1/id-tokens/CARD", facts)
        info = {"status": "Accepted", "parentIdTag": "FAMILY", "expiryDate": "2030-01-01T00:00:00.000Z"}
        assert await cp.call("Authorize", {"idTag": "card"}) == {"idTagInfo": info}
        start = {"connectorId": 2, "idTag": "CARD", "meterStart": 0, "timestamp": cp.stamp()}
        assert (await cp.call("StartTransaction", start))["idTagInfo"] == info | {"status": "Blocked"}


async def test_a_master_pass_starts_nothing(tmp_path: Path) -> None:
    async with central(tmp_path, master_pass_group="POLICE") as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        await csms.api("PUT", "/api/v1/id-tokens/MASTER", {"group_id": "POLICE"})
        transaction_id = await cp.start(token="CARD")
        assert (await cp.stop(transaction_id, token="MASTER"))["idTagInfo"]["status"] == "Accepted"
        start = {"connectorId": 1, "idTag": "MASTER", "meterStart": 0, "timestamp": cp.stamp()}
        assert (await cp.call("StartTransaction", start))["idTagInfo"]["status"] == "Invalid"


async def test_a_held_16_station_can_be_set_up_but_not_started(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        await csms.api("PUT", "/api/v1/stations/CP-1/registration", {"stage": "approved"})
        assert (await cp.boot())["status"] == "Pending"
        told = await csms.operator("CP-1", "set_variables", values={"HeartbeatInterval": "60"})
        assert told["status"] == "Accepted"
        start = await csms.operator("CP-1", "remote_start", id_token="CARD", evse_id=1)
        assert start["code"] == "station_not_accepted"
        await csms.operator("CP-1", "trigger", message="Heartbeat")
        await cp.call("Heartbeat")
        await csms.api("PUT", "/api/v1/stations/CP-1/registration", {"stage": "commissioned"})
        await cp.expected("TriggerMessage")
        await cp.expected("TriggerMessage")
        assert (await cp.boot())["status"] == "Accepted"
