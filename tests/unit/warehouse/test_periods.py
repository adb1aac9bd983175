"""Energy by tariff period and what cheap hours save."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.warehouse.periods import CHEAP, LEVELS, by_level, moved, saved

PIECES = st.lists(st.tuples(st.floats(0, 1e4), st.sampled_from(LEVELS)), max_size=50)


def test_the_winter_session_of_the_tariff_page() -> None:
    """15 January 10:30 to 14:30 at 60 kW, F = 0.15 and B = 0.51: 54.36 yuan, 158.40 at the flat price."""
    energy, levels = [30.0, 180.0, 30.0], ["V", "D", "V"]
    shares = by_level(energy, levels)
    assert (shares.total_kwh, shares.share("D"), shares.share(*CHEAP)) == (240.0, 0.75, 1.0)
    prices = {"V": 0.15 + 0.3 * 0.51, "D": 0.15 + 0.1 * 0.51}
    found = saved(energy, [prices[level] for level in levels], [0.66] * 3)
    assert found.money == pytest.approx(240 * 0.66 - 54.36, abs=0.005)
    assert "flat price" in found.counterfactual


def test_charging_in_sharp_hours_saves_less_than_nothing() -> None:
    assert saved([10.0], [1.17], [0.66]).money == pytest.approx(-5.1)


def test_energy_without_a_price_is_told_apart() -> None:
    found = saved([10.0, 5.0, 1.0], [0.3, None, 0.3], [0.66, 0.66, None])
    assert (found.energy_kwh, found.priced_kwh, found.money) == (16.0, 10.0, pytest.approx(3.6))


def test_the_change_of_shares() -> None:
    change = moved(by_level([50, 50], ["V", "P"]), by_level([20, 80], ["V", "P"]))
    assert (change["V"], change["P"], change["S"]) == (pytest.approx(0.3), pytest.approx(-0.3), 0.0)
    assert moved(by_level([], []), by_level([1], ["V"])) == dict.fromkeys(LEVELS)


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match="'X'"):
        by_level([1.0], ["X"])


@given(PIECES)
def test_the_parts_make_the_whole(pieces: list[tuple[float, str]]) -> None:
    shares = by_level([energy for energy, _ in pieces], [level for _, level in pieces])
    assert shares.total_kwh == pytest.approx(sum(energy for energy, _ in pieces))
    share = shares.share(*LEVELS)
    assert share is None if shares.total_kwh == 0 else share == pytest.approx(1.0)
