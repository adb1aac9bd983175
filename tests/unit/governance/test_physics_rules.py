"""Each rule of physics by hand-made cases at both sides of its threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitor.governance.facts import (
    Claims,
    Facts,
    Heartbeats,
    Orders,
    Samples,
    Status,
    Statuses,
    facts,
    table,
)
from monitor.governance.rules.catalogue import CAUSES, RULES, Limits, Subject
from monitor.governance.rules.judge import Judgement, judge
from monitor.governance.rules.robust import cusum
from monitor.governance.rules.score import scores

NOON_S = 1_772_337_600.0  # 2026-03-01T04:00Z, noon in Shanghai
NOW_S = NOON_S + 40 * 86_400
MINUTES = np.arange(61)


def order(**changes: Any) -> dict[str, Any]:
    """An hour at 7 kW on a pile of 7 kW, sound in every way."""
    return {
        "key": 1,
        "operator": 0,
        "station": 0,
        "connector": 0,
        "start_s": NOON_S,
        "end_s": NOON_S + 3600,
        "energy_wh": 7000.0,
        "meter_start_wh": 10_000.0,
        "meter_stop_wh": 17_000.0,
        "rated_w": 7000.0,
        "capacity_wh": 50_000.0,
        "fee_yuan": 7.0,
        "price_yuan_per_kwh": 1.0,
        "periods": 1,
    } | changes


def orders(*rows: dict[str, Any]) -> Orders:
    return table(Orders, **{name: [row[name] for row in rows] for name in rows[0]})


def samples(row: int = 0, connector: int = 0, **changes: Any) -> Samples:
    """A sample each minute that goes with `order()`."""
    columns: dict[str, Any] = {
        "at_s": NOON_S + MINUTES * 60.0,
        "register_wh": 10_000.0 + MINUTES * 7000 / 60,
        "power_w": np.full(61, 7000.0),
        "soc_percent": 40.0 + np.floor(MINUTES * 14 / 60),
    } | changes
    count = len(columns["at_s"])
    return table(Samples, order=[row] * count, connector=[connector] * count, **columns)


def joined(*parts: Samples) -> Samples:
    names = ("order", "connector", "at_s", "register_wh", "power_w", "soc_percent")
    return table(Samples, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def one(sampled: Samples | None = None, **changes: Any) -> Facts:
    return facts(NOW_S, orders(order(**changes)), samples() if sampled is None else sampled)


def broken(found: Facts) -> set[str]:
    """The rules about orders that any order of these breaks."""
    judged = judge(found)
    return {name for name in CAUSES if judged.verdicts[name].broken.any()}


def changed(column: str, at: slice | int, by: float) -> Samples:
    values = np.array(getattr(samples(), column))
    values[at] += by
    return samples(**{column: values})


def test_a_sound_order_breaks_nothing_and_all_rules_about_orders_judged_it() -> None:
    states = table(Statuses, connector=[0, 0], at_s=[NOON_S, NOON_S + 3600], status=[Status.CHARGING, Status.FINISHING])
    judged = judge(facts(NOW_S, orders(order()), samples(), states))
    assert not any(v.broken.any() for v in judged.verdicts.values())
    silent = {name for name in CAUSES if not judged.verdicts[name].judged.all()}
    assert silent == {"Q14"}, "which needs a second order"


def test_every_rule_has_a_verdict_and_every_rule_about_orders_is_a_cause() -> None:
    assert set(judge(one()).verdicts) == set(RULES)
    assert {name for name, rule in RULES.items() if rule.subject is Subject.ORDER} == set(CAUSES)


@pytest.mark.parametrize(("energy_wh", "found"), [(7299, set()), (7301, {"Q01"}), (6699, {"Q01"})])
def test_q01_three_tenths_of_a_kilowatt_hour(energy_wh: float, found: set[str]) -> None:
    assert broken(one(energy_wh=energy_wh, fee_yuan=round(energy_wh / 1000, 2))) == found


@pytest.mark.parametrize(("energy_wh", "found"), [(40_999, set()), (41_001, {"Q01"})])
def test_q01_a_share_of_large_orders(energy_wh: float, found: set[str]) -> None:
    none = samples(at_s=[], register_wh=[], power_w=[], soc_percent=[])
    assert broken(one(none, energy_wh=energy_wh, meter_stop_wh=50_000.0, fee_yuan=energy_wh / 1000)) == found


@pytest.mark.parametrize(("scale", "found"), [(1.04, set()), (1.06, {"Q02"}), (0.94, {"Q02"})])
def test_q02_five_percent_from_the_median(scale: float, found: set[str]) -> None:
    rows = [order(key=n, connector=n, start_s=NOON_S, end_s=NOON_S + 3600) for n in range(9)]
    parts = [samples(n, n) for n in range(8)] + [samples(8, 8, power_w=np.full(61, 7000.0 * scale))]
    assert broken(facts(NOW_S, orders(*rows), joined(*parts))) == found


@pytest.mark.parametrize(("fall", "found"), [(-2.0, set()), (-3.5, {"Q03"})])
def test_q03_more_than_two_points(fall: float, found: set[str]) -> None:
    assert broken(one(changed("soc_percent", slice(30, 33), fall))) == found


@pytest.mark.parametrize(("fall_wh", "found"), [(-160.0, set()), (-170.0, {"Q04"})])
def test_q04_fifty_watt_hours_backward(fall_wh: float, found: set[str]) -> None:
    assert broken(one(changed("register_wh", 30, fall_wh))) == found, "a minute adds 117 Wh"


@pytest.mark.parametrize(("minutes", "found"), [(1, set()), (3, {"Q05"})])
def test_q05_stuck_for_two_tenths_of_a_kilowatt_hour(minutes: int, found: set[str]) -> None:
    register_wh = np.array(samples().register_wh)
    register_wh[31 : 31 + minutes] = register_wh[30]
    assert broken(one(samples(register_wh=register_wh))) == found


@pytest.mark.parametrize(("more_w", "found"), [(690.0, set()), (710.0, {"Q06"})])
def test_q06_a_tenth_above_nameplate(more_w: float, found: set[str]) -> None:
    assert broken(one(changed("power_w", 30, more_w))) == found


def test_q06_a_power_that_the_register_denies_is_a_wrong_power() -> None:
    rows = [order(key=n, connector=n) for n in range(9)]
    parts = [samples(n, n) for n in range(8)] + [samples(8, 8, power_w=np.full(61, 8400.0))]
    judged = judge(facts(NOW_S, orders(*rows), joined(*parts)))
    assert judged.verdicts["Q06"].broken[8]
    assert judged.cause(8) == "Q02"


@pytest.mark.parametrize(("lost", "found"), [(1, set()), (2, {"Q07"})])
def test_q07_one_lost_sample_is_no_gap_and_two_are(lost: int, found: set[str]) -> None:
    kept = np.r_[0:30, 30 + lost : 61]
    assert broken(one(samples().take(kept))) == found


@pytest.mark.parametrize(("begin_s", "found"), [(3600, set()), (3590, {"Q08"})])
def test_q08_any_common_time_names_both(begin_s: float, found: set[str]) -> None:
    second = order(key=2, start_s=NOON_S + begin_s, end_s=NOON_S + 7200, meter_start_wh=17_000, meter_stop_wh=24_000)
    both = facts(NOW_S, orders(order(), second))
    assert broken(both) == found
    assert judge(both).verdicts["Q08"].broken.tolist() == [bool(found)] * 2


def test_q08_an_order_inside_of_a_long_one_and_one_after_a_short_one() -> None:
    hours = [(0, 10), (1, 2), (3, 4), (10, 11)]
    rows = [order(key=n, start_s=NOON_S + 3600 * a, end_s=NOON_S + 3600 * b) for n, (a, b) in enumerate(hours)]
    assert judge(facts(NOW_S, orders(*rows))).verdicts["Q08"].broken.tolist() == [True, True, True, False]


@pytest.mark.parametrize(("shift_s", "found"), [(359.0, set()), (361.0, {"Q09"}), (-361.0, {"Q09"})])
def test_q09_six_minutes(shift_s: float, found: set[str]) -> None:
    assert broken(one(samples(at_s=NOON_S + MINUTES * 60.0 + shift_s))) == found


def test_q10_the_copy_is_named_and_not_the_original() -> None:
    judged = judge(facts(NOW_S, orders(order(), order(), order(key=2, connector=1))))
    assert judged.verdicts["Q10"].broken.tolist() == [False, True, False]
    assert [judged.cause(row) for row in range(3)] == ["", "Q10", ""]


@pytest.mark.parametrize(
    ("told", "illegal"),
    [
        ((Status.AVAILABLE, Status.PREPARING, Status.CHARGING, Status.FINISHING, Status.AVAILABLE), 0),
        ((Status.CHARGING, Status.CHARGING), 0),
        ((Status.AVAILABLE, Status.FINISHING), 1),
        ((Status.FINISHING, Status.CHARGING), 1),
        ((Status.RESERVED, Status.CHARGING, Status.RESERVED), 2),
        ((Status.FAULTED, Status.FINISHING), 0),
    ],
)
def test_q11_the_table_of_states(told: tuple[Status, ...], illegal: int) -> None:
    states = table(Statuses, connector=[0] * len(told), at_s=NOON_S + np.arange(len(told)), status=told)
    assert judge(facts(NOW_S, statuses=states)).verdicts["Q11"].broken.sum() == illegal


@pytest.mark.parametrize(("first", "last", "found"), [(2, 58, set()), (4, 61, {"Q12"}), (0, 56, {"Q12"})])
def test_q12_no_samples_at_the_ends_of_charging(first: int, last: int, found: set[str]) -> None:
    states = table(Statuses, connector=[0, 0], at_s=[NOON_S, NOON_S + 3600], status=[Status.CHARGING, Status.FINISHING])
    kept = samples().take(np.arange(first, min(last + 1, 61)))
    assert broken(facts(NOW_S, orders(order()), kept, states)) == found


def test_q12_no_sample_at_all() -> None:
    states = table(Statuses, connector=[0], at_s=[NOON_S + 5], status=[Status.CHARGING])
    assert broken(facts(NOW_S, orders(order()), statuses=states)) == {"Q12"}
    elsewhere = table(Statuses, connector=[1], at_s=[NOON_S + 5], status=[Status.CHARGING])
    assert broken(facts(NOW_S, orders(order()), statuses=elsewhere)) == set()


@pytest.mark.parametrize(
    ("start_s", "end_s", "found"),
    [
        (NOON_S, NOW_S + 299, set()),
        (NOON_S, NOW_S + 301, {"Q13"}),
        (0.0, NOON_S, {"Q13"}),
        (NOON_S, NOON_S - 1, {"Q13"}),
        (NOON_S, np.nan, set()),
    ],
)
def test_q13_times_that_cannot_be(start_s: float, end_s: float, found: set[str]) -> None:
    assert broken(facts(NOW_S, orders(order(start_s=start_s, end_s=end_s)))) == found


@pytest.mark.parametrize(("lost_wh", "found"), [(290.0, set()), (310.0, {"Q14"})])
def test_q14_energy_between_two_orders(lost_wh: float, found: set[str]) -> None:
    begin_wh = 17_000 + lost_wh
    second = order(
        key=2, start_s=NOON_S + 7200, end_s=NOON_S + 9000, meter_start_wh=begin_wh, meter_stop_wh=begin_wh + 7000
    )
    judged = judge(facts(NOW_S, orders(order(), second)))
    assert judged.verdicts["Q14"].broken.tolist() == [False, bool(found)]


@pytest.mark.parametrize(("fee_yuan", "found"), [(7.02, set()), (7.03, {"Q15"}), (6.97, {"Q15"})])
def test_q15_what_rounding_explains(fee_yuan: float, found: set[str]) -> None:
    assert broken(one(fee_yuan=fee_yuan)) == found


@pytest.mark.parametrize(
    ("capacity_wh", "found"), [(66_000, set()), (67_000, {"Q16"}), (35_000, {"Q16"}), (np.nan, set())]
)
def test_q16_a_band_of_energy_by_charge(capacity_wh: float, found: set[str]) -> None:
    assert broken(one(capacity_wh=capacity_wh)) == found, "14 points were charged"


def test_q17_signs_of_life_deny_claims() -> None:
    claims = table(
        Claims, station=[0, 0, 1, 1], from_s=[0, 5000, 0, 5000], to_s=[1000, 6000, 1000, 6000], online=[0, 0, 1, 1]
    )
    beats = table(Heartbeats, station=[0, 1, 1], at_s=[500.0, 500.0, 5050.0])
    assert judge(facts(NOW_S, claims=claims, heartbeats=beats)).verdicts["Q17"].broken.tolist() == [
        True,
        False,
        False,
        True,
    ]


def test_q18_a_day_that_is_far_below_its_weekday() -> None:
    rows = [
        order(key=100 * day + n, start_s=NOON_S + 86_400 * day + 60 * n, end_s=NOON_S + 86_400 * day + 60 * n)
        for day in range(35)
        for n in range(2 if day == 20 else 60)
    ]
    found = judge(facts(NOW_S, orders(*rows)))
    assert np.flatnonzero(found.verdicts["Q18"].broken).tolist() == [20]


def test_q18_a_weekday_that_varies_little_by_chance_makes_no_ordinary_day_odd() -> None:
    """Mondays are all alike but one, which differs by no more than the station's other days do."""
    rng = np.random.default_rng(3)
    counts = rng.integers(40, 160, 70)
    counts[::7] = 100
    counts[35] = 190
    rows = [
        order(key=1000 * day + n, start_s=NOON_S + 86_400 * day + 60 * n, end_s=NOON_S + 86_400 * day + 60 * n)
        for day, count in enumerate(counts.tolist())
        for n in range(count)
    ]
    assert not judge(facts(NOON_S + 86_400 * 80, orders(*rows))).verdicts["Q18"].broken.any()


def test_r01_an_hour_far_above_the_same_hour_of_other_days() -> None:
    rows = [order(key=d, start_s=NOON_S + 86_400 * d, end_s=NOON_S + 86_400 * d + 3600) for d in range(20)]
    parts = [
        samples(d, at_s=NOON_S + 86_400 * d + MINUTES[:60] * 60.0, register_wh=np.full(60, np.nan),
                power_w=np.full(60, 5500.0 if d == 19 else 3500.0), soc_percent=np.full(60, np.nan))
        for d in range(20)
    ]  # fmt: skip
    judged = judge(facts(NOW_S, orders(*rows), joined(*parts)))
    assert np.flatnonzero(judged.verdicts["R01"].broken).tolist() == [19]


def test_r02_a_slow_drift_adds_up_and_a_single_day_does_not() -> None:
    limits = Limits()
    steady = np.tile([1.0, 1.002, 0.998], 20)
    drifting = steady + np.r_[np.zeros(20), np.linspace(0, 0.02, 40)]
    single = steady.copy()
    single[25] += 0.01
    assert np.nanmax(cusum(drifting, limits)) > limits.cusum_limit
    assert np.nanmax(cusum(steady, limits)) < limits.cusum_limit
    assert np.nanmax(cusum(single, limits)) < limits.cusum_limit


def test_r03_a_connector_apart_from_its_siblings() -> None:
    rows = [order(key=10 * c + n, connector=c, start_s=NOON_S + 9000 * n, end_s=NOON_S + 9000 * n + 3600)
            for c in range(6) for n in range(6)]  # fmt: skip
    parts = [
        samples(
            6 * c + n, c, at_s=NOON_S + 9000 * n + MINUTES * 60.0, power_w=np.full(61, 7000 * (1.03 if c == 5 else 1))
        )
        for c in range(6)
        for n in range(6)
    ]
    judged = judge(facts(NOW_S, orders(*rows), joined(*parts)))
    assert judged.verdicts["R03"].broken.tolist() == [False] * 5 + [True]


def test_nothing_at_all_is_judged_without_a_fault() -> None:
    judged: Judgement = judge(facts(NOW_S))
    assert all(len(v.broken) == 0 for v in judged.verdicts.values())
    assert scores(facts(NOW_S), judged) == []


def test_what_is_not_known_is_not_judged() -> None:
    bare = facts(NOW_S, table(Orders, key=[1, 2], operator=[0, 0], station=[0, 0], connector=[0, 0]))
    judged = judge(bare)
    assert {name for name in CAUSES if judged.verdicts[name].judged.any()} == {"Q10"}
    assert not any(v.broken.any() for v in judged.verdicts.values())


def test_the_order_of_rows_changes_nothing() -> None:
    found = one(changed("register_wh", 30, -500.0))
    mixed = facts(NOW_S, found.orders, found.samples.take(np.random.default_rng(1).permutation(61)))
    assert broken(mixed) == broken(found) == {"Q04"}


def test_a_score_falls_with_the_weight_of_what_is_broken() -> None:
    sound = one()
    dear = one(energy_wh=9000.0)
    cheap = one(samples().take(np.r_[0:30, 33:61]))
    (best,), (worst,), (middle,) = (scores(found, judge(found)) for found in (sound, dear, cheap))
    assert best.score == 100.0
    assert best.score > middle.score > worst.score
    assert (best.broken, worst.broken, best.orders) == (0, 1, 1)
    assert set(worst.dimensions) >= {"accuracy", "consistency", "completeness", "timeliness", "validity"}


def test_columns_of_one_table_have_one_length() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        table(Heartbeats, station=[1, 2], at_s=[1.0])
    with pytest.raises(ValueError, match="no column colour"):
        table(Heartbeats, colour=[1])
