"""`csms optimize --site`: a stored plan as a problem."""

from __future__ import annotations

import json
import math

from csms.console.optimize import problem_of
from optimizer.json_format import read_problem
from optimizer.solver import solve


def test_a_stored_plan_can_be_solved_anew() -> None:
    wish = {"arrival_slot": 0, "departure_slot": 2, "power_max_kw": 7.0, "energy_kwh": 3.0, "priority": 1}
    content = {
        "slot_h": 0.25,
        "cap_kw": [20.0, math.inf, None],
        "base_kw": [1.0, 2.0, 3.0],
        "sessions": [{"evse": "P1/1", "planned_kw": 3.0, **wish}, {"evse": "P2/1", "planned_kw": 0.0}],
    }
    problem = read_problem(json.dumps(problem_of(content)))
    assert [s.id for s in problem.sessions] == ["P1/1"]
    assert solve(problem).served_kwh[0] > 2.9


def test_a_plan_without_sessions_is_an_empty_problem() -> None:
    assert problem_of({"slot_h": 0.25, "base_kw": [1.0], "cap_kw": [5.0]})["sessions"] == []
