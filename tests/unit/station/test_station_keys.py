"""Configuration keys as a station writes them, and what of them may be read."""

from __future__ import annotations

from typing import Any

import pytest

from csms.model.command import CommandResult
from csms.model.device import VariableAnswer, VariableName
from csms.model.errors import NotForThisStation
from csms.station.keys import MEASURAND_LISTS, as_asked, own_name, own_value, to_read
from csms.station.wishes import limit_key, wishes
from firmware_profiles import shipped
from tests.support.quirky import facts

CAREFUL = facts(meter={"readback_reboots": True})
PROFILES = {profile.name: profile for profile in shipped()}


def test_a_key_has_the_name_that_the_station_gives_it() -> None:
    renamed = facts(cfg={"key_names": {"HeartbeatInterval": "HeartBeatInterval"}})
    assert own_name(renamed, "HeartbeatInterval") == "HeartBeatInterval"
    lower = facts(cfg={"key_case": "lower"})
    assert own_name(lower, "MeterValueSampleInterval") == "metervaluesampleinterval"
    assert own_name(lower, "OCPPCommCtrlr.HeartbeatInterval") == "OCPPCommCtrlr.HeartbeatInterval"
    assert own_name(None, "HeartbeatInterval") == "HeartbeatInterval"


@pytest.mark.parametrize(
    ("style", "value", "written"),
    [("1", "true", "1"), ("1", "False", "0"), ("TRUE", "true", "TRUE"), ("1", "300", "300"), ("true", "TRUE", "true")],
)
def test_true_and_false_are_written_as_the_station_does(style: str, value: str, written: str) -> None:
    assert own_value(facts(cfg={"bool_style": style}), "LocalPreAuthorize", value) == written
    assert own_value(None, "LocalPreAuthorize", value) == value


@pytest.mark.req("PAIN-28")
def test_a_station_that_reboots_when_the_measurands_are_read_is_not_asked_for_them() -> None:
    everything = to_read(CAREFUL, (), keys=True)
    assert "HeartbeatInterval" in everything
    assert not set(everything) & set(MEASURAND_LISTS)
    with pytest.raises(NotForThisStation, match="reboots"):
        to_read(CAREFUL, ("metervaluessampleddata",), keys=True)
    assert to_read(CAREFUL, ("HeartbeatInterval",), keys=True) == ("HeartbeatInterval",)
    assert to_read(CAREFUL, (), keys=False) == ()
    assert to_read(facts(), (), keys=True) == to_read(None, (), keys=True) == ()


def test_answers_come_back_by_the_names_that_were_asked_for() -> None:
    answer = VariableAnswer("HBI", VariableName("", "HBI"), "Accepted", "300")
    result = CommandResult("Accepted", values={"HBI": "300", "X": None}, records=(answer,))
    told = as_asked(result, ("HeartbeatInterval", "X"), ("HBI", "X"))
    assert told.values == {"HeartbeatInterval": "300", "X": None}
    assert told.records[0].asked == "HeartbeatInterval"  # type: ignore[attr-defined]
    assert as_asked(result, (), ()) is result
    assert as_asked(result, ("HBI", "X"), ("HBI", "X")) is result
    assert as_asked(result, (), ("HBI", "X")).values == {"HBI": "300"}


def wished(**tables: dict[str, Any]) -> dict[str, Any]:
    found = wishes(facts(**tables), "ocpp1.6", dc=False, heartbeat_s=300, meter_interval_s=60)
    return {wish.name: wish for wish in found}


def test_the_key_of_a_limit_is_the_ladders_alone() -> None:
    known = PROFILES["delta-ultra-fast"]
    assert limit_key(known) == "GridCurrent"
    assert "GridCurrent" in known.setup.keys
    names = [wish.name for wish in wishes(known, "ocpp1.6", dc=True, heartbeat_s=300, meter_interval_s=60)]
    assert names == ["HeartbeatInterval", "MeterValueSampleInterval", "MeterValuesSampledData"]


def test_a_list_grows_as_fast_as_the_station_can_take_it() -> None:
    quick, slow = wished(), wished(setup={"measurands_one_by_one": True})
    name = "MeterValuesSampledData"
    energy, power = quick[name].words
    assert quick[name].portions(energy) == [(power,)]
    assert quick[name].portions(None) == [(energy, power)]
    assert slow[name].portions("SoC") == [(energy,), (power,)]
    assert slow[name].to_set("SoC", (energy,)) == f"SoC,{energy}"
    assert wished(meter={"one_measurand_rejects_list": True})[name].one_by_one
    assert slow["HeartbeatInterval"].portions("1") == [()]
    assert slow["HeartbeatInterval"].to_set("1", ()) == "300"


def test_what_cannot_be_set_is_only_shown_and_what_is_not_there_is_not_wished() -> None:
    assert all(wish.fixed for wish in wished(rpc={"refuses": {"ChangeConfiguration": "Rejected"}}).values())
    assert list(wished(cfg={"no_standard_keys": True}, setup={"keys": {"VendorKey": "1"}})) == ["VendorKey"]
