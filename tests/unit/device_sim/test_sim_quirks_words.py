"""Piles that say things otherwise: boots, clocks, meter values, transactions, statuses, keys, frames."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from device_sim.link import Refused
from device_sim.outgoing import Message, Outgoing
from device_sim.pile import PileSpec
from device_sim.quirks import behave_as
from device_sim.quirks.framing import Framing
from device_sim.quirks.hardware import check_profiles, pile_like, piles_like
from firmware_profiles import shipped, shipped_book
from tests.support.quirky import Driven, facts, of, samples, values

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def metered(protocol: str = "ocpp1.6", **tables: Any) -> list[tuple[str, dict[str, Any]]]:
    """What is said in ten minutes with a car."""
    pile = Driven(protocol, **tables)
    return pile.boot() + pile.until(600.0)


def last(said: list[tuple[str, dict[str, Any]]], action: str = "MeterValues") -> dict[str, Any]:
    return of(said, action)[-1]


# -- boot ------------------------------------------------------------------------------------------------------------


def test_a_boot_says_what_was_seen() -> None:
    boot = {"vendor": "Maker", "model": "Box 7", "firmware": "1.2", "meter_type": "M"}
    (told,) = of(Driven(boot=boot).boot(), "BootNotification")
    names = ("chargePointVendor", "chargePointModel", "firmwareVersion", "meterType")
    assert [told[name] for name in names] == ["Maker", "Box 7", "1.2", "M"]
    (told,) = of(Driven("ocpp2.0.1", boot=boot).boot(), "BootNotification")
    assert told["chargingStation"]["vendorName"] == "Maker"
    assert told["chargingStation"]["model"] == "Box 7"


def test_without_a_boot_on_record_the_pattern_s_words_are_said() -> None:
    (told,) = of(Driven().boot(), "BootNotification")
    assert (told["chargePointVendor"], told["chargePointModel"]) == ("Maker", "Box")
    assert "firmwareVersion" not in told


def test_an_empty_vendor_and_a_serial_that_is_too_long() -> None:
    (told,) = of(Driven(boot={"empty_vendor": True, "serial_too_long": True}).boot(), "BootNotification")
    assert told["chargePointVendor"] == ""
    assert len(told["chargePointSerialNumber"]) > 25


def test_no_boot_until_it_is_asked_for() -> None:
    pile = Driven(boot={"absent_on_connect": True})
    assert [action for action, _ in pile.boot()] == ["StatusNotification"] * 2
    assert pile.ask("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
    assert of(pile.said(), "BootNotification")


def test_after_an_error_for_a_stop_one_boot_follows_the_other_under_one_id() -> None:
    pile = Driven(boot={"same_id_retry": True})
    pile.boot()
    stop = Message("StopTransaction", lambda: {"transactionId": 5}, durable=True)
    (queued,) = pile.station.behaviour.said(stop)
    pile.station.refused(queued)
    assert len(of(pile.until(65.0), "BootNotification")) == 6
    pile.station.boot()
    message = pile.station.outgoing.next(0.0)
    assert message is not None
    assert message.unique_id == "1000001"
    assert queued.on_result is not None
    queued.on_result({})
    pile.said()
    assert len(of(pile.until(120.0), "BootNotification")) <= 1


# -- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        ({}, "2026-11-24T08:10:00.000Z"),
        ({"no_zone_means_local": True}, "2026-11-24T16:10:00.000"),
        ({"local_labelled_z": True}, "2026-11-24T16:10:00.000Z"),
        ({"local_labelled_z": True, "offset_minutes": 60}, "2026-11-24T09:10:00.000Z"),
        ({"local_labelled_z": True, "local_until_boot": True}, "2026-11-24T08:10:00.000Z"),
        ({"ahead_s": 9.0}, "2026-11-24T08:10:09.000Z"),
    ],
    ids=str,
)
def test_how_a_time_is_told(time: dict[str, Any], stamp: str) -> None:
    pile = Driven(time=time)
    pile.boot()
    pile.until(600.0)
    pile.station._show("charging", always=True)
    assert last(pile.said(), "StatusNotification")["timestamp"] == stamp
    schedule = pile.ask("GetCompositeSchedule", connectorId=1, duration=60)
    assert schedule["scheduleStart"] == stamp


def test_local_time_until_the_boot_is_answered() -> None:
    pile = Driven(time={"local_labelled_z": True, "local_until_boot": True}, boot={"absent_on_connect": True})
    assert of(pile.boot(), "StatusNotification")[0]["timestamp"] == "2026-11-24T16:00:00.000Z"


def test_1970_until_the_time_is_known() -> None:
    pile = Driven(time={"epoch_before_sync": True})
    assert of(pile.boot(), "StatusNotification")[0]["timestamp"].startswith("1970-01-01T00:00:00")
    assert last(pile.until(600.0))["meterValue"][0]["timestamp"].startswith("2026-")
    pile.station.reboot("Unknown")
    assert of(pile.boot(), "StatusNotification")[0]["timestamp"].startswith("1970-")


# -- meter -----------------------------------------------------------------------------------------------------------


def test_units_phases_and_noise() -> None:
    plain = samples(last(metered()))
    (energy,) = values(last(metered(meter={"energy_unit": "kWh"})), ENERGY)
    assert (energy["unit"], float(energy["value"])) == ("kWh", pytest.approx(float(plain[ENERGY]) / 1000))
    (power,) = values(last(metered(meter={"power_unit": "kW"})), POWER)
    assert (power["unit"], float(power["value"])) == ("kW", pytest.approx(float(plain[POWER]) / 1000))
    phases = values(last(metered(meter={"per_phase_only": True})), ENERGY)
    assert [value["phase"] for value in phases] == ["L1", "L2", "L3"]
    assert sum(float(value["value"]) for value in phases) == pytest.approx(float(plain[ENERGY]), abs=0.01)
    noisy = samples(last(metered(meter={"float_noise": True, "energy_unit": "kWh"})))
    assert len(noisy[ENERGY]) > 14
    suffixed = samples(last(metered(meter={"suffixed_measurands": True})))
    assert {"Current.Import.L1", "Voltage.L3"} <= suffixed.keys()
    assert values(last(metered(meter={"frequency_unit": "Hz"})), "Frequency")[0]["unit"] == "Hz"


def test_numbers_stay_numbers_in_2_0_1() -> None:
    events = of(metered("ocpp2.0.1", meter={"energy_unit": "kWh"}), "TransactionEvent")
    (energy,) = values(next(event for event in reversed(events) if "meterValue" in event), ENERGY)
    assert energy["unitOfMeasure"] == {"unit": "kWh"}
    assert isinstance(energy["value"], float)


def test_which_values_there_are() -> None:
    few = samples(last(metered(meter={"measurands": [ENERGY, "Current.Offered", "Power.Offered"]})))
    assert few.keys() == {ENERGY, "Current.Offered", "Power.Offered"}
    assert (few["Current.Offered"], few["Power.Offered"]) == ("32", "22080")
    misleading = metered(meter={"measurands": ["Current.Offered"]}, limits={"confirm_by": ["power"]})
    assert samples(last(misleading))["Current.Offered"] == "0"
    assert POWER not in samples(last(metered(meter={"no_power": True})))
    assert samples(last(metered(meter={"no_power": True, "power_zero": True})))[POWER] == "0"


def test_empty_values_empty_lists_and_connector_0() -> None:
    assert samples(last(metered(meter={"empty_values": True})))["VoltageL1-N"] == ""
    assert [
        {"sampledValue": e["sampledValue"]} for e in last(metered(meter={"empty_samples": True}))["meterValue"]
    ] == [{"sampledValue": []}]
    other = last(metered(meter={"connector0_values": True}))
    assert other["connectorId"] == 0
    assert "transactionId" not in other
    odd = last(metered(meter={"odd_context": "CurrentMax"}))["meterValue"][0]["sampledValue"][-1]
    assert odd == {"value": "16.00", "context": "CurrentMax", "unit": "A"}


def test_values_that_never_come_or_only_when_asked() -> None:
    pile = Driven(meter={"none": True})
    said = pile.boot() + pile.until(600.0)
    pile.station.unplug_all()
    assert not of(said, "MeterValues")
    assert "transactionData" not in of(pile.said(), "StopTransaction")[0]
    pile = Driven(meter={"only_on_trigger": True})
    assert not of(pile.boot() + pile.until(600.0), "MeterValues")
    pile.ask("TriggerMessage", requestedMessage="MeterValues")
    assert of(pile.said(), "MeterValues")


def test_not_more_often_than_it_can() -> None:
    pile = Driven(meter={"interval_min_s": 120})
    pile.boot()
    assert len(of(pile.until(1_260.0), "MeterValues")) == pytest.approx(10, abs=1)


def test_registers_that_reset_wrap_or_come_by_interval() -> None:
    pile = Driven(meter={"register_resets": True})
    pile.station.pile.register_wh = 5_000.0
    said = pile.boot() + pile.until(600.0)
    assert of(said, "StartTransaction")[0]["meterStart"] == 0
    assert 0 < float(samples(last(said))[ENERGY]) < 5_000
    pile.station.unplug_all()
    assert 0 < of(pile.said(), "StopTransaction")[0]["meterStop"] < 5_000
    edge = metered(meter={"register_wraps_32bit": True})
    assert of(edge, "StartTransaction")[0]["meterStart"] == 2**31 - 1
    assert float(samples(last(edge))[ENERGY]) > 2**31
    by_interval = of(metered(meter={"interval_energy": True}), "MeterValues")
    steps = [float(values(p, "Energy.Active.Import.Interval")[0]["value"]) for p in by_interval]
    registers = [float(samples(p)[ENERGY]) for p in by_interval]
    assert steps[-1] == pytest.approx(registers[-1] - registers[-2], abs=2)
    equal = samples(last(metered(meter={"interval_energy": True, "interval_equals_register": True})))
    assert equal["Energy.Active.Import.Interval"] == equal[ENERGY]


def test_old_samples_come_once() -> None:
    pile = Driven(meter={"replays_history": True})
    stamps = [e["timestamp"] for p in of(pile.boot(), "MeterValues") for e in p["meterValue"]]
    assert len(stamps) == 20
    assert stamps == sorted(stamps)
    assert stamps[-1] < "2025-12"
    pile.station.behaviour.booted()
    assert not of(pile.said(), "MeterValues")


# -- transactions ----------------------------------------------------------------------------------------------------


def stopped(**tables: Any) -> list[tuple[str, dict[str, Any]]]:
    """What is said when the car leaves."""
    pile = Driven(**tables)
    pile.boot()
    pile.until(600.0)
    pile.station.unplug_all()
    return pile.said()


def test_stops_that_are_odd() -> None:
    assert "idTag" not in last(stopped(tx={"stop_without_tag": True}), "StopTransaction")
    assert last(stopped(tx={"stop_empty_tag": True}), "StopTransaction")["idTag"] == ""
    assert last(stopped(tx={"stop_lower_than_start": True}), "StopTransaction")["meterStop"] == -1
    late = stopped(tx={"end_samples_after_stop": True})
    assert [action for action, _ in late][:2] == ["StopTransaction", "MeterValues"]
    assert "transactionData" not in of(late, "StopTransaction")[0]
    assert of(late, "MeterValues")[0]["transactionId"] == 77
    stale = stopped(tx={"stale_id_after_stop": True})
    assert "transactionData" in of(stale, "StopTransaction")[0]
    assert of(stale, "MeterValues")[0]["transactionId"] == 77


def test_a_tag_of_full_length_comes_back_garbled() -> None:
    pile = Driven(tx={"garbage_on_full_length_tag": True}, start={"remote_start_needed": True})
    pile.boot()
    assert pile.ask("RemoteStartTransaction", idTag="T" * 20, connectorId=1) == {"status": "Accepted"}
    pile.until(300.0)
    pile.station.unplug_all()
    assert len(last(pile.said(), "StopTransaction")["idTag"]) == 22


def test_stops_under_ids_that_nobody_gave() -> None:
    pile = Driven(tx={"bogus_ids": [-1, 9223372036854775807]})
    ids = [p["transactionId"] for p in of(pile.boot(), "StopTransaction")]
    assert ids == [-1, 9223372036854775807]
    pile.station.behaviour.booted()
    assert not of(pile.said(), "StopTransaction")


def test_a_transaction_that_a_power_cut_forgets() -> None:
    for tables, stops in (({}, 1), ({"tx": {"forgets_after_power_cycle": True}}, 0)):
        pile = Driven(**tables).charging()
        pile.station.lose_power(60.0)
        pile.boot()
        assert len(of(pile.said() + pile.until(300.0), "StopTransaction")) <= stops


def test_fields_that_do_not_belong_there() -> None:
    said = metered(tx={"reservation_id_zero": True, "authorize_connector_id": True})
    assert of(said, "StartTransaction")[0]["reservationId"] == 0
    assert of(said, "Authorize")[0]["connectorId"] == 1


# -- start -----------------------------------------------------------------------------------------------------------


def test_nothing_begins_without_a_remote_start() -> None:
    pile = Driven(start={"remote_start_needed": True})
    pile.boot()
    assert not of(pile.until(300.0), "StartTransaction")
    assert pile.ask("RemoteStartTransaction", idTag="T", connectorId=1) == {"status": "Accepted"}
    assert of(pile.said(), "StartTransaction")[0]["idTag"] == "T"


def test_a_remote_start_may_be_refused() -> None:
    profile = {"chargingProfile": {"chargingProfilePurpose": "TxProfile"}}
    pile = Driven(start={"profile_in_remote_start": "Rejected", "remote_stop": "Rejected"}, tx={"tag_chars_max": 18})
    assert pile.ask("RemoteStartTransaction", idTag="T", **profile) == {"status": "Rejected"}
    with pytest.raises(Refused, match="TypeConstraintViolation"):
        pile.ask("RemoteStartTransaction", idTag="T" * 19)
    assert pile.ask("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}
    with pytest.raises(Refused, match="ProtocolError"):
        Driven(start={"profile_in_remote_start": "error ProtocolError"}).ask(
            "RemoteStartTransaction", idTag="T", **profile
        )


# -- status ----------------------------------------------------------------------------------------------------------


def statuses(said: list[tuple[str, dict[str, Any]]]) -> list[tuple[int, str]]:
    return [(p["connectorId"], p["status"]) for p in of(said, "StatusNotification")]


def test_connectors_that_are_told() -> None:
    two = {"hw": {"connectors": 2}}
    assert statuses(Driven(**two).boot()) == [(0, "Available"), (2, "Available"), (1, "Available")]
    assert statuses(Driven(status={"no_connector0": True}).boot()) == [(1, "Available")]
    pile = Driven(status={"only_one_connector_after_reconnect": True}, **two)
    assert len(statuses(pile.boot())) == 3
    assert statuses(pile.boot()) == [(1, "Available")]
    first = statuses(Driven(status={"starts_unavailable": True}).boot())
    assert first == [(1, "Unavailable"), (0, "Available"), (1, "Available")]


def test_statuses_that_are_odd() -> None:
    pile = Driven(status={"stays_finishing": True})
    pile.boot()
    pile.until(600.0)
    pile.station.unplug_all()
    assert statuses(pile.said()) == [(1, "Finishing")]
    pile = Driven(status={"available_while_plugged": True})
    pile.boot()
    assert statuses(pile.until(70.0)) == [(1, "Available"), (1, "Charging")]
    transfer = {"vendorId": "V", "messageId": "m", "data": "1,2"}
    said = Driven(status={"error_code": "Error", "info": "C;420", "data_transfer": transfer}).boot()
    assert {(p["errorCode"], p["info"]) for p in of(said, "StatusNotification") if p["connectorId"]} == {
        ("Error", "C;420")
    }
    assert of(said, "DataTransfer")[0] == transfer


def test_payloads_of_16_on_a_newer_connection() -> None:
    (told,) = of(Driven("ocpp2.0.1", ocpp={"payloads_of_16": True}).boot(), "StatusNotification")
    assert told == {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    pile = Driven("ocpp2.0.1", status={"available_while_plugged": True})
    pile.boot()
    pile.until(90.0)
    pile.station._show("charging", always=True)
    assert last(pile.said(), "StatusNotification")["connectorStatus"] == "Available"


# -- keys ------------------------------------------------------------------------------------------------------------


def keys(pile: Driven, *names: str) -> dict[str, str]:
    asked = {"key": list(names)} if names else {}
    return {k["key"]: k["value"] for k in pile.ask("GetConfiguration", **asked)["configurationKey"]}


def test_keys_are_written_otherwise() -> None:
    lower = Driven(cfg={"key_case": "lower", "bool_style": "TRUE"})
    assert keys(lower)["localauthorizeoffline"] == "TRUE"
    assert keys(lower)["authorizeremotetxrequests"] == "FALSE"
    assert lower.ask("ChangeConfiguration", key="heartbeatinterval", value="60") == {"status": "Accepted"}
    assert lower.ask("ChangeConfiguration", key="HeartbeatInterval", value="60") == {"status": "NotSupported"}
    odd = Driven(cfg={"key_names": {"HeartbeatInterval": "HeartBeatInterval"}})
    assert keys(odd, "HeartBeatInterval") == {"HeartBeatInterval": "300"}
    answer = odd.ask("GetConfiguration", key=["HeartbeatInterval"])
    assert answer == {"configurationKey": [], "unknownKey": ["HeartbeatInterval"]}


def test_keys_say_what_is_not_true() -> None:
    assert keys(Driven(cfg={"declares": {"ChargeProfileMaxStackLevel": "99"}}))["ChargeProfileMaxStackLevel"] == "99"
    assert keys(Driven(cfg={"no_standard_keys": True})) == {"VendorKey": "1"}
    assert "SmartCharging" not in keys(Driven(ocpp={"smart_charging_undeclared": True}))["SupportedFeatureProfiles"]
    assert keys(Driven(hw={"connectors": 4}))["NumberOfConnectors"] == "4"


def test_only_so_many_keys_at_a_time() -> None:
    pile = Driven(cfg={"max_keys_per_get": 2})
    assert keys(pile)["GetConfigurationMaxKeys"] == "2"
    assert len(keys(pile, "HeartbeatInterval", "NumberOfConnectors")) == 2
    with pytest.raises(Refused, match="OccurenceConstraintViolation"):
        keys(pile, "HeartbeatInterval", "NumberOfConnectors", "ConnectionTimeOut")


LIST = "MeterValuesSampledData"


def test_lists_of_measurands() -> None:
    strict = Driven(setup={"legal_measurands": [ENERGY]}, meter={"one_measurand_rejects_list": True})
    assert strict.ask("ChangeConfiguration", key=LIST, value=f"{ENERGY},SoC") == {"status": "Rejected"}
    assert strict.ask("ChangeConfiguration", key=LIST, value=ENERGY) == {"status": "Accepted"}
    assert keys(strict, LIST) == {LIST: ENERGY}
    lenient = Driven(setup={"legal_measurands": [ENERGY]})
    assert lenient.ask("ChangeConfiguration", key=LIST, value=f"{ENERGY},SoC") == {"status": "Accepted"}
    assert keys(lenient, LIST) == {LIST: ENERGY}
    fixed = Driven(setup={"readonly_keys": [LIST]})
    assert fixed.ask("ChangeConfiguration", key=LIST, value=ENERGY) == {"status": "Rejected"}
    slow = Driven(cfg={"reboot_required": [LIST]})
    assert slow.ask("ChangeConfiguration", key=LIST, value=ENERGY) == {"status": "RebootRequired"}
    assert keys(slow, LIST) == {LIST: ENERGY}


def test_reading_the_list_back_may_reboot_it() -> None:
    pile = Driven(meter={"readback_reboots": True})
    pile.boot()
    keys(pile, "HeartbeatInterval")
    assert pile.station.outgoing.accepted
    keys(pile)
    assert not pile.station.outgoing.accepted


def test_keys_that_a_reboot_forgets() -> None:
    for tables, left in (({"cfg": {"keys_lost_on_reboot": True}}, "300"), ({}, "60")):
        pile = Driven(**tables)
        pile.ask("ChangeConfiguration", key="HeartbeatInterval", value="60")
        pile.station.reboot("PowerUp")
        assert keys(pile, "HeartbeatInterval") == {"HeartbeatInterval": left}


def test_calls_that_are_refused_whatever_they_ask() -> None:
    pile = Driven(rpc={"refuses": {"UnlockConnector": "NotSupported", "ClearCache": "error NotImplemented"}})
    assert pile.ask("UnlockConnector", connectorId=1) == {"status": "NotSupported"}
    with pytest.raises(Refused, match="NotImplemented"):
        pile.ask("ClearCache")


# -- frames ----------------------------------------------------------------------------------------------------------


def manners(**rpc: Any) -> Framing:
    return Framing(facts(rpc=rpc))


def test_handshakes() -> None:
    assert manners().subprotocols("ocpp1.6") == ["ocpp1.6"]
    assert manners(no_subprotocol=True).subprotocols("ocpp1.6") is None
    assert (manners().path("A/B"), manners(empty_station_id=True).path("A/B")) == ("A%2FB", "")
    assert (manners().password("abcd"), manners(raw_basic_password=True).password("ABCDEF")) == (
        b"abcd",
        b"\xab\xcd\xef",
    )


def test_frames() -> None:
    assert manners().error("1", "C", "d") == [4, "1", "C", "d", {}]
    assert manners(short_callerror=True).error("1", "C", "d") == [4, "1", "C", "d"]
    assert manners(string_details=True).error("1", "C", "d") == [4, "1", "C", "d", ""]
    frame = [3, "1", {"a": [1, 2]}]
    assert "\n" in manners(json_style="pretty").text(frame)
    assert " ," in manners(json_style="spaced").text(frame)
    for style in ("compact", "pretty", "spaced"):
        assert json.loads(manners(json_style=style).text(frame)) == frame
    cut = manners(truncated_json=True)
    assert json.loads(cut.text(frame, "Reset")) == frame
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.text(frame, "GetConfiguration"))


def test_message_ids() -> None:
    rng = random.Random(1)
    restart, outgoing = manners(message_ids="restart"), Outgoing()
    waiting = Message("StopTransaction", dict, durable=True, unique_id="9")
    outgoing.put(waiting)
    assert [restart.unique_id(rng, 0.0) for _ in range(2)] == ["1", "2"]
    restart.connected(outgoing)
    assert (restart.unique_id(rng, 0.0), waiting.unique_id) == ("1", "")
    decimal = manners(message_ids="decimal")
    first, second = (int(decimal.unique_id(rng, 0.0)) for _ in range(2))
    assert second == first + 1 > 10**8
    assert manners(message_ids="time").unique_id(rng, 1.5) == "15000001"
    assert len(manners().unique_id(rng, 0.0)) == 32


# -- hardware --------------------------------------------------------------------------------------------------------


def test_a_pile_has_the_hardware_of_its_profile() -> None:
    book = shipped_book()
    assert pile_like(book.named("delta-ultra-fast"), "D").rated_w == 150_000  # type: ignore[arg-type]
    assert pile_like(book.named("zjbeny-bcp"), "B").phases == 1  # type: ignore[arg-type]
    assert pile_like(book.named("foxess-a022kp1-2.0.1"), "F").protocol == "ocpp2.0.1"  # type: ignore[arg-type]
    assert pile_like(book.named("generic-dc-2.1"), "G").protocol == "ocpp2.0.1"  # type: ignore[arg-type]
    assert all(behave_as(profile) and pile_like(profile, "X").rated_w > 0 for profile in shipped())


def test_piles_take_profiles_in_turn() -> None:
    piles = piles_like(shipped_book(), ["go-e", "vestel-evc04"], 3)
    assert [pile.profile for pile in piles] == ["go-e", "vestel-evc04", "go-e"]
    assert len(piles_like(shipped_book(), ["all"], 1)) == len(shipped())
    with pytest.raises(ValueError, match="did you mean vestel-evc04"):
        piles_like(shipped_book(), ["vestel-evc4"], 1)
    with pytest.raises(ValueError, match="no firmware profile 'zzz'"):
        check_profiles(shipped_book(), [PileSpec("A", profile="zzz")])
