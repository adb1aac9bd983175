"""Rounded grants never exceed a room, always are levels, and lose no energy beyond the bound of the carry."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import Levels, LineRoom, Request, amp_levels, round_targets, table_levels, watt_levels
from optimizer.conductors import CONNECTIONS

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
