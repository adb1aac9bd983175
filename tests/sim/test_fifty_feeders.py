"""Fifty feeders, limits at three levels at once: the lowest holds at every feeder in every second (grid-limits A3)."""

from __future__ import annotations

import random

import pytest

from tests.support.fifty_feeders import SUBSTATIONS, TRANSFORMERS, Order, Shown, watched

SETTLED_S, LASTS_S = 240, 1500
SUDDEN_S = 1200
GRACE_S = 40
"""For what is said without notice: a round trip, and one ramp (grid-limits B7)."""


def orders(seed: int) -> list[Order]:
    """All levels at the same moments: at 600 s said in time, limits that overlap them from 800 s, some at once."""
    chance = random.Random(seed)
    found = [Order("P", 600_000, 600, 1100, 400), Order("P", 450_000, 800, 1000, 500)]
    for n in range(SUBSTATIONS):
        found.append(Order(f"S{n}", chance.randint(60_000, 160_000), 600, 900, 400))
        found.append(Order(f"S{n}", chance.randint(60_000, 160_000), 700, 1000, 450))
    for n in range(TRANSFORMERS):
        found.append(Order(f"T{n:02}", chance.randint(6_000, 36_000), 600, 800 + 10 * n, 400))
        if n % 2:
            found.append(Order(f"T{n:02}", chance.randint(6_000, 36_000), 650, 950, 420))
    found += [Order("P", 400_000, SUDDEN_S, 2000, SUDDEN_S)]
    found += [Order(f"S{n}", 70_000, SUDDEN_S, 2000, SUDDEN_S) for n in range(SUBSTATIONS)]
    return found + [Order(f"T{n:02}", 12_000, SUDDEN_S, 2000, SUDDEN_S) for n in range(0, TRANSFORMERS, 3)]


@pytest.fixture(scope="module")
def shown() -> Shown:
    return watched(orders(1), LASTS_S, seed=1)


@pytest.mark.req("GL-A3", "GL-I1", "GL-B4.2")
def test_the_lowest_limit_holds_at_every_feeder_in_every_second(shown: Shown) -> None:
    graced = range(SUDDEN_S, SUDDEN_S + GRACE_S)
    assert [one for one in shown.over if one[0] > SETTLED_S and one[0] not in graced] == []


def test_upper_bounds_fit_too(shown: Shown) -> None:
    graced = range(SUDDEN_S, SUDDEN_S + GRACE_S)
    assert [one for one in shown.bounds_over if one[0] > SETTLED_S and one[0] not in graced] == []


def test_what_is_allowed_is_drawn(shown: Shown) -> None:
    """The control: it is no merit to keep a limit by drawing nothing."""
    freely, limited, sudden = shown.drawn_w[390], shown.drawn_w[780], shown.drawn_w[SUDDEN_S + 150]
    assert freely > 1_000_000
    assert limited > 300_000, "planned anew when the limits that were said before begin to count"
    assert sudden > 200_000
