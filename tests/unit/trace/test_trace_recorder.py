"""The thread that writes: what is noted is found, nobody waits for it, nothing of a fault is silent."""

from __future__ import annotations

import errno
import json
import logging
import threading
import time

import pytest

from csms.model.clock import ManualClock
from csms.trace import recorder as module
from csms.trace.notes import IN_CLEAN, OUT_CLEAN, Kind
from csms.trace.redaction import Redactor
from csms.trace.segments import SegmentWriter, segments
from tests.support.traces import NOON, everything, later, recorder


def test_what_is_noted_is_found_in_order(tmp_path) -> None:
    with recorder(tmp_path) as made:
        made.note("CP-1", Kind.OPENED, "", "{}", later(0))
        made.note("CP-1", IN_CLEAN, "Heartbeat", b'[2,"1","Heartbeat",{}]', later(0.0005))
        made.note("CP-1", OUT_CLEAN, "Heartbeat", '[3,"1",{}]', later(0.001))
        made.note("CP-1", Kind.UNREADABLE, "", b"\xff", later(0.002))
        assert made.flush()
        found = everything(tmp_path)
    assert [(n.kind, n.action, n.text) for n in found] == [
        (Kind.OPENED, "", "{}"),
        (Kind.IN, "Heartbeat", '[2,"1","Heartbeat",{}]'),
        (Kind.OUT, "Heartbeat", '[3,"1",{}]'),
        (Kind.UNREADABLE, "", "\ufffd"),
    ]
    assert made.counters() == {"traces_noted": 4, "traces_written": 4, "traces_dropped": 0}


def test_closing_writes_the_rest(tmp_path) -> None:
    with recorder(tmp_path) as made:
        made.note("CP-1", IN_CLEAN, "", "[]", later(0))
    assert len(everything(tmp_path)) == 1
    assert made.flush() is False, "there is no thread any more"


def test_it_writes_by_itself_after_some_seconds(tmp_path) -> None:
    with recorder(tmp_path) as made:
        made.note("CP-1", IN_CLEAN, "", "[]", later(0))
        until = time.monotonic() + 10
        while not everything(tmp_path) and time.monotonic() < until:
            time.sleep(0.05)
        assert len(everything(tmp_path)) == 1


def test_secrets_are_taken_out_before_anything_is_written(tmp_path) -> None:
    with recorder(tmp_path) as made:
        made.note(
            "CP-1", Kind.OUT, "", '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"abc"}]', later(0)
        )
        made.note("CP-1", Kind.CLOSED, "", '{"code":1000,"reason":"wrong password x"}', later(0))
        made.flush()
    assert [json.loads(n.text) for n in everything(tmp_path)] == [
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "***"}],
        {"code": 1000, "reason": "***"},
    ]


def test_a_frame_that_cannot_be_redacted_is_not_kept(tmp_path, caplog) -> None:
    class Broken(Redactor):
        def frame(self, frame, action=""):
            raise ZeroDivisionError

    with recorder(tmp_path, redactor=Broken()) as made:
        made.note("CP-1", Kind.IN, "", "[secret]", later(0))
        made.note("CP-1", IN_CLEAN, "", "[]", later(0))
    assert [n.text for n in everything(tmp_path)] == ["", "[]"]
    assert [r.getMessage() for r in caplog.records] == ["trace_not_redacted"]


def test_when_the_writer_is_behind_notes_are_dropped_counted_and_told(tmp_path, caplog, monkeypatch) -> None:
    go = threading.Event()
    write = SegmentWriter.write

    def slow(self, notes):
        go.wait(10)
        return write(self, notes)

    monkeypatch.setattr(SegmentWriter, "write", slow)
    with recorder(tmp_path, waiting=10_000) as made:
        for number in range(100):
            made.note("CP-1", IN_CLEAN, "", f"[{number}]", later(0))
        assert 0 < made.dropped < 100
        go.set()
        made.flush()
        made.note("CP-1", IN_CLEAN, "", "[later]", later(1))
    found = everything(tmp_path)
    missing = [json.loads(n.text)["count"] for n in found if n.kind is Kind.DROPPED]
    assert sum(missing) + len(found) - len(missing) == 101
    assert found[-1].text == "[later]"
    assert "trace_dropped" in [r.getMessage() for r in caplog.records]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "trace_disk_full"), (errno.EDQUOT, "trace_disk_full"), (errno.EACCES, "trace_unwritable")],
)
def test_a_fault_of_the_disk_stops_it_loudly_and_it_goes_on_later(tmp_path, caplog, monkeypatch, number, code) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(module, "CHECK_TURNS", 3)
    with recorder(tmp_path) as made:
        made.note("CP-1", IN_CLEAN, "", "[before]", later(0))
        made.flush()
        with monkeypatch.context() as patched:

            def full(self, notes):
                raise OSError(number, "no")

            patched.setattr(SegmentWriter, "write", full)
            made.note("CP-1", IN_CLEAN, "", "[lost]", later(0))
            made.flush()
            assert made.fault == code
            made.note("CP-1", IN_CLEAN, "", "[lost too]", later(0))
            made.flush()
        for _ in range(4):
            made.flush()
        made.note("CP-1", IN_CLEAN, "", "[after]", later(1))
        made.flush()
        assert made.fault == ""
        made.note("CP-1", IN_CLEAN, "", "[told]", later(2))
    found = everything(tmp_path)
    assert [n.text for n in found if n.kind is not Kind.DROPPED] == ["[before]", "[after]", "[told]"]
    assert [n.text for n in found if n.kind is Kind.DROPPED] == ['{"count":2}']
    told = [(r.levelname, r.getMessage(), getattr(r, "code", "")) for r in caplog.records]
    assert told[0] == ("ERROR", "trace_stopped", code)
    assert ("WARNING", "trace_works_again", code) in told
    assert len([t for t in told if t[1] == "trace_stopped"]) == 1


def test_too_little_free_space_stops_it_too(tmp_path) -> None:
    with recorder(tmp_path, free_min=10**18) as made:
        made.note("CP-1", IN_CLEAN, "", "[]", later(0))
        made.flush()
        assert made.fault == "trace_disk_full"
    assert everything(tmp_path) == []


def test_a_mistake_of_ours_does_not_end_it(tmp_path, caplog, monkeypatch) -> None:
    with recorder(tmp_path) as made:
        with monkeypatch.context() as patched:

            def wrong(self, notes):
                raise ZeroDivisionError

            patched.setattr(SegmentWriter, "write", wrong)
            made.note("CP-1", IN_CLEAN, "", "[lost]", later(0))
            made.flush()
        made.note("CP-1", IN_CLEAN, "", "[kept]", later(1))
    assert "[kept]" in [n.text for n in everything(tmp_path)]
    assert made.dropped == 1
    assert "trace_failed" in [r.getMessage() for r in caplog.records]


def test_refusals_cannot_push_out_the_rest(tmp_path) -> None:
    with recorder(tmp_path) as made:
        for _ in range(1000):
            made.note("X", Kind.REFUSED, "", '{"code":"unknown_station"}', later(0))
        made.note("CP-1", IN_CLEAN, "", "[]", later(0))
    kinds = [n.kind for n in everything(tmp_path)]
    assert kinds.count(Kind.IN) == 1
    assert kinds.count(Kind.REFUSED) < 100


def test_the_file_of_an_hour_is_closed_when_the_clock_leaves_it(tmp_path) -> None:
    clock = ManualClock(NOON)
    with recorder(tmp_path, clock) as made:
        for number in range(30):
            made.note("CP-1", IN_CLEAN, "", f"[{number}]", clock.unix_s())
            made.flush()
        before = segments(tmp_path)[0].path.stat().st_size
        clock.advance(3600)
        made.flush()
        made.flush()
        assert segments(tmp_path)[0].path.stat().st_size < before
        made.note("CP-1", IN_CLEAN, "", "[next]", clock.unix_s())
    assert [n.text for n in everything(tmp_path)] == [*(f"[{n}]" for n in range(30)), "[next]"]
    assert len(segments(tmp_path)) == 2


def test_a_clock_that_jumps_about_loses_nothing(tmp_path) -> None:
    with recorder(tmp_path) as made:
        for days in (0, 400, -20_000, 0, 1):
            made.note("CP-1", IN_CLEAN, "", f"[{days}]", later(days * 86_400))
            made.flush()
    assert [n.text for n in everything(tmp_path)] == ["[-20000]", "[0]", "[0]", "[1]", "[400]"]
