"""How many piles there will be: growth curves fitted to monthly counts, weighted, with an interval. Pure, seeded.

Gompertz K exp(-b exp(-ct)), logistic K / (1 + b exp(-ct)) and a damped logarithmic trend, each by least squares (scipy
`curve_fit`), weighted by AICc (K. Burnham and D. Anderson 2002); the interval comes from a bootstrap of residuals.
Saturation K is not identified before the inflexion. It counts as passed when it is in all draws of every curve that
may be true, with K below the end of the range that it may lie in; else the answer is that range. The interval of K
reaches over what each of these curves says.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from monitor.forecast.panel import Array

MONTHS_MIN = 8
DRAWS = 400
NOMINAL = 0.9
NOISE_LEFT = 0.5
"""Saturation may lie below the greatest count, which may be great by chance, but not below this share of it."""
MAY_BE_TRUE = 0.1
"""A curve of less weight than that is left out."""
STEPS = 30
AT_EDGE = 0.99
"""A saturation this near to the end of its range is only the range."""


class TooShort(ValueError):
    """Too few months to say anything."""


@dataclass(frozen=True)
class Curve:
    """A family of curves: count at month t for its parameters, of which the first is ln K where `saturates`; `slopes`
    by each parameter [..., 3]. `inflexion_share`: the share of K at the inflexion.
    """

    name: str
    at: Callable[..., Array]
    slopes: Callable[..., Array]
    saturates: bool
    inflexion_share: float = 0.0


def _fading(t: Array, b: Array, c: Array) -> Array:
    return np.exp(np.clip(b - c * t, -50.0, 50.0))


def _gompertz(t: Array, k: Array, b: Array, c: Array) -> Array:
    return np.asarray(np.exp(k - _fading(t, b, c)))


def _gompertz_slopes(t: Array, k: Array, b: Array, c: Array) -> Array:
    y, fading = _gompertz(t, k, b, c), _fading(t, b, c)
    return np.stack([y, -y * fading, y * fading * t], axis=-1)


def _logistic(t: Array, k: Array, b: Array, c: Array) -> Array:
    return np.asarray(np.exp(k) / (1.0 + _fading(t, b, c)))


def _logistic_slopes(t: Array, k: Array, b: Array, c: Array) -> Array:
    y, fading = _logistic(t, k, b, c), _fading(t, b, c)
    down = y * fading / (1.0 + fading)
    return np.stack([y, -down, down * t], axis=-1)


def _damped(t: Array, start: Array, slope: Array, decay: Array) -> Array:
    """Growth of the logarithm that fades: ln y = start + slope (1 - exp(-decay t)) / decay."""
    return np.asarray(np.exp(np.clip(start + slope * (1.0 - np.exp(-decay * t)) / decay, -50.0, 50.0)))


def _damped_slopes(t: Array, start: Array, slope: Array, decay: Array) -> Array:
    y, left = _damped(t, start, slope, decay), np.exp(-decay * t)
    return np.stack([y, y * (1.0 - left) / decay, y * slope * (t * left / decay - (1.0 - left) / decay**2)], axis=-1)


CURVES = (
    Curve("gompertz", _gompertz, _gompertz_slopes, saturates=True, inflexion_share=1 / np.e),
    Curve("logistic", _logistic, _logistic_slopes, saturates=True, inflexion_share=0.5),
    Curve("damped", _damped, _damped_slopes, saturates=False),
)


@dataclass(frozen=True)
class Fit:
    """A fitted curve: its parameters, its fitted months and AICc."""

    curve: Curve
    parameters: Array
    fitted: Array
    aicc: float


@dataclass(frozen=True)
class Growth:
    """`ahead` and its interval [months ahead]; `saturation` is None where it is not identified, its interval then the
    range that was given; `weights` by name of curve."""

    ahead: Array
    low: Array
    high: Array
    saturation: float | None
    saturation_low: float
    saturation_high: float
    weights: dict[str, float]


def grow(counts: Sequence[float], months_ahead: int, k_range: tuple[float, float], seed: int = 0) -> Growth:
    """From monthly counts (the last is the newest) and the range that saturation may lie in; raises TooShort."""
    seen = np.asarray(counts, dtype=float)
    if len(seen) < MONTHS_MIN:
        raise TooShort(f"{len(seen)} months of counts, at least {MONTHS_MIN} are needed")
    low, high = float(max(k_range[0], NOISE_LEFT * seen.max(), 1e-9)), float(k_range[1])
    if high <= max(low, seen.max()):
        raise ValueError(f"saturation must be able to lie above the {seen.max():g} that are there")
    fits = _fits(seen, (low, high))
    if not fits:
        raise ValueError("no growth curve fits these counts")
    weights = _weights(fits)
    drawn, saturations = _bootstrap(seen, fits, weights, months_ahead, (low, high), seed)
    ends = np.quantile(drawn, [(1 - NOMINAL) / 2, 0.5, (1 + NOMINAL) / 2], axis=0)
    names = {fit.curve.name: float(weight) for fit, weight in zip(fits, weights, strict=True)}
    if not saturations or not all(one.passed for one in saturations):
        return Growth(ends[1], ends[0], ends[2], None, low, high, names)
    k = [np.quantile(one.drawn, [(1 - NOMINAL) / 2, (1 + NOMINAL) / 2]) for one in saturations]
    middle = float(np.median(np.concatenate([one.drawn for one in saturations])))
    least, most = float(min(pair[0] for pair in k)), float(max(pair[1] for pair in k))
    return Growth(ends[1], ends[0], ends[2], middle, least, most, names)


def _fits(seen: Array, k_range: tuple[float, float]) -> list[Fit]:
    found = [_fit(curve, seen, k_range) for curve in CURVES]
    return [fit for fit in found if fit is not None]


def _bounds(curve: Curve, k_range: tuple[float, float]) -> tuple[Array, Array]:
    if curve.saturates:
        return np.array([np.log(k_range[0]), -20.0, 1e-3]), np.array([np.log(k_range[1]), 20.0, 3.0])
    return np.array([-5.0, -2.0, 1e-3]), np.array([40.0, 5.0, 3.0])


def _fit(curve: Curve, seen: Array, k_range: tuple[float, float]) -> Fit | None:
    months = np.arange(len(seen), dtype=float)
    bounds = _bounds(curve, k_range)
    begin = np.clip(_start(curve, seen, k_range), bounds[0] + 1e-9, bounds[1] - 1e-9)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # the covariance is not used
            parameters, _ = curve_fit(curve.at, months, seen, p0=begin, bounds=bounds, jac=curve.slopes, max_nfev=2000)
    except RuntimeError:
        return None
    fitted = curve.at(months, *parameters)
    count, free = len(seen), len(parameters) + 1
    squares = max(float(((seen - fitted) ** 2).sum()), 1e-12)
    aicc = count * np.log(squares / count) + 2 * free + 2 * free * (free + 1) / (count - free - 1)
    return Fit(curve, np.asarray(parameters), fitted, float(aicc))


def _start(curve: Curve, seen: Array, k_range: tuple[float, float]) -> Array:
    """A straight line through the transformed counts with K a fifth above the last."""
    months = np.arange(len(seen), dtype=float)
    if not curve.saturates:
        return np.array([np.log(max(seen[0], 1.0)), 0.1, 0.05])
    k = min(1.2 * seen.max(), 0.5 * (k_range[0] + k_range[1])) if k_range[0] < 1.2 * seen.max() else k_range[0]
    k = max(k, 1.01 * seen.max())
    share = np.clip(seen / k, 1e-6, 1 - 1e-6)
    line = np.log(-np.log(share)) if curve.name == "gompertz" else np.log(1 / share - 1)
    slope, level = np.polyfit(months, line, 1)
    return np.array([np.log(k), level, max(-slope, 2e-3)])


def _weights(fits: Sequence[Fit]) -> Array:
    scores = np.array([fit.aicc for fit in fits])
    raw = np.exp(-0.5 * (scores - scores.min()))
    return np.asarray(raw / raw.sum())


@dataclass(frozen=True)
class Saturation:
    """K of one curve in every draw, and whether all draws have their inflexion behind them."""

    drawn: Array
    passed: bool


def _bootstrap(
    seen: Array, fits: Sequence[Fit], weights: Array, ahead: int, k_range: tuple[float, float], seed: int
) -> tuple[Array, list[Saturation]]:
    """[draws, ahead] counts to come, as many of each curve as its weight says; and of every curve that may be true and
    saturates what K may be."""
    rng = np.random.default_rng(seed)
    coming = np.arange(len(seen), len(seen) + ahead, dtype=float)
    drawn, saturations = [], []
    for fit, weight in zip(fits, weights, strict=True):
        if weight < MAY_BE_TRUE:
            continue
        free = len(seen) - len(fit.parameters)
        residuals = (seen - fit.fitted) * np.sqrt(len(seen) / free)
        unsure = np.sqrt(free / rng.chisquare(free, size=(DRAWS, 1)))  # how great the errors are is not known either
        again = _refitted(fit, fit.fitted + unsure * rng.choice(residuals, size=(DRAWS, len(seen))), k_range)
        columns = again[:, :, None].transpose(1, 0, 2)
        to_come = fit.curve.at(coming, *columns) + rng.choice(residuals, size=(DRAWS, ahead))
        drawn.append(to_come[: max(round(weight * DRAWS), 1)])
        if fit.curve.saturates:
            k = np.exp(again[:, 0])
            now = fit.curve.at(np.array([len(seen) - 1.0]), *columns)[:, 0]
            passed = (now >= fit.curve.inflexion_share * k) & (k < AT_EDGE * k_range[1])
            saturations.append(Saturation(k, bool(passed.all())))
    return np.maximum(np.concatenate(drawn), 0.0), saturations


def _refitted(fit: Fit, counts: Array, k_range: tuple[float, float]) -> Array:
    """[draws, parameters] the same curve fitted to each row: Levenberg and Marquardt's steps from the first fit, all
    rows at once."""
    low, high = _bounds(fit.curve, k_range)
    months = np.arange(counts.shape[1], dtype=float)
    now = np.tile(fit.parameters, (len(counts), 1))
    damping = np.full(len(counts), 1e-3)
    error = _squares(fit.curve, months, now, counts)
    for _ in range(STEPS):
        columns = now[:, :, None].transpose(1, 0, 2)
        slopes = fit.curve.slopes(months, *columns)
        left = counts - fit.curve.at(months, *columns)
        normal = slopes.transpose(0, 2, 1) @ slopes
        size = np.maximum(np.einsum("nii->ni", normal), 1e-12)
        normal += np.eye(now.shape[1]) * (damping[:, None] * size)[:, :, None]
        move = np.linalg.solve(normal, (slopes.transpose(0, 2, 1) @ left[:, :, None]))[:, :, 0]
        tried = np.clip(now + move, low, high)
        new = _squares(fit.curve, months, tried, counts)
        better = new < error
        now, error = np.where(better[:, None], tried, now), np.where(better, new, error)
        damping = np.clip(np.where(better, damping / 5.0, damping * 5.0), 1e-9, 1e9)
    return now


def _squares(curve: Curve, months: Array, parameters: Array, counts: Array) -> Array:
    return np.asarray(((counts - curve.at(months, *parameters[:, :, None].transpose(1, 0, 2))) ** 2).sum(axis=1))
