"""Covering, sizing, capture, presence: by hand, by formula, and what must always hold."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.siting import covering, huff, presence, sizing
from monitor.siting.plane import Plane, distances_km


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_program_finds_what_trying_all_finds_and_greedy_is_never_more(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    reach, weight = rng.random((20, 8)) < 0.25, rng.integers(0, 10, 20).astype(float)
    best, quick = covering.best(reach, weight, count), covering.greedy(reach, weight, count)
    everything = max(covering.covered(reach, weight, list(tried)) for tried in combinations(range(8), count))
    assert best.covered == pytest.approx(everything, rel=covering.GAP)
    assert quick.covered <= best.covered <= best.bound + 1e-9
    assert best.covered == pytest.approx(covering.covered(reach, weight, best.chosen))
    assert len(best.chosen) <= count
    assert best.bound >= everything - 1e-6


def test_greedy_can_be_beaten() -> None:
    """The middle candidate takes most at first; the two outer ones together take all."""
    reach = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    weight = np.array([2.0, 3.0, 3.0, 2.0])
    assert covering.greedy(reach, weight, 2).covered == 8.0
    assert covering.best(reach, weight, 2).covered == 10.0
    assert set(covering.best(reach, weight, 2).chosen) == {0, 2}


def test_nothing_wanted_chooses_nothing() -> None:
    found = covering.best(np.ones((3, 2), dtype=bool), np.zeros(3), 1)
    assert (found.chosen, found.covered, found.gap) == ((), 0.0, 0.0)


def _erlang_c(plugs: int, load: float) -> float:
    """The formula as it stands in books."""
    top = load**plugs / math.factorial(plugs) * plugs / (plugs - load)
    return top / (sum(load**k / math.factorial(k) for k in range(plugs)) + top)


@pytest.mark.parametrize(("plugs", "load"), [(1, 0.5), (2, 1.0), (5, 4.0), (12, 9.5), (30, 25.0)])
def test_waiting_is_erlangs(plugs: int, load: float) -> None:
    assert sizing.waits(plugs, load) == pytest.approx(_erlang_c(plugs, load))


def test_one_plug_is_the_queue_of_one_server() -> None:
    """M/M/1: the mean wait is the load over (1 - load), in services."""
    assert sizing.wait_h(1, sizing.Traffic(0.5, 1.0)) == pytest.approx(1.0)
    assert sizing.wait_h(1, sizing.Traffic(1.0, 1.0)) == math.inf


@given(st.floats(0.0, 60.0), st.floats(0.05, 6.0), st.floats(0.01, 0.5))
def test_the_fewest_plugs_that_keep_the_wait(arrivals: float, stay_h: float, target_h: float) -> None:
    traffic = sizing.Traffic(arrivals, stay_h)
    plugs = sizing.plugs_for(traffic, target_h)
    if plugs < sizing.PLUGS_MAX:
        assert sizing.wait_h(plugs, traffic) <= target_h
    assert plugs == 1 or sizing.wait_h(plugs - 1, traffic) > target_h


def test_the_room_at_the_transformer_cuts_a_site() -> None:
    asked = (2400.0, "dc", 120.0, 30.0, 0.1, 5 / 60)
    free = sizing.size_of(*asked)
    assert free is not None
    assert (free.short, free.load_kw) == (False, free.plugs * 120.0)
    cut = sizing.size_of(*asked, room_kw=250.0)
    assert cut is not None
    assert (cut.plugs, cut.short) == (2, True)
    assert cut.wait_min >= free.wait_min
    assert cut.utilisation == pytest.approx(2400.0 / (24 * 240))
    assert sizing.size_of(*asked, room_kw=100.0) is None


def test_powers_are_those_that_are_sold() -> None:
    assert sizing.standard_power("dc", 100.0) == 120.0
    assert sizing.standard_power("ac", 6.9) == 7.0
    assert sizing.standard_power("ac", 300.0) == 22.0


def test_two_equal_sites_at_equal_distance_share_alike() -> None:
    cells, new, old = np.array([[0.0, 0.0]]), np.array([[-1.0, 0.0]]), np.array([[1.0, 0.0]])
    pull, there = huff.pulls(cells, new, np.ones(1), 2.0), huff.pulls(cells, old, np.ones(1), 2.0)
    assert huff.captured(np.array([[10.0]]), pull, there) == pytest.approx(np.array([[5.0]]))


@given(st.integers(0, 10_000), st.floats(0.5, 3.0))
def test_all_sites_together_take_all_and_new_ones_take_from_each_other(seed: int, decay: float) -> None:
    rng = np.random.default_rng(seed)
    cells, sites = rng.uniform(0, 10, (15, 2)), rng.uniform(0, 10, (4, 2))
    demand, new = rng.uniform(0, 5, 15), huff.pulls(cells, sites, rng.uniform(1, 5, 4), decay)
    others = rng.uniform(0.1, 2.0, (15, 1))
    left = huff.kept(demand, new, others)
    assert np.all((left > 0) & (left <= 1.0 + 1e-12))
    alone = huff.captured(demand[None], new, others)[0]
    rest = demand @ (others[:, 0] / (others[:, 0] + new.sum(axis=1)))
    assert (alone * left).sum() + rest == pytest.approx(demand.sum())


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9))))
def test_no_cell_with_fewer_than_five_users_is_ever_shown(pings: list[tuple[str, int]]) -> None:
    found = presence.users_by_cell([cell for cell, _ in pings], [str(user) for _, user in pings])
    for cell in "abcdef":
        users = len({user for where, user in pings if where == cell})
        assert found.get(cell, 0) == (users if users >= 5 else 0)


def test_a_degree_is_a_hundred_and_eleven_kilometres() -> None:
    plane = Plane(114.0, 0.0)
    places = plane.km(np.array([114.0, 115.0, 114.0]), np.array([0.0, 0.0, 1.0]))
    assert distances_km(places, places)[0] == pytest.approx([0.0, 111.195, 111.195], abs=0.001)
