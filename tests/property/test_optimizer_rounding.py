"""Rounded grants never exceed a room, always are levels, and lose no energy beyond the bound of the carry."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import Levels, Request, amp_levels, round_targets, table_levels, watt_levels

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
