"""Drift is noticed, a better model promoted, a worse one rolled back; sums add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.forecast.correction import (
    BASE_DAYS,
    PROMOTION_DAYS,
    REFIT_DAYS,
    ROLLBACK_DAYS,
    Cusum,
    Standing,
    Step,
    bias,
    night,
)
from monitor.forecast.drift import drifted, play
from monitor.forecast.hierarchy import consistent, summing
from monitor.forecast.panel import Panel

NAN = float("nan")


def _walk(maes: list[float]) -> int | None:
    """On which day the CUSUM is alarmed."""
    found = Cusum()
    for day, mae in enumerate(maes):
        found = found.after(mae)
        if found.alarmed:
            return day
    return None


def test_a_daily_error_that_doubles_is_noticed_within_days() -> None:
    rng = np.random.default_rng(1)
    usual = list(1.0 + 0.1 * rng.normal(size=30))
    noticed = _walk(usual + [2.0] * 10)
    assert noticed is not None
    assert 30 <= noticed <= 32


def test_a_usual_year_raises_few_alarms() -> None:
    """Deviations from seven days are rough, so some do; in a month hardly one series in ten."""
    rng = np.random.default_rng(2)
    alarmed = [_walk(list(1.0 + 0.1 * rng.normal(size=37))) is not None for _ in range(200)]
    assert np.mean(alarmed) < 0.15


def test_days_that_are_not_known_change_nothing() -> None:
    first = Cusum().after(1.0)
    assert first.after(NAN) == first


def _nights(mae_of: Callable[[int, int], float], days: int) -> list[tuple[int, Step]]:
    """What changed in nights from day 100 on; `mae_of`: day, number of refits before -> MAE."""
    standing, changed = Standing("rich", 100, 80), []
    for today in range(100, 100 + days):
        step = night(standing, today, mae_of(today, len(changed)), NAN, {})
        standing = step.standing
        if step.what != "kept":
            changed.append((today, step))
    return changed


def test_drift_has_the_champion_learn_at_once_and_again_when_no_day_is_from_before() -> None:
    changed = _nights(lambda day, refits: 1.0 + 0.05 * (day % 3) if day < 112 or refits else 3.0, 60)
    (alarm, first), (later, second) = changed
    assert 112 <= alarm <= 114
    assert later == alarm + REFIT_DAYS
    assert first.reason.startswith("CUSUM")
    assert second.reason == f"{REFIT_DAYS} days after the alarm"
    assert (second.standing.learned_until, second.standing.usual_until) == (later + 1, None)


def test_a_refit_that_does_not_help_is_not_what_is_usual() -> None:
    """It is alarmed again and again until the window holds no day from before the drift; then 3.0 is usual."""
    changed = _nights(lambda day, _: 1.0 + 0.05 * (day % 3) if day < 112 else 3.0 + 0.05 * (day % 3), 100)
    alarms = [day for day, step in changed if step.reason.startswith("CUSUM")]
    assert len(alarms) >= 4
    assert max(alarms) < alarms[0] + REFIT_DAYS
    assert [step.reason for day, step in changed if day >= alarms[0] + REFIT_DAYS] == [
        f"{REFIT_DAYS} days after the alarm"
    ]


def test_three_bad_days_do_not_undo_what_was_won() -> None:
    standing = Standing("trees", 100, 0, Standing("rich", 50, 40))
    for day, (mae, was) in enumerate([(1.0, 3.0), *[(1.2, 1.0)] * 5]):
        step = night(standing, 101 + day, mae, was, {})
        standing = step.standing
        assert step.what == "kept"
    assert standing.worse_days == 5
    assert standing.worse_by == pytest.approx(-1.0)


def test_what_took_over_goes_back_when_it_is_worse_for_three_days() -> None:
    former = Standing("rich", 50, 40)
    standing = Standing("trees", 100, 0, former)
    steps: list[Step] = []
    for mae, was in ((2.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 1.0), (NAN, 1.0), (2.0, 1.0)):
        steps.append(night(standing, 101 + len(steps), mae, was, {}))
        standing = steps[-1].standing
    assert [step.what for step in steps] == ["kept"] * 6 + ["rolled back"]
    assert (standing.champion, standing.learned_until, standing.former) == ("rich", 50, None)
    assert str(ROLLBACK_DAYS) in steps[-1].reason


def test_a_challenger_that_wins_fourteen_days_is_promoted_with_reason() -> None:
    rng = np.random.default_rng(4)
    mine = list(1.0 + 0.1 * rng.normal(size=PROMOTION_DAYS))
    better = [day * 0.8 for day in mine]
    step = night(Standing("rich", 10, 5), 60, 1.0, NAN, {"rich": mine, "trees": better, "last": [9.0] * 14})
    assert (step.what, step.standing.champion) == ("promoted", "trees")
    assert step.standing.former == Standing("rich", 10, 5, cusum=Cusum((1.0,)))
    assert "p = 0.000" in step.reason
    assert (step.loss, step.fallback_loss) == (pytest.approx(np.mean(better)), 9.0)
    assert night(Standing("rich", 10, 5), 60, 1.0, NAN, {"rich": mine[1:], "trees": better[1:]}).what == "kept"


def test_equals_are_seldom_promoted() -> None:
    rng = np.random.default_rng(6)
    promoted = 0
    for _ in range(200):
        mine, theirs = rng.gamma(9.0, 1.0, (2, PROMOTION_DAYS))
        promoted += night(Standing("a", 0, 0), 60, 1.0, NAN, {"a": mine, "b": theirs}).what == "promoted"
    assert promoted / 200 < 0.12


def test_bias_weighs_the_newest_days_most() -> None:
    assert bias(np.array([[1.0, NAN], [1.0, 2.0]])) == pytest.approx([1.0, 2.0])
    assert bias(np.array([[0.0], [0.0], [0.0], [3.0]]))[0] > 0.8
    assert bias(np.zeros((0, 2))).tolist() == [0.0, 0.0]


def test_drift_played_back(make_panel: Callable[..., Panel]) -> None:
    """A fifth of the series times 1.8 and 3 h later: relearning on alarm beats none, with fewer fits than each week."""
    panel = make_panel(days=110, series=10, noise=0.6)
    panel = replace(panel, values=panel.values + 1.0)
    who, begin, first = np.array([3, 8]), 77 * 24, 50
    moved = drifted(panel, who, begin, 1.8, 3)
    static, weekly, cusum = (play(moved, 24, first, rule) for rule in ("static", "weekly", "cusum"))
    after = slice(77 - first + 7, None)
    assert cusum.mae[after][:, who].mean() < 0.75 * static.mae[after][:, who].mean()
    assert cusum.mae[after][:, who].mean() < 1.1 * weekly.mae[after][:, who].mean()
    assert cusum.fits < weekly.fits / 2
    delays = [next(day for day in cusum.alarms.get(one, []) if day >= 77) - 77 for one in who]
    assert median(delays) <= 3


def test_sites_make_their_feeder_and_feeders_the_total() -> None:
    names = ["total", "f1", "f2", "a", "b", "c"]
    sums, leaves = summing(names, {"a": "f1", "b": "f1", "c": "f2", "f1": "total", "f2": "total"})
    assert leaves == [3, 4, 5]
    said = np.array([[30.0, 12.0, 14.0, 5.0, 6.0, 13.0]])
    found = consistent(said, np.ones(6), sums)[0]
    assert found[0] == pytest.approx(found[1] + found[2])
    assert found[1] == pytest.approx(found[3] + found[4])
    assert found[2] == pytest.approx(found[5])
    sure = consistent(said, np.array([1e-6, 1, 1, 1, 1, 1.0]), sums)[0]
    assert sure[0] == pytest.approx(30.0, abs=1e-3)


@given(st.lists(st.floats(0, 1e4), min_size=6, max_size=6), st.lists(st.floats(1e-3, 1e6), min_size=6, max_size=6))
@example([0.0, 0.0, 0.0, 3643.0, 1.0, 0.0], [1.0, 0.001, 1.0, 552138.75, 590657.0, 1.0])
@settings(max_examples=60, deadline=None)
def test_what_adds_up_adds_up_whatever_was_said(said: list[float], variances: list[float]) -> None:
    names = ["t", "f", "g", "a", "b", "c"]
    sums, leaves = summing(names, {"a": "f", "b": "f", "c": "g", "f": "t", "g": "t"})
    found = consistent(np.array([said]), np.array(variances), sums)
    assert (found >= 0).all()
    assert found == pytest.approx((sums @ found[0, leaves])[None])
    again = consistent(found, np.array(variances), sums)
    assert again == pytest.approx(found, rel=1e-5, abs=1e-4)


def test_a_tree_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="no forecast of x"):
        summing(["a"], {"a": "x"})
    with pytest.raises(ValueError, match="part of itself"):
        summing(["a", "b", "c"], {"a": "b", "b": "c", "c": "b"})


def test_the_usual_is_learned_in_seven_days() -> None:
    found = Cusum()
    for _ in range(BASE_DAYS):
        found = found.after(1.0)
    assert not found.total
    assert found.after(5.0).alarmed
