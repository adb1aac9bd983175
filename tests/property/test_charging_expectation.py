"""Whatever a forecast says, no plan goes above a cap, and who is there loses no more than the room that is kept."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.charging.expectation import is_expected
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.learning import Car
from csms.charging.planner import SLOT_H, NeedsPolicy, Visit, problem, visit
from csms.model.ids import EvseRef
from csms.model.outlook import AMOUNT_MAX, STAY_S_MAX, ComingCars, Outlook
from csms.model.station import CurrentKind, EvseRating
from csms.station.state import EvseState, Needs, OpenSession
from optimizer import Problem, solve

NOW = datetime(2026, 1, 5, 8, 7, tzinfo=UTC)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
FEEDERS = ("T", "N")
SLACK_KW, SHARE = 1e-3, 1e-3
"""The solver's own accuracy."""

loads = st.one_of(
    st.none(), st.floats(0, 150_000), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([1e300, -1e300])
)
cars_to_come = st.builds(
    ComingCars,
    feeder_id=st.sampled_from([*FEEDERS, "unknown"]),
    arrives_at=st.integers(-600, 3000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    stay_s=st.one_of(st.floats(1, 80_000), st.just(STAY_S_MAX)),
    power_w=st.one_of(st.floats(0, 60_000), st.just(AMOUNT_MAX)),
    energy_wh=st.one_of(st.floats(0, 80_000), st.just(AMOUNT_MAX)),
    count=st.one_of(st.floats(0, 30), st.just(AMOUNT_MAX)),
)
outlooks = st.builds(
    Outlook,
    made_at=st.just(NOW),
    begins_at=st.integers(-300, 300).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    step_s=st.sampled_from([900.0, 60.0, 3600.0]),
    loads_w=st.dictionaries(st.sampled_from([*FEEDERS, "unknown"]), st.lists(loads, max_size=110).map(tuple)),
    cars=st.lists(cars_to_come, max_size=12).map(tuple),
)
wishes = st.lists(
    st.tuples(st.floats(100, 60_000), st.floats(0.2, 12), st.sampled_from([("T",), ("N", "T")])), min_size=1, max_size=6
)
trees = st.tuples(st.integers(5, 80), st.integers(5, 40), st.lists(st.integers(0, 40), min_size=96, max_size=96))


def there(number: int, wish: tuple[float, float, tuple[str, ...]]) -> Visit:
    energy_wh, hours, path = wish
    ref = EvseRef(f"P{number}", 1)
    session = OpenSession(number, "tx", ref, 1, NOW)
    needs = Needs(energy_wh, NOW + timedelta(hours=hours))
    state = EvseState(ref, AC3, session=session, needs=needs)
    return visit(state, session, Car(number), path, 0, NeedsPolicy(), NOW)


def kept_kwh(with_it: Problem, without: Problem) -> float:
    """What the forecast keeps free beside what counts without it, at all feeders of the plan."""
    before = {feeder.id: feeder.base_load_kw for feeder in without.feeders}
    room = [with_it.base_load_kw - without.base_load_kw]
    for feeder in with_it.feeders:
        own, old = feeder.base_load_kw, before.get(feeder.id)
        assert own is not None
        room.append(own - old if old is not None else own)
    return float(sum(np.maximum(part, 0.0).sum() for part in room)) * SLOT_H


@settings(max_examples=40, deadline=None)
@given(outlooks, wishes, trees)
def test_a_forecast_keeps_room_and_makes_none(
    outlook: Outlook,
    wanted: list[tuple[float, float, tuple[str, ...]]],
    sizes: tuple[int, int, list[int]],
) -> None:
    top_kw, below_kw, curve_kw = sizes
    curve = tuple(kw * 1000 for kw in curve_kw)
    tree = FeederTree([Feeder("T", top_kw * 1000, base_load_w=curve), Feeder("N", below_kw * 1000, "T")])
    visits = [there(n, wish) for n, wish in enumerate(wanted)]
    asked, without = (
        problem(visits, tree, NoCaps(), "T", NOW, ({}, {}), 0.02, 120, 0.05, None, told) for told in (outlook, None)
    )

    assert asked.base_load_kw[0] == without.base_load_kw[0]
    assert (asked.base_load_kw >= without.base_load_kw).all()
    assert (asked.cap_kw == without.cap_kw).all()
    assert not {feeder.id for feeder in without.feeders} - {feeder.id for feeder in asked.feeders}

    plan, plain = solve(asked), solve(without)
    for feeder_id, cap_kw, base_kw in zip(asked.node_ids(), asked.caps_kw(), asked.base_loads_kw(), strict=True):
        through = [n for n, s in enumerate(asked.sessions) if not feeder_id or s.feeder == feeder_id]
        drawn = plan.power_kw[through].sum(axis=0)
        assert (drawn <= np.maximum(cap_kw - base_kw, 0.0) + SLACK_KW).all()

    real = [n for n, session in enumerate(asked.sessions) if not is_expected(session.id)]
    served, before = float(plan.served_kwh[real].sum()), float(plain.served_kwh.sum())
    assert math.isfinite(served)
    assert served >= before - kept_kwh(asked, without) - SHARE * before - SLACK_KW
