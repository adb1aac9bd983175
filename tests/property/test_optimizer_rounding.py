"""Rounded grants never exceed a room, always are levels, and lose no energy beyond the bound of the carry."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import Levels, LineRoom, Request, amp_levels, round_targets, table_levels, watt_levels
from optimizer.battery_rounding import BatteryRequest, round_all
from optimizer.conductors import CONNECTIONS, TO_NEUTRAL
from optimizer.line_rooms import PAIRS

LEVELS: tuple[Levels, ...] = (
    amp_levels(32, 230),
    amp_levels(16, 690),
    amp_levels(32, 692.82),
    amp_levels(20, 208.3, step_a=0.1),
    amp_levels(4, 230),
    table_levels([8, 16, 24, 32], 230),
    watt_levels(60_000, 3000, 100),
    watt_levels(7000, 0, 1),
)
PATHS = (("site",), ("left", "site"), ("right", "site"), ("leaf", "right", "site"))


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    made = []
    for i in range(draw(st.integers(0, 8))):
        levels = draw(st.sampled_from(LEVELS))
        most = 1.5 * max(levels.values) / levels.units_per_target + 1
        carry = levels.carry_max / levels.units_per_target
        made.append(
            Request(
                id=f"p{i}",
                target=draw(st.floats(0, most)),
                levels=levels,
                path=draw(st.sampled_from(PATHS)),
                must_run=draw(st.booleans()),
                laxity_h=draw(st.floats(-2, 10)),
                carry=draw(st.floats(-carry, carry)),
                lines=draw(st.sampled_from(CONNECTIONS)),
            )
        )
    return made


ROOMS = st.fixed_dictionaries({node: st.integers(-1000, 90_000) for node in ("site", "left", "right", "leaf")})


@settings(max_examples=400, deadline=None)
@given(requests(), ROOMS)
def test_never_over_any_room(asked: list[Request], room_w: dict[str, int]) -> None:
    grants = round_targets(asked, room_w)
    assert [g.id for g in grants] == [r.id for r in asked]
    for node, room in room_w.items():
        used = sum(g.power_w for g, r in zip(grants, asked, strict=True) if node in r.path)
        assert used <= max(room, 0)


TRIPLES = st.tuples(*[st.integers(-5_000, 120_000)] * 3)
LINE_ROOMS = st.dictionaries(
    st.sampled_from(["site", "left", "right", "leaf"]),
    st.builds(LineRoom, TRIPLES, st.none() | st.integers(0, 30_000), st.tuples(*[st.integers(0, 40_000)] * 3)),
)


def currents(asked: list[Request], setpoints: list[float], node: str) -> tuple[list[float], list[float]]:
    """At most and at least on each conductor (mA), counted anew."""
    most, least = [0.0] * 3, [0.0] * 3
    for request, setpoint in zip(asked, setpoints, strict=True):
        if node in request.path:
            volts = 230 * 3**0.5 if "-" in request.lines else 230 * max(1, len(request.lines.replace("?", "")))
            ampere = setpoint if request.levels.units_per_target == 10 else setpoint / volts
            for n, line in enumerate("123"):
                if line in request.lines or request.lines == "?":
                    most[n] += 1000 * ampere
                    least[n] += (
                        1000 * ampere * (0.0 if request.lines == "?" else 0.866 if "-" in request.lines else 1.0)
                    )
    return most, least


@settings(max_examples=400, deadline=None)
@given(requests(), ROOMS, LINE_ROOMS)
def test_never_over_a_conductor_nor_too_far_apart(
    asked: list[Request], room_w: dict[str, int], lines: dict[str, LineRoom]
) -> None:
    grants = round_targets(asked, room_w, lines)
    for node, room in room_w.items():
        used = sum(g.power_w for g, r in zip(grants, asked, strict=True) if node in r.path)
        assert used <= max(room, 0)
    for node, line_room in lines.items():
        most, least = currents(asked, [g.setpoint for g in grants], node)
        for n, left in enumerate(line_room.left_ma):
            assert most[n] <= max(left, 0) + 1e-6
        if line_room.apart_ma is not None:
            base = line_room.base_ma
            for n in range(3):
                for m in range(3):
                    allowed = max(line_room.apart_ma, base[n] - base[m])
                    assert base[n] + most[n] - base[m] - least[m] <= allowed + 1e-6


@settings(max_examples=200, deadline=None)
@given(requests(), ROOMS)
def test_setpoints_are_levels_and_carries_balance(asked: list[Request], room_w: dict[str, int]) -> None:
    for grant, request in zip(round_targets(asked, room_w), asked, strict=True):
        per, bound = request.levels.units_per_target, request.levels.carry_max / request.levels.units_per_target
        assert round(grant.setpoint * per) in request.levels.values
        wished = request.target + request.carry
        assert grant.carry == pytest.approx(min(max(wished - grant.setpoint, -bound), bound), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(requests(), ROOMS)
def test_the_same_question_gets_the_same_answer(asked: list[Request], room_w: dict[str, int]) -> None:
    by_id = {g.id: g for g in round_targets(asked, room_w)}
    assert {g.id: g for g in round_targets(asked[::-1], room_w)} == by_id


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 32), min_size=1, max_size=60))
def test_energy_is_kept_when_nothing_binds(targets: list[float]) -> None:
    levels, carry, given_a = LEVELS[0], 0.0, 0.0
    for target in targets:
        (grant,) = round_targets([Request("p", target, levels, ("site",), carry=carry)], {"site": 99_999})
        carry, given_a = grant.carry, given_a + grant.setpoint
    assert abs(sum(targets) - given_a) <= 6.0 + 1e-6


STEPS = (watt_levels(6000, 0, 1), watt_levels(6000, 1400, 1), watt_levels(5000, 500, 250), watt_levels(0, 0, 100))


@st.composite
def batteries(draw: st.DrawFn) -> list[BatteryRequest]:
    made = []
    for i in range(draw(st.integers(0, 4))):
        least, most = draw(st.floats(0, 2000)), draw(st.floats(2000, 20_000))
        made.append(
            BatteryRequest(
                id=f"b{i}",
                target_w=draw(st.floats(-8000, 8000)),
                path=draw(st.sampled_from(PATHS)),
                charge=draw(st.sampled_from(STEPS)),
                discharge=draw(st.sampled_from(STEPS)),
                stored_wh=draw(st.floats(least, most)),
                least_wh=least,
                most_wh=most,
                charge_efficiency=draw(st.sampled_from([0.9, 1.0])),
                discharge_efficiency=draw(st.sampled_from([0.9, 1.0])),
                carry_w=draw(st.floats(-500, 500)),
                lines=draw(st.sampled_from(TO_NEUTRAL)),
            )
        )
    return made


@settings(max_examples=400, deadline=None)
@given(requests(), batteries(), ROOMS, LINE_ROOMS, st.sampled_from([0.25, 1.0]))
def test_batteries_and_piles_never_over_anything(
    asked: list[Request],
    units: list[BatteryRequest],
    room_w: dict[str, int],
    rooms: dict[str, LineRoom],
    hours: float,
) -> None:
    feed_w = {"site": 4000}
    grants, told = round_all(asked, units, room_w, hours, rooms, feed_w)
    assert ([g.id for g in grants], [b.id for b in told]) == ([r.id for r in asked], [u.id for u in units])
    for unit, granted in zip(units, told, strict=True):
        assert granted.setpoint_w in unit.charge.values or -granted.setpoint_w in unit.discharge.values
        assert granted.setpoint_w * unit.target_w >= 0
        assert unit.least_wh - 1e-5 <= granted.stored_wh <= unit.most_wh + 1e-5
    for node, room in room_w.items():
        net = sum(g.power_w for g, r in zip(grants, asked, strict=True) if node in r.path)
        net += sum(b.setpoint_w for b, u in zip(told, units, strict=True) if node in u.path)
        assert net <= max(room, 0)
    back = sum(-b.setpoint_w for b, u in zip(told, units, strict=True) if b.setpoint_w < 0 and "site" in u.path)
    assert back <= 4000
    for node, line_room in rooms.items():
        most, least = currents(asked, [g.setpoint for g in grants], node)
        for granted, unit in zip(told, units, strict=True):
            if node in unit.path:
                for n, line in enumerate("123"):
                    current = granted.setpoint_w * 1000 / (230 * len(unit.lines)) * (line in unit.lines)
                    most[n], least[n] = most[n] + current, least[n] + current
        for n in range(3):
            assert most[n] <= max(line_room.left_ma[n], 0) + 1e-6
            assert -least[n] <= max(line_room.left_ma[n] + 2 * line_room.base_ma[n], 0) + 1e-6
        if line_room.apart_ma is not None:
            for m, n in PAIRS:
                above = most[m] - least[n] + line_room.base_ma[m] - line_room.base_ma[n]
                assert above <= line_room.allowed(m, n) + 1e-6
