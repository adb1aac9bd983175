"""Judging: what can be known is found, what cannot is said, and nothing of a held-out site leaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.siting import holdout
from monitor.siting.area import Area, AreaBroken
from monitor.siting.blocks import blocks_of, folds_at_random, folds_by_block
from monitor.siting.console import build
from monitor.siting.folder import read_area
from tests.support.shared_data import shared_folder


def test_skill_is_found_where_it_is_and_beats_the_yardsticks(make_area: Callable[..., Area]) -> None:
    judged = holdout.evaluate(make_area(), repeats=1)
    best = judged.scores["blocks"]["chosen"]
    assert judged.verdict == "skill"
    assert best.r2.value > 0.35
    assert best.spearman.low > 0.4
    assert best.coverage is not None
    assert 0.84 < best.coverage < 0.95


def test_no_skill_is_claimed_where_there_is_none(make_area: Callable[..., Area]) -> None:
    """Energy that depends on nothing, one pile each: such areas are called what they are."""
    verdicts = []
    for seed in range(3):
        area = make_area(sites=60, points=300, strength=0.0, noise=1.0, seed=seed)
        area.sites.energy_kwh[:] = area.sites.energy_kwh / area.sites.piles
        verdicts.append(holdout.evaluate(area, repeats=1).verdict)
    assert verdicts.count("none") == 3


def test_blocks_stay_whole_and_folds_are_even(make_area: Callable[..., Area]) -> None:
    sites = make_area().sites
    blocks, resolution = blocks_of(sites.longitude, sites.latitude, 5)
    folds = folds_by_block(blocks, 5, seed=1)
    assert resolution in (6, 7)
    assert all(len(set(folds[blocks == block])) == 1 for block in np.unique(blocks))
    assert np.ptp(np.bincount(folds)) <= np.bincount(blocks).max()
    assert np.ptp(np.bincount(folds_at_random(203, 5, seed=1))) <= 1


def test_what_a_held_out_site_did_does_not_matter_to_its_forecast(make_area: Callable[..., Area]) -> None:
    area, changed = make_area(), make_area()
    y = np.log(area.sites.energy_kwh)
    blocks, _ = blocks_of(area.sites.longitude, area.sites.latitude, 5)
    folds = folds_by_block(blocks, 5, seed=0)
    first = holdout.held_out(area, y, blocks, np.where(folds == 0, 0, 1))
    changed.sites.energy_kwh[folds == 0] *= np.random.default_rng(1).uniform(0.1, 10.0, (folds == 0).sum())
    second = holdout.held_out(changed, np.log(changed.sites.energy_kwh), blocks, np.where(folds == 0, 0, 1))
    for name in holdout.METHODS:
        assert np.array_equal(first[name][0][folds == 0], second[name][0][folds == 0])


def test_measures_by_hand() -> None:
    y = np.log(np.array([1.0] * 9 + [11.0]))
    right = np.arange(10.0)
    assert holdout.lift_of(y, right) == pytest.approx(11.0 / 2.0)
    assert holdout.measures(y, y)[0] == pytest.approx(1.0)
    assert holdout.measures(np.arange(10.0), -np.arange(10.0))[1] == pytest.approx(-1.0)
    assert holdout.measures(y, np.full(10, y.mean())) == pytest.approx((0.0, 0.0, 0.5))


def test_too_few_sites_are_refused(make_area: Callable[..., Area]) -> None:
    with pytest.raises(AreaBroken, match="too few"):
        holdout.evaluate(make_area(sites=20))


@pytest.mark.parametrize("city", ["MEL", "JHB"])
def test_any_folder_of_that_layout_is_judged_and_told_apart_from_skill(city: str) -> None:
    """Sixty sites without points of interest: nothing can be known, and that is said."""
    answer = CliRunner().invoke(
        build(catalogue("en")), ["evaluate", str(shared_folder(f"charged/{city}")), "--json", "--repeats", "1"]
    )
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["verdict"] == "none"
    assert found["scores"]["blocks"]["chosen"]["spearman"]["low"] < 0


def test_series_say_what_the_energy_and_the_span_are() -> None:
    """The totals of stations.csv are another period's: the series count."""
    area = read_area(shared_folder("charged/MEL"))
    assert area.span == ("2023-04-01 00:00:00", "2023-09-30 23:00:00")
    assert area.span_h == 4392.0
    assert area.hourly is not None
    assert area.hourly.sum() == pytest.approx(1.0)
    assert area.sites.energy_kwh.sum() < 27e6 / 1.9


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_shenzhen_reaches_its_bars() -> None:
    """On blocks R² 0.09, Spearman 0.29, lift 5.5, coverage 0.88 to 0.93, and better than the yardsticks."""
    answer = CliRunner().invoke(build(catalogue("en")), ["evaluate", str(shared_folder("charged/SZH")), "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert (found["sites"], found["datum"], found["verdict"]) == (1377, "gcj02", "skill")
    blocks = found["scores"]["blocks"]
    best = blocks["chosen"]
    assert best["r2"]["value"] >= 0.09
    assert best["spearman"]["value"] >= 0.29
    assert best["lift"]["value"] >= 5.5
    assert 0.88 <= best["coverage"] <= 0.93
    for yardstick in ("mean", "heat_map", "cells"):
        assert all(best[name]["value"] > blocks[yardstick][name]["value"] for name in ("r2", "spearman", "lift"))
