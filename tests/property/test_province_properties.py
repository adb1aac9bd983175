"""Invariants of the interchange interface for any input."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, SM4_SM3, DecryptFailed, Secrets
from csms.province.envelope import (
    Codec,
    Door,
    Opened,
    Refused,
    ResponseInvalid,
    SeqAllocator,
    SeqExhausted,
    check_request,
    open_response,
    seal_request,
    seal_response,
)
from csms.province.mapping import gcj02, priced
from csms.province.messages import check_body, render_body
from csms.province.outbox import Verdict, failed, judge, step
from csms.province.profile import PUSHED, Kind, load_profile
from csms.province.replay import Freshness, ReplayCache

KEY = "1234567890abcdef"
SECRETS = Secrets.of(KEY, KEY, KEY, KEY)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPERATOR = "123456789"
SUITES = st.sampled_from([AES_MD5, SM4_SM3])
BASE = load_profile("tcec102-2016")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def door(codec: Codec) -> Door:
    return Door({OPERATOR: codec}, NOW, ReplayCache(), None)


@given(SUITES, st.binary(max_size=300))
def test_decryption_undoes_encryption(suite: Any, plain: bytes) -> None:
    assert suite.decrypt(suite.encrypt(plain, SECRETS), SECRETS) == plain


@given(SUITES, st.text(max_size=60))
def test_any_text_decrypts_or_fails_cleanly(suite: Any, data: str) -> None:
    try:
        suite.decrypt(data.encode("utf-8", "replace").decode(), SECRETS)
    except DecryptFailed:
        return


@given(SUITES, st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_what_is_sealed_is_opened(suite: Any, body: dict[str, Any]) -> None:
    codec = Codec(suite, SECRETS)
    raw = strict_json.write(body)
    opened = check_request(
        seal_request(codec, OPERATOR, raw, SeqAllocator(ManualClock(NOW)).next()).to_wire(), door(codec)
    )
    assert isinstance(opened, Opened)
    assert strict_json.write(opened.body) == strict_json.write(strict_json.parse(raw))


@given(SUITES, st.sampled_from(["data", "timestamp", "seq", "sig"]), st.data())
def test_one_changed_character_is_refused(suite: Any, name: str, data: st.DataObject) -> None:
    codec = Codec(suite, SECRETS)
    sealed = seal_request(codec, OPERATOR, b'{"a":"\xe5\xad\x97"}', SeqAllocator(ManualClock(NOW)).next())
    text = getattr(sealed, name)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != text[place]))
    changed = replace(sealed, **{name: text[:place] + other + text[place + 1 :]})
    refused = check_request(changed.to_wire(), door(codec))
    assert isinstance(refused, Refused)
    assert refused.ret == 4001


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_judged_and_never_raise(raw: bytes) -> None:
    codec = Codec(AES_MD5, SECRETS)
    assert isinstance(check_request(raw, door(codec)), Refused)
    with pytest.raises(ResponseInvalid):
        open_response(codec, raw, OPERATOR)


@given(json_values)
def test_any_body_is_judged_and_never_raises(value: Any) -> None:
    for kind in (Kind.CHARGE_ORDER, Kind.STATION_INFO):
        assert check_body(BASE, kind, value if isinstance(value, dict) else {"StationInfo": value})


@given(
    st.integers(-(10**6), 10**6), st.text(max_size=10), st.dictionaries(st.text(max_size=5), json_values, max_size=3)
)
def test_a_response_is_opened_as_sealed(ret: int, msg: str, body: dict[str, Any]) -> None:
    codec = Codec(AES_MD5, SECRETS)
    sealed = seal_response(codec, ret, msg, strict_json.write(body) if body else b"", OPERATOR)
    opened, found = open_response(codec, sealed.to_wire(), OPERATOR)
    assert opened == sealed
    assert strict_json.write(found) == strict_json.write(strict_json.parse(strict_json.write(body)))


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_stamp_is_used_twice(steps_s: list[float]) -> None:
    clock = ManualClock(NOW)
    allocator, seen = SeqAllocator(clock, after=NOW), set()
    for step_s in steps_s:
        clock.time += timedelta(seconds=step_s - 1)
        try:
            stamp = allocator.next()
        except SeqExhausted:
            continue
        assert stamp not in seen
        seen.add(stamp)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-400, 400), st.integers(0, 200)), max_size=60))
def test_an_envelope_is_fresh_at_most_once(events: list[tuple[int, int, int]]) -> None:
    """Whatever the skew: a (key, stamp) pair is taken once for as long as the clock goes forward."""
    cache, now, taken = ReplayCache(keys_max=10), NOW, set()
    for key, skew_s, pass_s in events:
        now += timedelta(seconds=pass_s)
        stamp = NOW + timedelta(seconds=600 + skew_s)
        if cache.take(f"{key}/{skew_s}", stamp, now) is Freshness.FRESH:
            assert (key, skew_s) not in taken
            taken.add((key, skew_s))
        assert len(cache) <= 10


amounts = st.decimals(0, 5, places=4)


@given(st.lists(st.tuples(st.floats(0, 1e5), amounts, amounts), min_size=1, max_size=32))
def test_details_always_add_up_to_the_order(rows: list[tuple[float, Decimal, Decimal]]) -> None:
    from csms.model.ids import ConnectorRef
    from csms.province.ids import IdTable, Names
    from csms.province.records import ChargeOrder
    from csms.province.values import order_values

    details = tuple(priced(NOW, NOW, energy_wh, elec, service) for energy_wh, elec, service in rows)
    order = ChargeOrder(1, "1", ConnectorRef("x", 1, 1), NOW, NOW, details, 0)
    for profile_id in ("tcec102-2016", "shandong", "qingdao"):
        profile = load_profile(profile_id)
        body = render_body(profile, Kind.CHARGE_ORDER, order_values(order, Names(OPERATOR, IdTable()), NOW))
        received = strict_json.parse_object(strict_json.write(body))
        assert check_body(profile, Kind.CHARGE_ORDER, received) == []
        total = received.get("TotalPower", received.get("TotalElect"))
        assert sum(Decimal(str(row["DetailPower"])) for row in received["ChargeDetails"]) == Decimal(str(total))
        service = "TotalSeviceMoney" if "TotalSeviceMoney" in received else "TotalServiceMoney"
        money = Decimal(str(received["TotalElecMoney"])) + Decimal(str(received[service]))
        assert money == Decimal(str(received["TotalMoney"]))


@given(st.floats(73, 135), st.floats(18, 53))
def test_a_coordinate_moves_by_less_than_a_kilometre(longitude: float, latitude: float) -> None:
    moved_lng, moved_lat = gcj02(longitude, latitude)
    assert abs(moved_lng - longitude) < 0.015
    assert abs(moved_lat - latitude) < 0.01


@given(st.sampled_from(PUSHED), st.integers(1, 1000), st.integers(-10, 5000))
def test_nothing_but_the_dead_codes_ends_an_order_without_an_acknowledgement(
    kind: Kind, attempts: int, ret: int
) -> None:
    result = step(BASE, kind, attempts, judge(BASE, ret, "", {}), NOW)
    if ret in (4001, 4003, 4004):
        assert result.verdict is Verdict.DEAD
    elif ret == 0:
        assert result.verdict is Verdict.ACKED
    else:
        assert result.next_at is not None
        assert NOW + timedelta(seconds=15) <= result.next_at <= NOW + timedelta(seconds=3600)
    assert step(BASE, kind, attempts, failed("x", unreachable=True), NOW).verdict is Verdict.RETRY


class Delivery(RuleBasedStateMachine):
    """Any interleaving of orders, sends, lost answers, refusals and restarts loses no order and accepts each once."""

    @initialize()
    def start(self) -> None:
        from csms.province.memory import MemoryOutbox

        self.outbox: Any = MemoryOutbox()
        self.accepted: dict[str, int] = {}
        self.made = 0
        self.now = NOW

    @rule()
    def new_order(self) -> None:
        from csms.province.ports import NewEntry

        run(self.outbox.add([NewEntry("p", "charge_order", f"o{self.made}", {}, self.now)]))
        self.made += 1

    @rule(fate=st.sampled_from(["ack", "answer lost", "refused", "killed before", "killed after"]))
    def attempt(self, fate: str) -> None:
        due = run(self.outbox.due("p", ["charge_order"], self.now, 1))
        if not due:
            return
        entry = due[0]
        run(self.outbox.mark_sent(entry.id, self.now + timedelta(seconds=90)))
        if fate in ("ack", "answer lost", "killed after"):
            self.accepted[entry.business_key] = self.accepted.get(entry.business_key, 0) or 1
        if fate == "ack":
            run(self.outbox.mark_acked(entry.id, self.now, 0))
        elif fate in ("answer lost", "refused"):
            result = step(BASE, Kind.CHARGE_ORDER, entry.attempts + 1, failed(fate, unreachable=True), self.now)
            assert result.next_at is not None
            run(self.outbox.mark_retry(entry.id, result.next_at, 500, fate))
        else:
            self.outbox = self.outbox.restarted()
            run(self.outbox.recover("p", self.now))

    @rule(delay_s=st.integers(1, 4000))
    def wait(self, delay_s: int) -> None:
        self.now += timedelta(seconds=delay_s)

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "outbox"):
            return
        counts = run(self.outbox.counts("p"))
        assert sum(counts.values()) == self.made
        assert counts["acked"] <= len(self.accepted) <= self.made
        assert counts["sent"] == 0


def run(coroutine: Any) -> Any:
    """Drive a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the outbox in memory waited")


Delivery.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestDelivery = Delivery.TestCase
