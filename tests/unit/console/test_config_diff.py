"""Settings beside wishes, through a real websocket: seen, set one by one, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csms.console.config_diff import compare
from csms.station.wishes import Wish, wishes
from firmware_profiles import find
from tests.support.console_api import in_thread
from tests.support.quirky import facts
from tests.support.scripted import central

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


class Keys16:
    """A configuration that lasts; `refused` keys are answered Rejected."""

    def __init__(self, station: Any, **values: str) -> None:
        self.values, self.refused, self.changes = values, set[str](), list[str]()
        station.answers("GetConfiguration", self.get)
        station.answers("ChangeConfiguration", self.change)

    def get(self, payload: dict[str, Any]) -> dict[str, Any]:
        known = [key for key in payload["key"] if key in self.values]
        told = [{"key": key, "readonly": False, "value": self.values[key]} for key in known]
        return {"configurationKey": told, "unknownKey": [key for key in payload["key"] if key not in known]}

    def change(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.changes.append(payload["key"])
        if payload["key"] in self.refused:
            return {"status": "Rejected"}
        self.values[payload["key"]] = payload["value"]
        return {"status": "Accepted"}


async def test_what_differs_is_set_one_by_one_and_read_back(tmp_path: Path) -> None:
    async with central(tmp_path, heartbeat_s=120) as csms:
        station = await csms.station("CP-1")
        await station.boot()
        keys = Keys16(station, HeartbeatInterval="86400", MeterValueSampleInterval="60", MeterValuesSampledData="SoC")
        keys.refused.add("HeartbeatInterval")
        seen = await in_thread(csms, lambda api: compare(api, "CP-1", False))
        assert {row["name"]: (row["now"], row["state"]) for row in seen["settings"]} == {
            "HeartbeatInterval": ("86400", "differs"),
            "MeterValueSampleInterval": ("60", "same"),
            "MeterValuesSampledData": ("SoC", "differs"),
        }
        assert keys.changes == []
        diagnosis = (await csms.api("GET", "/api/v1/stations/CP-1/diagnosis")).json()
        (finding,) = diagnosis["findings"]
        assert finding["code"] == "configuration_differs"
        done = await in_thread(csms, lambda api: compare(api, "CP-1", True))
        rows = {row["name"]: (row["now"], row["state"], row["answer"]) for row in done["settings"]}
        assert rows["HeartbeatInterval"] == ("86400", "differs", "Rejected")
        assert rows["MeterValuesSampledData"] == (f"SoC,{ENERGY},{POWER}", "same", "Accepted")
        assert keys.changes == ["HeartbeatInterval", "MeterValuesSampledData"]


async def test_a_newer_station_has_other_names(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-2", "ocpp2.0.1")
        await station.boot()

        def told(payload: dict[str, Any]) -> dict[str, Any]:
            return {
                "getVariableResult": [
                    {**asked, "attributeStatus": "Accepted", "attributeValue": "300"}
                    for asked in payload["getVariableData"]
                ]
            }

        station.answers("GetVariables", told)
        seen = await in_thread(csms, lambda api: compare(api, "CP-2", False))
        assert {row["name"]: row["state"] for row in seen["settings"]} == {
            "OCPPCommCtrlr.HeartbeatInterval": "same",
            "SampledDataCtrlr.TxUpdatedInterval": "differs",
            "SampledDataCtrlr.TxUpdatedMeasurands": "differs",
        }


def wished(**tables: dict[str, Any]) -> dict[str, Wish]:
    known = facts(**tables) if tables else None
    found = wishes(known, "ocpp1.6", dc=False, heartbeat_s=300, meter_interval_s=60)
    return {wish.name: wish for wish in found}


def test_a_firmware_profile_goes_before_the_house() -> None:
    assert wished(setup={"keys": {"HeartbeatInterval": "900"}})["HeartbeatInterval"].value == "900"
    assert wished(meter={"interval_min_s": 120})["MeterValueSampleInterval"].value == "120"
    legal = wished(setup={"legal_measurands": [ENERGY, "Voltage"]})["MeterValuesSampledData"]
    assert legal.words == (ENERGY, "Voltage")
    assert wished(setup={"readonly_keys": ["HeartbeatInterval"]})["HeartbeatInterval"].fixed
    assert "MeterValuesSampledData" not in wished(meter={"readback_reboots": True})
    assert list(wished(meter={"none": True})) == ["HeartbeatInterval"]
    assert "HBI" in wished(cfg={"key_names": {"HeartbeatInterval": "HBI"}})


def test_values_are_compared_by_what_they_mean() -> None:
    assert Wish("a", "300", "house").met("300.0")
    assert Wish("a", "true", "house").met("TRUE")
    assert not Wish("a", "1", "house").met(None)
    assert Wish("a", "x,y", "house", ("x", "y")).met("y, z ,x")


def test_a_shipped_profile_wishes_for_its_keys() -> None:
    known = find("", station_id="X")
    assert wishes(known, "ocpp1.6", dc=True, heartbeat_s=300, meter_interval_s=60)[2].words[-1] == "SoC"


def test_the_key_of_the_limit_ladder_is_nobodys_wish() -> None:
    found = wished(limits={"static_key": "GridCurrent"}, setup={"keys": {"gridcurrent": "400", "Other": "1"}})
    assert "gridcurrent" not in found
    assert found["Other"].of == "profile"
