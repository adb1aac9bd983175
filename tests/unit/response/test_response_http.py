"""Events over HTTP on a real store: who may say what and when, what it becomes, what it comes to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.access import Role
from csms.model.clock import ManualClock
from csms.response.figures import BaselineRule
from csms.response.offers import OfferRule
from csms.response.rules import Party
from csms.response.service import NOT_DISPATCHED, ResponseRules
from csms.response.words import Refused
from csms.response.work import NOT_EVALUATED, SETTLE, TRY_FOR
from csms.store import changes
from csms.store.engine import open_store
from csms.store.response_tables import ResponseRow
from csms.store.security_tables import Alert
from tests.support.access import bearer, token_for
from tests.support.response import INVITATION, NOW, QUARTER, START, URL, Desk

HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    found = Desk(store, clock)
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


async def operator(desk: Desk, feeder_id: str = "T1", name: str = "north") -> dict[str, str]:
    return bearer(await token_for(desk.guard, Role.GRID_OPERATOR, name, [feeder_id]))


async def code(desk: Desk, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> str:
    answer = await desk.http.request(method, path, json=body, headers=headers)
    return str(answer.json().get("code", answer.status_code))


async def test_from_the_invitation_to_the_pay(desk: Desk) -> None:
    await desk.history()
    north = await operator(desk)
    told = await desk.http.put(URL, json=INVITATION, headers=north)
    assert (told.status_code, told.json()["status"], told.json()["level"]) == (202, "11", "003")
    assert told.json()["source"] == "grid:north"
    assert (await desk.put("/bid", power_kw=18, price=1.2))["status"] == "21"
    assert (await desk.put("/bid", power_kw=20, price=1.4))["bid"]["power_kw"] == 20, "a bid may be replaced"
    cleared = await desk.http.put(URL + "/clearing", json={"accepted": True, "price": 1.45}, headers=north)
    assert cleared.json()["status"] == "22"
    assert cleared.json()["dispatch"]["caps_kw"] == [[START.isoformat(), 80.0]]
    assert desk.limits.cap_w("T1", START) == 80_000
    assert desk.limits.cap_w("T1", START - QUARTER) is None
    assert desk.limits.cap_w("T1", START + HOUR) is None
    desk.at(START)
    assert (await desk.http.get(URL)).json()["status"] == "24"
    await desk.seen(START, [80_000, 79_000, 81_000, 80_000])
    desk.at(START + HOUR + SETTLE)
    await desk.work.look()
    shown = (await desk.http.get(URL, headers=north)).json()
    assert shown["status"] == "25"
    (record,) = shown["evaluations"]
    assert (record["ratio"], record["credited_kwh"], record["pay"]) == pytest.approx((1.0, 20.0, 29.0))
    assert (record["invited_kw"], record["replied_kw"], record["cleared_kw"], record["confirmed_kw"]) == (20,) * 4
    assert record["baseline_kw"] == {"max": 100, "min": 100, "avg": 100}
    assert len(record["days"]) == 5
    said = [(row["action"], row["result"].get("code")) for row in await desk.records()]
    assert said == [("invite", ""), ("bid", ""), ("bid", ""), ("clear", ""), ("dispatch", ""), ("evaluate", None)]
    assert [row["on"]["event"] for row in await desk.records()] == ["E1"] * 6


async def test_the_same_word_again_changes_nothing_and_another_one_is_refused(desk: Desk) -> None:
    await desk.history()
    await desk.put(**INVITATION)
    desk.clock.advance(60)
    assert (await desk.put(**INVITATION))["received_at"] == NOW.isoformat()
    assert await code(desk, "PUT", URL, INVITATION | {"target_kw": 21}) == "event_known"
    await desk.put("/bid", power_kw=20, price=1.5)
    await desk.put("/clearing", accepted=True)
    assert (await desk.put("/clearing", accepted=True))["status"] == "22"
    assert await code(desk, "PUT", URL + "/clearing", {"accepted": False}) == "already_cleared"
    assert await code(desk, "PUT", URL + "/bid", {"power_kw": 1, "price": 1}) == "already_cleared"
    assert len(await desk.store.reader.limits("T1")) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"feeder": "T9"}, "unknown_feeder"),
        ({"target_kw": -5}, "malformed"),
        ({"target_kw": "20"}, "malformed"),
        ({"price": None}, "malformed"),
        ({"surprise": 1}, "malformed"),
        ({"type": "swap"}, "malformed"),
        ({"start": "2026-07-14T19:00:00"}, "malformed"),
        ({"start": (START + timedelta(minutes=1)).isoformat()}, "not_on_quarter_hour"),
        ({"end": START.isoformat()}, "window_order"),
        ({"end": (START + timedelta(days=2)).isoformat()}, "window_order"),
        ({"start": "2026-07-12T11:00:00Z", "end": "2026-07-12T12:00:00Z"}, "window_past"),
        ({"start": "2028-07-12T11:00:00Z", "end": "2028-07-12T12:00:00Z"}, "beyond_horizon"),
        ({"reply_by": (START + 2 * HOUR).isoformat()}, "reply_late"),
        ({"reply_by": (NOW - HOUR).isoformat()}, "reply_late"),
    ],
)
async def test_invitations_that_are_refused(desk: Desk, changed: dict[str, object], expected: str) -> None:
    assert await code(desk, "PUT", URL, INVITATION | changed) == expected
    assert await desk.store.reader.find(ResponseRow) == []
    (record,) = await desk.records()
    assert record["result"] == {"accepted": False, "code": expected}


async def test_what_is_no_json_is_recorded_too(desk: Desk) -> None:
    answer = await desk.http.put(URL, content=b'{"feeder": NaN}')
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert (await desk.http.put(URL, content=b" " * 70_000)).status_code == 413
    assert len(await desk.records()) == 1


async def test_bids_that_are_refused(desk: Desk) -> None:
    bid = URL + "/bid"
    assert await code(desk, "PUT", bid, {"power_kw": 5, "price": 1}) == "unknown_event"
    await desk.put(**(INVITATION | {"reply_by": (NOW + HOUR).isoformat()}))
    assert await code(desk, "PUT", bid, {"power_kw": 5, "price": 1}) == "too_few_days"
    await desk.history()
    assert await code(desk, "PUT", bid, {"power_kw": 21, "price": 1}) == "above_invited"
    assert await code(desk, "PUT", bid, {"power_kw": 20, "price": 1.6}) == "above_invited"
    assert await code(desk, "PUT", bid, {"power_kw": 20}) == "malformed"
    assert await code(desk, "PUT", URL + "/clearing", {"accepted": True}) == "no_bid"
    desk.at(NOW + 2 * HOUR)
    assert await code(desk, "PUT", bid, {"power_kw": 20, "price": 1}) == "reply_late"


async def test_a_bid_may_be_taken_back_until_it_is_cleared(desk: Desk) -> None:
    await desk.history()
    await desk.put(**INVITATION)
    await desk.put("/bid", power_kw=20, price=1.5)
    assert (await desk.http.delete(URL + "/bid")).json()["status"] == "11"
    assert (await desk.http.delete(URL + "/bid")).status_code == 202
    assert await code(desk, "PUT", URL + "/clearing", {"accepted": True}) == "no_bid"
    await desk.put("/bid", power_kw=20, price=1.5)
    await desk.put("/clearing", accepted=True)
    assert await code(desk, "DELETE", URL + "/bid") == "already_cleared"


async def test_the_two_hours_before_a_notice_adjust_the_baseline(tmp_path: Path) -> None:
    """Load was 12 kW above the usual this morning, so it is taken to be in the evening; never by more than a fifth."""
    told_at = datetime(2026, 7, 14, 3, tzinfo=UTC)
    clock = ManualClock(told_at)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    desk = Desk(store, clock, baselines=BaselineRule(adjust=True))
    desk.http.headers.update(bearer(await token_for(desk.guard)))
    morning = told_at - 2 * HOUR
    await desk.history()
    await desk.history(50_000, start=morning, slots=8)
    await desk.seen(morning, [62_000] * 8)
    await desk.put(**(INVITATION | {"notice": "intraday"}))
    found = (await desk.http.get(URL + "/baseline")).json()
    assert (found["adjusted_kw"], found["rows"][0]["baseline_kw"]) == (12, 112)
    await desk.seen(morning, [99_000] * 8)
    assert (await desk.http.get(URL + "/baseline")).json()["adjusted_kw"] == 20
    await desk.http.aclose()
    await store.close()


async def test_an_event_of_a_feeder_that_is_gone(desk: Desk) -> None:
    await desk.history_of("T1a")
    await desk.put(**(INVITATION | {"feeder": "T1a"}))
    await desk.put("/bid", power_kw=20, price=1.5)
    kept = [one for one in desk.tree.feeders if one.id != "T1a"]
    desk.tree.replace(kept, NOW, timedelta(0))
    told = await desk.put("/clearing", accepted=True)
    assert told["dispatch"]["code"] == "unknown_feeder"
    await desk.work.look()
    assert await code(desk, "GET", URL + "/offer") == "unknown_feeder"
    desk.at(START + HOUR)
    await desk.seen(START, [80_000] * 4, "T1a")
    assert (await desk.http.post(URL + "/evaluations")).json()["ratio"] == pytest.approx(1.0)


async def test_too_few_days_are_told_with_their_number(desk: Desk) -> None:
    await desk.history(days=6)
    await desk.put(**INVITATION)
    found = (await desk.http.get(URL + "/baseline")).json()
    assert (found["known"], found["days_needed"], found["days_found"]) == (False, 10, 3)
    other = (await desk.http.get(URL + "/baseline", params={"method": "mean5"})).json()
    assert (other["known"], other["days_found"]) == (False, 3)
    await desk.history(days=9)
    assert (await desk.http.get(URL + "/baseline", params={"method": "mean5"})).json()["known"]
    assert (await desk.http.get(URL + "/report")).json()["rows"] == []


async def test_a_grid_operator_hears_of_its_feeders_alone(desk: Desk) -> None:
    await desk.history()
    await desk.put(**INVITATION)
    south, north = await operator(desk, "T2", "south"), await operator(desk)
    assert await code(desk, "GET", URL, headers=south) == "unknown_event"
    assert await code(desk, "PUT", URL + "x", INVITATION, south) == "not_authorised"
    assert (await desk.http.get("/api/v1/response-events", headers=south)).json()["events"] == []
    assert len((await desk.http.get("/api/v1/response-events", headers=north)).json()["events"]) == 1
    assert await code(desk, "DELETE", URL, headers=north) == "not_authorised", "the house sent it"
    assert await code(desk, "PUT", URL + "/bid", {"power_kw": 5, "price": 1}, north) == "not_authorised"
    viewer = bearer(await token_for(desk.guard, Role.VIEWER))
    assert (await desk.http.get(URL, headers=viewer)).status_code == 200
    assert await code(desk, "DELETE", URL, headers=viewer) == "not_authorised"


async def test_who_was_not_taken_is_left_alone(desk: Desk) -> None:
    await desk.history()
    await desk.put(**INVITATION)
    await desk.put("/bid", power_kw=20, price=1.5)
    assert (await desk.put("/clearing", accepted=False))["status"] == "23"
    assert await desk.store.reader.limits("T1") == []
    desk.at(START + HOUR)
    assert await code(desk, "POST", URL + "/evaluations") == "not_taken"


async def test_cancelling_takes_the_limit_back(desk: Desk) -> None:
    await desk.history()
    await desk.taken()
    answer = await desk.http.delete(URL)
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert (await desk.http.delete(URL)).status_code == 202
    assert desk.limits.cap_w("T1", START) is None
    desk.at(START)
    await desk.work.look()
    assert desk.limits.cap_w("T1", START) is None
    assert await code(desk, "PUT", URL + "/bid", {"power_kw": 5, "price": 1}) == "cancelled"


async def test_floors_and_the_contract_stay_and_the_rest_is_told(desk: Desk) -> None:
    await desk.history(40_000)
    told = (await desk.taken())["dispatch"]
    assert (told["caps_kw"][0][1], told["short_kw"]) == (30, 10), "30 kW are agreed as lowest cap"
    assert desk.limits.cap_w("T1", START) == 30_000


async def test_the_lowest_limit_still_counts(desk: Desk) -> None:
    await desk.history()
    await desk.taken()
    assert desk.limits.cap_w("T1", START) == 80_000
    from csms.grid.peer import Peer

    other = await desk.limits.submit(b'{"version": 1, "value_w": 50000}', Peer("grid:north"), "T1", "L1")
    assert other.accepted
    assert desk.limits.cap_w("T1", START) == 50_000


async def test_an_event_of_minutes_waits_for_the_load_before_it(desk: Desk) -> None:
    start = NOW + HOUR
    asked = {"notice": "minute", "start": start.isoformat(), "end": (start + HOUR).isoformat()}
    assert (await desk.taken(**asked))["dispatch"] is None
    desk.at(start)
    await desk.seen(start - QUARTER, [90_000])
    await desk.work.look()
    assert desk.limits.cap_w("T1", start) == 70_000
    assert (await desk.http.get(URL)).json()["dispatch"]["method"] == "pre15min"


async def test_a_load_that_stays_unknown_is_an_alert(desk: Desk) -> None:
    start = NOW + HOUR
    await desk.taken(notice="minute", start=start.isoformat(), end=(start + HOUR).isoformat())
    desk.at(start + QUARTER)
    for _ in range(2):
        await desk.work.look()
    (alert,) = await desk.store.reader.find(Alert)
    assert (alert.kind, alert.count) == (NOT_DISPATCHED, 1)
    assert (await desk.http.get(URL)).json()["dispatch"]["code"] == "too_few_days"
    assert desk.limits.cap_w("T1", start + QUARTER) is None


async def test_one_load_is_not_sold_twice(desk: Desk) -> None:
    await desk.history()
    await desk.put(**INVITATION)
    await desk.put("/bid", power_kw=20, price=1.5)
    second = URL.replace("E1", "E2")
    assert (await desk.http.put(second, json=INVITATION | {"feeder": "T1a"})).status_code == 202
    await desk.history_of("T1a")
    assert await code(desk, "PUT", second + "/bid", {"power_kw": 5, "price": 1}) == "event_overlaps"
    await desk.put("/clearing", accepted=False)
    assert await code(desk, "PUT", second + "/bid", {"power_kw": 5, "price": 1}) == "202"


async def test_an_earlier_event_day_is_no_usual_day(desk: Desk) -> None:
    await desk.history()
    first = START - timedelta(days=1)
    await desk.taken(start=first.isoformat(), end=(first + HOUR).isoformat())
    second = START + timedelta(days=1)
    other = URL.replace("E1", "E2")
    desk.at(START - HOUR)
    body = INVITATION | {"start": second.isoformat(), "end": (second + HOUR).isoformat()}
    assert (await desk.http.put(other, json=body)).status_code == 202
    await desk.seen(first, [10_000] * 4)
    found = (await desk.http.get(other + "/baseline", params={"method": "mean5"})).json()
    assert first.date().isoformat() not in [*found["days"], *found["passed"]]
    assert found["rows"][0]["baseline_kw"] == 100


async def test_automatic_bids(desk: Desk) -> None:
    await desk.history(64_000)
    await desk.put(**INVITATION)
    offer = (await desk.http.get(URL + "/offer")).json()
    assert (offer["usual_kw"], offer["power_kw"], offer["why_not"]) == (34, 17, ""), "half of 64 - 30"
    told = await desk.put("/bid", automatic=True)
    assert (told["bid"]["power_kw"], told["bid"]["automatic"]) == (17, True)
    desk.cars.cars = (9_000.0, 1.1)
    told = await desk.put("/bid", automatic=True)
    assert (told["bid"]["power_kw"], told["bid"]["price"]) == (9, 1.5), "cars can do less; the price is that invited"
    desk.cars.cars = (9_000.0, 1.6)
    assert await code(desk, "PUT", URL + "/bid", {"automatic": True}) == "too_cheap"
    desk.cars.cars = (500.0, 0.0)
    assert await code(desk, "PUT", URL + "/bid", {"automatic": True}) == "too_little"


async def test_a_house_that_bids_by_itself(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    desk = Desk(store, clock, ResponseRules(automatic=True, offer=OfferRule(share=1.0, price_min=0.8)))
    desk.http.headers.update(bearer(await token_for(desk.guard)))
    assert (await desk.put(**INVITATION))["bid"] is None, "nothing is known of its load"
    await desk.history()
    told = await desk.put(**INVITATION)
    assert (told["bid"]["power_kw"], told["bid"]["price"], told["status"]) == (20, 0.8, "21")
    assert (await desk.records())[-1]["who"]["name"] == "csms"
    await desk.http.aclose()
    await store.close()


async def test_appeals_leave_the_old_figures(desk: Desk) -> None:
    await desk.history()
    await desk.taken()
    appeals = URL + "/appeals"
    assert await code(desk, "POST", appeals, {"reason": 2}) == "not_evaluated"
    assert await code(desk, "POST", URL + "/evaluations") == "not_over"
    desk.at(START + HOUR)
    assert await code(desk, "POST", URL + "/evaluations") == "not_metered"
    await desk.seen(START, [85_000] * 4)
    assert (await desk.http.post(URL + "/evaluations")).json()["ratio"] == pytest.approx(0.75)
    assert await code(desk, "POST", appeals, {"reason": 4}) == "malformed"
    assert (await desk.http.post(appeals, json={"reason": 2, "note": "too low"})).json()["number"] == 1
    assert await code(desk, "POST", appeals, {"reason": 3}) == "appeal_open"
    await desk.history(104_000)
    answer = await desk.http.put(appeals + "/1", json={"upheld": True, "method": "mean10trim", "note": "indeed"})
    assert (answer.status_code, answer.json()["upheld"]) == (200, True)
    assert await code(desk, "PUT", appeals + "/1", {"upheld": False}) == "appeal_answered"
    assert await code(desk, "PUT", appeals + "/7", {"upheld": False}) == "unknown_appeal"
    shown = (await desk.http.get(URL)).json()
    assert [(row["number"], row["cause"], row["method"]) for row in shown["evaluations"]] == [
        (1, "asked", "high5of10"),
        (2, "appeal", "mean10trim"),
    ]
    assert [row["ratio"] for row in shown["evaluations"]] == pytest.approx([0.75, 0.95])
    assert shown["appeals"][0]["answer"] == "indeed"


async def test_reports_go_back_by_the_channel_an_event_came_by(desk: Desk) -> None:
    await desk.history()
    body = json.dumps(INVITATION).encode()
    await desk.service.invite(body, Party("grid:north", "told", "north", feeders=frozenset({"T1"})), "E1")
    desk.drawn_w = 70_000
    for _ in range(2):
        await desk.work.look()
    assert [report["status"] for report in desk.reports] == ["11"]
    await desk.put("/bid", power_kw=20, price=1.5)
    await desk.put("/clearing", accepted=True)
    for _ in range(2):
        await desk.work.look()
    assert [report["status"] for report in desk.reports] == ["11", "22"]
    desk.at(START + QUARTER)
    await desk.seen(START, [81_000])
    for _ in range(2):
        await desk.work.look()
    report = desk.reports[-1]
    assert [one["adjustment_kw"] for one in report["rows"]] == [-19, None, None, None]
    assert report["evaluation"] is None
    await desk.seen(START, [80_000] * 4)
    desk.at(START + HOUR + SETTLE)
    for _ in range(2):
        await desk.work.look()
    assert desk.reports[-1]["evaluation"]["ratio"] == pytest.approx(1.0)
    assert len(desk.reports) == 4


async def test_a_report_that_was_not_taken_goes_again(desk: Desk) -> None:
    body = json.dumps(INVITATION).encode()
    await desk.service.invite(body, Party("grid:north", "told", "north"), "E1")
    desk.away = True
    await desk.work.look()
    desk.away = False
    assert desk.reports == []
    await desk.work.look()
    assert len(desk.reports) == 1


async def test_what_is_done_is_not_done_again_and_again(desk: Desk) -> None:
    await desk.history()
    await desk.taken()
    await desk.http.delete(URL)
    for _ in range(3):
        await desk.work.look()
    limits = [(row["action"], row["result"]["code"]) for row in await desk.records("limit")]
    assert limits == [("set limit", ""), ("cancel limit", "")]


async def test_an_event_that_was_not_metered_is_tried_each_quarter_hour_and_told_at_last(desk: Desk) -> None:
    await desk.history()
    await desk.taken()
    desk.drawn_w = 70_000
    asked = 0

    async def of(*about: object) -> None:
        nonlocal asked
        asked += 1
        raise Refused("not_metered", "a quarter-hour is not known")

    desk.service.settling.evaluate = of  # type: ignore[assignment,method-assign]
    desk.at(START + HOUR + SETTLE)
    for _ in range(5):
        await desk.work.look()
    assert asked == 1
    desk.clock.advance(900)
    await desk.work.look()
    assert asked == 2
    desk.at(START + HOUR + TRY_FOR - QUARTER / 2)
    await desk.work.look()
    (alert,) = await desk.store.reader.find(Alert)
    assert alert.kind == NOT_EVALUATED


async def test_a_fault_about_one_event_holds_up_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.history()
    await desk.taken()
    (row,) = await desk.store.reader.find(ResponseRow)
    row.id, row.content["invitation"]["id"] = "E0", "E0"
    await desk.store.writer.commit([changes.put_row(row)])
    await desk.seen(START, [80_000] * 4)
    desk.at(START + HOUR + SETTLE)
    evaluate = desk.service.settling.evaluate

    async def faulty(party: Party, event_id: str, *more: Any) -> Any:
        if event_id == "E0":
            raise RuntimeError("a mistake of ours")
        return await evaluate(party, event_id, *more)

    desk.service.settling.evaluate = faulty  # type: ignore[assignment,method-assign]
    await desk.work.look()
    assert len((await desk.http.get(URL)).json()["evaluations"]) == 1
    assert [record.message for record in caplog.records if record.exc_info] == ["response_failed"]


async def test_what_this_server_sees_becomes_history(desk: Desk) -> None:
    desk.drawn_w = 33_000
    await desk.work.look()
    desk.clock.advance(900)
    await desk.work.look()
    (row,) = await desk.store.reader.feeder_loads(["T1"], NOW, NOW + HOUR)
    assert (row.base_w, row.charging_w, row.looks) == (10_000, 33_000, 1)
