"""Currents on the conductors of a feeder: what counts where, none over what it carries (grid-limits B4, B8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.discretise import Ask, Outlet, discretise, steady
from csms.charging.fallback import Wish, proportional
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.floors import FloorRule, assign_floors
from csms.charging.ledger import Draw, Grant, Kept, Ledger
from csms.charging.lines import connection, connection_of, on_lines, spare_ma, within
from csms.charging.planner import Visit, problem
from csms.charging.rounds import LeaseRule, Situation, Target, orders, within_room
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating
from optimizer import solve

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
A, B, C = (EvseRef(name, 1) for name in "ABC")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.req("GL-B8")
@pytest.mark.parametrize(
    ("rotation", "phases", "lines"),
    [
        ("", 3, "123"),
        ("STR", 3, "123"),
        ("", 1, "?"),
        ("", 2, "?"),
        ("RST", 1, "1"),
        ("STR", 1, "2"),
        ("TRS", 2, "13"),
    ],
)
def test_which_conductors_a_load_is_on(rotation: str, phases: int, lines: str) -> None:
    assert connection(rotation, phases) == lines


def test_dc_draws_from_all_three() -> None:
    assert connection_of(EvseRating(CurrentKind.DC, 1, 100.0, 60_000), 1) == "123"


@pytest.mark.req("GL-B8")
def test_a_power_on_the_conductors() -> None:
    assert on_lines(6_900, 3, "123") == (10_000, 10_000, 10_000)
    assert on_lines(2_300, 1, "2") == (0, 10_000, 0)
    assert on_lines(2_300, 1, "?") == (10_000, 10_000, 10_000), "nobody knows which, so it counts on all"
    assert on_lines(1, 3, "123") == (2, 2, 2), "rounded up"
    assert within(10_000, 3) == 6_900
    assert spare_ma("12", ("T", "S"), {"S": (5, 7, 1)}) == 5
    assert spare_ma("12", ("T",), {}) is None


def ledger(*outlets: tuple[EvseRef, int, str]) -> Ledger:
    found = Ledger(ramp_s=15, skew_s=5)
    for ref, phases, rotation in outlets:
        found.enrol(ref, ("T",), 0, 7_360 * phases, phases=phases, rotation=rotation)
        found.confirm_floor(ref, NOW)
        found.trust(ref, NOW, floor=True, limit=True)
        found.note_car(ref, True)
    return found


@pytest.mark.req("GL-B4.2", "GL-B8")
def test_a_raise_needs_room_on_its_conductors() -> None:
    book = ledger((A, 1, "RST"), (B, 1, "RST"), (C, 1, "STR"))
    room, lines = {"T": 100_000}, {"T": (40_000, 40_000, 40_000)}
    book.send(A, 5_750, NOW, at(900), phases=1)
    assert book.sums_ma(NOW) == {"T": (25_000, 0, 0)}
    assert book.free_w(B, NOW, room, lines, 1) == 3_450, "15 A are left on the first"
    assert book.free_w(C, NOW, room, lines, 1) == 9_200, "the second is empty"
    assert not book.may_raise(B, 3_680, NOW, room, lines, 1)
    assert book.may_raise(B, 3_450, NOW, room, lines, 1)


@pytest.mark.req("GL-B4.2")
def test_less_power_on_fewer_phases_may_be_more_on_one() -> None:
    book = ledger((A, 3, "RST"), (B, 3, "RST"))
    room, lines = {"T": 100_000}, {"T": (40_000, 40_000, 40_000)}
    for ref in (A, B):
        book.acknowledge(ref, book.send(ref, 11_040, NOW, at(900), phases=3), NOW)
    assert book.bound(A, NOW) == Draw(11_040, (16_000, 16_000, 16_000))
    assert book.may_raise(A, 5_520, NOW, room, lines, 1), "24 A beside 16"
    assert not book.may_raise(A, 5_750, NOW, room, lines, 1), "25 A are too many although it is half the power"
    sequence = book.send(A, 5_520, NOW, at(900), phases=1)
    assert book.bound(A, NOW) == Draw(11_040, (24_000, 16_000, 16_000))
    book.acknowledge(A, sequence, at(2))
    assert book.bound(A, at(16)) == Draw(11_040, (24_000, 16_000, 16_000)), "a ramp holds the old one"
    assert book.bound(A, at(17)) == Draw(5_520, (24_000, 0, 0))


@pytest.mark.req("GL-B5")
def test_a_bound_of_another_process_counts_as_it_was_written_or_anywhere() -> None:
    book = ledger((A, 3, "RST"), (B, 3, ""))
    book.restore(A, Kept(Grant(6_900, at(900), on_ma=(10_000, 10_000, 10_000)), places=("T",)), NOW)
    book.restore(B, Kept(Grant(6_900, at(900)), places=("T",)), NOW)
    assert book.bound(A, NOW).on_ma == (10_000, 10_000, 10_000)
    assert book.bound(B, NOW).on_ma == (30_000, 30_000, 30_000)


def test_while_a_conductor_is_over_nothing_rises_on_it() -> None:
    book = ledger((A, 1, "RST"), (B, 1, "STR"))
    book.acknowledge(A, book.send(A, 4_600, NOW, at(900), phases=1), NOW)
    room, lines = {"T": 100_000}, {"T": (10_000, 10_000, 10_000)}
    assert book.free_w(A, NOW, room, lines, 1) == 4_600
    assert book.free_w(B, NOW, room, lines, 1) == 2_300


def target(session: int, rating: EvseRating, value_w: int, phases: int) -> Target:
    outlet = Outlet(rating, phases)
    return Target(session, f"T{session}", outlet, outlet.at_most(value_w))


@pytest.mark.req("GL-B6", "GL-B8")
def test_the_proportional_rule_looks_at_the_fullest_conductor() -> None:
    first, second = EvseRating(CurrentKind.AC, 1, 32.0, 7_360, "RST"), EvseRating(CurrentKind.AC, 1, 32.0, 7_360, "STR")
    book = ledger((A, 1, "RST"), (B, 1, "RST"), (C, 1, "STR"))
    situation = Situation(
        NOW, {"T": 100_000}, lambda id_: True, lambda id_: True, lines_ma={"T": (32_000, 32_000, 32_000)}
    )
    targets = {A: target(1, first, 7_360, 1), B: target(2, first, 7_360, 1), C: target(3, second, 7_360, 1)}
    scaled = within_room(targets, book, situation)
    assert [scaled[ref].limit_a for ref in (A, B, C)] == [16, 16, 32]
    found = orders(targets, book, situation, LeaseRule())
    assert {order.ref: order.setpoint.limit_a for order in found} == {A: 16, B: 16, C: 32}
    assert book.sums_ma(NOW)["T"] == (32_000, 32_000, 0)


def test_less_is_told_although_a_conductor_has_no_room_for_it_on_fewer_phases() -> None:
    book = ledger((A, 3, "RST"), (B, 1, "RST"))
    book.acknowledge(A, book.send(A, 11_040, NOW, at(900), phases=3), NOW)
    book.acknowledge(B, book.send(B, 3_680, NOW, at(900), phases=1), NOW)
    situation = Situation(
        NOW, {"T": 9_000}, lambda id_: True, lambda id_: True, lines_ma={"T": (32_000, 32_000, 32_000)}
    )
    found = orders({A: target(1, AC3, 5_060, 1), B: target(2, AC1, 3_680, 1)}, book, situation, LeaseRule())
    told = {order.ref: order.setpoint.value_w for order in found}
    assert told[A] <= 3_680, "16 A as before on that phase, but 11 kW less"


def test_a_wish_scales_on_its_conductors() -> None:
    wishes = {A: Wish(6_900, 0, ("T",), 3), B: Wish(2_300, 0, ("T",), 1, "1")}
    assert proportional(wishes, {"T": 100_000}, {"T": (10_000, 10_000, 10_000)}) == {A: 3_450, B: 1_150}
    assert proportional(wishes, {"T": 100_000}, {"T": (20_000, 5_000, 20_000)}) == {A: 3_450, B: 2_300}


def ask(ref: EvseRef, rating: EvseRating, phases: int, planned_w: float) -> Ask:
    return Ask(ref, Outlet(rating, phases), ("T",), planned_w, 22_080.0)


def test_rounding_keeps_every_conductor() -> None:
    first = EvseRating(CurrentKind.AC, 3, 32.0, 22_080, "RST")
    asks = [ask(A, first, 1, 6_900), ask(B, first, 1, 6_900), ask(C, first, 3, 6_900)]
    steps = discretise(asks, {"T": 100_000}, {"T": (50_000, 50_000, 50_000)})
    assert [steps[ref].setpoint.limit_a for ref in (A, B, C)] == [30, 20, 0], "all three are on the first phase"
    before = {ref: step.setpoint for ref, step in steps.items()}
    kept = steady(steps, before, asks, {"T": 100_000}, {"T": (30_000, 50_000, 50_000)})
    assert kept.keys() == steps.keys()


def test_floors_are_given_as_far_as_a_phase_carries_them() -> None:
    tree = FeederTree([Feeder("T", 200_000, lowest_cap_w=200_000, phase_a=50.0)])
    refs = [EvseRef(f"P{n}", 1) for n in range(4)]
    one = {ref: (EvseRating(CurrentKind.AC, 1, 32.0, 7_360, "RST"), "T") for ref in refs}
    turned = zip(refs, ("RST", "STR", "TRS", "RST"), strict=True)
    spread = {ref: (EvseRating(CurrentKind.AC, 1, 32.0, 7_360, rotation), "T") for ref, rotation in turned}
    rule = FloorRule(share=0.25, reserve_share=0.0)
    assert sum(assign_floors(one, tree, rule).values()) == 2 * 1_380, "12.5 A of one phase"
    assert sum(assign_floors(spread, tree, rule).values()) == 4 * 1_380


def test_rooms_beside_a_base_load_that_is_spread_evenly() -> None:
    tree = FeederTree([Feeder("T", 200_000, base_load_w=(6_900,), phase_a=50.0), Feeder("U", 10_000, "T")])
    assert tree.counting == ("T",)
    assert tree.lines_ma(NOW, 120, 0.02) == {"T": (39_000, 39_000, 39_000)}
    assert tree.lowest_lines_ma(0.02, 0.5) == {"T": (19_500, 19_500, 19_500)}
    with pytest.raises(ValueError, match="more than 0 A"):
        Feeder("T", 1, phase_a=0.0)


@pytest.mark.req("GL-B8")
def test_the_plan_keeps_the_conductors_too() -> None:
    tree = FeederTree([Feeder("S", 200_000), Feeder("T", 100_000, "S", phase_a=40.0)])
    first = EvseRating(CurrentKind.AC, 1, 32.0, 7_360, "RST")
    visits = [
        Visit(ref, 1, "t", Outlet(first, 1), ("T", "S"), 20_000.0, NOW + timedelta(hours=4), 7_360.0) for ref in (A, B)
    ]
    nobody = {"T": Draw(0, (10_000, 0, 0))}
    asked = problem(visits, tree, NoCaps(), "S", NOW, (nobody, {}), 0.0, 120, 0.05)
    assert [session.lines for session in asked.sessions] == ["1", "1"]
    assert asked.feeders[0].conductors is not None
    plan = solve(asked)
    first_kw = sum(float(power[0]) for power in plan.power_kw)
    assert first_kw <= 30 * 0.23 + 1e-3
