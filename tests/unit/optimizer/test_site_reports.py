"""Whole sites explained and compared: facts against hand-computed values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.comparison_site import WITHOUT_BATTERIES, compare_site
from optimizer.cooptimise import solve_site
from optimizer.explain_site import account_site
from optimizer.models import FlexibleLoad, Generator, ScenarioSet, Storage, V2gSession
from optimizer.problem import EvSession, Feeder
from optimizer.reports import site_sentences
from optimizer.site import Site
from tests.support.optimizer_commands import words


def lossless(**fields: Any) -> Storage:
    usual: dict[str, Any] = {"energy_max_kwh": 4.0, "energy_start_kwh": 0.0, "charge_max_kw": 2.0}
    usual |= {"discharge_max_kw": 2.0, "charge_efficiency": 1.0, "discharge_efficiency": 1.0}
    return Storage("battery", **(usual | fields))


def test_a_battery_buys_low_and_gives_high() -> None:
    site = Site(1.0, np.full(3, 5.0), storages=(lossless(wear_per_kwh=0.1),), price=[1.0, 2.0, 3.0])
    told = account_site(site, solve_site(site)).batteries[0]
    # Two at 1 and two at 2 would be two too many for one hour at 3; the dearer purchase is left out.
    assert told.charges == ((0, 0),)
    assert told.discharges == ((2, 2),)
    assert told.charged_kwh == pytest.approx(2.0, abs=1e-5)
    assert told.price_paid == pytest.approx(1.0, abs=1e-4)
    assert told.break_even == pytest.approx(1.1, abs=1e-4)
    assert told.price_got == pytest.approx(3.0, abs=1e-4)


def test_a_battery_that_does_not_pay_stands_still() -> None:
    site = Site(1.0, np.full(2, 5.0), storages=(lossless(charge_efficiency=0.5),), price=[1.0, 1.5])
    plan = solve_site(site)
    told = account_site(site, plan)
    assert told.batteries[0].charges == told.batteries[0].discharges == ()
    for lang in ("en", "zh"):
        assert dict(site_sentences(words(lang), told, 1.0))["battery"][0] == words(lang)("optimize.why.idle")


def test_the_connection_that_is_full_and_the_unit_that_helps_are_named() -> None:
    unit = Generator("unit", a=0.0, b=0.9, energy_min_kwh=0.0, energy_max_kwh=2.0)
    furnace = FlexibleLoad("furnace", a=0.0, b=-0.6, energy_min_kwh=0.0, energy_max_kwh=1.0)
    car = EvSession("car", 0, 1, 5.0, 4.5)
    site = Site(1.0, np.ones(2), (car,), generators=(unit,), flexible_loads=(furnace,), price=0.5, import_max_kw=4.0)
    told = account_site(site, solve_site(site))
    assert told.at_limit == ((0, 0),)
    assert [(s.name, s.gives) for s in told.sources] == [("unit", ((0, 0),)), ("furnace", ((1, 1),))]
    assert told.sources[0].energy_kwh == pytest.approx(1.5, abs=1e-5)
    assert told.sources[1].energy_kwh == pytest.approx(-1.0, abs=1e-5)
    assert [held.stretches for held in told.cars[0].held] == [((0, 0),)]


def test_a_car_that_feeds_back_and_lacks_something_says_so() -> None:
    car = V2gSession("v", 0, 2, 0.0, 8.0, 20.0, 5.0, 5.0, charge_efficiency=1.0, feeder="east")
    site = Site(1.0, np.zeros(3), cars=(car,), feeders=(Feeder("east", np.full(3, 3.0)),), price=1.0)
    told = account_site(site, solve_site(site)).batteries[0]
    assert told.stays == (0, 1)
    assert told.missing_kwh == pytest.approx(2.0, abs=1e-4)
    assert told.end_kwh == pytest.approx(6.0, abs=1e-4)


def test_rules_and_plan_are_billed_alike() -> None:
    car = EvSession("car", 0, 2, 4.0, 4.0)
    site = Site(1.0, np.array([3.0, 1.0]), (car,), price=[2.0, 1.0], import_max_kw=5.0, peak_price=0.5)
    lines = {line.name: line for line in compare_site(site, solve_site(site))}
    assert WITHOUT_BATTERIES not in lines
    # 7 kW at once, two of them over the limit but billed like the others, and a peak of 7.
    assert lines["unmanaged"].money == pytest.approx(7 * 2 + 1 + 3.5)
    assert lines["unmanaged"].over_cap_kw == pytest.approx(2.0)
    # Two and two.
    assert lines["equal share"].money == pytest.approx(5 * 2 + 3 + 2.5)
    assert lines["optimum"].money == pytest.approx(3 * 2 + 5 + 2.5, abs=1e-4)
    assert lines["optimum"].short_sessions == 0


def test_what_batteries_are_worth_is_the_difference_to_the_line_without() -> None:
    site = Site(1.0, np.full(2, 5.0), storages=(lossless(),), price=[1.0, 3.0])
    lines = {line.name: line.money for line in compare_site(site, solve_site(site))}
    assert lines[WITHOUT_BATTERIES] == pytest.approx(20.0)
    assert lines["optimum"] == pytest.approx(16.0, abs=1e-4)


def test_scenarios_are_billed_by_their_mean() -> None:
    some = ScenarioSet(np.array([[-1.0], [1.0]]))
    site = Site(1.0, np.array([3.0]), price=2.0, sell_price=1.0, scenarios=some)
    lines = compare_site(site, solve_site(site))
    assert {round(line.money, 6) for line in lines} == {6.0}
