"""What a problem refuses, and that nobody can change it afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer import EvSession, Problem


def session(**changes: Any) -> EvSession:
    return EvSession(
        **{"id": "a", "arrival_slot": 0, "departure_slot": 2, "power_max_kw": 7, "energy_kwh": 3} | changes
    )


def problem(**changes: Any) -> Problem:
    given = {"slot_h": 0.25, "base_load_kw": [1, 2, 3], "cap_kw": [9, 9, np.inf], "sessions": (session(),)}
    return Problem(**given | changes)


def test_lists_become_read_only_copies() -> None:
    base = np.array([1.0, 2.0, 3.0])
    made = problem(base_load_kw=base)
    base[0] = 99.0
    assert made.base_load_kw[0] == 1.0
    assert made.slots == 3
    with pytest.raises(ValueError, match="read-only"):
        made.base_load_kw[0] = 5.0


def test_load_is_base_plus_sessions() -> None:
    np.testing.assert_array_equal(problem().load_kw(np.array([[1.0, 0.0, 2.0]])), [2.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arrival_slot": 2}, "before departure_slot"),
        ({"arrival_slot": -1}, "arrival_slot must be >= 0"),
        ({"power_max_kw": -1}, "a: power_max_kw"),
        ({"power_max_kw": float("nan")}, "a: power_max_kw"),
        ({"energy_kwh": float("inf")}, "a: energy_kwh"),
        ({"power_min_kw": 8}, "power_min_kw is above"),
    ],
)
def test_a_session_is_checked(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        session(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slot_h": 0.0}, "slot_h"),
        ({"slot_h": float("nan")}, "slot_h"),
        ({"base_load_kw": [], "cap_kw": []}, "at least one slot"),
        ({"base_load_kw": [[1.0, 2.0, 3.0]]}, "one number per slot"),
        ({"base_load_kw": ["x", 2, 3]}, "base_load_kw: not a list of numbers"),
        ({"base_load_kw": [1, float("nan"), 3]}, "base_load_kw"),
        ({"base_load_kw": [1, float("inf"), 3]}, "base_load_kw"),
        ({"cap_kw": [9, 9]}, "cap_kw: 2 values for 3 slots"),
        ({"cap_kw": [9, 9, -np.inf]}, "cap_kw"),
        ({"cap_kw": [9, 9, 1e12]}, "cap_kw"),
        ({"weight": [1, -1, 1]}, "weight: must not be negative"),
        ({"price": [1, 1]}, "price: 2 values"),
        ({"sessions": (session(), session())}, "given twice"),
        ({"sessions": (session(departure_slot=4),)}, "lies after the last of 3 slots"),
    ],
)
def test_a_problem_is_checked(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        problem(**changes)
