"""Ampere and watt steps, the order of grants, rooms along the path, carried remainders."""

from __future__ import annotations

import math

import pytest

from optimizer import Levels, LineRoom, Request, amp_levels, laxity_h, round_targets, table_levels, watt_levels

ONE_PHASE = amp_levels(32, 230)
ROOM_15_A = {"site": 15 * 230}


def ask(name: str, target: float, **more: object) -> Request:
    return Request(**{"id": name, "target": target, "levels": ONE_PHASE, "path": ("site",)} | more)  # type: ignore[arg-type]


def test_amp_levels_are_nothing_or_six_and_more() -> None:
    levels = amp_levels(8, 690)
    assert levels.values == (0, 60, 70, 80)
    assert levels.milliwatt == 69000
    assert levels.carry_max == 60


def test_tenths_tables_and_watts() -> None:
    assert amp_levels(6.25, 230, step_a=0.1).values == (0, 60, 61, 62)
    assert table_levels([8, 16, 32], 230).values == (0, 80, 160, 320)
    assert watt_levels(10_000, 3000, 2500).values == (0, 3000, 5500, 8000)
    assert watt_levels(300, 0, 100).values == (0, 100, 200, 300)


def test_a_pile_below_its_minimum_stays_off() -> None:
    assert amp_levels(5, 230).values == (0,)
    (grant,) = round_targets([ask("a", 5, levels=amp_levels(5, 230))], {"site": 99_999})
    assert (grant.setpoint, grant.carry) == (0, 0)


@pytest.mark.parametrize("values", [(), (60,), (0, 70, 60), (0, 0)])
def test_levels_must_ascend_from_zero(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        Levels(values, 10, 23000)


def test_levels_need_a_power_and_a_step() -> None:
    with pytest.raises(ValueError, match="power"):
        Levels((0, 60), 10, 0)
    with pytest.raises(ValueError, match="step"):
        amp_levels(32, 230, step_a=0)


def test_vector_6_one_ampere_left_goes_to_one_of_two() -> None:
    grants = round_targets([ask("a", 7.4), ask("b", 7.4)], ROOM_15_A)
    assert sorted(g.setpoint for g in grants) == [7, 8]
    assert sorted(g.carry for g in grants) == pytest.approx([-0.6, 0.4])
    assert sum(g.power_w for g in grants) == 15 * 230


def test_vector_7_the_third_is_served_first_next_time() -> None:
    room = {"site": 12 * 230}
    grants = round_targets([ask(name, 4) for name in "abc"], room)
    assert [g.setpoint for g in grants] == [6, 6, 0]
    assert [g.carry for g in grants] == pytest.approx([-2, -2, 4])
    following = round_targets([ask(g.id, 4, carry=g.carry) for g in grants], room)
    assert [g.setpoint for g in following] == [0, 0, 8]


def test_remainders_are_carried_within_six_ampere() -> None:
    (high,) = round_targets([ask("a", 40)], {"site": 0})
    (low,) = round_targets([ask("a", 0, carry=-30)], {"site": 99_999})
    assert (high.carry, low.carry) == (6, -6)


def test_energy_is_kept_over_many_steps() -> None:
    carry, given = 0.0, 0.0
    for _ in range(100):
        (grant,) = round_targets([ask("a", 7.37, carry=carry)], {"site": 99_999})
        carry, given = grant.carry, given + grant.setpoint
    assert given == pytest.approx(737, abs=1)


def test_solver_noise_does_not_switch_a_pile_on() -> None:
    assert round_targets([ask("a", 1e-7)], ROOM_15_A)[0].setpoint == 0
    assert round_targets([ask("a", 16 - 1e-8)], {"site": 99_999})[0].setpoint == 16


def test_must_run_then_least_laxity_then_id_come_first() -> None:
    room = {"site": 6 * 230}
    ordered = [ask("z", 6, must_run=True, laxity_h=5), ask("y", 6, laxity_h=0.5), ask("b", 6), ask("a", 6)]
    assert [g.setpoint for g in round_targets(ordered, room)] == [6, 0, 0, 0]
    assert [g.setpoint for g in round_targets(ordered[1:], room)] == [6, 0, 0]
    assert [g.setpoint for g in round_targets(ordered[2:], room)] == [0, 6]


def test_every_node_on_the_path_is_kept() -> None:
    room = {"site": 40 * 230, "left": 7 * 230, "right": 99_999}
    asked = [
        ask("a", 16, path=("left", "site")),
        ask("b", 16, path=("right", "site")),
        ask("c", 16, path=("right", "site")),
    ]
    grants = round_targets(asked, room)
    assert [g.setpoint for g in grants] == [7, 16, 16]


def test_amperes_and_watts_share_a_room() -> None:
    three_phase, direct = amp_levels(32, 690), watt_levels(60_000, 3000, 100)
    asked = [ask("ac", 10, levels=three_phase, laxity_h=0), ask("dc", 20_000, levels=direct)]
    ac, dc = round_targets(asked, {"site": 20_000})
    assert (ac.setpoint, ac.power_w) == (10, 6900)
    assert (dc.setpoint, dc.power_w) == (13_100, 13_100)
    assert dc.carry == 3000


def test_fractions_of_a_watt_are_rounded_up() -> None:
    (grant,) = round_targets([ask("a", 6, levels=amp_levels(32, 208.125))], {"site": 1249})
    assert grant.power_w == 1249
    (grant,) = round_targets([ask("a", 6, levels=amp_levels(32, 208.125))], {"site": 1248})
    assert grant.power_w == 0


def test_a_negative_room_grants_nothing() -> None:
    assert round_targets([ask("a", 16)], {"site": -500})[0].setpoint == 0


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ask("a", math.nan), "finite target"),
        (ask("a", 6, carry=math.inf), "finite target"),
        (ask("a", 6, path=()), "at least one node"),
        (ask("a", 6, path=("elsewhere",)), "no room given for node elsewhere"),
    ],
)
def test_wrong_requests_are_refused(request_: Request, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        round_targets([request_], ROOM_15_A)


def test_laxity_is_the_time_that_can_still_be_lost() -> None:
    assert laxity_h(3.0, 14.0, 7.0) == 1.0
    assert laxity_h(3.0, 14.0, 0.0) == math.inf


def amps(*requests: Request, lines: dict[str, LineRoom], watts: int = 10**6) -> list[float]:
    return [g.setpoint for g in round_targets(requests, {"site": watts, "hall": watts}, lines)]


def test_a_conductor_s_cap_stops_its_cars_only() -> None:
    lines = {"site": LineRoom((20_000, 40_000, 40_000))}
    asked = [ask("a", 16, lines="1"), ask("b", 16, lines="1"), ask("c", 16, lines="2"), ask("d", 16, lines="23")]
    assert amps(*asked, lines=lines) == [16, 0, 16, 16]


def test_every_conductor_on_the_way_counts() -> None:
    lines = {"site": LineRoom((30_000,) * 3), "hall": LineRoom((7_900,) * 3)}
    asked = [ask("a", 16, lines="1", path=("hall", "site")), ask("b", 16, lines="1")]
    assert amps(*asked, lines=lines) == [7, 16]


def test_a_car_nobody_knows_the_line_of_needs_room_on_all() -> None:
    assert amps(ask("a", 16, lines="?"), lines={"site": LineRoom((40_000, 9_000, 40_000))}) == [9]


def test_lines_too_far_apart_go_down_by_the_least_urgent() -> None:
    lines = {"site": LineRoom((99_000,) * 3, apart_ma=20_000)}
    asked = [ask("a", 16, lines="1", laxity_h=0.1), ask("b", 16, lines="1", laxity_h=5.0), ask("c", 8, lines="23")]
    assert amps(*asked, lines=lines) == [16, 12, 8]
    assert amps(*asked[:2], lines=lines) == [16, 0]
    assert amps(ask("t", 32, levels=amp_levels(32, 690)), lines=lines) == [32]


def test_a_base_load_far_apart_may_be_evened_out_only() -> None:
    lines = {"site": LineRoom((99_000,) * 3, apart_ma=10_000, base_ma=(30_000, 10_000, 25_000))}
    assert amps(ask("a", 16, lines="1"), lines=lines) == [0]
    assert amps(ask("b", 16, lines="2"), lines=lines) == [16]


def test_piles_that_take_watts_have_currents_too() -> None:
    lines = {"site": LineRoom((10_000,) * 3)}
    assert amps(ask("dc", 20_000, levels=watt_levels(60_000, 3000, 100)), lines=lines) == [6_900]
    across = ask("x", 16, levels=amp_levels(32, 208), lines="1-2")
    assert amps(across, lines={"site": LineRoom((99_000, 8_000, 0))}) == [8]


def test_a_base_load_over_one_conductor_leaves_the_others() -> None:
    lines = {"site": LineRoom((-3_000, 20_000, 20_000))}
    assert amps(ask("a", 16, lines="1"), ask("b", 9.6, lines="2"), lines=lines) == [0, 10]


def test_an_unknown_connection_is_refused() -> None:
    with pytest.raises(ValueError, match="lines"):
        amps(ask("a", 6, lines="4"), lines={})
