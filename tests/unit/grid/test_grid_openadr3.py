"""Events of both releases as wishes: times, units, targets; whatever a VTN says is read without an exception."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid.listed import COUNTS, Wish, next_version
from csms.grid.openadr3 import Agreed, Reading, group_of, limit_group, read_event
from csms.grid.openadr3_periods import CLOCKS_APART, Release
from csms.grid.schedule import LONGEST, NEVER, Span, duration_of, later, moment_of, statements
from csms.model.limit import Direction, Limit

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGREED = Agreed(
    "csms-1",
    feeders=("T1",),
    targets={"two": "T2"},
    levels={1: 0.75, 2: 0.5},
    emergency_w={"T1": 40_000},
    rating_w={"T1": 400_000, "T2": 200_000},
)
OLD = replace(AGREED, release=Release.V3_0)
NOON = "2026-01-01T12:00:00Z"


def at(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


def intervals(*values: Any, kind: str = "IMPORT_CAPACITY_LIMIT", **of_each: Any) -> list[dict[str, Any]]:
    return [{"id": n, "payloads": [{"type": kind, "values": [one]}], **of_each} for n, one in enumerate(values)]


def event(listed: list[dict[str, Any]], start: str | None = NOON, duration: str | None = "PT1H", **rest: Any) -> Any:
    period = {name: value for name, value in (("start", start), ("duration", duration)) if value is not None}
    return {
        "id": "e1",
        "programID": "p",
        "modificationDateTime": NOON,
        "intervalPeriod": period,
        "intervals": listed,
    } | rest


def read(said: Any, agreed: Agreed = AGREED, descriptors: Any = (), now: datetime = NOW) -> Reading:
    return read_event(said, descriptors, agreed, now)


def body(said: Any, agreed: Agreed = AGREED, **rest: Any) -> dict[str, Any]:
    (wish,) = read(said, agreed, **rest).wishes
    return {name: value for name, value in wish.body.items() if name not in ("issued_at", "reason")}


@pytest.mark.req("GL-A7")
def test_one_interval_is_one_value_and_more_are_blocks() -> None:
    assert body(event(intervals(120.5))) == {"valid_from": at(0), "valid_to": at(1), "value_w": 120_500}
    assert body(event(intervals(50, 40, 40))) == {
        "valid_from": at(0),
        "valid_to": at(3),
        "blocks": [{"start": at(0), "value_w": 50_000}, {"start": at(1), "value_w": 40_000}],
    }


def test_intervals_with_periods_of_their_own_gaps_and_overlaps() -> None:
    apart = intervals(50, 40)
    apart[1]["intervalPeriod"] = {"start": at(5), "duration": "PT30M"}
    first, second = read(event(apart)).wishes
    assert (first.limit_id, second.limit_id) == ("oadr3:e1:import", "oadr3:e1:import-1")
    assert (second.body["valid_from"], second.body["valid_to"]) == (at(5), at(5.5))
    over = intervals(50, 80)
    over[1]["intervalPeriod"] = {"start": at(0.5), "duration": "PT1H"}
    assert body(event(over))["blocks"] == [
        {"start": at(0), "value_w": 50_000},
        {"start": at(1), "value_w": 80_000},
    ]
    follows = intervals(50, 40)
    follows[1]["intervalPeriod"] = {"start": "0001-01-01", "duration": "PT2H"}
    assert body(event(follows))["valid_to"] == at(3)


def test_at_once_without_an_end_and_without_a_duration() -> None:
    early = (NOW - CLOCKS_APART).isoformat()
    assert body(event(intervals(50), "0001-01-01T00:00:00", "P9999Y")) == {"valid_from": early, "value_w": 50_000}
    assert body(event(intervals(50), None, "PT2H")) == {"valid_from": early, "valid_to": at(2), "value_w": 50_000}
    assert body(event(intervals(50), at(1), None)) == {"valid_from": at(1), "value_w": 50_000}
    steps = intervals(50, 40)
    for n, one in enumerate(steps):
        one["intervalPeriod"] = {"start": at(n)}
    assert body(event(steps, None, None)) == {
        "valid_from": at(0),
        "blocks": [{"start": at(0), "value_w": 50_000}, {"start": at(1), "value_w": 40_000}],
    }


def test_where_the_releases_differ() -> None:
    zero = event(intervals(50), at(1), "PT0S")
    assert read(zero).wishes == ()
    assert body(zero, OLD) == {"valid_from": at(1), "value_w": 50_000}
    back = event(intervals(50), "0001-01-01", "PT0S")
    assert read(back).wishes == read(back, OLD).wishes == ()
    typed = event(intervals(50), targets=[{"type": "GROUP", "values": ["two", "?"]}])
    plain = event(intervals(50), targets=["two"])
    assert [wish.feeder_id for wish in read(typed, OLD).wishes + read(plain).wishes] == ["T2", "T2"]
    assert (read(typed, OLD).remarks, read(plain).remarks) == (("unknown_target",), ())
    repeated = event(intervals(50, 40), duration="PT1H") | {"duration": "P1D"}
    assert len(body(repeated)["blocks"]) == 24
    assert len(body(repeated, OLD)["blocks"]) == 2


def test_a_duration_of_the_event_cuts_off_or_repeats() -> None:
    assert body(event(intervals(50, 40)) | {"duration": "PT90M"})["valid_to"] == at(1.5)
    forever = event(intervals(50, 40)) | {"duration": "P9999Y"}
    for days in (0, 0.7, 40):
        now = NOW + timedelta(days=days)
        said = body(forever, now=now)
        assert datetime.fromisoformat(said["valid_from"]) <= now
        assert datetime.fromisoformat(said["valid_to"]) >= now + timedelta(days=1.9)
        assert len(said["blocks"]) <= 1000
    soon = body(forever, now=NOW + timedelta(minutes=5))
    assert soon == body(forever, now=NOW + timedelta(minutes=25)), "not said anew at each reading"
    quick = event(intervals(50, 40), duration="PT1S") | {"duration": "P9999Y"}
    assert 100 < len(body(quick)["blocks"]) <= 1000


def test_a_random_start_is_the_same_at_each_reading_and_another_for_another_node() -> None:
    said = event(intervals(50), at(5))
    said["intervalPeriod"]["randomizeStart"] = "PT30M"
    shifts = set()
    for name in ("a", "b", "c", "d"):
        agreed = replace(AGREED, ven_name=name)
        moved = datetime.fromisoformat(body(said, agreed)["valid_from"]) - NOW - timedelta(hours=5)
        assert abs(moved) <= timedelta(minutes=30)
        assert body(said, agreed) == body(said, agreed)
        shifts.add(moved)
    assert len(shifts) == 4
    said["intervalPeriod"]["randomizeStart"] = "P9999Y"
    assert abs(datetime.fromisoformat(body(said)["valid_from"]) - NOW) <= timedelta(days=2)


@pytest.mark.parametrize(
    ("kind", "value", "rest", "said"),
    [
        ("IMPORT_CAPACITY_LIMIT", 50, {}, {"value_w": 50_000}),
        ("EXPORT_CAPACITY_LIMIT", 5, {}, {"value_w": 5000, "direction": Direction.EXPORT.value}),
        ("DISPATCH_SETPOINT", 50, {"priority": 0}, {"value_w": 50_000, "priority": 0}),
        ("IMPORT_CAPACITY_LIMIT", 50, {"priority": 10**9}, {"value_w": 50_000, "priority": 1000}),
        ("SIMPLE", 1, {}, {"value_w": 300_000}),
        ("SIMPLE", 3, {}, {"value_w": 200_000}),
        ("ALERT_GRID_EMERGENCY", "dark", {}, {"value_w": 40_000}),
    ],
)
def test_what_limits(kind: str, value: Any, rest: Any, said: Any) -> None:
    assert body(event(intervals(value, kind=kind), **rest)) == {"valid_from": at(0), "valid_to": at(1)} | said


@pytest.mark.parametrize(
    ("kind", "value"), [("PRICE", 0.2), ("IMPORT_CAPACITY_RESERVATION", 50), ("CHARGE_STATE_SETPOINT", 5)]
)
def test_what_does_not_limit_is_remarked(kind: str, value: Any) -> None:
    found = read(event(intervals(value, kind=kind)))
    assert (found.wishes, found.remarks, found.unreadable) == ((), ("not_mapped",), False)
    assert read(event(intervals(0, kind="SIMPLE"))).wishes == ()
    bare = replace(AGREED, levels={}, emergency_w={})
    for other in ("SIMPLE", "ALERT_GRID_EMERGENCY"):
        assert read(event(intervals(1, kind=other)), bare).remarks == ("not_mapped",)


def test_units_come_from_the_event_its_program_or_the_agreement() -> None:
    def told(units: str) -> list[dict[str, str]]:
        return [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": units}]

    plain = event(intervals(50))
    assert body(plain, descriptors=told("W"))["value_w"] == 50
    assert body(plain | {"payloadDescriptors": told("kW")}, descriptors=told("W"))["value_w"] == 50_000
    assert body(plain, replace(AGREED, unit="MW"))["value_w"] == 50_000_000
    assert body(plain | {"payloadDescriptors": told("KVA")})["unit"] == "KVA"


def test_ids_fit_whatever_the_event_is_called() -> None:
    for event_id in ("e1", "x" * 128, "a:b", "x" * 40):
        limit_id = f"{limit_group(event_id)}:emergency-12"
        assert len(limit_id) <= 64
        assert group_of(limit_id) == limit_group(event_id)
    assert limit_group("x" * 127) != limit_group("x" * 128)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT1H", timedelta(hours=1)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P2W", timedelta(weeks=2)),
        ("P1Y2M", timedelta(days=425)),
        ("-PT15M", timedelta(minutes=-15)),
        ("P9999Y", LONGEST),
        ("P999999999D", LONGEST),
        ("PT999999999H", LONGEST),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert duration_of(text) == length


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1H", "PT1", "P1H", "PT1e9S", "PT-1H", "P٣D", "P99999999999Y", None, 5, ["PT1H"]]
)
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration_of(text)


def test_moments_and_the_end_of_time() -> None:
    assert moment_of("2026-01-01T13:00:00+01:00") == NOW
    assert moment_of("2026-01-01T12:00:00") == NOW
    for text in (None, 5, "soon", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ValueError, match=r"(?i)no moment|invalid isoformat"):
            moment_of(text)
    assert later(NOW, LONGEST) == NEVER
    assert later(datetime(9999, 12, 31, tzinfo=UTC), timedelta(days=5)) == NEVER
    assert later(datetime(1, 1, 1, tzinfo=UTC), timedelta(days=-5)).year == 1


def test_a_thing_that_is_no_number_is_not_hidden_by_a_lower_one() -> None:
    spans = [Span(NOW, NEVER, 5), Span(NOW, NEVER, "x"), Span(NOW, NEVER, None)]
    assert statements(spans) == [{"valid_from": at(0), "value_w": "x"}]


def test_versions_rise_with_the_stamp_and_with_what_changes_without_one() -> None:
    def limit(version: int, value_w: int = 5000, cancelled: bool = False) -> Limit:
        return Limit("s", "T1", "l", version, value_w, NOW, NOW + timedelta(days=3650), NOW, NOW, cancelled)

    def wish(stamp: int, value_w: int = 5000, **rest: Any) -> Wish:
        return Wish("T1", "l", {"value_w": value_w, **rest}, stamp)

    assert next_version(wish(7), None) == 7 * COUNTS
    assert next_version(wish(7), limit(7 * COUNTS)) == 7 * COUNTS
    assert next_version(wish(7, 6000), limit(7 * COUNTS)) == 7 * COUNTS + 1
    assert next_version(wish(7), limit(7 * COUNTS, cancelled=True)) == 7 * COUNTS + 1
    assert next_version(wish(8), limit(7 * COUNTS)) == 8 * COUNTS
    assert next_version(wish(6), limit(7 * COUNTS)) == 6 * COUNTS
    assert next_version(wish(0), None) == 1
    assert next_version(wish(0, 6000), limit(9)) == 10
    assert next_version(wish(0, valid_to=at(1)), limit(9)) == 10
    assert next_version(wish(0, valid_from=at(1)), limit(9)) == 10
    scheduled = replace(limit(9), valid_from=NOW + timedelta(hours=1))
    assert next_version(wish(0), scheduled) == 10
    assert next_version(wish(0, value_w=-1), limit(9)) == 10


Anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["P9999Y", "-P1Y", "PT0S", "0001-01-01", NOON, "9999-12-31T23:59:59Z", "IMPORT_CAPACITY_LIMIT"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "values", "payloads", "intervalPeriod", "start", "duration", "randomizeStart", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
Payload = st.fixed_dictionaries({"type": st.just("IMPORT_CAPACITY_LIMIT"), "values": Anything})
Interval = st.fixed_dictionaries(
    {"payloads": st.lists(Payload, max_size=3) | Anything}, optional={"intervalPeriod": Anything}
)
Event = st.fixed_dictionaries(
    {"id": st.just("e1"), "modificationDateTime": st.just(NOON) | Anything},
    optional={
        "intervals": st.lists(Interval, max_size=4) | Anything,
        "intervalPeriod": Anything,
        "duration": Anything,
        "priority": Anything,
        "targets": Anything,
        "payloadDescriptors": Anything,
        "eventName": Anything,
    },
)


@given(said=Event | Anything, descriptors=Anything, release=st.sampled_from(Release))
def test_nothing_that_a_vtn_says_raises(said: Any, descriptors: Any, release: Release) -> None:
    found = read_event(said, descriptors, replace(AGREED, release=release), NOW)
    for wish in found.wishes:
        assert 0 < len(wish.limit_id) <= 64
        json.dumps(dict(wish.body))
        next_version(wish, None)


def test_what_cannot_be_put_into_a_statement_goes_on_as_it_came() -> None:
    for bad in ({"intervals": 5}, {"intervals": [5]}, {"modificationDateTime": None}, {"intervals": [{}] * 5001}):
        found = read(event(intervals(5)) | bad)
        assert found.unreadable
        assert found.wishes[0].body["openadr_event"]["id"] == "e1"
    assert read("x").unreadable
    assert read({"id": "\x00"}).unreadable
