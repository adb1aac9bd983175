"""Models see nothing behind the origin, repeat themselves bit by bit, and live with what is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from monitor.forecast.models import LastSeason, Model, Ridge
from monitor.forecast.panel import Panel
from monitor.forecast.protocol import candidates
from monitor.forecast.scores import measures

MODELS = pytest.mark.parametrize("model", candidates(), ids=lambda model: model.name)


@MODELS
@pytest.mark.parametrize("horizon", [1, 5, 24, 30])
def test_nothing_behind_the_origin_changes_one_bit(
    model: Model, horizon: int, make_panel: Callable[..., Panel]
) -> None:
    panel = make_panel(days=40)
    learn, target = np.arange(48, 700), np.array([800, 801])
    fitted = model.fit(panel, learn, horizon)
    disturbed = panel.values.copy()
    disturbed[target[0] - horizon + 1 :] = np.random.default_rng(3).uniform(0, 1e6, disturbed.shape)[
        target[0] - horizon + 1 :
    ]
    before = fitted.predict(panel, target)[0]
    after = fitted.predict(replace(panel, values=disturbed), target)[0]
    assert before.tobytes() == after.tobytes()
    relearned = model.fit(replace(panel, values=disturbed), learn, horizon).predict(panel, target)[0]
    assert before.tobytes() == relearned.tobytes()


@MODELS
def test_the_origin_itself_is_seen(model: Model, make_panel: Callable[..., Panel]) -> None:
    """Else the test above could not fail."""
    panel = make_panel(days=40)
    season = 168 if getattr(model, "days", 0) == 7 else 24 if getattr(model, "days", 0) == 1 else 1
    fitted = model.fit(panel, np.arange(48, 700), season)
    disturbed = panel.values.copy()
    disturbed[800 - season] += 50.0
    assert (
        fitted.predict(replace(panel, values=disturbed), np.array([800])) != fitted.predict(panel, np.array([800]))
    ).any()


@MODELS
def test_a_seed_gives_the_same_bits(model: Model, make_panel: Callable[..., Panel]) -> None:
    panel, learn, say = make_panel(days=30), np.arange(48, 600), np.arange(600, 720)
    first, second = (model.fit(panel, learn, 3).predict(panel, say) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@MODELS
def test_missing_hours_are_lived_with(model: Model, make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=50)
    holes = panel.values.copy()
    holes[np.random.default_rng(5).random(holes.shape) < 0.1] = np.nan
    holes[900:930] = np.nan
    learn, say = np.arange(48, 1000), np.arange(1000, 1200)
    found = model.fit(replace(panel, values=holes), learn, 1).predict(replace(panel, values=holes), say)
    assert np.isfinite(found).all()
    whole = model.fit(panel, learn, 1).predict(panel, say)
    worse, was = (measures(panel.values[say], made)["MAE"] for made in (found, whole))
    assert worse < 1.5 * was


def test_a_series_that_was_never_known_is_forecast_as_nothing(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=30)
    values = panel.values.copy()
    values[:, 1] = np.nan
    for model in candidates(learners=False):
        found = model.fit(replace(panel, values=values), np.arange(48, 600), 1).predict(
            replace(panel, values=values), np.arange(600, 620)
        )
        assert (found[:, 1] == 0.0).all()


def test_naive_models_say_what_they_say(make_panel: Callable[..., Panel]) -> None:
    panel, say = make_panel(days=30), np.arange(600, 640)
    for days, horizon, back in ((0, 3, 3), (1, 3, 24), (1, 25, 48), (7, 3, 168), (7, 169, 336)):
        found = LastSeason("x", days).fit(panel, say, horizon).predict(panel, say)
        assert (found == panel.values[say - back]).all()


def test_ridge_finds_a_wave_that_lags_alone_do_not(make_panel: Callable[..., Panel]) -> None:
    """At half a day ahead the noise is all that remains: 1 kWh is the least error there is."""
    panel = make_panel(days=60)
    learn, say = np.arange(48, 1200), np.arange(1200, 1440)
    errors = {
        far: measures(panel.values[say], Ridge("r", far).fit(panel, learn, 12).predict(panel, say))["RMSE"]
        for far in (True, False)
    }
    assert 0.85 < errors[True] < 1.25
    assert errors[False] > 1.1 * errors[True]


def test_an_input_known_in_advance_is_used(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=60)
    price = np.random.default_rng(9).choice([0.3, 0.6, 1.2], size=(panel.steps, 1)).repeat(3, axis=1)
    moved = replace(panel, values=panel.values + 5 - 4 * price)
    learn, say = np.arange(48, 1200), np.arange(1200, 1440)
    without, given = (
        measures(p.values[say], Ridge("r", far=True).fit(p, learn, 6).predict(p, say))["RMSE"]
        for p in (moved, replace(moved, inputs={"price": price}))
    )
    assert given < 0.8 * without


def test_steps_of_a_quarter_of_an_hour_up_to_a_week_ahead(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(days=40, step_min=15)
    learn, say = np.arange(800, 3400), np.arange(3400, 3840)
    for horizon in (1, 96, 672):
        found = Ridge("r", far=True).fit(panel, learn, horizon).predict(panel, say)
        assert measures(panel.values[say], found)["RMSE"] < 1.3
