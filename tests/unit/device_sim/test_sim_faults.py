"""Mishaps to order."""

from __future__ import annotations

import pytest

from device_sim.faults import FaultSpec, Mishap, parse_fault, plan_faults


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("drop:0.5/h", FaultSpec("drop", rate_per_h=0.5)),
        ("power:0.1/h=300", FaultSpec("power", rate_per_h=0.1, down_s=300.0)),
        ("repeat@600:AC01", FaultSpec("repeat", at_s=600.0, station_id="AC01")),
        ("power@0=5", FaultSpec("power", at_s=0.0, down_s=5.0)),
    ],
)
def test_how_a_fault_is_written(text: str, spec: FaultSpec) -> None:
    assert parse_fault(text) == spec


@pytest.mark.parametrize(
    "text", ["", "drop", "fire:1/h", "drop:0/h", "drop:-1/h", "drop:1/d", "drop:1.1.1/h", "drop:1/h=9", "drop:9999/h"]
)
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault|rate|number"):
        parse_fault(text)


def test_a_rate_is_kept_over_many_hours_and_the_seed_decides() -> None:
    specs = [FaultSpec("drop", rate_per_h=2.0)]
    planned = plan_faults(specs, ["A", "B"], 1_000.0, 500.0, 3)
    assert planned == plan_faults(specs, ["A", "B"], 1_000.0, 500.0, 3)
    assert planned != plan_faults(specs, ["A", "B"], 1_000.0, 500.0, 4)
    assert 1_800 < len(planned) < 2_200
    assert planned == sorted(planned)
    assert all(1_000.0 <= m.at_s <= 1_000.0 + 500.0 * 3_600.0 for m in planned)


def test_a_single_mishap_happens_where_and_when_it_should() -> None:
    specs = [parse_fault("power@60:B=30"), parse_fault("repeat@5")]
    assert plan_faults(specs, ["A", "B"], 100.0, 1.0, 1) == [
        Mishap(105.0, "A", "repeat", 120.0),
        Mishap(105.0, "B", "repeat", 120.0),
        Mishap(160.0, "B", "power", 30.0),
    ]


def test_an_unknown_station_is_refused() -> None:
    with pytest.raises(ValueError, match="no station 'C'"):
        plan_faults([parse_fault("drop@1:C")], ["A"], 0.0, 1.0, 1)
