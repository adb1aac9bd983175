"""What a firmware profile says of a station has its effect, seen by the station itself."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.console.config_diff import compare
from csms.model.clock import ScaledClock
from csms.model.station import CurrentKind
from csms.station.doctor import Facts, examine
from csms.station.manners import Manners
from tests.support.console_api import in_thread
from tests.support.field import POWER, evse, samples, state
from tests.support.quirky import known_as
from tests.support.scripted import Central, Silence, Station16, central

pytestmark = pytest.mark.conformance

EIGHT_H = 8 * 3600.0
ENERGY = "Energy.Active.Import.Register"
CONNECTOR_1 = {"connectorId": 1}


async def boot(station: Station16) -> None:
    await station.call("BootNotification", {"chargePointVendor": "Odd", "chargePointModel": "Box"})


@asynccontextmanager
async def odd(
    folder: Path, facts: dict[str, Any], settings: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[Central, Station16]]:
    """A central system and a booted station of 1.6 of which `facts` are known; its clock runs `speed` times as fast."""
    clock = ScaledClock(options.pop("speed", 1.0), time.time(), datetime.now(UTC))
    with known_as(**facts):
        async with central(folder, clock=clock, **(settings or {})) as csms:
            station = await csms.station("CP-1", strict=False, **options)
            await boot(station)
            yield csms, station


# -- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.req("RB-39", "PAIN-22")
async def test_local_time_that_claims_to_be_utc_counts_as_what_it_is(tmp_path: Path) -> None:
    async with odd(tmp_path, {"time": {"local_labelled_z": True}}, {"station_time_zone": "Asia/Shanghai"}) as (
        csms,
        cp,
    ):
        now = csms.clock.now()
        await cp.start(timestamp=cp.stamp(-EIGHT_H))
        late = {"timestamp": cp.stamp(600 - EIGHT_H), "sampledValue": [{"value": "1", "measurand": ENERGY}]}
        await cp.call("MeterValues", {"connectorId": 1, "meterValue": [late]})
        row = await csms.session("CP-1")
        assert abs(row.started_at - now) < timedelta(seconds=5)
        assert row.flags == []
        (told,) = await samples(csms, cp)
        assert abs(told.time - (now - timedelta(seconds=600))) < timedelta(seconds=5)


@pytest.mark.req("RB-51")
async def test_a_token_that_comes_back_longer_is_the_one_that_went_out(tmp_path: Path) -> None:
    token = "ABCDEFGHIJ0123456789"
    async with odd(tmp_path, {"tx": {"garbage_on_full_length_tag": True}}, {"unknown_tokens": False}) as (csms, cp):
        await csms.list_token(token)
        answer = await cp.call("Authorize", {"idTag": f"{token}\x01\x02"})
        assert answer["idTagInfo"]["status"] == "Accepted"


async def test_a_power_of_0_is_no_power_where_it_always_is(tmp_path: Path) -> None:
    async with odd(tmp_path, {"meter": {"power_zero": True}}) as (csms, cp):
        told = [
            {"value": "0", "measurand": POWER, "unit": "W"},
            {"value": "10", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
            {"value": "230", "measurand": "Voltage", "unit": "V", "phase": "L1-N"},
        ]
        await cp.call(
            "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": cp.stamp(), "sampledValue": told}]}
        )
        assert evse(csms, cp).power_w == 2300
        assert POWER not in {sample.measurand for sample in await samples(csms, cp)}


# -- how it is asked --------------------------------------------------------------------------------------------------


async def test_what_is_not_for_a_station_is_refused_and_a_raw_call_is_sent(tmp_path: Path) -> None:
    async with odd(tmp_path, {"setup": {"skip_actions": ["UnlockConnector"]}}) as (csms, cp):
        refused = await csms.operator("CP-1", "unlock_connector", evse_id=1)
        assert (refused["status"], refused["code"]) == (409, "not_for_this_station")
        assert "UnlockConnector is not for Box (a test)" in refused["detail"]
        assert cp.unasked("UnlockConnector")
        assert (await csms.operator("CP-1", "call", action="UnlockConnector", payload=CONNECTOR_1))["status"] != 409
        assert await cp.expected("UnlockConnector") == CONNECTOR_1


async def test_availability_that_cannot_be_asked_for_is_not_wanted_for_ever(tmp_path: Path) -> None:
    async with odd(tmp_path, {"setup": {"skip_actions": ["ChangeAvailability"]}}) as (csms, _):
        refused = await csms.operator("CP-1", "change_availability", operative=False)
        assert refused["code"] == "not_for_this_station"
        assert not csms.rooms.stations._context.wanted


@pytest.mark.req("PAIN-07", "SR-06")
async def test_a_station_that_has_just_connected_is_left_alone_as_long_as_its_make_needs(tmp_path: Path) -> None:
    async with odd(tmp_path, {"setup": {"settle_s": 40}}, speed=20) as (csms, cp):
        connected = state(csms, cp).connected_at
        assert connected is not None
        assert (await csms.operator("CP-1", "reset", hard=False))["status"] == "Accepted"
        assert (csms.clock.now() - connected).total_seconds() >= 40


@pytest.mark.req("PAIN-07")
async def test_triggers_do_not_come_in_bursts(tmp_path: Path) -> None:
    asked: list[float] = []
    async with odd(tmp_path, {"setup": {"no_trigger_bursts": True}}, speed=20) as (csms, cp):

        def told(_: dict[str, Any]) -> dict[str, Any]:
            asked.append(csms.clock.unix_s())
            return {"status": "Accepted"}

        cp.answers("TriggerMessage", told)
        await asyncio.gather(*(csms.operator("CP-1", "trigger", message="Heartbeat") for _ in range(3)))
        assert len(asked) == 3
        assert all(later - earlier > 4 for earlier, later in itertools.pairwise(asked))


@pytest.mark.req("OA-18")
async def test_a_station_that_never_answers_a_reset_is_not_thought_deaf(tmp_path: Path) -> None:
    async with odd(tmp_path, {"rpc": {"no_reply_actions": ["Reset"]}}, {"call_timeout_s": 0.3}) as (csms, cp):
        cp.answers("Reset", Silence())
        told = await csms.operator("CP-1", "reset", hard=False)
        assert told["code"] == "call_timeout"
        assert "may well have acted" in told["detail"]
        assert state(csms, cp).manners.unanswered == 0
        cp.answers("ClearCache", Silence())
        assert "acted" not in (await csms.operator("CP-1", "call", action="ClearCache", payload={}))["detail"]
        assert state(csms, cp).manners.unanswered == 1


@pytest.mark.req("RB-29")
async def test_only_the_key_that_gets_no_answer_is_excused(tmp_path: Path) -> None:
    silent = {"no_reply_actions": ["ChangeConfiguration:MeterValueSampleInterval"]}
    async with odd(tmp_path, {"rpc": silent}, {"call_timeout_s": 0.3}) as (csms, cp):
        cp.answers("ChangeConfiguration", Silence())
        told = await csms.operator("CP-1", "set_variables", values={"MeterValueSampleInterval": "60"})
        assert "acted" in told["detail"]
        told = await csms.operator("CP-1", "set_variables", values={"HeartbeatInterval": "60"})
        assert "acted" not in told["detail"]


@pytest.mark.req("SR-04")
async def test_a_remote_start_is_as_the_make_takes_it(tmp_path: Path) -> None:
    facts = {"tx": {"tag_chars_max": 12}, "start": {"profile_in_remote_start": "error ProtocolError"}}
    profile = {
        "profile_id": 1, "stack_level": 0, "purpose": "TxProfile", "kind": "Relative", "unit": "A",
        "periods": [{"start_s": 0, "limit": 10.0}],
    }  # fmt: skip
    async with odd(tmp_path, facts) as (csms, cp):
        long = await csms.operator("CP-1", "remote_start", id_token="ABCDEFGHIJKLM", evse_id=1)
        assert (long["code"], "12 characters" in long["detail"]) == ("not_for_this_station", True)
        with_limit = await csms.operator("CP-1", "remote_start", id_token="ABC", evse_id=1, profile=profile)
        assert with_limit["code"] == "not_for_this_station", with_limit
        assert "ProtocolError" in with_limit["detail"]
        assert cp.unasked("RemoteStartTransaction")
        await csms.operator("CP-1", "remote_start", evse_id=1)
        assert len((await cp.expected("RemoteStartTransaction"))["idTag"]) == 12


# -- what comes only when it is asked for -----------------------------------------------------------------------------


@pytest.mark.req("RB-14", "SR-07")
async def test_a_make_that_never_boots_by_itself_is_asked_each_time_and_soon(tmp_path: Path) -> None:
    async with odd(tmp_path, {"boot": {"absent_on_connect": True}}, {"boot_grace_s": 600}, speed=20) as (csms, cp):
        await cp.disconnect()
        await cp.connect()
        assert await cp.expected("TriggerMessage", 5) == {"requestedMessage": "BootNotification"}
        await boot(cp)
        assert state(csms, cp).booted_here


@pytest.mark.req("PAIN-06")
async def test_who_tells_only_of_connector_1_is_asked_for_the_others(tmp_path: Path) -> None:
    facts = {"status": {"only_one_connector_after_reconnect": True}}
    async with odd(tmp_path, facts, {"boot_grace_s": 10}, speed=20, evses=3) as (_, cp):
        await cp.disconnect()
        await cp.connect()
        await cp.status(1, "Available")
        asked = [await cp.expected("TriggerMessage", 5) for _ in range(2)]
        assert asked == [{"requestedMessage": "StatusNotification", "connectorId": number} for number in (2, 3)]


async def test_meter_values_that_come_only_on_demand_are_demanded_while_a_car_charges(tmp_path: Path) -> None:
    facts, house = {"meter": {"only_on_trigger": True}}, {"meter_interval_s": 20}
    async with odd(tmp_path, facts, house, speed=20) as (csms, cp):
        await cp.start()
        for _ in range(2):
            assert await cp.expected("TriggerMessage", 10) == {"requestedMessage": "MeterValues", "connectorId": 1}
        (row,) = await csms.sessions("CP-1")
        await cp.stop(row.transaction_id)


# -- its configuration ------------------------------------------------------------------------------------------------


class Keys:
    """A configuration that a reboot may take away; `most` keys at a time, as it spells them."""

    def __init__(self, station: Station16, **values: str) -> None:
        self.values, self.asked = dict(values), list[dict[str, Any]]()
        self.changed = list[tuple[str, str]]()
        self.answer = "Accepted"
        station.answers("GetConfiguration", self.get)
        station.answers("ChangeConfiguration", self.change)

    def get(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(payload)
        names = payload.get("key") or list(self.values)
        known = [{"key": name, "readonly": False, "value": self.values[name]} for name in names if name in self.values]
        return {"configurationKey": known, "unknownKey": [name for name in names if name not in self.values]}

    def change(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.changed.append((payload["key"], payload["value"]))
        if self.answer != "Rejected":
            self.values[payload["key"]] = payload["value"]
        return {"status": self.answer}


@pytest.mark.req("PAIN-28")
async def test_a_station_that_reboots_when_its_measurands_are_read_is_asked_for_all_else_by_name(
    tmp_path: Path,
) -> None:
    async with odd(tmp_path, {"meter": {"readback_reboots": True}}, {"read_device_model": True}, speed=20) as (
        csms,
        cp,
    ):
        keys = Keys(cp, HeartbeatInterval="300", MeterValuesSampledData=ENERGY)
        refused = await csms.operator("CP-1", "get_variables", names=["MeterValuesSampledData"])
        assert (refused["code"], "reboots" in refused["detail"]) == ("not_for_this_station", True)
        told = await csms.operator("CP-1", "get_variables", names=[])
        assert told["values"] == {"HeartbeatInterval": "300"}
        await csms.operator("CP-1", "get_base_report")
        await csms.until(lambda: len(keys.asked) >= 3)  # what a new station is asked for by itself among them
        assert all("MeterValuesSampledData" not in asked["key"] for asked in keys.asked)
        await in_thread(csms, lambda api: compare(api, "CP-1", True))
        assert "MeterValuesSampledData" not in dict(keys.changed)


async def test_no_more_keys_are_read_at_once_than_the_make_can_bear(tmp_path: Path) -> None:
    async with odd(tmp_path, {"cfg": {"max_keys_per_get": 2}}) as (csms, cp):
        keys = Keys(cp, A="1", B="2", C="3")
        told = await csms.operator("CP-1", "get_variables", names=["A", "B", "C"])
        assert told["values"] == {"A": "1", "B": "2", "C": "3"}
        assert [asked["key"] for asked in keys.asked] == [["A", "B"], ["C"]]


async def test_keys_are_asked_for_as_the_make_spells_them(tmp_path: Path) -> None:
    facts = {
        "cfg": {"key_case": "lower", "key_names": {"StopTransactionOnInvalidId": "StopTxInvalid"}, "bool_style": "1"}
    }
    async with odd(tmp_path, facts) as (csms, cp):
        keys = Keys(cp, stoptxinvalid="0", heartbeatinterval="300")
        told = await csms.operator("CP-1", "get_variables", names=["StopTransactionOnInvalidId", "HeartbeatInterval"])
        assert told["values"] == {"StopTransactionOnInvalidId": "0", "HeartbeatInterval": "300"}
        told = await csms.operator("CP-1", "set_variables", values={"StopTransactionOnInvalidId": "true"})
        assert told["values"] == {"StopTransactionOnInvalidId": "Accepted"}
        assert keys.changed == [("stoptxinvalid", "1")]


async def test_what_a_reboot_took_away_is_set_again(tmp_path: Path) -> None:
    facts = {"cfg": {"keys_lost_on_reboot": True}, "limits": {"static_key": "MaxCurrent"}}
    async with odd(tmp_path, facts, speed=20) as (csms, cp):
        keys = Keys(cp, WebSocketPingInterval="0", MaxCurrent="32", Other="7")
        wanted = {"WebSocketPingInterval": "60", "MaxCurrent": "10", "Other": "7"}
        await csms.operator("CP-1", "set_variables", values=wanted)
        keys.values |= {"WebSocketPingInterval": "0", "MaxCurrent": "32"}
        keys.changed.clear()
        await boot(cp)
        await csms.until(lambda: keys.changed)
        assert keys.changed == [("WebSocketPingInterval", "60")]  # the limit is told by the limit ladder


async def test_a_key_that_only_pretends_to_need_a_reboot_does_not_wait_for_one(tmp_path: Path) -> None:
    async with odd(tmp_path, {"cfg": {"reboot_required": ["HeartbeatInterval"]}}) as (csms, cp):
        keys = Keys(cp)
        keys.answer = "RebootRequired"
        await csms.operator("CP-1", "set_variables", values={"HeartbeatInterval": "60", "Other": "1"})
        told = (await csms.api("GET", "/api/v1/stations/CP-1/configuration")).json()
        waiting = {row["name"]: row["reboot_required"] for row in told["variables"]}
        assert waiting == {"HeartbeatInterval": False, "Other": True}


@pytest.mark.req("OA-13")
async def test_measurands_are_added_one_by_one_and_a_refusal_costs_one(tmp_path: Path) -> None:
    async with odd(tmp_path, {"setup": {"measurands_one_by_one": True}}) as (csms, cp):
        keys = Keys(cp, MeterValuesSampledData="SoC", HeartbeatInterval="300", MeterValueSampleInterval="60")

        def change(payload: dict[str, Any]) -> dict[str, Any]:
            keys.answer = "Rejected" if ENERGY in payload["value"] else "Accepted"
            return Keys.change(keys, payload)

        cp.answers("ChangeConfiguration", change)
        done = await in_thread(csms, lambda api: compare(api, "CP-1", True))
        assert [value for _, value in keys.changed] == [f"SoC,{ENERGY}", f"SoC,{POWER}"]
        (row,) = [row for row in done["settings"] if row["name"] == "MeterValuesSampledData"]
        assert (row["now"], row["state"], row["answer"]) == (f"SoC,{POWER}", "differs", "Rejected")


async def test_a_station_that_refuses_every_change_is_left_as_it_is(tmp_path: Path) -> None:
    async with odd(tmp_path, {"rpc": {"refuses": {"ChangeConfiguration": "Rejected"}}}) as (csms, cp):
        keys = Keys(cp, HeartbeatInterval="1", MeterValueSampleInterval="1", MeterValuesSampledData="SoC")
        done = await in_thread(csms, lambda api: compare(api, "CP-1", True))
        assert {row["state"] for row in done["settings"]} == {"fixed"}
        assert keys.changed == []


# -- before it is known -----------------------------------------------------------------------------------------------


@pytest.mark.req("RB-05", "PAIN-08")
async def test_a_make_that_offers_no_version_is_let_in_by_its_id(tmp_path: Path) -> None:
    with known_as(ids="ODD-*", rpc={"no_subprotocol": True}):
        async with central(tmp_path) as csms:
            bare = await csms.station("ODD-1", connected=False)
            await bare.connect(subprotocols=None)
            await bare.boot()
            assert (await csms.shown("ODD-1"))["protocol"] == "ocpp1.6"
            other = await csms.station("CP-1", connected=False)
            await other.connect(subprotocols=None)
            assert await other.closed() == 1002


async def test_the_version_that_is_of_use_is_spoken(tmp_path: Path) -> None:
    both = ["ocpp2.0.1", "ocpp1.6"]
    with known_as(ids="ODD-*", ocpp={"force_version": "ocpp1.6"}):
        async with central(tmp_path) as csms:
            for station_id, spoken in (("ODD-1", "ocpp1.6"), ("CP-1", "ocpp2.0.1")):
                station = await csms.station(station_id, connected=False)
                await station.connect(subprotocols=both)
                assert station.socket.subprotocol == spoken


async def test_a_stranger_counts_with_what_its_make_can_give(tmp_path: Path) -> None:
    facts = {"hw": {"kind": "dc", "power_w_max": 150_000}}
    with known_as(**facts):
        async with central(tmp_path, accept_unknown=True) as csms:
            stranger = Station16(csms, "NEW-1", "ocpp1.6", strict=False)
            csms.stations.append(stranger)
            await stranger.connect()
            await boot(stranger)
            await stranger.status(2, "Available")
            ratings = [evse(csms, stranger, number).rating for number in (1, 2)]
            assert [(rating.kind, rating.power_max_w) for rating in ratings] == [(CurrentKind.DC, 150_000)] * 2
            listed = await csms.station("CP-1", strict=False)
            await boot(listed)
            assert evse(csms, listed).rating.kind is CurrentKind.AC


# -- the doctor -------------------------------------------------------------------------------------------------------


async def findings(csms: Central) -> list[str]:
    told = (await csms.api("GET", "/api/v1/stations/CP-1/diagnosis")).json()
    return [finding["code"] for finding in told["findings"]]


@pytest.mark.req("RB-50")
async def test_a_register_that_begins_anew_with_each_session_is_no_news_where_it_is_known(tmp_path: Path) -> None:
    async def charge(station: Station16) -> None:
        transaction = await station.start(wh=5000)
        await station.meter(transaction, 100)
        await station.stop(transaction, 300)

    async with odd(tmp_path, {"meter": {"register_resets": True}}) as (csms, cp):
        await charge(cp)
        assert "register_resets" not in await findings(csms)
        assert (await csms.session("CP-1")).energy_wh > 0


async def test_a_car_that_waits_for_a_remote_start_is_told_of(tmp_path: Path) -> None:
    async with odd(tmp_path, {"start": {"remote_start_needed": True}}, speed=1000) as (csms, cp):
        await cp.status(1, "Preparing")
        await csms.until(lambda: _has(csms, "remote_start_needed"))


async def _has(csms: Central, code: str) -> bool:
    await asyncio.sleep(0.2)
    return code in await findings(csms)


def test_a_make_that_takes_long_to_connect_is_not_missed_before() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    seen_at = now - timedelta(minutes=20)
    facts = Facts(now, 300, False, booted_at=seen_at, seen_at=seen_at, connected_at=seen_at, manners=Manners())
    assert [finding.code for finding in examine(facts)] == ["offline"]
    assert examine(replace(facts, connect_wait_s=1800)) == []
