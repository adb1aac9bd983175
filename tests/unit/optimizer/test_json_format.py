"""Problems in JSON: every mistake is named with its place; plans come out complete."""

from __future__ import annotations

import gc
import json
from typing import Any

import numpy as np
import pytest

from optimizer import solve
from optimizer.examples import example_problem
from optimizer.json_format import plan_document, problem_document, read_problem

SESSION = {"id": "a", "arrival_slot": 0, "departure_slot": 2, "power_max_kw": 7, "energy_kwh": 3.5}
GOOD: dict[str, Any] = {"slot_h": 0.25, "base_load_kw": [1, 2, 3], "cap_kw": [9, None, 9], "sessions": [SESSION]}


def test_a_problem_is_read() -> None:
    problem = read_problem(json.dumps(GOOD | {"price": 0.5, "weight": [1, 2, 3]}))
    assert problem.cap_kw.tolist() == [9, np.inf, 9]
    assert problem.price is not None
    assert problem.price.tolist() == [0.5] * 3
    assert problem.sessions[0].energy_kwh == 3.5
    assert (problem.sessions[0].arrival_slot, problem.sessions[0].priority) == (0, 0)


def test_one_number_or_null_stands_for_all_slots() -> None:
    assert read_problem(json.dumps(GOOD | {"cap_kw": 7})).cap_kw.tolist() == [7, 7, 7]
    assert read_problem(json.dumps(GOOD | {"cap_kw": None})).cap_kw.tolist() == [np.inf] * 3


def test_feeders_there_and_back() -> None:
    feeders = [{"id": "B", "cap_kw": None, "parent": "A", "base_load_kw": 0.5}, {"id": "A", "cap_kw": [4, None, 5]}]
    problem = read_problem(json.dumps(GOOD | {"feeders": feeders, "sessions": [SESSION | {"feeder": "B"}]}))
    assert problem.node_ids() == ["", "A", "B"]
    assert problem.feeders[0].cap_kw.tolist() == [4, np.inf, 5]
    assert problem.sessions[0].feeder == "B"
    assert problem_document(read_problem(json.dumps(problem_document(problem)))) == problem_document(problem)
    (short,) = plan_document(problem, solve(problem))["shortfalls"]
    assert (short["session_id"], short["reason"], short["feeder"]) == ("a", "feeder cap", "A")
    assert short["energy_kwh"] == pytest.approx(0.75, rel=1e-6)


@pytest.mark.parametrize(
    ("feeders", "words"),
    [
        ({}, "feeders: a list"),
        ([{"id": "A"}], "cap_kw is missing"),
        ([{"id": "", "cap_kw": 1}], r"feeders\[0\].id: a text"),
        ([{"id": "A", "cap_kw": 1, "parent": 3}], r"feeders\[0\].parent: a text"),
        ([{"id": "A", "cap_kw": "x"}], r"feeders\[0\].cap_kw\[0\]: a number"),
    ],
)
def test_mistakes_about_feeders_are_named(feeders: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_problem(json.dumps(GOOD | {"feeders": feeders}))


def test_there_and_back() -> None:
    problem = read_problem(json.dumps(GOOD | {"price": [1, 2, 3]}))
    assert problem_document(read_problem(json.dumps(problem_document(problem)))) == problem_document(problem)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Expecting"),
        ("[1]", "problem: an object"),
        ("{}", "slot_h, base_load_kw, cap_kw, sessions is missing"),
        (json.dumps(GOOD).replace("0.25", "NaN"), "NaN is not a number"),
        (json.dumps(GOOD).replace("0.25", "-Infinity"), "-Infinity is not a number"),
        (json.dumps(GOOD | {"slots": 3}), "unknown field slots"),
        (json.dumps(GOOD | {"base_load_kw": 5}), "base_load_kw: a list"),
        (json.dumps(GOOD | {"base_load_kw": [1, None, 3]}), r"base_load_kw\[1\]: a number"),
        (json.dumps(GOOD | {"base_load_kw": [1, True, 3]}), r"base_load_kw\[1\]: a number"),
        (json.dumps(GOOD | {"base_load_kw": [1, 10**400, 3]}), "too large"),
        (json.dumps(GOOD | {"cap_kw": [1, 2]}), "2 values for 3 slots"),
        (json.dumps(GOOD | {"sessions": {}}), "sessions: a list"),
        (json.dumps(GOOD | {"sessions": ["a"]}), r"sessions\[0\]: an object"),
        (json.dumps(GOOD | {"sessions": [SESSION | {"id": 5}]}), r"sessions\[0\].id"),
        (json.dumps(GOOD | {"sessions": [SESSION | {"arrival_slot": 0.5}]}), r"arrival_slot: a whole number"),
        (json.dumps(GOOD | {"sessions": [SESSION | {"arrival_slot": 2}]}), "before departure_slot"),
        (json.dumps(GOOD | {"sessions": [SESSION | {"power_max_kw": -7}]}), "power_max_kw: must lie"),
        (json.dumps(GOOD | {"sessions": [SESSION | {"energy_kwh": "5"}]}), "energy_kwh: a number"),
        ("[" * 100_000, "problem: an object|nested too deeply|Expecting"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    gc.collect()  # at the end of the stack nobody's rubbish can be taken away
    with pytest.raises(ValueError, match=words):
        read_problem(text)


def test_a_plan_is_written_in_full() -> None:
    problem = example_problem()
    document = json.loads(json.dumps(plan_document(problem, solve(problem)), allow_nan=False))
    assert document["gap"] <= 1e-4
    assert len(document["load_kw"]) == len(document["slot_price"]) == len(document["cap_price"]) == 96
    assert [s["id"] for s in document["sessions"]] == [s.id for s in problem.sessions]
    assert document["sessions"][0]["served_kwh"] == pytest.approx(20.0)
    assert document["shortfalls"] == document["cap_soft"] == []


def test_conductors_there_and_back() -> None:
    given = GOOD | {
        "conductors": {"cap_a": [10, None, 20], "unbalance_a": 5, "base_a": [1, 0, 2], "neutral_v": 120},
        "feeders": [{"id": "F", "cap_kw": None, "conductors": {"cap_a": 8}}],
        "current_limits": [{"id": "pod", "limit_a": [9, 9, None], "weights": {"1": 1, "2": [0, -1]}, "feeder": "F"}],
        "sessions": [SESSION | {"feeder": "F", "lines": "1"}],
    }
    problem = read_problem(json.dumps(given))
    assert problem.wired
    assert problem.sessions[0].lines == "1"
    assert problem.current_limits[0].weights == {"1": 1, "2": -1j}
    document = problem_document(problem)
    assert document["conductors"]["cap_a"] == [10, None, 20]
    assert problem_document(read_problem(json.dumps(document))) == document
    plan = plan_document(problem, solve(problem))
    assert {s["line"] for s in plan["shortfalls"]} == {"1-2"}


def test_a_base_load_over_a_conductor_is_told() -> None:
    given = GOOD | {"conductors": {"cap_a": 3, "base_a": [1, 5, 1]}}
    plan = plan_document(problem := read_problem(json.dumps(given)), solve(problem))
    assert plan["cap_soft"][0] == {"slot": 0, "excess_kw": 0.0, "feeder": "", "line": "2", "excess_a": 2.0}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"conductors": []}, "conductors: an object"),
        ({"conductors": {"cap": 1}}, "unknown field cap"),
        ({"conductors": {"cap_a": "x"}}, "conductors.cap_a: a number"),
        ({"conductors": {"cap_a": -1}}, "conductors: .*cap_a"),
        ({"conductors": {"cap_a": [1, 2]}}, "cap_a: one number, 3"),
        ({"current_limits": {}}, "current_limits: a list"),
        ({"current_limits": [{"id": "x", "limit_a": 1, "weights": []}]}, "weights: an object"),
        ({"current_limits": [{"id": "x", "limit_a": 1, "weights": {"1": [1]}}]}, r"\[real, imaginary\]"),
        ({"current_limits": [{"id": "x", "limit_a": 1, "weights": {"9": 1}}]}, "weights are finite"),
        ({"sessions": [SESSION | {"lines": "4"}]}, "lines must be one of"),
    ],
)
def test_mistakes_about_conductors_are_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_problem(json.dumps(GOOD | more))
