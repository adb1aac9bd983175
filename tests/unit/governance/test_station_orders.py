"""Sessions of stations that cannot be facts wait with reasons, and are released as a person corrects them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.model.clock import system_clock
from csms.texts import catalogue
from monitor.governance.console import build
from monitor.governance.mapping import ImportedOrder
from monitor.governance.station_orders import cells_of, faults_of, read_station_order
from tests.unit.governance.test_gathering import START, changed, fill, run, session

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SOUND = ImportedOrder(
    "t1", "own", "cp-1", "1", START, START + timedelta(hours=1), 7000.0, 0.0, 7000.0, None, user_hash="4f"
)


def test_a_session_that_cannot_be_waits_once_and_is_released_as_corrected(tmp_path: Path) -> None:
    bad = session(2, START, ended_at=START - timedelta(hours=3), energy_wh=-5.0)
    fill(tmp_path, [(session(1, START - timedelta(days=1)), range(61)), (bad, [])])
    found = run(tmp_path, "gather")
    assert (found["orders"], found["quarantined"]) == (1, 1)
    assert run(tmp_path, "gather")["quarantined"] == 0, "it waits already"
    held = quarantine(tmp_path, "list")
    assert [(fault["column"], fault["reason"]) for fault in held[0]["faults"]] == [
        ("end", "end_before_start"),
        ("energy_wh", "negative"),
    ]
    number = str(held[0]["id"])
    still = CliRunner().invoke(
        build(catalogue("en")),
        ["quarantine", "release", number, "--set", "energy_wh=7000", "--data-dir", str(tmp_path), "--json"],
    )
    assert json.loads(still.stderr.strip().splitlines()[-1])["code"] == "still_wrong"
    end = (START + timedelta(hours=1)).isoformat()
    quarantine(tmp_path, "release", number, "--set", "energy_wh=7000", "--set", f"end={end}", "--note", "by the meter")
    assert run(tmp_path, "gather")["orders"] == 0, "the decision stands"
    rows = {row["key"]: row for row in run(tmp_path, "orders")}
    assert (rows["2"]["energy_wh"], rows["2"]["released"]) == (7000.0, True)
    assert run(tmp_path, "lineage", str(rows["2"]["id"]))["quarantine"][0]["raw"]["energy_wh"] == "-5.0"


def test_a_session_that_is_told_right_later_becomes_a_fact(tmp_path: Path) -> None:
    begin = system_clock().now().replace(microsecond=0) - timedelta(days=1)
    fill(tmp_path, [(session(1, begin, energy_wh=-5.0), range(61))])
    assert run(tmp_path, "gather")["quarantined"] == 1
    changed(tmp_path, "UPDATE session SET energy_wh = 7000 WHERE id = 1")
    run(tmp_path, "gather")
    (row,) = run(tmp_path, "orders")
    assert row["energy_wh"] == 7000.0
    assert quarantine(tmp_path, "list") == [], "nobody has to decide any more"
    changed(tmp_path, "UPDATE session SET energy_wh = -5 WHERE id = 1")
    assert run(tmp_path, "gather")["quarantined"] == 1
    (row,) = run(tmp_path, "orders")
    assert row["energy_wh"] == 7000.0, "what was said right stands until a person decides"
    (held,) = quarantine(tmp_path, "list")
    quarantine(tmp_path, "release", str(held["id"]), "--set", "energy_wh=6999")
    (row,) = run(tmp_path, "orders")
    assert (row["energy_wh"], row["version"], row["released"]) == (6999.0, 2, True)


def quarantine(folder: Path, *words: str) -> list[dict[str, object]]:
    found = CliRunner().invoke(build(catalogue("en")), ["quarantine", *words, "--data-dir", str(folder), "--json"])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (SOUND, []),
        (replace(SOUND, fee_yuan=-3.0), []),
        (replace(SOUND, end=NOW + timedelta(seconds=1)), [("end", "in_the_future")]),
        (replace(SOUND, start=datetime(1970, 1, 1, tzinfo=UTC)), [("start", "before_2000")]),
        (replace(SOUND, energy_wh=math.nan), [("energy_wh", "not_a_number")]),
        (replace(SOUND, meter_stop_wh=-1.0), [("meter_stop_wh", "negative")]),
    ],
)
def test_each_thing_that_cannot_be_is_named(order: ImportedOrder, found: list[tuple[str, str]]) -> None:
    assert [(fault.column, fault.reason) for fault in faults_of(order, NOW)] == found


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"start": "yesterday"}, ("start", "not_a_time")),
        ({"end": ""}, ("end", "missing")),
        ({"energy_wh": "much"}, ("energy_wh", "not_a_number")),
        ({"energy_wh": ""}, ("energy_wh", "missing")),
        ({"number": " "}, ("number", "missing")),
    ],
)
def test_corrections_that_cannot_be_read_are_named(cells: dict[str, str], found: tuple[str, str]) -> None:
    read = read_station_order(cells_of(SOUND) | cells, "own", NOW)
    assert isinstance(read, list)
    assert [(fault.column, fault.reason) for fault in read] == [found]


SECONDS = st.integers(0, 10**6)
AMOUNTS = st.none() | st.floats(min_value=0, max_value=1e9)


@given(
    energy=st.floats(min_value=0, max_value=1e9), begin=AMOUNTS, end=AMOUNTS, fee=AMOUNTS, after=st.integers(0, 10**6)
)
def test_what_was_written_down_is_read_again_as_it_was(
    energy: float, begin: float | None, end: float | None, fee: float | None, after: int
) -> None:
    order = replace(SOUND, energy_wh=energy, meter_start_wh=begin, meter_stop_wh=end, fee_yuan=fee)
    order = replace(order, end=order.start + timedelta(seconds=after))
    assert read_station_order(cells_of(order), "own", NOW) == order
