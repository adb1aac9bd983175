"""Cars that may come later or leave earlier: windows that hold with the probability asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.cooptimise import solve_site
from optimizer.models import Availability, V2gSession
from optimizer.problem import EvSession
from optimizer.site import Site
from optimizer.site_format import read_site

THREE = Availability([0, 1, 4], [8, 6, 9], [0.5, 0.3, 0.2])


@pytest.mark.parametrize(
    ("confidence", "window"),
    [
        (1.0, (4, 6)),  # all three
        (0.8, (1, 6)),  # the first two
        (0.7, (1, 6)),  # [4, 8) of the first and the last is shorter
        (0.5, (0, 8)),
        (0.1, (0, 8)),
    ],
)
def test_windows_by_hand(confidence: float, window: tuple[int, int]) -> None:
    assert THREE.window(confidence) == window


def test_presence_by_hand() -> None:
    np.testing.assert_allclose(THREE.presence(10), [0.5, 0.8, 0.8, 0.8, 1.0, 1.0, 0.7, 0.7, 0.2, 0.0])


def test_where_nothing_is_sure_the_likeliest_slot_is_left() -> None:
    never = Availability([0, 5], [2, 7], [0.4, 0.6])
    assert never.window(0.9) == (5, 6)


times = st.tuples(st.integers(0, 20), st.integers(1, 12), st.floats(0.01, 1.0))


@given(st.lists(times, min_size=1, max_size=8), st.floats(0.05, 1.0))
def test_no_window_is_longer_and_this_one_holds(scenarios: list[tuple[int, int, float]], confidence: float) -> None:
    arrive = np.array([first for first, _, _ in scenarios])
    depart = arrive + [stay for _, stay, _ in scenarios]
    some = Availability(arrive, depart, np.array([weight for _, _, weight in scenarios]))

    def probability(first: int, last: int) -> float:
        return float(some.weights[(arrive <= first) & (depart >= last)].sum())

    longest = max(
        (b - a for a in range(34) for b in range(a + 1, 34) if probability(a, b) >= confidence - 1e-12), default=0
    )
    first, last = some.window(confidence)
    assert last - first == max(longest, 1)
    assert longest == 0 or probability(first, last) >= confidence - 1e-12


def test_the_plan_keeps_to_the_hours_that_are_sure() -> None:
    car = EvSession("car", 0, 10, 2.0, 4.0)
    site = Site(
        1.0, np.zeros(10), (car,), price=np.arange(10.0, 0.0, -1.0), availability={"car": THREE}, confidence=0.8
    )
    plan = solve_site(site)
    assert (plan.power_kw[0, :1] == 0).all()
    assert (plan.power_kw[0, 6:] == 0).all()
    np.testing.assert_allclose(plan.power_kw[0, 4:6], [2.0, 2.0], atol=1e-5)


def test_a_window_that_is_too_short_is_named() -> None:
    site = Site(1.0, np.zeros(10), (EvSession("car", 0, 10, 2.0, 10.0),), price=1.0, availability={"car": THREE})
    (short,) = solve_site(site).shortfalls
    assert (short.session_id, short.reason) == ("car", "window too short")
    assert short.energy_kwh == pytest.approx(6.0)


def test_cars_that_feed_back_too() -> None:
    car = V2gSession("v", 0, 10, 5.0, 5.0, 9.0, 3.0, 3.0)
    (narrow,) = Site(1.0, np.zeros(10), cars=(car,), availability={"v": THREE}).cars
    assert (narrow.arrival_slot, narrow.departure_slot) == (4, 6)


def test_a_window_is_never_made_longer() -> None:
    car = EvSession("car", 5, 7, 1.0, 1.0)
    assert THREE.narrowed(car, 0.5) == car
    assert THREE.narrowed(EvSession("late", 9, 10, 1.0, 1.0), 0.5).arrival_slot == 9


def test_from_a_file() -> None:
    session = {"id": "car", "arrival_slot": 0, "departure_slot": 10, "power_max_kw": 2, "energy_kwh": 4}
    document = {"slot_h": 1, "base_load_kw": [0] * 10, "sessions": [session], "price": 1, "confidence": 0.8}
    document["availability"] = {"car": {"arrive": [0, 1, 4], "depart": [8, 6, 9], "weights": [0.5, 0.3, 0.2]}}
    (car,) = read_site(json.dumps(document)).sessions
    assert (car.arrival_slot, car.departure_slot) == (1, 6)


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"car": {"arrive": [0]}}, "arrive and depart"),
        ({"car": 3}, "arrive and depart"),
        ([], "an object"),
        ({"car": {"arrive": [3], "depart": [3]}}, "arrive < depart"),
        ({"car": {"arrive": ["a"], "depart": [3]}}, "numbers"),
        ({"nobody": {"arrive": [0], "depart": [3]}}, "no car nobody"),
        ({"car": {"arrive": [0, 1], "depart": [3]}}, "one arrival"),
    ],
)
def test_what_makes_no_sense_is_refused(given_: object, reason: str) -> None:
    session = {"id": "car", "arrival_slot": 0, "departure_slot": 2, "power_max_kw": 2, "energy_kwh": 4}
    document = {"slot_h": 1, "base_load_kw": [0, 0], "sessions": [session], "availability": given_}
    with pytest.raises(ValueError, match=reason):
        read_site(json.dumps(document))
