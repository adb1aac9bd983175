"""A source that is silent is held at its failsafe value, and what ends that (GL-A4)."""

from __future__ import annotations

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.heartbeat import Heartbeat, Named, read_heartbeat
from csms.grid.liveness import Mode, Watch
from csms.grid.peer import SourceRule
from csms.grid.sources import Sources
from csms.grid.statement import BadStatement

TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000), Feeder("F1", 100_000, "T1", lowest_cap_w=20_000)])
RULE = SourceRule("grid:op", frozenset({"T1"}), heartbeat_s=30, failsafe_w={"T1": 80_000}, failsafe_min_s=600)


def watched(**changes: object) -> Watch:
    rule = SourceRule("s", heartbeat_s=30, failsafe_w={"T1": 5}, failsafe_min_s=600, **changes)  # type: ignore[arg-type]
    return Watch(rule, began_s=100.0)


def stated(watch: Watch, now_s: float) -> None:
    watch.stated(now_s, ["T1"])


@pytest.mark.req("GL-A4")
def test_at_the_start_a_source_is_in_failsafe_until_heartbeat_and_statement() -> None:
    for first, second in ((Watch.heard, stated), (stated, Watch.heard)):
        watch = watched()
        assert (watch.look(101.0), watch.mode) == (False, Mode.FAILSAFE)
        first(watch, 102.0)
        assert (watch.look(102.0), watch.mode) == (False, Mode.FAILSAFE)
        second(watch, 103.0)
        assert (watch.look(103.0), watch.mode) == (True, Mode.SPEAKS)


@pytest.mark.req("GL-A4")
def test_silence_leads_to_failsafe_and_a_heartbeat_alone_does_not_end_it() -> None:
    watch = watched()
    watch.heard(100.0)
    stated(watch, 100.0)
    watch.look(100.0)
    assert (watch.due_s(100.0), watch.look(219.9)) == (120.0, False)
    assert (watch.look(220.0), watch.mode) == (True, Mode.FAILSAFE)
    watch.heard(300.0)
    assert (watch.look(300.0), watch.mode) == (False, Mode.FAILSAFE)
    stated(watch, 301.0)
    assert (watch.look(301.0), watch.mode) == (True, Mode.SPEAKS)


@pytest.mark.req("GL-A4")
def test_a_statement_from_before_the_silence_does_not_end_it() -> None:
    watch = watched()
    watch.heard(100.0)
    stated(watch, 150.0)
    watch.look(150.0)
    assert watch.look(250.0)
    watch.heard(251.0)
    assert not watch.look(251.0)


@pytest.mark.req("GL-A4")
def test_a_silence_ends_by_itself_only_where_that_is_agreed() -> None:
    stays, ends = watched(), watched(ends_alone=True)
    for watch in (stays, ends):
        assert not watch.look(699.0)
        watch.look(700.0)
    assert (stays.mode, ends.mode) == (Mode.FAILSAFE, Mode.ALONE)
    assert (stays.due_s(100.0), ends.due_s(100.0)) == (None, None)
    ends.heard(800.0)
    stated(ends, 800.0)
    assert ends.look(800.0)
    assert ends.mode is Mode.SPEAKS


@pytest.mark.req("GL-A4")
def test_a_word_about_one_feeder_frees_no_other() -> None:
    watch = Watch(SourceRule("s", heartbeat_s=30, failsafe_w={"T1": 5, "T2": 6}), began_s=100.0)
    watch.heard(101.0)
    watch.stated(101.0, ["T1"])
    assert (watch.look(101.0), watch.mode, watch.held) == (True, Mode.FAILSAFE, {"T2"})
    assert watch.look(300.0), "silent again before it spoke of all"
    assert watch.held == {"T1", "T2"}
    watch.heard(301.0)
    watch.stated(301.0, ["T2"])
    assert (watch.look(301.0), watch.held) == (True, {"T1"})
    watch.stated(302.0, ["T1"])
    assert (watch.look(302.0), watch.mode, watch.held) == (True, Mode.SPEAKS, set())


def test_a_source_whose_silence_means_nothing() -> None:
    watch = Watch(SourceRule("s"), 0.0)
    assert (watch.look(10**9), watch.mode, watch.due_s(0.0)) == (False, Mode.SPEAKS, None)


def test_the_lowest_failsafe_value_of_silent_sources_counts() -> None:
    other = SourceRule("grid:other", heartbeat_s=10, failsafe_w={"T1": 60_000, "F1": 30_000})
    sources = Sources([RULE, other], TREE, 0.0)
    assert (sources.failsafe_w("T1"), sources.failsafe_w("F1"), sources.silent) == (
        60_000,
        30_000,
        ["grid:op", "grid:other"],
    )
    for name in sources.silent:
        sources.heard(name, 1.0)
        sources.stated(name, 1.0)
    assert [(status.source, status.mode) for status in sources.look(1.0)] == [
        ("grid:op", Mode.SPEAKS),
        ("grid:other", Mode.SPEAKS),
    ]
    assert (sources.failsafe_w("T1"), sources.due_s(1.0)) == (None, 40.0)
    sources.hold("grid:other", "T1", 55_000)
    assert [status.source for status in sources.look(41.0)] == ["grid:other"]
    assert sources.failsafe_w("T1") == 55_000
    sources.heard("nobody", 1.0)
    assert sources.rule("nobody").statements_per_min == 600


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SourceRule("s", frozenset({"T9"})), "no feeder 'T9'"),
        (SourceRule("s", failsafe_w={"T9": 1}), "no feeder 'T9'"),
        (SourceRule("s", failsafe_w={"T1": 49_999}), "49999 W, is below the lowest cap agreed, 50000 W"),
        (SourceRule("s", heartbeat_s=30), "needs a failsafe value"),
    ],
)
def test_rules_that_contradict_the_feeders(rule: SourceRule, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sources([rule], TREE, 0.0)
    with pytest.raises(ValueError, match="its own name"):
        Sources([RULE, RULE], TREE, 0.0)


def test_heartbeats() -> None:
    assert read_heartbeat(b"") == read_heartbeat(b" {} ") == read_heartbeat(b'{"limits": null}') == Heartbeat(None)
    said = read_heartbeat(b'{"schema": "1", "sent_at": "x", "limits": [{"feeder": "T1", "id": "L", "version": 3}]}')
    assert said.limits == {Named("T1", "L", 3)}
    assert read_heartbeat(b'{"limits": []}').agrees([])
    assert not said.agrees([])
    assert not Heartbeat(None).agrees([])


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{",
        b"\xff",
        b'{"x": 1}',
        b'{"limits": {}}',
        b'{"limits": [1]}',
        b'{"limits": [{"feeder": "T1", "id": "L"}]}',
        b'{"limits": [{"feeder": "T1", "id": "L", "version": true}]}',
        b'{"limits": [{"feeder": 1, "id": "L", "version": 1}]}',
        b'{"limits": [], "limits": []}',
    ],
)
def test_heartbeats_that_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(BadStatement) as refused:
        read_heartbeat(raw)
    assert refused.value.code == "malformed"
