"""A forecast by hand in the planner's problem: what it keeps free, where it sees valleys, what it never touches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.account import Draw
from csms.charging.discretise import Step, discretise
from csms.charging.expectation import SCENARIOS_MAX, coming, is_expected
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.learning import Car
from csms.charging.lines import NONE
from csms.charging.planner import NeedsPolicy, Visit, asks, problem, visit
from csms.charging.plans import Solved, adopted
from csms.model.ids import EvseRef
from csms.model.outlook import ComingCars, Outlook
from csms.model.station import CurrentKind, EvseRating
from csms.station.state import EvseState, Needs, OpenSession
from optimizer import Problem, solve

NOW = datetime(2026, 1, 5, 8, 7, tzinfo=UTC)
QUARTER = NOW.replace(minute=0)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
POLICY = NeedsPolicy()


def car(name: str, energy_wh: float, hours: float, path: tuple[str, ...] = ("T",)) -> Visit:
    ref = EvseRef(name, 1)
    session = OpenSession(7, "tx", ref, 1, NOW)
    needs = Needs(energy_wh, NOW + timedelta(hours=hours))
    return visit(EvseState(ref, AC3, session=session, needs=needs), session, Car(7), path, 0, POLICY, NOW)


def outlook(own_w: Sequence[float | None], *cars: ComingCars, feeder: str = "T") -> Outlook:
    return Outlook(NOW, QUARTER, loads_w={feeder: tuple(own_w)}, cars=cars)


def comes(
    hours: float, energy_wh: float = 10_000.0, count: float = 1.0, stay_h: float = 2.0, feeder: str = "T"
) -> ComingCars:
    return ComingCars(feeder, NOW + timedelta(hours=hours), stay_h * 3600, 11_000.0, energy_wh, count)


def asked(tree: FeederTree, visits: Sequence[Visit], told: Outlook | None, tilt: float = 0.0) -> Problem:
    return problem(visits, tree, NoCaps(), "T", NOW, ({}, {}), 0.0, 0, tilt, None, told)


def test_the_higher_load_counts_and_the_likely_one_says_where_valleys_are() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(20_000,))])
    found = asked(tree, [], outlook([90_000.0, 50_000.0, 5_000.0, None]))
    assert list(found.base_load_kw[:5]) == [20, 50, 20, 20, 20], "the first slot stays as it is"
    assert found.price is not None
    assert list(found.price[:5] / 0.25) == [0, 0, -15, 0, 0]
    assert asked(tree, [], None).base_load_kw.tolist() == [20.0] * 96


def test_charging_goes_where_the_load_is_expected_to_be_low() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(60_000,))])
    low = [60_000.0] * 8 + [10_000.0] * 4 + [60_000.0] * 8
    visits = [car("A", 20_000, 4)]
    plan = solve(asked(tree, visits, outlook(low)))
    assert plan.power_kw[0, 8:12].sum() * 0.25 == pytest.approx(20.0, rel=1e-3)
    even = solve(asked(tree, visits, None))
    assert even.power_kw[0].max() == pytest.approx(5.0, rel=1e-3)


def test_loads_of_feeders_below_come_through_the_root() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(10_000,)), Feeder("N", 30_000, "T", (5_000,))])
    found = asked(tree, [car("A", 40_000, 8, ("N", "T"))], outlook([None, 25_000.0], feeder="N"))
    assert list(found.base_load_kw[:3]) == [15, 35, 15]
    (below,) = found.feeders
    assert below.base_load_kw is not None
    assert list(below.base_load_kw[:3]) == [5, 25, 5]


@pytest.mark.parametrize(("told_w", "counted_kw"), [(1e300, 100.0), (-1e300, 20.0), (float("nan"), 20.0)])
def test_nonsense_is_held_within_what_a_feeder_carries(told_w: float, counted_kw: float) -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(20_000,))])
    assert asked(tree, [], outlook([0.0, told_w])).base_load_kw[1] == counted_kw


def test_cars_to_come_go_after_those_that_are_there() -> None:
    """20 kW for three hours: 60 kWh for a car that wants 50 of them and one that will want 30."""
    tree = FeederTree([Feeder("T", 20_000)])
    found = asked(tree, [car("A", 50_000, 3)], outlook([], comes(1.0, 30_000.0)))
    assert [(s.id, s.priority) for s in found.sessions] == [("A/1", 1), ("expected:0", 0)]
    plan = solve(found)
    assert plan.served_kwh[0] == pytest.approx(50.0, rel=1e-3)
    assert plan.served_kwh[1] == pytest.approx(10.0, rel=1e-2)


def test_who_is_there_charges_before_many_come() -> None:
    """Without a forecast the load is levelled over the stay; with one it makes room for those to come."""
    tree = FeederTree([Feeder("T", 50_000)])
    visits = [car("A", 22_000, 4)]
    many = outlook([], comes(1.0, 20_000.0, count=4.0, stay_h=3.0))
    alone, warned = solve(asked(tree, visits, None)), solve(asked(tree, visits, many))
    assert alone.power_kw[0, :4].sum() == pytest.approx(22.0, rel=1e-2)
    assert warned.power_kw[0, :4].sum() > 70.0
    assert warned.served_kwh.sum() == pytest.approx(102.0, rel=1e-3)


def test_cars_of_one_window_are_one_and_energy_beyond_the_horizon_is_left_out() -> None:
    tree = FeederTree([Feeder("T", 100_000), Feeder("N", 30_000, "T"), Feeder("other", 9_000)])
    told = outlook(
        [],
        comes(1.0, count=1.5),
        comes(23.0, energy_wh=8_000.0, stay_h=4.0),
        comes(2.0, feeder="other"),
        comes(1.0, count=0.5, feeder="nobody knows"),
        comes(-0.1),
        comes(0.0),
        comes(30.0),
        comes(1.5, count=100.0, feeder="N"),
    )
    found = coming(told, tree, "T", NOW, 96)
    assert [(one.feeder_id, one.arrival_slot, one.departure_slot) for one in found] == [
        ("T", 4, 12),
        ("N", 6, 14),
        ("T", 92, 96),
    ]
    assert [one.energy_wh for one in found] == [20_000.0, 60_000.0, 2_000.0], "30 kW for two hours at N"
    assert [one.power_w for one in found] == [22_000.0, 30_000.0, 11_000.0]


def test_a_feeder_that_only_cars_to_come_can_overload_is_part_of_the_problem() -> None:
    tree = FeederTree([Feeder("T", 100_000), Feeder("N", 25_000, "T", phase_a=40.0)])
    visits = [car("A", 20_000, 8, ("N", "T"))]
    assert asked(tree, visits, None).feeders == ()
    found = asked(tree, visits, outlook([], comes(2.0, 30_000.0, feeder="N")))
    assert [feeder.id for feeder in found.feeders] == ["N"]
    assert [session.feeder for session in found.sessions] == ["N", "N"]


def test_only_the_largest_scenarios_are_told() -> None:
    tree = FeederTree([Feeder("T", 100_000)])
    every = [comes(1 + n / 100, energy_wh=100.0 + n, stay_h=0.5 + n % 40 / 4) for n in range(2000)]
    found = coming(outlook([], *every), tree, "T", NOW, 96)
    assert len(found) == SCENARIOS_MAX
    assert len(solve(asked(tree, [car("A", 20_000, 4)], outlook([], *every))).power_kw) == SCENARIOS_MAX + 1


def test_only_sessions_have_places() -> None:
    assert is_expected("expected:3")
    assert not is_expected(str(EvseRef("expected:3", 1)))


def test_a_plan_says_which_forecast_it_was_made_with_and_shows_real_cars_alone() -> None:
    tree = FeederTree([Feeder("T", 20_000)])
    told = outlook([], comes(1.0, 30_000.0))
    visits = [car("A", 50_000, 3)]
    found = asked(tree, visits, told)
    solved = Solved(found, solve(found), 0.1)
    steps: dict[EvseRef, Step] = discretise(asks(visits, solved.first_slot_kw(), {}, NOW), {"T": 20_000}, {})
    content = adopted("T", NOW, "arrival", solved, visits, steps, told).content
    assert [row["evse"] for row in content["sessions"]] == ["A/1"]
    assert sum(content["charging_kw"]) * 0.25 == pytest.approx(50.0, rel=1e-2)
    assert content["shortfalls"] == []
    forecast = content["forecast"]
    assert forecast["made_at"] == NOW.isoformat(timespec="seconds")
    assert [row["energy_kwh"] for row in forecast["expected"]] == [22.0]
    assert sum(forecast["expected_kw"]) * 0.25 == pytest.approx(10.0, rel=1e-1)
    assert "forecast" not in adopted("T", NOW, "arrival", solved, visits, steps).content


def test_what_others_may_draw_still_stands_beside_it() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(20_000,))])
    others = {"T": Draw(5_000, NONE)}, {"T": Draw(1_000, NONE)}
    found = problem([], tree, NoCaps(), "T", NOW, others, 0.0, 0, 0.0, None, outlook([0.0, 50_000.0]))
    assert list(found.base_load_kw[:3]) == [25, 51, 21]


def test_a_reading_holds_for_the_first_slot() -> None:
    tree = FeederTree([Feeder("T", 100_000, base_load_w=(20_000,))])
    tree.base_loads.report("T", 70_000.0, NOW, NOW)
    found = asked(tree, [], outlook([10_000.0] * 4))
    assert list(found.base_load_kw[:2]) == [70, 20]
