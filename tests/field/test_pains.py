"""Thirty pains of real central systems, and those next in line; 24 to 26 are told by the tests of the limit ladder."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from csms.store.station_tables import Operation, StateChange
from device_sim.misbehaving import booting, connecting, metering, transacting
from device_sim.misbehaving.pile import boot, event201, meter16, sample, start16, stop16, values
from tests.support.field import ENERGY, codes, connectors, evse, samples, state
from tests.support.raw_socket import TEXT, client_frame, raw_peer
from tests.support.scripted import Central, Silence, Station16, Station201, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


@pytest.mark.req("PAIN-01")
async def test_pain_01_the_second_connection_wins_and_pending_calls_fail_fast(csms: Central, cp: Any) -> None:
    cp.answers("Reset", Silence())
    asked = asyncio.create_task(csms.operator(cp.station_id, "reset", hard=False))
    await cp.expected("Reset")
    old = cp.socket
    await cp.connect()
    assert (await asked)["code"] == "connection_lost"
    await old.wait_closed()
    assert (await cp.boot())["status"] == "Accepted"
    await connecting.second_connection(cp)


@pytest.mark.req("PAIN-02")
async def test_pain_02_the_late_end_of_the_old_connection_leaves_the_new_one_online(csms: Central, cp: Any) -> None:
    old = cp.socket
    await cp.connect()
    await cp.boot()
    old.transport.abort()
    await old.wait_closed()
    await cp.call("Heartbeat")
    assert state(csms, cp).online
    await connecting.cut_links(cp)
    assert (await csms.shown(cp.station_id))["online"]


@pytest.mark.req("PAIN-03")
async def test_pain_03_a_half_open_link_is_shown_offline_within_the_set_time(tmp_path: Any) -> None:
    async with central(tmp_path, ping_interval_s=0.3) as csms:
        await csms.station("CP-1", connected=False)
        silent = await raw_peer(csms.port)
        await csms.until(lambda: csms.rooms.stations.stations["CP-1"].online)
        async with asyncio.timeout(20):
            await csms.until(lambda: not csms.rooms.stations.stations["CP-1"].online)
        assert (await csms.shown("CP-1"))["online"] is False
        await silent.gone()


@pytest.mark.req("PAIN-04")
async def test_pain_04_a_station_that_cannot_answer_pings_stays_while_it_talks(tmp_path: Any) -> None:
    async with central(tmp_path, ping_interval_s=0.5) as csms:
        await csms.station("CP-1", connected=False)
        deaf = await raw_peer(csms.port)
        for number in range(25):
            deaf.send(client_frame(TEXT, json.dumps([2, str(number), "Heartbeat", {}]).encode()))
            await asyncio.sleep(0.1)
        assert csms.rooms.stations.stations["CP-1"].online
        await deaf.gone()


@pytest.mark.req("PAIN-05")
async def test_pain_05_nothing_is_asked_before_the_boot_is_answered(tmp_path: Any) -> None:
    async with central(tmp_path, charging={"control": True, "debounce_s": 0.0}) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.status(1, "Available")
        await asyncio.sleep(1.0)
        assert station.asked == []
        await station.boot()


@pytest.mark.req("PAIN-06")
async def test_pain_06_without_a_boot_after_a_restart_of_ours_everything_goes_on(tmp_path: Any) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        await station.status(1, "Charging")
        transaction = await station.start(1)
        await station.meter(transaction, 400)
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1", strict=False)
        shown = await csms.shown("CP-1")
        assert (shown["vendor"], shown["evses"][0]["status"]) == ("Maker", "Charging")
        await station.meter(transaction, 900)
        session = evse(csms, station).session
        assert session is not None
        assert session.energy_wh == 900
        await station.stop(transaction, 1000)
        assert (await csms.session("CP-1")).energy_wh == 1000


@pytest.mark.req("PAIN-06")
async def test_pain_06_a_station_that_only_comes_back_is_asked_for_its_states(tmp_path: Any) -> None:
    async with central(tmp_path, boot_grace_s=0.5) as csms:
        mute = await csms.station("CP-1", strict=False)
        await mute.boot()
        await mute.status(1, "Available")
        talks = await csms.station("CP-2", strict=False)
        await talks.boot()
        for station in (mute, talks):
            await station.connect()
        await talks.status(1, "Available")
        assert await mute.expected("TriggerMessage") == {"requestedMessage": "StatusNotification"}
        await asyncio.sleep(0.5)
        assert (len(mute.asked), talks.asked) == (1, [])
        newer = await csms.station("CP-3", "ocpp2.0.1", strict=False)
        await newer.boot()
        await newer.status(1, "Available")
        await newer.connect()
        asked = await newer.expected("TriggerMessage")
        assert asked == {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}


@pytest.mark.req("PAIN-07")
async def test_pain_07_a_flapping_link_is_asked_once_when_it_has_settled(tmp_path: Any) -> None:
    async with central(tmp_path, boot_grace_s=0.6) as csms:
        station = await csms.station("CP-1", strict=False)
        for _ in range(5):
            station.socket.transport.abort()
            await station.connect()
            await asyncio.sleep(0.05)
        assert station.asked == []
        await station.expected("TriggerMessage")
        await asyncio.sleep(1.0)
        assert [action for action, _ in station.asked] == ["TriggerMessage"]


@pytest.mark.req("PAIN-08")
async def test_pain_08_an_odd_subprotocol_is_refused_with_a_reason_or_taken_for_16(
    csms: Central, new_station: Any, tmp_path: Any
) -> None:
    station = await new_station(connected=False)
    for offered in (None, ["ocpp1.5"], ["soap"]):
        await station.connect(subprotocols=offered)
        assert await station.closed() == 1002
        assert "ocpp2.0.1" in station.socket.close_reason
    async with central(tmp_path, assume_ocpp16=True) as lenient:
        old = await lenient.station("CP-1", strict=False, subprotocols=None)
        assert (await old.boot())["status"] == "Accepted"


@pytest.mark.req("PAIN-09")
async def test_pain_09_reserved_bits_end_that_connection_alone(csms: Central, tmp_path: Any) -> None:
    async with central(tmp_path) as other:
        await other.station("CP-1", connected=False)
        peer = await raw_peer(other.port)
        frame = bytearray(client_frame(TEXT, b'[2,"1","Heartbeat",{}]'))
        frame[0] |= 0x40
        peer.send(bytes(frame))
        assert await peer.closing_code() == 1002
        await peer.gone()
        good = await other.station("CP-2")
        await good.boot()


@pytest.mark.req("PAIN-10")
async def test_pain_10_a_repeated_start_is_one_session_with_one_id(csms: Central, cp16: Station16) -> None:
    await transacting.duplicate_start(cp16)
    row = await csms.session(cp16.station_id)
    assert (row.status, row.energy_wh, row.flags) == ("ended", 1000, [])
    await cp16.disconnect()
    await cp16.connect()
    begun = cp16.stamp(90)
    ids = [await start16(cp16, timestamp=begun, meterStart=5000) for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(await csms.sessions(cp16.station_id)) == 2


@pytest.mark.req("PAIN-11")
async def test_pain_11_the_first_stop_counts_and_others_are_flagged(csms: Central, cp16: Station16) -> None:
    await transacting.duplicate_stop(cp16)
    row = await csms.session(cp16.station_id)
    assert (row.energy_wh, row.flags) == (1000, ["differing_stop"])
    assert await codes(csms, cp16) == ["repeated_stop", "repeated_stop", "differing_stop"]


@pytest.mark.req("PAIN-12")
async def test_pain_12_a_stop_of_an_unknown_transaction_is_answered_and_kept(csms: Central, cp16: Station16) -> None:
    assert await stop16(cp16, 987_654_321, 700) == {}
    assert await codes(csms, cp16) == ["orphan_stop"]


@pytest.mark.req("PAIN-13")
async def test_pain_13_a_nameless_stop_ends_only_the_session_that_it_must_be(csms: Central, new_station: Any) -> None:
    station = await new_station(evses=2)
    mine = await start16(station, connectorId=1, idTag="MINE", meterStart=1000)
    await start16(station, connectorId=2, idTag="YOURS", meterStart=1000)
    await stop16(station, -1, 1800, idTag="MINE")
    rows = {int(row.transaction_id): row for row in await csms.sessions(station.station_id)}
    assert (rows[mine].status, rows[mine].energy_wh) == ("ended", 800)
    assert [row.status for number, row in rows.items() if number != mine] == ["open"]
    await stop16(station, 0, 1500, idTag="NOBODY")
    assert await codes(csms, station) == ["orphan_stop"]


@pytest.mark.req("PAIN-14")
async def test_pain_14_a_session_is_rebuilt_from_its_stop(csms: Central, cp16: Station16) -> None:
    await transacting.offline_session(cp16)
    row = await csms.session(cp16.station_id)
    assert (row.status, row.energy_wh, row.id_token) == ("ended", 8000, "TAG-1")
    assert row.flags == ["orphan_stop", "rebuilt"]
    assert row.ended_at is not None
    assert (row.ended_at - row.started_at).total_seconds() == pytest.approx(3540, abs=2)


@pytest.mark.req("PAIN-15", "SR-03")
async def test_pain_15_a_thousand_starts_get_a_thousand_ids(csms: Central, new_station: Any) -> None:
    stations = [await new_station(evses=2) for _ in range(4)]
    ids: list[int] = []
    for number in range(250):
        begun = {"idTag": f"T{number}", "connectorId": 1 + number % 2}
        ids += await asyncio.gather(*(start16(station, **begun) for station in stations))
    assert len(set(ids)) == 1000
    assert all(0 < number < 2**31 for number in ids)


@pytest.mark.req("PAIN-16")
async def test_pain_16_a_stop_ends_nobody_elses_session(csms: Central, cp16: Station16, new_station: Any) -> None:
    thief = await new_station()
    mine = await start16(cp16)
    await stop16(thief, mine, 9000)
    assert (await csms.session(cp16.station_id)).status == "open"
    assert await codes(csms, thief) == ["orphan_stop"]
    await stop16(cp16, mine, 700)
    assert (await csms.session(cp16.station_id)).energy_wh == 700


@pytest.mark.req("PAIN-17")
async def test_pain_17_a_stop_needs_no_card(csms: Central, cp16: Station16) -> None:
    await transacting.bare_stops(cp16)
    assert {row.status for row in await csms.sessions(cp16.station_id)} == {"ended"}


@pytest.mark.req("PAIN-18")
async def test_pain_18_events_in_any_order_make_one_session_and_offline_ones_no_live_state(
    csms: Central, new_station: Any
) -> None:
    gaps, reverse, yesterday = [await new_station("ocpp2.0.1") for _ in range(3)]
    await transacting.seq_no_gaps(gaps)
    row = await csms.session(gaps.station_id)
    assert (row.status, row.energy_wh, row.seq_missing) == ("ended", 700, [[1, 1], [3, 3], [6, 6]])
    assert "seq_gap" in row.flags
    await transacting.events_reversed(reverse)
    row = await csms.session(reverse.station_id)
    assert (row.status, row.seq_missing) == ("ended", None)
    await transacting.offline_events(yesterday)
    row = await csms.session(yesterday.station_id)
    assert (row.status, row.energy_wh, row.flags) == ("ended", 2000, ["offline"])
    for station in (gaps, reverse, yesterday):
        assert evse(csms, station).session is None
    assert evse(csms, yesterday).power_w in (None, 0.0)


@pytest.mark.req("PAIN-19")
async def test_pain_19_a_missing_evse_is_told_only_where_it_cannot_be_another(csms: Central, new_station: Any) -> None:
    one, two = await new_station("ocpp2.0.1"), await new_station("ocpp2.0.1", evses=2)
    for station in (one, two):
        await event201(station, "Started", "where", 0, 0, evse=None)
    assert ((await csms.session(one.station_id)).evse_id, evse(csms, one).session is None) == (1, False)
    row = await csms.session(two.station_id)
    assert (row.evse_id, row.status) == (0, "aside")
    await event201(two, "Updated", "where", 1, 100, evse={"id": 2})
    assert (await csms.session(two.station_id)).evse_id == 2


@pytest.mark.req("PAIN-20")
async def test_pain_20_what_real_chargers_say_is_taken_and_each_deviation_counted(
    csms: Central, cp16: Station16
) -> None:
    before = csms.rooms.gateway.counters().get("deviations", 0)
    await booting.blank_boot(cp16)
    await metering.strange_units(cp16)
    assert csms.rooms.gateway.counters()["deviations"] > before
    assert len(await samples(csms, cp16)) == 5


@pytest.mark.req("PAIN-21")
async def test_pain_21_what_breaks_the_schema_is_refused_by_its_field(csms: Central, cp16: Station16) -> None:
    """Leniency is for what the field sends; a message without its fields stays an error."""
    for action, payload, field in (
        ("StartTransaction", {"connectorId": 1, "idTag": "T", "timestamp": cp16.stamp()}, "meterStart"),
        ("StatusNotification", {"errorCode": "NoError", "status": "Available"}, "connectorId"),
    ):
        answer = await cp16.exchange(json.dumps([2, action, action, payload]), action)
        assert answer[0] == 4
        assert field in json.dumps(answer)
    doubled = '[2,"doubled","DataTransfer",{"vendorId":"one","vendorId":"two"}]'
    assert (await cp16.exchange(doubled, "doubled"))[0] in (3, 4)
    assert await csms.sessions(cp16.station_id) == []


@pytest.mark.req("PAIN-22")
async def test_pain_22_times_go_out_in_utc_and_come_in_as_they_may(csms: Central, cp16: Station16) -> None:
    told = (await cp16.call("Heartbeat"))["currentTime"]
    assert told.endswith("Z")
    assert abs((csms.clock.now() - datetime.fromisoformat(told)).total_seconds()) < 5
    await metering.strange_times(cp16)
    await metering.clock_of_1970(cp16)
    await metering.local_time_as_utc(cp16)
    now = csms.clock.now()
    assert all(row.time <= row.received_at <= now for row in await samples(csms, cp16))
    assert all("clock_odd" in row.flags for row in await csms.sessions(cp16.station_id))


@pytest.mark.req("PAIN-23")
@pytest.mark.parametrize("order", [1, -1], ids=["begin first", "begin last"])
async def test_pain_23_registers_of_two_kinds_and_two_contexts_give_the_energy_of_the_session(
    csms: Central, cp16: Station16, order: int
) -> None:
    lifetime = await start16(cp16, meterStart=80_000)
    await meter16(cp16, values(cp16.stamp(), sample("6500", ENERGY)), transaction_id=lifetime)
    await stop16(cp16, lifetime, 86_500)
    contexts = await start16(cp16, meterStart=1000)
    both = [sample("1000", context="Transaction.Begin"), sample("4000", context="Sample.Periodic")][::order]
    await meter16(cp16, values(cp16.stamp(), *both), transaction_id=contexts)
    session = evse(csms, cp16).session
    assert session is not None
    assert (session.energy_wh, session.last_register_wh) == (3000, 4000)
    await stop16(cp16, contexts, 4200)
    assert [row.energy_wh for row in await csms.sessions(cp16.station_id)] == [6500, 3200]


@pytest.mark.req("PAIN-27")
async def test_pain_27_garbage_counts_cost_no_memory(csms: Central, cp: Any) -> None:
    await booting.garbage_connectors(cp)
    assert sorted(state(csms, cp).evses) == [1]
    if cp.protocol == "ocpp1.6":
        keys = [{"key": "NumberOfConnectors", "readonly": True, "value": "1634030126"}]
        cp.answers("GetConfiguration", {"configurationKey": keys})
        told = await csms.operator(cp.station_id, "get_variables", names=["NumberOfConnectors"])
        assert told["values"] == {"NumberOfConnectors": "1634030126"}
        await start16(cp, connectorId=1_634_030_126)
    assert sorted(state(csms, cp).evses) == [1]


@pytest.mark.req("PAIN-28")
async def test_pain_28_settings_go_one_at_a_time_and_too_long_ones_not_at_all(csms: Central, cp16: Station16) -> None:
    told = await csms.operator(cp16.station_id, "set_variables", values={"A": "1", "B": "2", "C": "3"})
    assert told["accepted"]
    assert [payload["key"] for action, payload in cp16.asked if action == "ChangeConfiguration"] == ["A", "B", "C"]
    told = await csms.operator(cp16.station_id, "set_variables", values={"D": "x" * 501})
    assert told["code"] == "command_invalid"
    assert len(cp16.asked) == 3


@pytest.mark.req("PAIN-29")
async def test_pain_29_the_thousandth_reading_is_answered_as_fast_as_the_first(csms: Central, cp16: Station16) -> None:
    """Ratios hold on a busy machine too; the soak of a million readings is part of `make bench`."""
    loop, took = asyncio.get_running_loop(), list[float]()
    for _ in range(1000):
        begun = loop.time()
        await meter16(cp16, values(cp16.stamp(), sample("7")))
        took.append(loop.time() - begun)
    first, last = sorted(took[:300])[150], sorted(took[-300:])[150]
    assert last < 5 * first
    assert len(asyncio.all_tasks()) < 100


@pytest.mark.req("PAIN-30")
async def test_pain_30_both_directions_run_at_once(csms: Central, cp: Any) -> None:
    async def ask(_: dict[str, Any]) -> dict[str, Any]:
        await cp.call("Heartbeat")
        return {"status": "Accepted"}

    cp.answers("Reset", ask)
    async with asyncio.timeout(30):
        told, _ = await asyncio.gather(
            asyncio.gather(*(csms.operator(cp.station_id, "reset", hard=False) for _ in range(10))),
            asyncio.gather(*(cp.status(1, "Available") for _ in range(10))),
        )
    assert {answer["status"] for answer in told} == {"Accepted"}


@pytest.mark.req("NEXT-01")
async def test_next_01_a_remote_start_that_nothing_follows_is_told_as_such(tmp_path: Any) -> None:
    async with central(tmp_path, remote_wait_s=1.0) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        assert (await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1))["accepted"]

        async def given_up() -> bool:
            rows = await csms.rooms.store.reader.find(Operation, station_id="CP-1")
            return [row.status for row in rows] == ["nothing_followed"]

        await csms.until(given_up)
        assert await csms.sessions() == []


@pytest.mark.req("NEXT-02")
async def test_next_02_settings_that_are_answered_wrong_or_not_at_all_are_told(tmp_path: Any) -> None:
    async with central(tmp_path, call_timeout_s=0.3) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        for answer, code in (({"configurationKey": "none"}, "answer_unreadable"), (Silence(), "call_timeout")):
            station.answers("GetConfiguration", answer)
            assert (await csms.operator("CP-1", "get_variables"))["code"] == code
        station.answers("GetConfiguration", {})
        assert (await csms.operator("CP-1", "get_variables", names=["A"]))["values"] == {"A": None}


@pytest.mark.req("NEXT-03")
async def test_next_03_phantom_plug_cycles_make_no_session(csms: Central, cp: Any) -> None:
    plugged = "Preparing" if cp.protocol == "ocpp1.6" else "Occupied"
    for _ in range(15):
        await cp.status(1, plugged)
        await cp.status(1, plugged)
        await cp.status(1, "Available")
    assert await csms.sessions(cp.station_id) == []
    told = await csms.rooms.store.reader.find(StateChange, station_id=cp.station_id)
    assert len(told) == 30
    transaction = await cp.start(1)
    await cp.stop(transaction, 0, reason="EVDisconnected")
    row = await csms.session(cp.station_id)
    assert (row.status, row.stop_reason, row.energy_wh) == ("ended", "EVDisconnected", 0)
    assert (await connectors(csms, cp))[1, 1].status == "Available"


@pytest.mark.req("NEXT-05")
async def test_next_05_two_stations_under_one_id_are_noticed(csms: Central, cp16: Station16) -> None:
    await boot(cp16, chargePointSerialNumber="SN-1")
    await boot(cp16, chargePointSerialNumber="SN-1")
    assert await codes(csms, cp16) == []
    await cp16.connect()
    await boot(cp16, chargePointSerialNumber="SN-2")
    (notice,) = await csms.notices("another_station", cp16.station_id)
    assert notice.detail == {"before": "SN-1", "now": "SN-2"}


@pytest.mark.req("NEXT-06")
async def test_next_06_an_unknown_station_is_refused_and_nobody_notices(csms: Central, new_station: Any) -> None:
    stranger = await new_station(connected=False)
    stranger.station_id = "NEVER-HEARD-OF"
    for _ in range(3):
        with pytest.raises(InvalidStatus) as refused:
            await stranger.connect()
        assert refused.value.response.status_code == 404
    assert "NEVER-HEARD-OF" not in csms.rooms.stations.stations


@pytest.mark.req("NEXT-07")
async def test_next_07_a_start_button_needs_no_card(tmp_path: Any) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        old = await csms.station("CP-1", strict=False)
        new = await csms.station("CP-2", "ocpp2.0.1", strict=False)
        answer = await old.call(
            "StartTransaction", {"connectorId": 1, "idTag": "", "meterStart": 0, "timestamp": old.stamp()}
        )
        assert answer["idTagInfo"]["status"] == "Accepted"
        nobody = {"idToken": "", "type": "NoAuthorization"}
        answer = await event201(new, "Started", "button", 0, 0, idToken=nobody)
        assert answer.get("idTokenInfo", {"status": "Accepted"})["status"] == "Accepted"
        assert (await csms.session("CP-2")).status == "open"


@pytest.mark.req("NEXT-08")
@pytest.mark.parametrize("status", ["Rejected", "NotSupported", "Failed", "Unknown", "", "accepted"])
async def test_next_08_only_a_yes_is_taken_for_one(csms: Central, cp: Any, status: str) -> None:
    cp.answers("Reset", {"status": status})
    told = await csms.operator(cp.station_id, "reset", hard=False)
    assert not told.get("accepted", False)


@pytest.mark.req("PAIN-18", "RB-55")
async def test_an_ended_session_is_not_revived(csms: Central, cp201: Station201) -> None:
    await event201(cp201, "Started", "over", 0, 0)
    await event201(cp201, "Ended", "over", 1, 500)
    await event201(cp201, "Updated", "over", 2, 600)
    await event201(cp201, "Started", "over", 0, 0)
    row = await csms.session(cp201.station_id)
    assert row.status == "ended"
    assert evse(csms, cp201).session is None
