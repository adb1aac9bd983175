"""Calls in flight: one outstanding, late and unasked answers, repeats of the station."""

from __future__ import annotations

import pytest

from csms.model.bounds import ANSWERED_IDS_KEPT
from csms.model.errors import RpcErrorCode
from csms.wire.calls import AnsweredCalls, Match, Outcome, PendingCalls
from csms.wire.frames import RESULT, Call, Error, FrameError, NumericId, Result


def test_an_answer_ends_the_call() -> None:
    pending = PendingCalls(timeout_s=30)
    call = pending.start("a", "Reset", now_s=100.0)
    assert call.deadline_s == 130.0
    assert pending.resolve(Result("a", {})) == Outcome(Match.ANSWERED, call)
    assert pending.outstanding is None
    assert pending.resolve(Result("a", {})) == Outcome(Match.UNKNOWN)


def test_an_error_and_a_broken_answer_end_it_too() -> None:
    pending = PendingCalls()
    call = pending.start("a", "Reset", 0)
    assert pending.resolve(Error("a", "NotSupported")).call is call
    call = pending.start("b", "Reset", 0)
    broken = FrameError(RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "", "b", RESULT)
    assert pending.resolve(broken) == Outcome(Match.ANSWERED, call)


@pytest.mark.req("SR-06", "1.6J:4.1.1", "2.0.1J:4.1.1", "FR.01")
def test_only_one_call_is_outstanding() -> None:
    pending = PendingCalls()
    pending.start("a", "Reset", 0)
    with pytest.raises(RuntimeError, match="Reset"):
        pending.start("b", "ClearCache", 0)
    assert pending.resolve(Result("b", {})).match is Match.UNKNOWN
    assert pending.outstanding is not None


def test_a_late_answer_is_not_taken_for_the_next_call() -> None:
    pending = PendingCalls(timeout_s=10)
    first = pending.start("a", "Reset", 0)
    assert pending.expire(9.9) is None
    assert pending.expire(10.0) is first
    second = pending.start("b", "ClearCache", 10.0, timeout_s=5)
    assert second.deadline_s == 15.0
    assert pending.resolve(Result("a", {})) == Outcome(Match.LATE, first)
    assert pending.resolve(Result("a", {})) == Outcome(Match.UNKNOWN)
    assert pending.resolve(Result("b", {})) == Outcome(Match.ANSWERED, second)
    assert (pending.late, pending.unknown) == (1, 1)


def test_nothing_expires_when_nothing_waits() -> None:
    assert PendingCalls().expire(1e9) is None
    assert PendingCalls().abandon() is None


def test_closing_gives_back_the_waiting_call_and_forgets_the_rest() -> None:
    pending = PendingCalls(timeout_s=1)
    pending.start("a", "Reset", 0)
    pending.expire(2)
    call = pending.start("b", "Reset", 2)
    assert pending.close() is call
    assert pending.close() is None
    assert pending.resolve(Result("a", {})).match is Match.UNKNOWN


@pytest.mark.req("HP-D1")
def test_unasked_answers_take_no_memory() -> None:
    pending = PendingCalls()
    for number in range(3000):
        assert pending.resolve(Result(str(number), {})).match is Match.UNKNOWN
    assert pending.unknown == 3000
    call = pending.start("mine", "Reset", 0)
    assert pending.resolve(Result("mine", {})).call is call


def test_only_so_many_timed_out_calls_are_remembered() -> None:
    pending = PendingCalls(timeout_s=0)
    for number in range(ANSWERED_IDS_KEPT + 5):
        pending.start(str(number), "Reset", 0)
        pending.expire(0)
    assert pending.resolve(Result("4", {})).match is Match.UNKNOWN
    assert pending.resolve(Result("5", {})).match is Match.LATE


@pytest.mark.req("RB-16", "SR-11")
def test_a_repeat_gets_the_same_answer() -> None:
    answered = AnsweredCalls()
    call = Call("1", "StartTransaction", {"connectorId": 1, "idTag": "A"})
    assert answered.recall(call) is None
    answered.remember(call, "answer")
    assert answered.recall(Call("1", "StartTransaction", {"idTag": "A", "connectorId": 1})) == "answer"


@pytest.mark.req("RB-15", "SR-11")
def test_the_same_id_with_another_content_is_new() -> None:
    answered = AnsweredCalls()
    available, charging = ({"status": status} for status in ("Available", "Charging"))
    answered.remember(Call("1", "StatusNotification", available), "first")
    assert answered.recall(Call("1", "StatusNotification", charging)) is None
    answered.remember(Call("1", "StatusNotification", charging), "second")
    assert answered.recall(Call("1", "StatusNotification", available)) is None
    assert answered.recall(Call("1", "MeterValues", charging)) is None


def test_a_number_and_its_text_are_two_ids() -> None:
    answered = AnsweredCalls()
    answered.remember(Call(NumericId("7"), "LogStatusNotification", {}), "[3,7,{}]")
    assert answered.recall(Call("7", "LogStatusNotification", {})) is None
    assert answered.recall(Call(NumericId("7"), "LogStatusNotification", {})) == "[3,7,{}]"


@pytest.mark.req("RB-19")
@pytest.mark.parametrize("action", ["Heartbeat", "BootNotification"])
def test_answers_that_tell_the_time_are_given_anew(action: str) -> None:
    answered = AnsweredCalls()
    answered.remember(Call("1", "StatusNotification", {}), "old")
    answered.remember(Call("1", action, {}), "stale")
    assert answered.recall(Call("1", action, {})) is None
    assert answered.recall(Call("1", "StatusNotification", {})) is None


def test_only_the_last_answers_are_kept() -> None:
    answered = AnsweredCalls(kept=2)
    for unique_id in "abc":
        answered.remember(Call(unique_id, "MeterValues", {}), unique_id)
    assert [answered.recall(Call(i, "MeterValues", {})) for i in "abc"] == [None, "b", "c"]
