"""Scores of operators: planted groups are found, noise is called so, the score is fair and can be followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from monitor.scoring.features import Features, Figures, aligned, features, restored, scaled
from monitor.scoring.groups import grouped
from monitor.scoring.judge import document_of, judged
from monitor.scoring.points import percents, standings, trend
from monitor.scoring.scheme import Indicator, Scheme, SchemeInvalid, build_scheme, shipped_scheme

SCHEME = build_scheme(
    {
        "version": "test",
        "concentration": 50,
        "coverage_min": 0.5,
        "indicators": {
            "energy": {"weight": 0.4, "better": "more", "prior": 20, "unit": "kWh", "samples": "d", "log_from": 1e-6},
            "use": {"weight": 0.2, "better": "more", "prior": 20, "unit": "1", "samples": "d"},
            "faults": {"weight": 0.3, "better": "less", "prior": 20, "unit": "1/d", "samples": "d", "log_from": 1e-9},
            "quality": {"weight": 0.1, "better": "more", "prior": 5, "unit": "1", "samples": "d"},
        },
    }
)
CENTRES = np.array([[0.0, 0.2, -3.0, 60.0], [1.0, 0.5, -3.0, 90.0], [0.0, 0.2, -1.0, 90.0], [1.0, 0.5, -1.0, 60.0]])
SPREAD = np.array([1.2, 0.03, 0.2, 3.0])


def planted(seed: int = 1, each: int = 40) -> tuple[Figures, np.ndarray]:
    """160 operators of four kinds; energy and faults are exponentials of what is normal."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(4), each)
    plain = CENTRES[truth] + SPREAD * rng.standard_normal((len(truth), 4))
    plain[:, [0, 2]] = np.exp(plain[:, [0, 2]])
    names = tuple(f"{number:04}" for number in range(len(truth)))
    return Figures(names, plain, np.full(plain.shape, 1e4)), truth


def noise(seed: int, operators: int = 160) -> Figures:
    rng = np.random.default_rng(seed)
    values = np.column_stack([np.exp(rng.standard_normal((operators, 1))), rng.standard_normal((operators, 3))])
    values[:, 2] = np.exp(values[:, 2])
    return Figures(tuple(f"{number:04}" for number in range(operators)), values, np.full(values.shape, 1e4))


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_groups_are_found(seed: int) -> None:
    figures, truth = planted(seed)
    found = grouped(scaled(features(figures, SCHEME).shrunk))
    assert found.count == 4
    assert adjusted_rand_score(truth, found.labels) >= 0.95
    assert found.stability is not None
    assert found.stability >= 0.95


def test_without_the_logarithm_the_number_of_groups_is_missed() -> None:
    """So that the step is there for a reason: one exponential indicator, as it comes, splits groups."""
    figures, _ = planted()
    bare = {name: one.model_copy(update={"log_from": None}) for name, one in SCHEME.indicators.items()}
    raw = features(figures, SCHEME.model_copy(update={"indicators": bare}))
    assert grouped(scaled(raw.shrunk)).count != 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_has_no_structure(seed: int) -> None:
    found = grouped(scaled(features(noise(seed), SCHEME).shrunk))
    assert (found.count, set(found.labels)) == (1, {0})
    assert found.why


def test_even_noise_with_edges_has_no_structure() -> None:
    """Uniform values are not normal, so BIC may like several groups; they do not come again."""
    rng = np.random.default_rng(7)
    found = grouped(rng.uniform(size=(160, 3)))
    assert found.count == 1


def test_few_operators_are_not_grouped() -> None:
    figures = noise(1, operators=12)
    assert grouped(scaled(features(figures, SCHEME).shrunk)).why == "too_few"


def test_groups_are_numbered_by_size() -> None:
    figures, truth = planted()
    kept = np.concatenate([np.flatnonzero(truth == 0)[:15], np.flatnonzero(truth > 0)])
    fewer = Figures(tuple(figures.operators[n] for n in kept), figures.values[kept], figures.samples[kept])
    labels = grouped(scaled(features(fewer, SCHEME).shrunk)).labels
    assert list(np.bincount(labels)) == sorted(np.bincount(labels), reverse=True)
    assert set(labels[:15]) == {3}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 3), st.floats(1.01, 20.0))
def test_improving_one_figure_never_lowers_a_score(seed: int, place: int, column: int, times: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.standard_normal((10, 4)))
    samples = rng.integers(1, 200, (10, 4)).astype(float)
    names = tuple(f"{number:02}" for number in range(10))
    better = values.copy()
    better[place, column] *= times if column != 2 else 1.0 / times

    def score(of: np.ndarray) -> float:
        ranked = standings(features(Figures(names, of, samples), SCHEME), SCHEME)
        (found,) = (one.score for one in ranked if one.operator == names[place])
        assert found is not None
        return found

    assert score(better) >= score(values) - 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-3, 3.6, 1e3]))
def test_the_unit_plays_no_part(seed: int, times: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.standard_normal((12, 4)))
    samples = rng.integers(1, 200, (12, 4)).astype(float)
    names = tuple(f"{number:02}" for number in range(12))
    one = standings(features(Figures(names, values, samples), SCHEME), SCHEME)
    other = standings(features(Figures(names, values * times, samples), SCHEME), SCHEME)
    assert [(each.operator, each.rank, each.rank_low, each.rank_high) for each in one] == [
        (each.operator, each.rank, each.rank_low, each.rank_high) for each in other
    ]


def test_one_operator_less_moves_nobody_far() -> None:
    """A rank in percent moves by at most 100 / (n - 1), and the mean that draws the others a little more."""
    figures, _ = planted()
    all_of_them = {one.operator: one.score for one in standings(features(figures, SCHEME), SCHEME)}
    for gone in (0, 57, 159):
        kept = np.arange(160) != gone
        rest = Figures(tuple(np.array(figures.operators)[kept]), figures.values[kept], figures.samples[kept])
        for one in standings(features(rest, SCHEME), SCHEME):
            before = all_of_them[one.operator]
            assert before is not None
            assert one.score is not None
            assert abs(one.score - before) <= 2 * 100 / 158


def test_few_samples_are_pulled_to_the_mean() -> None:
    values = np.array([[10.0, 0.5, 0.1, 50.0], [1000.0, 0.5, 0.1, 50.0], [100.0, 0.5, 0.1, 50.0]])
    many, few = np.full((3, 4), 1e6), np.full((3, 4), 1e6)
    few[1, 0] = 1.0
    names = ("a", "b", "c")
    sure = features(Figures(names, values, many), SCHEME).shrunk[1, 0]
    unsure = features(Figures(names, values, few), SCHEME).shrunk[1, 0]
    trust = 1.0 / 21.0
    mean = (np.log(10.0) + np.log(100.0) + trust * np.log(1000.0)) / (2.0 + trust)
    assert sure == pytest.approx(np.log(1000.0), rel=1e-4)
    assert unsure == pytest.approx(trust * np.log(1000.0) + (1 - trust) * mean, rel=1e-4)


def test_what_is_not_known_stands_at_the_mean_and_too_little_gives_no_score() -> None:
    figures, _ = planted()
    values = figures.values.copy()
    values[3, 1] = np.nan
    values[4, [0, 1]] = np.nan
    made = features(replace(figures, values=values), SCHEME)
    ranked = {one.operator: one for one in standings(made, SCHEME)}
    assert ranked["0003"].coverage == pytest.approx(0.8)
    assert ranked["0003"].score is not None
    assert (ranked["0004"].score, ranked["0004"].rank) == (None, None)
    assert ranked["0004"].coverage == pytest.approx(0.4)


def test_contributions_explain_the_score() -> None:
    figures, _ = planted()
    for one in standings(features(figures, SCHEME), SCHEME):
        assert one.score is not None
        assert sum(one.contributions.values()) == pytest.approx(one.score - 50.0, abs=1e-9)
        assert one.rank is not None
        assert one.rank_low is not None
        assert one.rank_high is not None
        assert one.rank_low <= one.rank <= one.rank_high


def test_what_lifts_most_lifts_by_as_much_as_is_said() -> None:
    figures, _ = planted()
    made = features(figures, SCHEME)
    last = standings(made, SCHEME)[-1]
    best = last.lifts[0]
    place = figures.operators.index(last.operator)
    column = SCHEME.names.index(best.indicator)
    values = figures.values.copy()
    values[place, column] = best.target
    after = {one.operator: one.score for one in standings(features(replace(figures, values=values), SCHEME), SCHEME)}
    assert after[last.operator] - last.score == pytest.approx(best.points, abs=SCHEME.weights[column] * 1.0)
    assert best.points == max(lift.points for lift in last.lifts)


def test_the_rank_of_one_who_is_best_in_everything_is_sure() -> None:
    shrunk = np.tile(np.arange(10.0)[:, None], (1, 4))
    made = Features(tuple("abcdefghij"), shrunk, np.ones((10, 4), dtype=bool))
    best = standings(made, SCHEME)[0]
    assert (best.operator, best.score, best.rank_low, best.rank_high) == ("j", pytest.approx(100.0), 1, 1)


def test_equals_stand_level() -> None:
    assert percents(np.array([[1.0], [1.0], [3.0]]))[:, 0] == pytest.approx([25.0, 25.0, 100.0])
    assert percents(np.array([[1.0]]))[0, 0] == 50.0


def test_trends() -> None:
    rising = trend([40.0, 43.0, 45.0, 49.0, 52.0, 54.0])
    assert rising is not None
    assert (rising.word, rising.low <= rising.slope <= rising.high) == ("rising", True)
    assert rising.slope == pytest.approx(3.0, abs=0.2)
    unsteady = trend([40.0, 60.0, 41.0, 59.0, 42.0])
    assert unsteady is not None
    assert unsteady.word == "steady"
    assert trend([1.0, 2.0, 3.0]) is None


def test_logarithms_come_back() -> None:
    for name, one in SCHEME.indicators.items():
        assert restored(float(aligned(np.array([2.5]), one)[0]), one) == pytest.approx(2.5), name


def test_a_verdict_over_periods() -> None:
    figures, _ = planted(each=10)
    periods = {f"2026-{month:02}": figures for month in range(1, 6)}
    verdict = judged(periods, SCHEME)
    document = document_of(verdict)
    assert (document["period"], len(document["operators"]), document["groups"]["count"]) == ("2026-05", 40, 4)
    assert document["operators"][0]["trend"]["word"] == "steady"
    assert [len(document["groups"]["means"]), document["scheme"]["version"]] == [4, "test"]
    assert document_of(judged(periods, SCHEME)) == document


def test_the_shipped_scheme() -> None:
    scheme: Scheme = shipped_scheme()
    assert sum(scheme.weights) == pytest.approx(1.0)
    assert all(isinstance(one, Indicator) for one in scheme.indicators.values())


def test_weights_that_do_not_sum_up_are_refused() -> None:
    table = SCHEME.model_dump()
    table["indicators"]["energy"]["weight"] = 0.5
    with pytest.raises(SchemeInvalid, match=r"sum up to 1\.1"):
        build_scheme(table)
