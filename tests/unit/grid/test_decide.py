"""Every reject code of the one decision, and what is accepted (grid-limits A2, A5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.book import LimitBook
from csms.grid.decide import OPEN_END, Decision, Known, decide, decide_cancel
from csms.grid.peer import Peer, SourceRule
from csms.model.limit import Direction

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000)])
HOUSE = Peer("http")
AGREED = SourceRule("http")


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


def body(**changes: Any) -> bytes:
    statement: dict[str, Any] = {"version": 1, "value_w": 150_000} | changes
    return json.dumps({name: value for name, value in statement.items() if value is not ...}).encode()


def judge(raw: bytes, book: LimitBook | None = None, feeder_id: str = "T1", limit_id: str = "L") -> Decision:
    return decide(raw, HOUSE, feeder_id, limit_id, known(book), NOW)


def known(book: LimitBook | None = None, rule: SourceRule = AGREED) -> Known:
    return Known((book or LimitBook()).get, TREE, rule)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed"),
        (b"[1]", "malformed"),
        (b"{", "malformed"),
        (b"\xff{}", "malformed"),
        (b'{"version": 1, "version": 2, "value_w": 1}', "malformed"),
        (b'{"version": 1, "value_w": NaN}', "malformed"),
        (b'{"version": 1, "value_w": Infinity}', "malformed"),
        (b'{"version": 1, "value_w": 1000000000000000000000}', "malformed"),
        (b'{"version": 1, "value_w": 1, "reason": "\\ud800"}', "malformed"),
        (b'{"version": 1, "value_w": ' + b"[" * 2000 + b"]" * 2000 + b"}", "malformed"),
        (body(reason={"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}), "malformed"),
        (b" " * 300_000, "malformed"),
        (body(version=0), "malformed"),
        (body(version=True), "malformed"),
        (body(version="1"), "malformed"),
        (body(version=...), "malformed"),
        (body(value_w=...), "malformed"),
        (body(value_w=None), "malformed"),
        (body(value_w=True), "malformed"),
        (body(valid_until="2026-01-05T09:00:00Z"), "malformed"),
        (body(valid_to="tomorrow"), "malformed"),
        (body(valid_to="2026-01-05T09:00:00"), "malformed"),
        (body(valid_to=17), "malformed"),
        (body(id="other"), "malformed"),
        (body(direction="sideways"), "malformed"),
        (body(direction=["import"]), "malformed"),
        (body(reason=7), "malformed"),
        (body(cancel="yes"), "malformed"),
        (body(value_w="150 kW"), "bad_unit"),
        (body(unit="kW"), "bad_unit"),
        (body(value_w=-1), "bad_sign"),
        (b'{"version": 1, "value_w": 1e999}', "not_finite"),
        (body(value_w=10**11), "not_finite"),
        (body(valid_from="2026-01-05T10:00:00Z", valid_to="2026-01-05T10:00:00Z"), "window_order"),
        (body(valid_to="2026-01-05T08:00:00Z", valid_from="2026-01-05T07:00:00Z"), "window_past"),
        (body(valid_from="2029-01-05T08:00:00Z"), "beyond_horizon"),
        (body(valid_to="2099-01-05T08:00:00Z"), "beyond_horizon"),
        (body(valid_from="9999-01-01T00:00:00Z"), "beyond_horizon"),
        (body(value_w=..., blocks=[{"start": "9999-12-31T23:59:59Z", "value_w": 90_000}]), "beyond_horizon"),
        (body(valid_to="0001-01-01T00:00:00Z"), "window_order"),
        (body(value_w=49_999), "below_floor"),
        (body(value_w=0), "below_floor"),
        (body(cancel=True), "unknown_limit"),
    ],
)
def test_refusals(raw: bytes, code: str) -> None:
    decision = judge(raw)
    assert (decision.accepted, decision.code, decision.limit) == (False, code, None)
    assert decision.text


def test_addresses() -> None:
    assert judge(body(), feeder_id="T9").code == "unknown_feeder"
    assert judge(body(), limit_id="").code == "malformed"
    assert judge(body(), limit_id="x" * 65).code == "malformed"


def test_left_out_times_mean_from_now_until_cancelled() -> None:
    limit = judge(body(value_w=150_000.9)).limit
    assert limit is not None
    assert (limit.power_w, limit.valid_from, limit.valid_to) == (150_000, NOW, NOW + OPEN_END)


def test_everything_the_console_writes_is_taken() -> None:
    raw = body(
        schema="csms.limit/1",
        id="L",
        issued_at=NOW.isoformat(),
        direction="import",
        valid_from=NOW.isoformat(),
        valid_to=hours(2).isoformat(),
        reason="peak",
        priority=0,
    )
    limit = judge(raw).limit
    assert limit is not None
    assert (limit.valid_to, limit.reason) == (hours(2), "peak")


@pytest.mark.req("GL-I10")
def test_the_same_version_again_is_the_same_answer_or_stale() -> None:
    first = judge(body(version=3)).limit
    assert first is not None
    book = LimitBook([first])
    again = judge(body(version=3), book)
    assert (again.accepted, again.repeated, again.limit) == (True, True, first)
    assert judge(body(version=3, value_w=160_000), book).code == "stale_version"
    assert judge(body(version=3, valid_to=hours(1).isoformat()), book).code == "stale_version"
    assert judge(body(version=2), book).code == "stale_version"
    assert judge(body(version=4), book).accepted


def test_cancelling() -> None:
    first = judge(body(version=3)).limit
    assert first is not None
    book = LimitBook([first])
    decision = decide_cancel(HOUSE, "T1", "L", known(book), NOW)
    assert decision.limit is not None
    assert (decision.limit.version, decision.limit.cancelled) == (3, True)
    book.put(decision.limit)
    assert book.cap_w("T1", NOW) is None
    assert decide_cancel(HOUSE, "T1", "L", known(book), NOW).repeated
    assert judge(body(version=3), book).code == "stale_version", "what was cancelled does not come back"
    assert judge(body(version=4), book).accepted, "the next number is the source's"
    assert decide_cancel(HOUSE, "T1", "M", known(book), NOW).code == "unknown_limit"
    assert decide_cancel(HOUSE, "T9", "L", known(book), NOW).code == "unknown_feeder"
    by_statement = judge(body(version=9, cancel=True, value_w=...), LimitBook([first]))
    assert by_statement.limit is not None
    assert by_statement.limit.cancelled


@pytest.mark.req("GL-A3")
def test_a_request_to_cancel_that_was_late_does_not_cancel_a_newer_version() -> None:
    first = judge(body(version=3)).limit
    assert first is not None
    seen = known(LimitBook([first]))
    codes = [decide_cancel(HOUSE, "T1", "L", seen, NOW, version).code for version in (2, 3, 4)]
    assert codes == ["stale_version", "", "unknown_limit"]


def test_a_newer_cancellation_of_what_is_cancelled_counts_so_that_older_versions_stay_out() -> None:
    first = judge(body(version=1)).limit
    assert first is not None
    book = LimitBook([first])
    for version in (2, 9):
        cancelled = judge(body(version=version, cancel=True, value_w=...), book).limit
        assert cancelled is not None
        book.put(cancelled)
    assert judge(body(version=5), book).code == "stale_version"


@pytest.mark.req("GL-A3")
def test_the_lowest_active_limit_counts_and_cancelling_falls_back_to_the_next() -> None:
    book = LimitBook()
    for limit_id, value_w, start in (("a", 200_000, NOW), ("b", 120_000, hours(1)), ("c", 150_000, NOW)):
        found = judge(
            body(value_w=value_w, valid_from=start.isoformat(), valid_to=hours(3).isoformat()), book, limit_id=limit_id
        )
        assert found.limit is not None
        book.put(found.limit)
    assert book.cap_w("T1", NOW) == 150_000
    assert book.cap_w("T1", hours(1)) == 120_000
    assert book.cap_w("T1", hours(3)) is None
    assert list(book.edges("T1", NOW, hours(3))) == [hours(1), hours(3)]
    assert [limit.limit_id for limit in book.known("T1", NOW)] == ["c", "a", "b"]
    cancelled = decide_cancel(HOUSE, "T1", "b", known(book), NOW).limit
    assert cancelled is not None
    book.put(cancelled)
    assert book.cap_w("T1", hours(1)) == 150_000
    assert TREE.cap_w("T1", book, hours(5)) == 400_000
    old = judge(body(version=1, value_w=60_000), limit_id="b").limit
    assert old is not None
    book.put(old)
    assert book.cap_w("T1", hours(1)) == 150_000


EVENING = [{"start": hours(1).isoformat(), "value_w": 120_000}, {"start": hours(2).isoformat(), "value_w": 90_000.5}]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (body(blocks=EVENING), "malformed"),  # value_w as well
        (body(value_w=..., blocks=[]), "malformed"),
        (body(value_w=..., blocks={}), "malformed"),
        (body(value_w=..., blocks=[1]), "malformed"),
        (body(value_w=..., blocks=[{"start": None, "value_w": 90_000}]), "malformed"),
        (body(value_w=..., blocks=[{"start": hours(1).isoformat(), "value_w": 90_000, "end": 1}]), "malformed"),
        (body(value_w=..., blocks=[{"start": hours(1).isoformat(), "value_w": "90"}]), "bad_unit"),
        (body(value_w=..., blocks=[{"start": hours(1).isoformat(), "value_w": -1}]), "bad_sign"),
        (body(value_w=..., blocks=EVENING[::-1]), "window_order"),
        (body(value_w=..., blocks=[EVENING[0], EVENING[0]]), "window_order"),
        (body(value_w=..., blocks=EVENING, valid_from=hours(1.5).isoformat()), "window_order"),
        (body(value_w=..., blocks=EVENING, valid_to=hours(2).isoformat()), "window_order"),
        (body(value_w=..., blocks=EVENING, valid_from=NOW.isoformat()), "window_order"),  # nothing said of an hour
        (body(value_w=..., blocks=EVENING * 501), "too_many_blocks"),
        (body(value_w=..., blocks=[{"start": hours(1).isoformat(), "value_w": 49_000}]), "below_floor"),
        (body(priority=-1), "malformed"),
        (body(priority=1.5), "malformed"),
        (body(priority=True), "malformed"),
        (body(failsafe_w=49_999), "below_floor"),
        (body(failsafe_w=0, direction="export"), "below_floor"),  # it is held on import all the same
        (body(failsafe_w=400_001), "above_rating"),
        (body(failsafe_w=10**10, direction="export"), "above_rating"),
        (body(failsafe_w="x"), "bad_unit"),
        (body(failsafe_w=-1), "bad_sign"),
    ],
)
def test_refusals_of_blocks_and_more(raw: bytes, code: str) -> None:
    decision = judge(raw)
    assert (decision.accepted, decision.code) == (False, code)


def test_blocks_change_the_cap_on_the_way() -> None:
    limit = judge(body(value_w=..., blocks=EVENING, valid_to=hours(3).isoformat(), priority=2)).limit
    assert limit is not None
    assert (limit.power_w, limit.valid_from, limit.priority) == (90_000, hours(1), 2)
    caps = {at: limit.cap_w(hours(at)) for at in (0.5, 1, 1.9, 2, 2.9, 3)}
    assert caps == {0.5: None, 1: 120_000, 1.9: 120_000, 2: 90_000, 2.9: 90_000, 3: None}
    book = LimitBook([limit])
    assert book.edges("T1", NOW, hours(9)) == [hours(1), hours(2), hours(3)]
    assert (book.cap_w("T1", hours(2)), book.lowest_w("T1", NOW)) == (90_000, 90_000)
    again = judge(body(value_w=..., blocks=EVENING, valid_to=hours(3).isoformat(), priority=2), book)
    assert again.repeated
    assert judge(body(value_w=..., blocks=EVENING[:1]), book).code == "stale_version"


def test_export_is_merged_apart_and_knows_no_floor() -> None:
    limit = judge(body(value_w=0, direction="export")).limit
    assert limit is not None
    book = LimitBook([limit])
    assert book.cap_w("T1", NOW) is None
    assert book.cap_w("T1", NOW, Direction.EXPORT) == 0
    assert book.lowest_w("T1", NOW) is None
    assert judge(body(direction="import", value_w=60_000), book).code == "stale_version"


def test_a_failsafe_value_is_part_of_what_a_statement_says() -> None:
    first = judge(body(failsafe_w=60_000)).limit
    assert first is not None
    book = LimitBook([first])
    assert judge(body(failsafe_w=60_000), book).repeated
    assert judge(body(), book).repeated
    assert judge(body(failsafe_w=70_000), book).code == "stale_version"
    cancelled = judge(body(version=2, cancel=True, value_w=..., failsafe_w=70_000), book)
    assert cancelled.failsafe_w == 70_000


def test_the_configured_failsafe_value_may_be_said_again_above_the_rating() -> None:
    agreed = SourceRule("http", failsafe_w={"T1": 500_000})
    assert decide(body(failsafe_w=500_000), HOUSE, "T1", "L", known(rule=agreed), NOW).accepted
    assert decide(body(failsafe_w=500_001), HOUSE, "T1", "L", known(rule=agreed), NOW).code == "above_rating"


def test_a_feeder_that_is_gone_hangs_nowhere() -> None:
    assert not Peer("grid:a", feeders=frozenset({"T1"})).may_limit("gone", TREE)
    assert Peer("grid:a", feeders=frozenset({"gone"})).may_limit("gone", TREE)
    assert HOUSE.may_limit("gone", TREE)


def test_who_is_not_bound_to_a_feeder_hears_nothing_of_it() -> None:
    tree = FeederTree([Feeder("T1", 400_000), Feeder("F1", 100_000, "T1"), Feeder("T2", 400_000)])
    peer = Peer("grid:op", feeders=frozenset({"T1"}))
    seen = Known(LimitBook().get, tree, SourceRule("grid:op"))
    codes = {id_: decide(body(), peer, id_, "L", seen, NOW).code for id_ in ("T1", "F1", "T2", "T9")}
    assert codes == {"T1": "", "F1": "", "T2": "not_authorised", "T9": "not_authorised"}
    assert decide(body(), peer, "T2", "L", seen, NOW).alarm
    assert decide_cancel(peer, "T2", "L", seen, NOW).code == "not_authorised"


def test_an_emergency_source_may_go_below_the_floor() -> None:
    urgent = Known(LimitBook().get, TREE, SourceRule("http", emergency=True))
    assert decide(body(value_w=0), HOUSE, "T1", "L", urgent, NOW).accepted
    refused = judge(body(value_w=0))
    assert (refused.code, refused.alarm) == ("below_floor", True)
