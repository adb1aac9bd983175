"""`csms optimize --site`: a stored plan as a problem."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np

from csms.charging.plans import Solved, adopted
from csms.console.optimize import problem_of
from csms.model.outlook import Outlook
from optimizer import Conductors, EvSession, Feeder, Problem
from optimizer.json_format import problem_document, read_problem
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


def test_feeders_and_conductors_of_a_stored_plan_come_along() -> None:
    hall = Feeder("hall", [9.0, np.inf], conductors=Conductors(cap_a=[16, 10, 16], base_a=[[1, 2]] * 3))
    car = EvSession("P1/1", 0, 2, 7.0, 3.0, feeder="hall", lines="2")
    asked = Problem(0.25, [1.0, 1.0], [20.0, 20.0], (car,), price=[0.1, 0.2], feeders=(hall,))
    plan = adopted("root", datetime(2026, 5, 1, tzinfo=UTC), "test", Solved(asked, solve(asked), 0.1), [], {})
    content = json.loads(json.dumps(dict(plan.content)))
    wish = {name: getattr(car, name) for name in ("arrival_slot", "departure_slot", "power_max_kw", "energy_kwh")}
    content["sessions"] = [{"evse": car.id, "priority": 0, "feeder": "hall", "lines": "2", **wish}]
    again = read_problem(json.dumps(problem_of(content)))
    assert problem_document(again) == problem_document(asked)


def test_a_plan_without_sessions_is_an_empty_problem() -> None:
    assert problem_of({"slot_h": 0.25, "base_kw": [1.0], "cap_kw": [5.0]})["sessions"] == []


def test_cars_that_a_plan_expected_come_along() -> None:
    cars = EvSession("P1/1", 0, 2, 7.0, 3.0, priority=1), EvSession("expected:0", 1, 4, 9.0, 2.0)
    asked = Problem(0.25, [1.0] * 4, [20.0] * 4, cars)
    now = datetime(2026, 5, 1, tzinfo=UTC)
    plan = adopted("root", now, "test", Solved(asked, solve(asked), 0.1), [], {}, Outlook(now, now))
    content = json.loads(json.dumps(dict(plan.content)))
    wish = {name: getattr(cars[0], name) for name in ("arrival_slot", "departure_slot", "power_max_kw", "energy_kwh")}
    content["sessions"] = [{"evse": "P1/1", "priority": 1, **wish}]
    again = read_problem(json.dumps(problem_of(content)))
    assert problem_document(again)["sessions"] == problem_document(asked)["sessions"]
