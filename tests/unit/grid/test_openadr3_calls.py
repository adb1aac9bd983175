"""OpenADR 3 events that call for another load, read: what they ask for, and what is to be said of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_calls import DIFFERS, Call, calls_for_load, next_word, read_call

NOW = datetime(2026, 7, 13, 2, tzinfo=UTC)
AGREED = Agreed("csms-1", feeders=("T1",), targets={"group-2": "T2"}, zone=ZoneInfo("Asia/Shanghai"))


def event(kw: Any = -60, price: Any = 1.5, asks: bool = True, **more: Any) -> dict[str, Any]:
    payloads = [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [kw]}]
    payloads += [] if price is None else [{"type": "PRICE", "values": [price]}]
    found: dict[str, Any] = {
        "id": "e1",
        "programID": "p1",
        "createdDateTime": "2026-07-13T02:00:00Z",
        "modificationDateTime": "2026-07-13T02:00:00Z",
        "intervalPeriod": {"start": "2026-07-14T11:00:00Z", "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": payloads}],
    }
    found |= {"reportDescriptors": [{"payloadType": "LOAD_SHED_DELTA_AVAILABLE", "historical": False}]} if asks else {}
    return found | more


def read(event: Any) -> Call:
    assert calls_for_load(event)
    call = read_call(event, (), AGREED, NOW)
    assert call is not None
    return call


def view(**more: Any) -> dict[str, Any]:
    found = {"type": "shave", "target_kw": 60.0, "price": 1.5, "bid": None, "clearing": None}
    hours = {"start": "2026-07-14T11:00:00+00:00", "end": "2026-07-14T12:00:00+00:00"}
    return found | hours | more


@pytest.mark.req("GL-A7")
def test_an_invitation_asks_for_what_could_be_shed() -> None:
    call = read(event())
    assert (call.id, call.feeder_id, call.asks, call.notice) == ("oadr3:e1", "T1", True, "day_ahead")
    word, code = next_word(call, None, AGREED)
    assert (code, word and word.kind) == ("", "invitation")
    assert word is not None
    assert word.body == {
        "type": "shave",
        "notice": "day_ahead",
        "start": "2026-07-14T11:00:00+00:00",
        "end": "2026-07-14T12:00:00+00:00",
        "target_kw": 60.0,
        "price": 1.5,
        "price_unit": "per_kwh",
    }
    assert next_word(call, view(), AGREED) == (None, ""), "what is known is not said again"


def test_more_load_another_unit_another_feeder_and_hours_in_pieces() -> None:
    halves = [{"id": n, "payloads": event(0.05, None)["intervals"][0]["payloads"]} for n in (0, 1)]
    call = read(
        event(
            intervals=halves,
            intervalPeriod={"start": "2026-07-13T11:00:00Z", "duration": "PT30M"},
            targets=["group-2"],
            payloadDescriptors=[
                {"payloadType": "DISPATCH_SETPOINT_RELATIVE", "units": "MW"},
                {"payloadType": "PRICE", "units": "KW"},
            ],
        )
    )
    assert (call.kind, call.change_w, call.feeder_id, call.price) == ("fill", 50_000, "T2", None)
    assert ((call.end - call.start).total_seconds(), call.notice, call.price_unit) == (3600, "intraday", "per_kw")


def test_what_begins_within_the_hour_is_told_by_the_minute() -> None:
    assert read(event(createdDateTime="2026-07-14T10:30:00Z")).notice == "minute"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"intervalPeriod": {"start": "2026-07-14T11:00:00Z"}}, "malformed"),
        ({"intervalPeriod": {"start": "tomorrow", "duration": "PT1H"}}, "malformed"),
        ({"targets": ["elsewhere"]}, "unknown_target"),
        ({"targets": ["csms-1", "group-2"]}, "several_feeders"),
        ({"payloadDescriptors": [{"payloadType": "DISPATCH_SETPOINT_RELATIVE", "units": "PERCENT"}]}, "malformed"),
    ],
)
def test_what_makes_no_event_is_told_with_its_code(changed: dict[str, Any], fault: str) -> None:
    assert read(event() | changed).fault == fault


@pytest.mark.parametrize("value", ["60", None, [1], float("nan"), float("inf")])
def test_a_value_that_is_none(value: Any) -> None:
    assert read(event(value)).fault == "malformed"


def test_two_powers_in_one_event_are_none() -> None:
    two = [event(kw)["intervals"][0] | {"id": n} for n, kw in enumerate((-10, -20))]
    assert read(event(intervals=two)).fault == "malformed"


def test_the_result_is_the_event_that_asks_no_more() -> None:
    bid = {"power_kw": 40.0, "price": 1.2}
    word, _ = next_word(read(event(-40, 1.3, asks=False)), view(bid=bid), AGREED)
    assert word is not None
    assert (word.kind, word.body) == ("clearing", {"accepted": True, "power_kw": 40.0, "price": 1.3})
    refused, _ = next_word(read(event(0, None, asks=False)), view(bid=bid), AGREED)
    assert refused is not None
    assert refused.body == {"accepted": False}
    cleared = {"accepted": True, "power_kw": 40.0, "price": 1.3}
    assert next_word(read(event(-40, 1.3, asks=False)), view(clearing=cleared), AGREED) == (None, "")
    again, _ = next_word(read(event(-50, 1.3, asks=False)), view(clearing=cleared), AGREED)
    assert again is not None, "another result is for the desk to refuse"


def test_a_result_for_what_nobody_was_invited_to_and_for_other_hours() -> None:
    assert next_word(read(event(asks=False)), None, AGREED) == (None, "unknown_event")
    assert next_word(read(event(40, asks=False)), view(), AGREED) == (None, DIFFERS)
    later = {"start": "2026-07-14T12:00:00Z", "duration": "PT1H"}
    assert next_word(read(event(asks=False, intervalPeriod=later)), view(), AGREED) == (None, DIFFERS)


def test_an_event_taken_back_as_the_guide_has_it_is_cancelled() -> None:
    call = read(event(intervalPeriod={"start": "0001-01-01", "duration": "PT0S"}))
    word, _ = next_word(call, view(), AGREED)
    assert (word and word.kind) == "cancel"
    assert next_word(call, None, AGREED) == (None, "")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(event())), json, max_size=6))
def test_whatever_a_vtn_sends_is_read_or_told_as_malformed(changed: dict[str, Any]) -> None:
    said = event() | changed
    calls_for_load(said)
    call = read_call(said, (), AGREED, NOW)
    if call is not None and not call.fault:
        next_word(call, None, AGREED)
        next_word(call, view(), AGREED)
