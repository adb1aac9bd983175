"""What stands in messages over MQTT, read and written (GL-A5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid.decide import Decision, refused
from csms.grid.heartbeat import read_heartbeat
from csms.grid.mqtt_payloads import (
    BadPayload,
    FeederPower,
    Quality,
    Said,
    acknowledgement,
    feeder_power,
    is_ours,
    our_heartbeat,
    packed,
    read_base,
    read_said,
)
from csms.grid.statement import BadStatement
from csms.model.limit import Limit

pytestmark = pytest.mark.req("GL-A5")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIMIT = Limit("grid:north", "T1", "L1", 3, 90_000, NOW, NOW, NOW, received_at=NOW)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"id": "L1", "version": 3}', Said("L1", 3)),
        (b'{"id": 7, "version": true}', Said()),
        (b'{"id": "L1", "version": 1e400}', Said("L1")),
        (b'{"id": "L1", "version": 9999999999999999}', Said("L1")),
        (b'["L1"]', Said()),
        (b'{"id": "L1", "id": "L2"}', Said()),
        (b"\xff", Said()),
        (b"", Said()),
    ],
)
def test_what_a_statement_calls_itself(raw: bytes, said: Said) -> None:
    assert read_said(raw) == said


values = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(["id", "version"]), values).map(packed))
def test_any_bytes_have_a_name_or_none(raw: bytes) -> None:
    assert isinstance(read_said(raw), Said)
    assert is_ours(raw) in (True, False)


def test_an_acceptance_says_when_it_became_durable() -> None:
    told = json.loads(acknowledgement(Said("L1", 3), Decision(True, limit=LIMIT, repeated=True), "T1", NOW))
    assert told == {
        "feeder_id": "T1",
        "id": "L1",
        "version": 3,
        "accepted": True,
        "at": NOW.isoformat(),
        "persisted_at": NOW.isoformat(),
        "repeated": True,
    }


def test_a_refusal_says_why_and_gives_back_no_more_than_a_name() -> None:
    told = json.loads(acknowledgement(Said("x" * 10_000, None), refused("malformed", "why"), "T1", NOW))
    assert (told["accepted"], told["code"], told["text"], told["version"]) == (False, "malformed", "why", None)
    assert len(told["id"]) == 64
    assert "persisted_at" not in told
    assert json.loads(acknowledgement(Said(), refused("malformed", ""), "T1", NOW))["id"] is None


def test_a_meter_adds_base_and_charging() -> None:
    told = json.loads(feeder_power(FeederPower(10_000, 5_500, Quality.METERED), "T1", NOW))
    assert (told["power_w"], told["base_w"], told["charging_w"], told["quality"]) == (15_500, 10_000, 5_500, "metered")


def test_our_heartbeat_is_never_taken_for_one_of_an_operator() -> None:
    ours = our_heartbeat("1", NOW, "speaks", None)
    assert is_ours(ours)
    with pytest.raises(BadStatement):
        read_heartbeat(ours)
    assert not is_ours(b"")
    assert not is_ours(b'{"sent_at": "2026-01-31T12:00:00Z"}')


@pytest.mark.parametrize(
    ("body", "power_w", "at"),
    [
        ({"power_w": 12_500.5}, 12_500.5, None),
        ({"power_w": -7, "at": "2026-01-31T20:00:00+08:00", "schema": "1"}, -7.0, NOW),
        ({"power_w": 0, "at": None}, 0.0, None),
    ],
)
def test_a_base_load_is_read(body: dict[str, Any], power_w: float, at: datetime | None) -> None:
    assert read_base(json.dumps(body).encode()) == (power_w, at)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"12",
        b"{}",
        b'{"at": "2026-01-31T12:00:00Z"}',
        b'{"power_w": 1, "power": 2}',
        b'{"power_w": "1"}',
        b'{"power_w": null}',
        b'{"power_w": false}',
        b'{"power_w": NaN}',
        b'{"power_w": 1e999}',
        b'{"power_w": 1e11}',
        b'{"power_w": 1, "power_w": 2}',
        b'{"power_w": 1, "at": "yesterday"}',
        b'{"power_w": 1, "at": "2026-01-31T12:00:00"}',
        b'{"power_w": 1, "at": 5}',
        b'{"power_w": 1, "at": "0001-01-01T00:00:00+14:00"}',
    ],
)
def test_a_base_load_is_refused(raw: bytes) -> None:
    with pytest.raises(BadPayload):
        read_base(raw)
