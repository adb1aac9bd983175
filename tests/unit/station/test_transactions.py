"""Sessions under the oddities of real stations."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from csms.model.event import SessionClosed, SessionOpened
from csms.model.inbound import MeterReport, SessionStarted, SessionStopped
from csms.model.session import AuthorizationStatus, ChargingState, StopReason
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.service import StationService
from csms.store import changes
from csms.store.tables import IdToken

STATION = "CP-1"


async def test_a_session_is_stored_from_start_to_stop(desk) -> None:
    transaction_id = await desk.start(register_wh=1000)
    desk.later(3600)
    await desk.stop(transaction_id, 8500, tag="TAG")
    row = await desk.store.reader.session(transaction_id)
    assert (row.status, row.energy_wh, row.stop_reason) == ("ended", 7500, "Local")
    assert row.ended_at - row.started_at == timedelta(hours=1)
    kinds = [type(e) for e in desk.events if isinstance(e, SessionOpened | SessionClosed)]
    assert kinds == [SessionOpened, SessionClosed]


@pytest.mark.req("PAIN-10")
async def test_a_repeated_start_gets_the_same_id_and_makes_no_second_session(desk) -> None:
    message = SessionStarted(1, "TAG", 1000, desk.now)
    first = await desk.say(message)
    desk.later(40)
    second = await desk.say(message)
    assert first.transaction_id == second.transaction_id
    assert len(await desk.store.reader.sessions(limit=10)) == 1


@pytest.mark.req("PAIN-10")
async def test_a_start_repeated_after_its_stop_opens_nothing(desk) -> None:
    message = SessionStarted(1, "TAG", 1000, desk.now)
    first = await desk.say(message)
    await desk.stop(first.transaction_id, 1000)
    assert (await desk.say(message)).transaction_id == first.transaction_id
    assert desk.service.stations[STATION].evses[1].session is None


@pytest.mark.req("PAIN-11")
async def test_the_first_stop_counts_and_a_differing_one_is_kept_as_notice(desk) -> None:
    transaction_id = await desk.start(register_wh=0)
    await desk.stop(transaction_id, 5000)
    await desk.stop(transaction_id, 5000)
    await desk.stop(transaction_id, 9999)
    assert (await desk.store.reader.session(transaction_id)).energy_wh == 5000
    assert [n.code for n in await desk.store.reader.notices()][::-1] == ["repeated_stop", "differing_stop"]


@pytest.mark.req("PAIN-12", "RB-52", "SR-01")
@pytest.mark.parametrize("unknown", ["0", "-1", "-7", "4711", str(2**31 - 1), str(2**63 - 1)])
async def test_a_stop_for_an_unknown_id_is_acknowledged_and_kept(desk, unknown: str) -> None:
    await desk.stop(unknown, 123, samples=(desk.energy(123),))
    (notice,) = await desk.store.reader.notices()
    assert (notice.code, notice.detail["transaction_id"]) == ("orphan_stop", unknown)
    assert (await desk.store.reader.counts())["samples"] == 1


@pytest.mark.req("PAIN-13")
async def test_a_stop_with_minus_one_ends_the_only_session_of_that_tag(desk) -> None:
    mine = await desk.start(evse_id=1, tag="A")
    other = await desk.start(evse_id=2, tag="B")
    await desk.stop("-1", 2000, tag="A")
    assert (await desk.store.reader.session(mine)).flags == ["matched_by_token"]
    assert (await desk.store.reader.session(other)).status == "open"


@pytest.mark.req("PAIN-13")
async def test_a_stop_with_minus_one_that_fits_two_sessions_ends_none(desk) -> None:
    await desk.start(evse_id=1, tag="A")
    await desk.start(evse_id=2, tag="A")
    await desk.stop("-1", 2000, tag="A")
    assert {row.status for row in await desk.store.reader.sessions(limit=5)} == {"open"}


@pytest.mark.req("PAIN-15", "SR-03")
async def test_a_thousand_starts_at_once_get_different_positive_ids(desk) -> None:
    starts = [SessionStarted(1 + n % 2, f"T{n}", n, desk.now) for n in range(1000)]
    replies = await asyncio.gather(*(desk.say(m, f"CP-{1 + n % 2}") for n, m in enumerate(starts)))
    ids = {reply.transaction_id for reply in replies}
    assert len(ids) == 1000
    assert min(ids) > 0


@pytest.mark.req("SR-03")
async def test_ids_go_on_after_a_restart_and_open_sessions_are_known(desk) -> None:
    before = await desk.start()
    again = StationService(desk.clock, desk.store, EventBus(), StationSettings(), desk.outside)
    await again.restore()
    assert again.stations[STATION].evses[1].session.session_id == before
    reply = await again.receive(STATION, SessionStarted(2, "X", 0, desk.now), desk.now)
    assert reply.transaction_id > before
    await again.receive(STATION, SessionStopped(str(before), 3000, desk.now, StopReason.LOCAL), desk.now)
    assert (await desk.store.reader.session(before)).energy_wh == 2000


@pytest.mark.req("SR-03")
async def test_progress_is_stored_now_and_then_and_the_samples_bring_the_rest_back(desk) -> None:
    session_id = await desk.start()
    for minute_tenths in range(1, 8):
        desk.later(6.0)
        await desk.say(MeterReport(1, (desk.energy(1000.0 + 10 * minute_tenths),), str(session_id)))
    assert (await desk.store.reader.session(session_id)).energy_wh == 10, (
        "the first report is stored, then one a minute"
    )
    again = StationService(desk.clock, desk.store, EventBus(), StationSettings(), desk.outside)
    await again.restore()
    session = again.stations[STATION].evses[1].session
    assert (session.energy_wh, session.last_sample_at) == (70, desk.now)


@pytest.mark.req("PAIN-16", "RB-54")
async def test_a_stop_ends_only_a_session_of_its_own_station(desk) -> None:
    transaction_id = await desk.start(station=STATION)
    await desk.stop(transaction_id, 9000, station="CP-2")
    assert (await desk.store.reader.session(transaction_id)).status == "open"


@pytest.mark.req("PAIN-17", "RB-51")
async def test_a_stop_without_tag_is_accepted(desk) -> None:
    transaction_id = await desk.start()
    reply = await desk.stop(transaction_id, 1500, tag="")
    assert reply.authorization is None
    assert (await desk.store.reader.session(transaction_id)).status == "ended"


@pytest.mark.req("RB-48")
async def test_a_stop_register_below_the_start_gives_no_negative_energy(desk) -> None:
    transaction_id = await desk.start(register_wh=1000)
    await desk.stop(transaction_id, 999)
    row = await desk.store.reader.session(transaction_id)
    assert (row.energy_wh, row.flags) == (0, ["stop_below_start"])


@pytest.mark.req("RB-47")
async def test_a_stop_register_in_another_unit_loses_against_the_samples(desk) -> None:
    transaction_id = await desk.start(register_wh=0)
    await desk.stop(transaction_id, 12, samples=(desk.energy(12_000),))
    row = await desk.store.reader.session(transaction_id)
    assert (row.energy_wh, row.flags) == (12_000, ["stop_register_odd"])


async def test_a_new_start_closes_the_session_whose_stop_was_lost(desk) -> None:
    lost = await desk.start(evse_id=1, tag="A")
    desk.later(600)
    await desk.start(evse_id=1, tag="B")
    row = await desk.store.reader.session(lost)
    assert (row.status, row.flags) == ("ended", ["stop_missing"])


@pytest.mark.req("PAIN-27", "SR-01")
async def test_a_start_at_an_impossible_connector_is_answered_and_can_be_stopped(desk) -> None:
    transaction_id = await desk.start(evse_id=1_634_030_126, register_wh=100)
    await desk.stop(transaction_id, 600)
    row = await desk.store.reader.session(transaction_id)
    assert (row.status, row.energy_wh) == ("ended", 500)
    assert len(desk.service.stations[STATION].evses) == 2


@pytest.mark.req("RB-35")
async def test_a_start_in_1970_counts_from_its_arrival(desk) -> None:
    reply = await desk.say(SessionStarted(1, "T", 0, datetime(1970, 1, 1, 0, 26, 17, tzinfo=UTC)))
    assert (await desk.store.reader.session(reply.transaction_id)).started_at == desk.now


@pytest.mark.req("1.6:4.8")
@pytest.mark.parametrize("status", [AuthorizationStatus.BLOCKED, AuthorizationStatus.INVALID])
async def test_a_refused_token_is_told_so_and_the_start_is_still_recorded(desk, status) -> None:
    await desk.store.writer.commit([changes.put_token(IdToken(id_token="BAD", status=status))])
    reply = await desk.say(SessionStarted(1, "BAD", 0, desk.now))
    assert reply.authorization.status is status
    assert (await desk.store.reader.session(reply.transaction_id)).id_token == "BAD"


@pytest.mark.req("J02.FR.19")
async def test_events_make_one_session(desk) -> None:
    await desk.event("Started", seq_no=0, charging_state=ChargingState.EV_CONNECTED, samples=(desk.energy(100),))
    desk.later(60)
    await desk.event(
        "Updated", seq_no=1, id_token="TAG", charging_state=ChargingState.CHARGING, samples=(desk.energy(400),)
    )
    desk.later(60)
    await desk.event("Ended", seq_no=2, stop_reason=StopReason.EV_DISCONNECTED, samples=(desk.energy(900),))
    (row,) = await desk.store.reader.sessions(limit=5)
    assert (row.energy_wh, row.id_token, row.last_seq_no, row.stop_reason) == (800, "TAG", 2, "EVDisconnected")
    assert row.end_register_wh == 900


@pytest.mark.req("RB-57")
async def test_updates_without_evse_are_linked_by_the_transaction(desk) -> None:
    await desk.event("Started")
    await desk.event("Updated", seq_no=1, evse_id=None, samples=(desk.energy(50),))
    (row,) = await desk.store.reader.sessions(limit=5)
    (sample,) = await desk.store.reader.samples(session_id=row.id)
    assert sample.value == 50
    assert desk.service.stations["CP-1"].evses[1].session.last_register_wh == 50


@pytest.mark.req("PAIN-18")
async def test_an_update_before_its_start_opens_the_session_once(desk) -> None:
    await desk.event("Updated", seq_no=1, samples=(desk.energy(70),))
    await desk.event("Started", seq_no=0)
    (row,) = await desk.store.reader.sessions(limit=5)
    assert (row.flags, row.seq_first, row.last_seq_no) == ([], 0, 1)


@pytest.mark.req("PAIN-18", "RB-53")
async def test_an_ended_session_is_not_revived_but_its_samples_are_kept(desk) -> None:
    await desk.event("Started")
    await desk.event("Ended", seq_no=2)
    await desk.event("Updated", seq_no=1, samples=(desk.energy(333),))
    (row,) = await desk.store.reader.sessions(limit=5)
    assert row.status == "ended"
    (sample,) = await desk.store.reader.samples(session_id=row.id)
    assert sample.value == 333
    assert desk.service.stations[STATION].evses[1].session is None


@pytest.mark.req("PAIN-18")
async def test_offline_events_do_not_touch_the_live_power(desk) -> None:
    await desk.event("Started", offline=True, charging_state=ChargingState.CHARGING)
    evse = desk.service.stations[STATION].evses[1]
    assert (evse.power_w, evse.session) == (None, None)


@pytest.mark.req("PAIN-19")
async def test_a_session_whose_evse_cannot_be_told_runs_aside_until_it_is(desk) -> None:
    await desk.event("Started", evse_id=None)
    (row,) = await desk.store.reader.sessions(limit=5)
    assert (row.status, row.evse_id) == ("aside", 0)
    await desk.event("Updated", seq_no=1, evse_id=2, samples=(desk.energy(50),))
    (row,) = await desk.store.reader.sessions(limit=5)
    assert (row.status, row.evse_id) == ("open", 2)
    assert desk.service.stations[STATION].evses[2].session.session_id == row.id


@pytest.mark.req("RB-55")
async def test_a_repeated_sequence_number_is_accepted(desk) -> None:
    await desk.event("Started", seq_no=0)
    await desk.event("Ended", seq_no=0)
    (row,) = await desk.store.reader.sessions(limit=5)
    assert row.status == "ended"


@pytest.mark.req("RB-56")
async def test_an_end_without_meter_value_closes_with_the_last_known_one(desk) -> None:
    await desk.event("Started", samples=(desk.energy(100),))
    desk.later(60)
    await desk.event("Updated", seq_no=1, samples=(desk.energy(700),))
    await desk.event("Ended", seq_no=2)
    (row,) = await desk.store.reader.sessions(limit=5)
    assert (row.end_register_wh, row.energy_wh) == (700, 600)


@pytest.mark.req("RB-58")
async def test_a_transaction_id_need_not_be_a_uuid(desk) -> None:
    await desk.event("Started", transaction_id="0123456789abcdef0123456789abcdef42")
    (row,) = await desk.store.reader.sessions(limit=5)
    assert row.transaction_id == "0123456789abcdef0123456789abcdef42"
