"""Whatever numbers and times a source sends, by whatever channel: a coded refusal and nothing changed, or a limit that
makes sense (grid-limits A2). What a statement says is written as text, so that NaN, 1e400 and huge integers come too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.book import LimitBook
from csms.grid.decide import HORIZON, OPEN_END, Decision, Known, decide
from csms.grid.file_plug import FileUnreadable, read_file
from csms.grid.listed import Wish, next_version
from csms.grid.openadr3 import Agreed, read_event
from csms.grid.openadr3_periods import Release
from csms.grid.peer import Peer, SourceRule
from csms.grid.statement import POWER_MAX_W, VERSION_MAX

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000), Feeder("T2", 400_000)])
MINE = Peer("grid-1", feeders=frozenset({"T1"}))
CODES = {
    "not_authorised",
    "malformed",
    "bad_unit",
    "bad_sign",
    "not_finite",
    "window_order",
    "window_past",
    "beyond_horizon",
    "stale_version",
    "too_many_blocks",
    "below_floor",
    "above_rating",
    "unknown_limit",
    "bad_signature",
}

numbers = st.one_of(
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "1e400", "-0.0", "1e-320", "9" * 18, "9" * 40, '"150000"', "null"]
    ),
    st.integers(-(10**12), 10**12).map(str),
    st.integers(50_000, 400_000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["true", "[]", "{}", '""']),
)
moments = st.one_of(
    st.none(),
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.timedeltas(timedelta(days=-400), timedelta(days=5000)).map(lambda by: (NOW + by).isoformat()),
    st.timedeltas(timedelta(days=-1), timedelta(days=3)).map(lambda by: (NOW + by).isoformat()),
    st.sampled_from(
        ["", "now", "0", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "P1D"]
    ),
).map(json.dumps)
versions = st.one_of(numbers, st.integers(1, 6).map(str), st.integers(VERSION_MAX - 1, VERSION_MAX + 1).map(str))
blocks = st.lists(st.tuples(moments, numbers), max_size=4).map(
    lambda listed: "[" + ", ".join(f'{{"start": {at}, "value_w": {value}}}' for at, value in listed) + "]"
)
parts = {
    "version": versions,
    "value_w": numbers,
    "valid_from": moments,
    "valid_to": moments,
    "issued_at": moments,
    "failsafe_w": numbers,
    "priority": numbers,
    "cancel": st.sampled_from(["true", "false", "0"]),
    "direction": st.sampled_from(['"import"', '"export"', '"up"']),
}
likely = st.fixed_dictionaries(
    {"version": st.integers(1, 6).map(str)}, optional={n: s for n, s in parts.items() if n != "version"}
)


def _without(body: dict[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in body.items() if other != name}


texts = st.one_of(
    st.fixed_dictionaries({}, optional=parts),
    likely,
    st.tuples(likely, blocks).map(lambda said: _without(said[0], "value_w") | {"blocks": said[1]}),
)
"""A statement, name by name, each value as it is spelled in JSON."""


def spelled(body: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in body.items()) + "}"


@dataclass
class Said:
    """A statement on its way into the one decision."""

    feeder_id: str
    limit_id: str
    raw: bytes


def plainly(told: list[dict[str, str]], book: LimitBook) -> Iterator[Said]:
    """By HTTP and by MQTT: the bytes as they come."""
    for body in told:
        yield Said("T1", "L", spelled(body).encode())


def by_file(told: list[dict[str, str]], book: LimitBook) -> Iterator[Said]:
    """As entries of a file, each read when it is written."""
    for body in told:
        entry = {"feeder": '"T1"', "id": '"L"', **body}
        try:
            written = read_file(f'{{"limits": [{spelled(entry)}]}}'.encode())
        except FileUnreadable:
            continue
        yield from (wished(wish, book) for wish in written.wishes)


def by_openadr3(told: list[dict[str, str]], book: LimitBook) -> Iterator[Said]:
    """As intervals of an event; numbers and times in its places."""
    agreed = Agreed("csms-1", feeders=("T1",), rating_w={"T1": 400_000}, release=Release.V3_1)
    for body in told:
        value, start = body.get("value_w", "null"), body.get("valid_from", "null")
        event = (
            f'{{"id": "e", "programID": "p", "modificationDateTime": {body.get("issued_at", "null")}, "priority":'
            f' {body.get("priority", "0")}, "intervalPeriod": {{"start": {start}, "duration": "PT2H"}}, "intervals":'
            f' [{{"id": 0, "payloads": [{{"type": "IMPORT_CAPACITY_LIMIT", "values": [{value}]}}]}}]}}'
        )
        found = read_event(json.loads(event), (), agreed, NOW)
        yield from (wished(wish, book) for wish in found.wishes)


def wished(wish: Wish, book: LimitBook) -> Said:
    version = next_version(wish, book.get(MINE.source, wish.feeder_id, wish.limit_id))
    return Said(wish.feeder_id, wish.limit_id, json.dumps({**wish.body, "version": version}).encode())


def sensible(decision: Decision, before: Any) -> None:
    limit = decision.limit
    assert limit is not None
    assert decision.code == ""
    assert limit.feeder_id == "T1"
    assert 0 <= limit.power_w <= POWER_MAX_W
    assert 1 <= limit.version <= VERSION_MAX
    assert before is None or limit.version > before.version or (decision.repeated and limit == before)
    if decision.repeated or limit.cancelled:
        return
    assert limit.valid_from < limit.valid_to
    assert NOW < limit.valid_to <= NOW + HORIZON + OPEN_END
    assert limit.valid_from <= NOW + HORIZON
    assert all(limit.valid_from <= block.start < limit.valid_to for block in limit.blocks)
    assert not limit.blocks or limit.blocks[0].start == limit.valid_from
    if limit.direction == "import":
        assert limit.power_w >= 50_000
        cap_w = limit.cap_w(limit.valid_from)
        assert cap_w is not None
        assert cap_w >= limit.power_w


@pytest.mark.req("GL-A2")
@pytest.mark.parametrize("channel", [plainly, by_file, by_openadr3])
@given(told=st.lists(texts, min_size=1, max_size=4))
def test_any_statement_is_a_limit_that_makes_sense_or_a_coded_refusal(channel: Any, told: list[dict[str, str]]) -> None:
    book = LimitBook()
    known = Known(book.get, TREE, SourceRule(MINE.source))
    for said in channel(told, book):
        before = book.get(MINE.source, said.feeder_id, said.limit_id)
        decision = decide(said.raw, MINE, said.feeder_id, said.limit_id, known, NOW)
        if decision.accepted:
            sensible(decision, before)
            assert decision.limit is not None
            book.put(decision.limit)
        else:
            assert decision.code in CODES
            assert decision.limit is None
            assert decision.text
        foreign = decide(said.raw, MINE, "T2", said.limit_id, known, NOW)
        assert (foreign.accepted, foreign.code) == (False, "not_authorised")
    assert all(limit.feeder_id == "T1" for limit in book.of_source(MINE.source, NOW))
