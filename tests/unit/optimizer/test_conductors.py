"""Currents of cars on conductors: hand-computed amperes, chords inside the circle, what is refused."""

from __future__ import annotations

from math import cos, pi, sqrt

import numpy as np
import pytest

from optimizer.conductors import (
    CONNECTIONS,
    Conductors,
    CurrentLimit,
    ampere_per_kw,
    chords,
    limit_sums,
    line_sums,
    lines_of,
    on_line,
)

NONE = np.zeros(1)


@pytest.mark.parametrize(
    ("lines", "ampere"),
    [("1", 16.0), ("23", 8.0), ("123", 16 / 3), ("?", 16.0), ("1-2", 16 / sqrt(3))],
)
def test_ampere_of_3_68_kw(lines: str, ampere: float) -> None:
    assert 3.68 * ampere_per_kw(lines, 230.0) == pytest.approx(ampere)


def test_a_pile_s_first_conductor_depends_on_its_rotation() -> None:
    assert [lines_of("RST", n) for n in (1, 2, 3)] == ["1", "12", "123"]
    assert [lines_of("STR", n) for n in (1, 2, 3)] == ["2", "23", "123"]
    assert [lines_of("trs", n) for n in (1, 2)] == ["3", "13"]
    with pytest.raises(ValueError, match="rotation"):
        lines_of("RSS", 1)
    with pytest.raises(ValueError, match="phases"):
        lines_of("RST", 0)


@pytest.mark.parametrize("pair", ["1-2", "2-3", "1-3"])
def test_a_current_across_two_lines_leaves_what_it_enters(pair: str) -> None:
    """With the lines' own angles put back the currents sum to 0, and power is that of the line voltage."""
    turn = {line: np.exp(-2j * pi / 3 * n) for n, line in enumerate("123")}
    flows = [on_line(pair, line) * turn[line] for line in "123"]
    assert abs(sum(flows)) < 1e-12
    power = sum(np.real(turn[line] * np.conj(flow)) for line, flow in zip("123", flows, strict=True))
    assert power == pytest.approx(sqrt(3))


def test_equal_loads_on_all_pairs_are_as_one_on_three_phases() -> None:
    current = sum(abs_part(pair) for pair in ("1-2", "2-3", "1-3"))
    assert abs(current) == pytest.approx(3 * ampere_per_kw("123", 120.0))


def abs_part(pair: str) -> complex:
    return ampere_per_kw(pair, 120.0) * on_line(pair, "1")


def test_one_direction_needs_one_row() -> None:
    assert chords([1.0, 0.5, 0.0]) == [(0.0, 1.0)]
    assert chords([0.0]) == []


@pytest.mark.parametrize(
    "weights", [[np.exp(1j * pi / 6), np.exp(-1j * pi / 6)], [1, 1j, -1], [1, np.exp(2j), np.exp(4j)]]
)
def test_chords_lie_inside_the_circle_and_near_it(weights: list[complex]) -> None:
    rows = chords(weights)
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 1, (500, len(weights)))
    points = parts @ np.array(weights)
    points /= np.abs(points)
    along = np.array([np.real(points * np.exp(-1j * turn)) / width for turn, width in rows]).max(axis=0)
    assert along.min() >= 1.0 - 1e-12
    assert along.max() <= 1.0 / cos(pi / 96) + 1e-12


def test_rows_of_one_node() -> None:
    given = Conductors(cap_a=[10, 20, np.inf], unbalance_a=5.0, base_a=[1, 2, 3])
    rows = list(line_sums(0, given, NONE, ["1", "123"]))
    assert [(r.reason, r.line) for r in rows[:3]] == [("line cap", "1"), ("line cap", "2"), ("unbalance", "1-2")]
    assert [float(r.base[0]) for r in rows[:3]] == [1, 2, -1]
    one = next(r for r in rows if r.line == "1-2")
    assert one.per_kw == pytest.approx({"1": 1000 / 230, "123": 0.0})
    assert (float(one.base[0]), float(one.limit[0])) == (-1, 5)
    assert next(r for r in rows if r.line == "2-1").per_kw["1"] == pytest.approx(-1000 / 230)


def test_a_base_load_without_currents_is_spread_evenly() -> None:
    row = next(line_sums(0, Conductors(cap_a=10.0), np.array([6.9]), ["1"]))
    assert float(row.base[0]) == pytest.approx(10.0)


def test_who_may_be_anywhere_counts_everywhere_but_never_relieves() -> None:
    rows = list(line_sums(0, Conductors(cap_a=10.0, unbalance_a=5.0), NONE, ["?"]))
    assert all(r.per_kw["?"] == pytest.approx(1000 / 230) for r in rows)


def test_a_delta_transformer_s_primary() -> None:
    """Currents of both pairs meet on line 1 at 60° to each other."""
    limit = CurrentLimit("T", 30.0, {"1-2": 0.5, "1-3": 0.5 * np.exp(1j * pi / 3)})
    rows = list(limit_sums(0, limit, 1, ["1-2", "1-3", "2-3"]))
    assert len(rows) == 16
    assert {r.line for r in rows} == {"T"}
    assert all(r.per_kw["2-3"] == 0 for r in rows)
    one, both = ({"1-2": 1.0, "1-3": x} for x in (0.0, 1.0))
    tightest = [min(float(r.limit[0]) / sum(r.per_kw[k] * v for k, v in y.items()) for r in rows) for y in (one, both)]
    kw = 30 / (0.5 * ampere_per_kw("1-2", 230))
    assert tightest == pytest.approx([kw, kw / sqrt(3)], rel=6e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conductors(cap_a=-1.0), "cap_a"),
        (lambda: Conductors(unbalance_a=np.nan), "unbalance_a"),
        (lambda: Conductors(base_a=[np.inf] * 3), "base_a"),
        (lambda: Conductors(neutral_v=0.0), "neutral_v"),
        (lambda: Conductors(cap_a=[1.0, 2.0]).check(4), "cap_a"),
        (lambda: Conductors(unbalance_a=[1.0, 2.0]).check(4), "unbalance_a"),
        (lambda: CurrentLimit("x", -1.0), "limit_a"),
        (lambda: CurrentLimit("x", 1.0, {"4": 1.0}), "weights"),
        (lambda: CurrentLimit("x", [1.0, 2.0]).check(3), "current limit x"),
    ],
)
def test_nonsense_is_refused_by_name(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


def test_every_connection_has_a_current() -> None:
    assert all(ampere_per_kw(c, 230.0) > 0 for c in CONNECTIONS)
