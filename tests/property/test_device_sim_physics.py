"""Whatever is plugged, limited and cleared: the meter is the integral of the power, and the limit holds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.battery import Battery
from device_sim.car import Car, CarState, Offer, step
from device_sim.pile import STEP_S, Pile, PileSpec
from device_sim.smart_charging import (
    FOREVER,
    Kind,
    Period,
    Profile,
    Purpose,
    Supply,
    composite_schedule,
    limit_at,
)

SUPPLY = Supply(3, 32.0)
SPEC = PileSpec("P", "ac", 3, 32.0, 22_080.0)

limits = st.floats(0.0, 40.0)


def seconds(low: int, high: int) -> st.SearchStrategy[float]:
    """Whole seconds: finer than a millisecond no message can be."""
    return st.integers(low, high).map(float)


offsets = st.lists(st.integers(1, 900), min_size=0, max_size=4, unique=True).map(sorted)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    starts = [0, *draw(offsets)]
    kind = draw(st.sampled_from(list(Kind)))
    valid_from_s = draw(st.one_of(st.just(-FOREVER), seconds(0, 900)))
    return Profile(
        profile_id=draw(st.integers(1, 50)),
        stack_level=draw(st.integers(0, 3)),
        purpose=draw(st.sampled_from(list(Purpose))),
        kind=kind,
        unit=draw(st.sampled_from(["A", "W"])),
        periods=tuple(
            Period(float(s), draw(limits), draw(st.one_of(st.none(), st.sampled_from([1, 3])))) for s in starts
        ),
        evse=draw(st.integers(0, 1)),
        start_s=None if kind is Kind.RELATIVE else draw(seconds(0, 600)),
        duration_s=draw(st.one_of(st.none(), seconds(1, 900))),
        valid_from_s=valid_from_s,
        valid_to_s=draw(st.one_of(st.just(FOREVER), seconds(0, 1_800))),
        repeat_s=draw(st.sampled_from([300.0, 700.0])) if kind is Kind.RECURRING else None,
    )


@st.composite
def cars(draw: st.DrawFn) -> Car:
    battery = Battery(draw(st.floats(1_000.0, 90_000.0)), 50_000.0, draw(st.floats(0.5, 0.95)), 1_000.0)
    return Car(
        battery,
        energy_wh=draw(st.floats(0.0, 60_000.0)),
        soc_start=draw(st.floats(0.0, 1.0)),
        phases=draw(st.sampled_from([1, 3])),
        ac_power_w=draw(st.floats(1_000.0, 22_080.0)),
        ramp_w_per_s=draw(st.floats(100.0, 50_000.0)),
    )


@given(st.lists(profiles(), max_size=5), seconds(0, 2_000))
def test_a_limit_holds_until_it_says(installed: list[Profile], at_s: float) -> None:
    limit = limit_at(installed, SUPPLY, 0.0, at_s)
    assert limit.until_s > at_s
    assert 0.0 <= limit.current_a <= SUPPLY.current_max_a
    for share in (0.25, 0.75, 0.999):
        inside_s = at_s + share * (min(limit.until_s, at_s + 3_600.0) - at_s)
        later = limit_at(installed, SUPPLY, 0.0, inside_s)
        assert (later.current_a, later.phases) == (limit.current_a, limit.phases)


@given(st.lists(profiles(), max_size=5), seconds(0, 900))
def test_the_composite_schedule_is_the_limit_at_every_second(installed: list[Profile], from_s: float) -> None:
    periods = composite_schedule(installed, SUPPLY, 0.0, from_s, 600.0)
    assert periods[0].start_s == 0.0
    for period in periods:
        limit = limit_at(installed, SUPPLY, 0.0, from_s + period.start_s + 1e-7)
        assert (period.limit, period.phases) == (limit.current_a, limit.phases)
    assert all(a.limit != b.limit or a.phases != b.phases for a, b in pairwise(periods))


@given(st.lists(profiles(), max_size=5), profiles(), seconds(0, 2_000))
def test_a_station_maximum_never_raises_a_limit(installed: list[Profile], extra: Profile, at_s: float) -> None:
    ceiling = Profile(99, 9, Purpose.MAX, Kind.ABSOLUTE, "A", extra.periods, start_s=0.0)
    others = [p for p in installed if p.purpose is not Purpose.MAX]
    with_it = limit_at([*others, ceiling], SUPPLY, 0.0, at_s).current_a
    assert with_it <= limit_at(others, SUPPLY, 0.0, at_s).current_a


class Metered(Pile):
    """A pile with a second, independent meter at the plug."""

    joules = 0.0

    def _flow(self, dt_s: float, offer: Offer) -> None:
        super()._flow(dt_s, offer)
        Metered.joules += self.power_w * dt_s


@given(cars(), st.lists(st.tuples(st.floats(0.1, 40.0), st.lists(profiles(), max_size=3)), max_size=12))
def test_the_register_is_the_integral_of_the_power(car: Car, story: list[tuple[float, list[Profile]]]) -> None:
    pile, Metered.joules = Metered(SPEC, 0.0, reaction_s=1.5), 0.0
    pile.plug(car)
    pile.close(0.0)
    for wait_s, installed in story:
        pile.obey(installed)
        before_wh = pile.register_wh
        pile.advance(pile.at_s + wait_s)
        assert pile.register_wh >= before_wh
    assert pile.at_s == pytest.approx(sum(wait_s for wait_s, _ in story))
    assert pile.register_wh == pytest.approx(Metered.joules / 3600.0)
    assert pile.state.taken_wh <= car.energy_wh + 1e-6


@given(cars(), st.floats(0.0, 32.0), st.lists(st.floats(0.1, 5.0), min_size=30, max_size=60))
def test_power_settles_under_the_limit(car: Car, limit_a: float, steps: list[float]) -> None:
    pile = Pile(SPEC, 0.0, reaction_s=0.0)
    pile.plug(car)
    pile.close(0.0)
    pile.advance(30.0)
    pile.obey([Profile(1, 0, Purpose.TRANSACTION, Kind.RELATIVE, "A", (Period(0, limit_a),), 1)])
    settle_s = pile.power_w / (4.0 * car.ramp_w_per_s) + STEP_S
    pile.advance(pile.at_s + settle_s)
    for dt_s in steps:
        pile.advance(pile.at_s + dt_s)
        assert pile.power_w <= limit_a * 3 * 230.0 + 1e-6


@given(cars(), st.lists(st.floats(0.01, 5.0), min_size=1, max_size=40))
def test_a_car_never_takes_more_than_it_wants(car: Car, steps: list[float]) -> None:
    pile = Pile(SPEC, 0.0)
    pile.plug(car)
    pile.close(0.0)
    state = CarState()
    for dt_s in steps:
        offer = pile._offer()
        after = step(car, state, dt_s, offer)
        assert after.taken_wh >= state.taken_wh
        assert after.power_w <= max(offer.power_w, state.power_w)
        state = after
    assert state.taken_wh <= car.energy_wh + 1e-6
