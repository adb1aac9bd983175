"""Growth of piles: saturation lies in its interval, and before the inflexion nobody claims to know it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.forecast.console import build
from monitor.forecast.growth import CURVES, TooShort, grow
from monitor.forecast.panel import Array


def _curve(rng: np.random.Generator, family: int, months: Array, middle: float) -> tuple[float, Array]:
    """Saturation, and counts with errors of 1.5 % of it; the inflexion is at month `middle`."""
    k, speed = rng.uniform(500, 5000), rng.uniform(0.1, 0.3)
    truth = CURVES[family].at(months, np.log(k), speed * middle, speed)
    return float(k), np.maximum(truth + rng.normal(0, 0.015 * k, len(months)), 0.0)


@pytest.mark.slow
def test_saturation_lies_in_its_interval_past_the_inflexion() -> None:
    rng = np.random.default_rng(2026)
    inside, told = 0, 0
    for n in range(200):
        middle = rng.uniform(8, 15)
        k, counts = _curve(rng, n % 2, np.arange(int(middle + rng.uniform(8, 20)), dtype=float), middle)
        found = grow(counts, 6, (0.0, 10 * k))
        told += found.saturation is not None
        inside += found.saturation_low <= k <= found.saturation_high
    assert told >= 180
    assert 0.85 <= inside / 200 <= 0.95


def test_before_the_inflexion_it_is_not_identified() -> None:
    rng = np.random.default_rng(7)
    told = 0
    for n in range(50):
        k, counts = _curve(rng, n % 2, np.arange(10, dtype=float), 15.0)
        found = grow(counts, 6, (0.0, 10 * k))
        told += found.saturation is not None
        assert found.saturation is not None or found.saturation_high == pytest.approx(10 * k)
    assert told <= 1


def test_what_comes_lies_in_its_interval_about_nine_times_of_ten() -> None:
    rng = np.random.default_rng(11)
    inside = []
    for n in range(30):
        k, counts = _curve(rng, n % 2, np.arange(32, dtype=float), 12.0)
        found = grow(counts[:28], 4, (0.0, 10 * k))
        inside += ((found.low <= counts[28:]) & (counts[28:] <= found.high)).tolist()
    assert 0.8 <= np.mean(inside) <= 0.97


def test_weights_know_the_family_and_a_seed_repeats_itself() -> None:
    months = np.arange(30, dtype=float)
    counts = CURVES[1].at(months, np.log(1000.0), 3.0, 0.3)
    first, second = (grow(counts + np.sin(7 * months), 3, (0.0, 9000.0)) for _ in range(2))
    assert first.weights["logistic"] > 0.9
    assert first.saturation == second.saturation == pytest.approx(1000.0, rel=0.02)


def test_too_little_is_said() -> None:
    with pytest.raises(TooShort, match="7 months"):
        grow([1, 2, 3, 4, 5, 6, 7], 3, (0, 100))
    with pytest.raises(ValueError, match="above the 8"):
        grow([1, 2, 3, 4, 5, 6, 7, 8], 3, (0, 8))


def test_command(tmp_path: Path) -> None:
    counts = CURVES[0].at(np.arange(30, dtype=float), np.log(1000.0), 3.0, 0.3)
    file = tmp_path / "piles.csv"
    file.write_text("month,piles\n" + "".join(f"{n},{count:.0f}\n" for n, count in enumerate(counts)), "utf-8")
    app, run = build(catalogue("en")), CliRunner()
    told = run.invoke(app, ["growth", str(file), "--saturation-max", "9000", "--months", "3", "--json"])
    document = json.loads(told.stdout)
    assert document["saturation"]["value"] == pytest.approx(1000, rel=0.03)
    assert len(document["ahead"]) == 3
    assert "saturation: " in run.invoke(app, ["growth", str(file), "--saturation-max", "9000"]).stdout
    file.write_text("month,piles\n1,x\n", "utf-8")
    wrong = run.invoke(app, ["growth", str(file), "--saturation-max", "9000", "--json"])
    assert wrong.exit_code == 2
    assert "not a count" in json.loads(wrong.stderr)["detail"]
