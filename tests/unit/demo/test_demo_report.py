"""The demo's report: seconds over the cap counted from the true load, and nothing hidden."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import numpy as np
from rich.console import Console

from csms.texts import catalogue
from device_sim.demo.picture import load_picture
from device_sim.demo.report import Figures, LoadTrace, build, table

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


def trace() -> LoadTrace:
    at_s = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    piles_w = np.array([0.0, 50e3, 80e3, 95e3, 0.0])
    return LoadTrace(at_s, piles_w, np.full(5, 10e3), np.array([100e3, 100e3, 100e3, 80e3, 80e3]))


def figures(**more: object) -> Figures:
    given: dict[str, object] = {
        "began": BEGAN,
        "simulated_s": 40.0,
        "wall_s": 1.0,
        "speed": 40.0,
        "source": "generated",
        "trace": trace(),
        "unmanaged_peak_w": 123_456.0,
        "unmanaged_over_s": 600.0,
        "energy_wanted_wh": 12_000.0,
        "energy_possible_wh": 10_000.0,
        "limit": None,
        "fleet": {
            "energy_delivered_wh": 9_900.0,
            "stations_by_version": {"ocpp1.6": 1, "ocpp2.0.1": 1},
            "sessions_started": 3,
            "sessions_ended": 2,
            "turned_away": 1,
            "samples_acknowledged": 77,
            "all_connected": (BEGAN + timedelta(seconds=5)).isoformat(),
        },
        "overview": {
            "sessions": {"open": 1, "ended": 2},
            "energy_wh": 9_899.0,
            "samples": 77,
            "profiles": {"sent": 4, "accepted": 3, "seen": 2},
        },
        "province": [{"queued": 0, "sent": 0, "retry": 0, "acked": 5, "dead": 0}],
        "platform": {"orders": 2},
        "plan_gap_max": 2e-8,
        "interrupted": False,
    }
    return Figures(**{**given, **more})  # type: ignore[arg-type]


def test_seconds_over_the_cap_count_until_the_next_value() -> None:
    load = trace()
    assert load.over_cap_s() == 10.0
    assert load.over_cap_s(from_s=35.0) == 0.0
    assert load.last_over_cap_at_s() == 30.0
    assert load.peak_w() == 105e3
    assert load.overrun_w() == 25e3


def test_the_report_says_what_was_delivered_of_what_was_possible() -> None:
    report = build(figures())
    assert report["energy"]["delivered_of_possible"] == 0.99
    assert report["samples"] == {"acknowledged": 77, "stored": 77}
    assert report["load"]["over_cap_s"] == 10.0
    assert report["load"]["lowest_cap_w"] == 80e3


def test_people_get_a_table_in_both_languages() -> None:
    for language, word in (("en", "Peak load"), ("zh", "最大负荷")):
        console = Console(record=True, width=100)
        console.print(table(build(figures()), catalogue(language)))
        assert word in console.export_text()


def test_the_picture_is_valid_svg() -> None:
    at_s = np.arange(40.0)
    drawing = load_picture(trace(), at_s, np.full(40, 120e3), BEGAN, UTC, catalogue("zh"))
    root = ElementTree.fromstring(drawing)
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polygon"))) == 2
    assert "限额" in drawing
