"""`csms plan explain` in words of both languages, from the content of plans."""

from __future__ import annotations

from typing import Any

import pytest

from csms.console.plan import _explained, reasons
from csms.texts import catalogue

CONTENT: dict[str, Any] = {
    "slot_h": 0.25,
    "cap_kw": [98.0, 49.0, None],
    "base_kw": [10.0, 30.0, 20.0],
    "charging_kw": [20.0, 8.0, 0.0],
    "sessions": [{"evse": "A/1", "energy_kwh": 8.0}, {"evse": "B/1"}],
    "shortfalls": [{"evse": "A/1", "kwh": 1.0, "reason": "cap"}],
}
FORECAST = {
    "made_at": "2026-03-02T08:00:00+00:00",
    "expected": [{"id": "expected:0", "energy_kwh": 30.0}, {"id": "expected:1", "energy_kwh": 12.0}],
    "expected_kw": [0.0, 40.0, 100.0],
}


def told(content: dict[str, Any], language: str = "en") -> str:
    plan = {"made_at": "2026-03-02T08:07:00+00:00", "cause": "arrival", "content": content}
    return "\n".join(_explained(catalogue(language), plan))


def test_figures_of_a_plan() -> None:
    found = reasons(CONTENT | {"forecast": FORECAST})
    assert found == {
        "cap_kw": [49.0, 98.0],
        "base_kw": [10.0, 30.0],
        "cars": 2,
        "wanted_kwh": 8.0,
        "planned_kwh": 7.0,
        "short_kwh": 1.0,
        "forecast": {"made_at": FORECAST["made_at"], "kinds": 2, "expected_kwh": 42.0, "kept_kwh": 35.0},
    }
    assert reasons({"sessions": []})["cap_kw"] is None


def test_words_of_a_plan_with_a_forecast_and_without() -> None:
    with_one, without = told(CONTENT | {"forecast": FORECAST}), told(CONTENT)
    assert "42.0 kWh" in with_one
    assert "35.0 kWh" in with_one
    assert "No forecast" not in with_one
    assert "No forecast was used" in without
    assert "49.0 to 98.0 kW" in without
    assert "1.0 kWh do not fit" in without
    assert "not fit" not in told(CONTENT | {"shortfalls": []})


@pytest.mark.parametrize("content", [CONTENT, CONTENT | {"forecast": FORECAST}, {"sessions": []}])
def test_both_languages_say_as_much(content: dict[str, Any]) -> None:
    english, chinese = told(content).splitlines(), told(content, "zh").splitlines()
    assert len(english) == len(chinese)
    assert not any("{" in line for line in (*english, *chinese))
