"""What a platform may ask an operator, and what it is refused (sections 3.3, 5, 11 and 12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.model.command import CommandResult, RemoteStart, RemoteStop
from csms.model.errors import StationOffline, StoreUnavailable
from csms.model.ids import ConnectorRef
from csms.model.session import StopReason
from csms.province.access import Access
from csms.province.crypto import Secrets
from csms.province.messages import check
from csms.province.profile import QUERIES, Kind
from tests.support.partners import OPERATOR, OURS, PLATFORM, Caller, World, desk_of, partner_of, world

OTHER = Secrets.of(*("0000000000000000",) * 4)
SEQ = PLATFORM + "202601010000000001"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.station("CP-1")
        await made.station("CP-2", "2")
        await made.feed.work_off()
        yield made


@pytest.fixture
async def platform(at: World) -> Caller:
    return await at.caller()


async def settle(at: World) -> None:
    """Let commands that are on their way reach the station, and what followed be told."""
    for _ in range(3):
        await asyncio.sleep(0)
        await asyncio.gather(*at.starts._asking)
    await at.feed.work_off()


async def test_a_token_is_given_again_and_not_extended(at: World) -> None:
    platform = await at.caller(token=False)
    first = await platform.log_in()
    at.clock.advance(3600)
    again = await platform.log_in()
    assert (first["SuccStat"], first["TokenAvailableTime"]) == (0, 7200)
    assert (again["AccessToken"], again["TokenAvailableTime"]) == (first["AccessToken"], 3600)
    at.clock.advance(3600)
    assert (await platform.log_in())["AccessToken"] != first["AccessToken"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"OperatorID": PLATFORM, "OperatorSecret": "guessed"}, 2),
        ({"OperatorID": OPERATOR, "OperatorSecret": "1234567890abcdef"}, 1),
    ],
)
async def test_a_token_is_refused_with_a_reason(at: World, body: dict[str, str], fault: int) -> None:
    platform = await at.caller(token=False)
    answer = await platform.ask(Kind.QUERY_TOKEN, body)
    assert (answer["SuccStat"], answer["FailReason"], answer["AccessToken"]) == (1, fault, "")


async def test_refusals_by_code(at: World, platform: Caller) -> None:
    query = {"PageNo": 1}
    raw = platform.sealed(query)
    assert (await platform.post(Kind.QUERY_STATIONS, raw)).http_status == 200
    replayed = await platform.post(Kind.QUERY_STATIONS, raw)
    assert b'"Ret":4001' in replayed.body
    platform.secrets = OTHER
    wrong = await platform.post(Kind.QUERY_STATIONS, platform.sealed(query))
    assert b'"Ret":4001' in wrong.body
    platform.secrets = OURS
    platform.token = "guessed"
    assert (await platform.call(Kind.QUERY_STATIONS, query))[0].ret == 4002
    await platform.log_in()
    assert (await platform.call(Kind.QUERY_STATIONS, {"PageNr": 1}))[0].ret == 4004
    assert (await platform.call(Kind.QUERY_STATIONS, {"PageNo": 0}))[0].ret == 4004
    assert (await platform.call(Kind.QUERY_STATUS, {"StationIDs": ["1"] * 51}))[0].ret == 4004
    assert (await platform.post(Kind.QUERY_STATIONS, b"{")).http_status == 400
    stranger = platform.sealed(query).replace(PLATFORM.encode(), b"000000000")
    assert (await platform.post(Kind.QUERY_STATIONS, stranger)).http_status == 401


async def test_a_replay_is_refused_after_a_restart_too(at: World, platform: Caller) -> None:
    raw = platform.sealed({"PageNo": 1})
    assert b'"Ret":0' in (await platform.post(Kind.QUERY_STATIONS, raw)).body
    at.clock.advance(100)
    at.desk = await desk_of(at.clock, at.service, at.answers, at.records)
    await platform.log_in()
    assert b'"Ret":4001' in (await platform.post(Kind.QUERY_STATIONS, raw)).body
    assert b'"Ret":0' in (await platform.post(Kind.QUERY_STATIONS, platform.sealed({"PageNo": 1}))).body


async def test_what_is_remembered_of_envelopes_ends_with_their_window(at: World, platform: Caller) -> None:
    for _ in range(20):
        await platform.call(Kind.QUERY_STATIONS, {"PageNo": 1})
        at.clock.advance(60)
    assert len(await at.records.seen(at.clock.now() - timedelta(days=1))) <= 7


async def test_nothing_is_answered_while_it_cannot_be_remembered(at: World, platform: Caller) -> None:
    async def away(taken: object) -> None:
        raise StoreUnavailable("away")

    at.desk._keep = away
    assert (await platform.call(Kind.QUERY_STATIONS, {"PageNo": 1}))[0].ret == 500


async def test_all_sites_and_then_only_those_that_changed(at: World, platform: Caller) -> None:
    whole = await platform.ask(Kind.QUERY_STATIONS, {"LastQueryTime": ""})
    assert (whole["PageNo"], whole["PageCount"], whole["ItemSize"]) == (1, 1, 2)
    assert [site["StationName"] for site in whole["StationInfos"]] == ["日照站", "青岛站"]
    at.clock.advance(60)
    now = at.clock.now().astimezone(platform.partner.profile.zone).strftime("%Y-%m-%d %H:%M:%S")
    nothing = await platform.ask(Kind.QUERY_STATIONS, {"LastQueryTime": now})
    assert (nothing["ItemSize"], nothing["PageCount"], nothing["StationInfos"]) == (0, 0, [])
    at.clock.advance(60)
    await at.station("CP-3", "2")
    await at.feed.reconcile()
    changed = await platform.ask(Kind.QUERY_STATIONS, {"LastQueryTime": now})
    assert [site["StationName"] for site in changed["StationInfos"]] == ["青岛站"]
    assert len(changed["StationInfos"][0]["EquipmentInfos"]) == 2


async def test_pages(platform: Caller) -> None:
    first = await platform.ask(Kind.QUERY_STATIONS, {"PageNo": 1, "PageSize": 1})
    second = await platform.ask(Kind.QUERY_STATIONS, {"PageNo": 2, "PageSize": 1})
    beyond = await platform.ask(Kind.QUERY_STATIONS, {"PageNo": 3, "PageSize": 1})
    assert [page["ItemSize"] for page in (first, second, beyond)] == [1, 1, 0]
    assert {page["PageCount"] for page in (first, second, beyond)} == {2}
    assert first["StationInfos"] != second["StationInfos"]


async def test_states_of_stations(at: World, platform: Caller) -> None:
    station = at.service.names["p"].station("1")
    answer = await platform.ask(Kind.QUERY_STATUS, {"StationIDs": [station, "404", station]})
    assert answer["Total"] == 1
    (plug,) = answer["StationStatusInfos"][0]["ConnectorStatusInfos"]
    assert (plug["ConnectorID"], plug["Status"]) == (at.connector("CP-1"), 2)


async def test_statistics_add_up(at: World, platform: Caller) -> None:
    for energy_wh in (10_004.0, 10_004.0):
        transaction = await at.begin("CP-1")
        at.clock.advance(600)
        await at.end("CP-1", transaction, 1000 + energy_wh, StopReason.LOCAL)
    day = at.clock.now().astimezone(platform.partner.profile.zone).date().isoformat()
    query = {"StationID": at.service.names["p"].station("1"), "StartTime": day, "EndTime": day}
    stats = (await platform.ask(Kind.QUERY_STATS, query))["StationStats"]
    assert stats["StationElectricity"] == 20.0
    (pile,) = stats["EquipmentStatsInfos"]
    assert (pile["EquipmentElectricity"], pile["ConnectorStatsInfos"][0]["ConnectorElectricity"]) == (20.0, 20.0)
    assert (await platform.call(Kind.QUERY_STATS, query | {"EndTime": "2020-01-01"}))[0].ret == 4004
    assert (await platform.call(Kind.QUERY_STATS, query | {"StationID": "404"}))[0].ret == 4004


async def test_may_a_connector_begin(at: World, platform: Caller) -> None:
    async def fault(connector: str) -> int:
        answer = await platform.ask(Kind.QUERY_AUTH, {"EquipAuthSeq": SEQ, "ConnectorID": connector})
        assert answer["SuccStat"] == (1 if answer["FailReason"] else 0)
        return int(answer["FailReason"])

    assert await fault(at.connector("CP-1")) == 0
    assert await fault("404") == 1
    await at.begin("CP-1")
    assert await fault(at.connector("CP-1")) == 5
    await at.stations.disconnected("CP-2", at.links["CP-2"])
    assert await fault(at.connector("CP-2")) == 2


async def test_prices_of_the_day(at: World, platform: Caller) -> None:
    answer = await platform.ask(Kind.QUERY_POLICY, {"EquipBizSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    (policy,) = answer["PolicyInfos"]
    assert {name: str(value) for name, value in policy.items()} == {
        "StartTime": "000000",
        "ElecPrice": "0.66",
        "SevicePrice": "0.4",
    }
    assert answer["SumPeriod"] == 1
    unknown = await platform.ask(Kind.QUERY_POLICY, {"EquipBizSeq": SEQ, "ConnectorID": "404"})
    assert (unknown["SuccStat"], unknown["FailReason"], unknown["SumPeriod"]) == (1, 1, 0)


def started_token(at: World) -> str:
    (asked,) = [one for one in at.links["CP-1"].asked if isinstance(one, RemoteStart)]
    return asked.id_token


async def test_a_partner_starts_follows_and_stops_a_session(at: World, platform: Caller) -> None:
    connector = at.connector("CP-1")
    wish = {"StartChargeSeq": SEQ, "ConnectorID": connector, "QRCode": ""}
    begun = await platform.ask(Kind.QUERY_START, wish)
    assert (begun["StartChargeSeqStat"], begun["SuccStat"]) == (1, 0)
    await settle(at)
    transaction = await at.begin("CP-1", started_token(at))
    await at.feed.work_off()
    (told,) = at.rows(Kind.START_RESULT)
    assert (told["StartChargeSeq"], told["StartChargeSeqStat"], told["ConnectorID"]) == (SEQ, 2, connector)
    at.clock.advance(60)
    await at.meter("CP-1", transaction, 2000)
    running = await platform.ask(Kind.QUERY_CHARGE, {"StartChargeSeq": SEQ})
    assert (running["StartChargeSeqStat"], running["TotalPower"], running["VoltageA"]) == (2, 1.0, 230.0)
    ending = await platform.ask(Kind.QUERY_STOP, {"StartChargeSeq": SEQ, "ConnectorID": connector})
    assert (ending["StartChargeSeqStat"], ending["SuccStat"]) == (3, 0)
    await settle(at)
    assert [one for one in at.links["CP-1"].asked if isinstance(one, RemoteStop)]
    await at.end("CP-1", transaction, 6000, StopReason.REMOTE)
    await at.feed.work_off()
    (stopped,) = at.rows(Kind.STOP_RESULT)
    assert (stopped["StartChargeSeqStat"], stopped["SuccStat"]) == (4, 0)
    (order,) = at.rows(Kind.CHARGE_ORDER)
    assert (order["StartChargeSeq"], order["TotalPower"], order["StopReason"]) == (SEQ, 5.0, 1)
    over = await platform.ask(Kind.QUERY_CHARGE, {"StartChargeSeq": SEQ})
    assert over["StartChargeSeqStat"] == 4
    again = await platform.ask(Kind.QUERY_STOP, {"StartChargeSeq": SEQ, "ConnectorID": connector})
    assert (again["SuccStat"], again["FailReason"]) == (1, 3)


async def test_the_same_wish_twice_is_one_start(at: World, platform: Caller) -> None:
    wish = {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1"), "QRCode": ""}
    for _ in range(3):
        assert (await platform.ask(Kind.QUERY_START, wish))["SuccStat"] == 0
        await settle(at)
    assert len(at.links["CP-1"].asked) == 1
    other = await platform.ask(Kind.QUERY_START, wish | {"ConnectorID": at.connector("CP-2")})
    assert other["SuccStat"] == 1


async def test_wishes_at_the_same_time_are_kept_apart(at: World) -> None:
    (evse,) = at.stations.stations["CP-1"].evses.values()
    place, name = ConnectorRef(evse.ref.station_id, evse.ref.evse_id, 1), at.connector("CP-1")
    other = f"{SEQ[:-1]}9"
    await asyncio.gather(*(at.starts.start("p", number, place, name) for number in (SEQ, other, SEQ)))
    await settle(at)
    asked = [one.remote_start_id for one in at.links["CP-1"].asked if isinstance(one, RemoteStart)]
    assert len(asked) == len(set(asked)) == 2


@pytest.mark.parametrize(
    ("answer", "fault"), [(CommandResult("Rejected"), 3), (StationOffline("gone"), 2)], ids=["refused", "offline"]
)
async def test_a_start_that_fails_is_told(
    at: World, platform: Caller, answer: CommandResult | Exception, fault: int
) -> None:
    at.links["CP-1"].answer = answer
    await platform.ask(Kind.QUERY_START, {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    await settle(at)
    (told,) = at.rows(Kind.START_RESULT)
    assert told["StartChargeSeqStat"] == 4
    row = await at.starts.find("p", SEQ)
    assert row is not None
    assert row.fail_reason == fault


async def test_a_start_that_nothing_follows_ends_with_its_time(at: World, platform: Caller) -> None:
    await platform.ask(Kind.QUERY_START, {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    await settle(at)
    assert at.rows(Kind.START_RESULT) == []
    at.clock.advance(301)
    await at.feed.work_off()
    assert [row["StartChargeSeqStat"] for row in at.rows(Kind.START_RESULT)] == [4]


async def test_starts_are_known_after_a_restart(at: World, platform: Caller) -> None:
    await platform.ask(Kind.QUERY_START, {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    await settle(at)
    at.starts._rows.clear()
    at.starts._by_start.clear()
    at.service.starts["p"].clear()
    await at.starts.restore()
    await at.begin("CP-1", started_token(at))
    await at.feed.work_off()
    assert [row["StartChargeSeqStat"] for row in at.rows(Kind.START_RESULT)] == [2]


async def test_a_partner_sees_its_stations_and_no_others(tmp_path: Path) -> None:
    clock = ManualClock()
    bound = partner_of(clock, access=Access(stations=("CP-1*",)))
    async with world(tmp_path, bound, clock=clock) as at:
        await at.station("CP-1")
        await at.station("CP-2", "1")
        await at.feed.work_off()
        platform = await at.caller()
        (site,) = (await platform.ask(Kind.QUERY_STATIONS, {}))["StationInfos"]
        assert [pile["EquipmentName"] for pile in site["EquipmentInfos"]] == ["CP-1"]
        unseen = at.connector("CP-2")
        answer = await platform.ask(Kind.QUERY_AUTH, {"EquipAuthSeq": SEQ, "ConnectorID": unseen})
        assert answer["FailReason"] == 1
        assert {row["ConnectorStatusInfo"]["ConnectorID"] for row in at.rows(Kind.STATION_STATUS)} == {
            at.connector("CP-1")
        }
        transaction = await at.begin("CP-2")
        await at.end("CP-2", transaction, 5000, StopReason.LOCAL)
        await at.feed.work_off()
        assert at.rows(Kind.CHARGE_ORDER) == []
        refused, _ = await platform.call(Kind.QUERY_START, {"StartChargeSeq": SEQ, "ConnectorID": unseen})
        assert refused.ret == 4005


async def test_a_partner_that_asks_too_often_is_told_to_come_later(tmp_path: Path) -> None:
    clock = ManualClock()
    async with world(tmp_path, partner_of(clock, access=Access(calls_per_s=1, calls_burst=3)), clock=clock) as at:
        platform = await at.caller()
        assert [(await platform.call(Kind.QUERY_STATIONS, {}))[0].ret for _ in range(3)] == [0, 0, -1]
        clock.advance(5)
        assert (await platform.call(Kind.QUERY_STATIONS, {}))[0].ret == 0


@pytest.mark.parametrize("profile", ["tcec102-2016", "city-2019", "supervision-2023", "shandong", "gbt44130"])
async def test_every_answer_fits_the_profile(tmp_path: Path, profile: str) -> None:
    clock = ManualClock()
    async with world(tmp_path, partner_of(clock, profile=profile), clock=clock) as at:
        await at.station("CP-1")
        await at.feed.work_off()
        transaction = await at.begin("CP-1")
        clock.advance(60)
        await at.meter("CP-1", transaction, 2000)
        await at.feed.work_off()
        names, day = at.service.names["p"], clock.now().date().isoformat()
        session = at.stations.stations["CP-1"].evses[1].session
        assert session is not None
        number, connector = names.order(session.session_id, session.started_at), at.connector("CP-1")
        queries = {
            Kind.QUERY_STATUS: {"StationIDs": [names.station("1")]},
            Kind.QUERY_STATS: {"StationID": names.station("1"), "StartTime": day, "EndTime": day},
            Kind.QUERY_AUTH: {"EquipAuthSeq": SEQ, "ConnectorID": connector},
            Kind.QUERY_POLICY: {"EquipBizSeq": SEQ, "ConnectorID": connector},
            Kind.QUERY_START: {"StartChargeSeq": SEQ, "ConnectorID": connector},
            Kind.QUERY_CHARGE: {"StartChargeSeq": number},
            Kind.QUERY_STOP: {"StartChargeSeq": SEQ, "ConnectorID": connector},
        }
        platform = await at.caller()
        asked = [kind for kind in QUERIES if platform.partner.profile.hosts(kind)]
        for kind in asked:
            answer = await platform.ask(kind, queries.get(kind, {}))
            reply = platform.partner.profile.interfaces[kind].reply
            assert list(check(platform.partner.profile, reply, answer, "")) == [], kind
        assert len(asked) >= 3


async def test_a_fault_of_ours_is_500_and_not_an_exception(at: World, platform: Caller) -> None:
    async def broken(*_: object) -> dict[str, object]:
        raise RuntimeError("a bug")

    at.desk._answers._by_kind[Kind.QUERY_STATIONS] = broken
    assert (await platform.call(Kind.QUERY_STATIONS, {}))[0].ret == 500


async def test_old_envelopes_and_those_from_the_future(at: World, platform: Caller) -> None:
    for minutes, ret in ((-6, 4001), (-4, 0), (4, 0), (6, 4001)):
        ahead = ManualClock(at.clock.now() + timedelta(minutes=minutes))
        platform.stamps = type(platform.stamps)(ahead)
        assert (await platform.call(Kind.QUERY_STATIONS, {}))[0].ret == ret
