"""How hot a transformer gets and how fast it ages (IEC 60076-7, exponential equations), and when it is overloaded.

Steady top oil: θ_a + Δθ_or · ((1 + R·K²) / (1 + R))^x; hot spot: that + H·g_r · K^y, K being load by rating. Both are
approached exponentially, oil with τ_o, winding with τ_w. Relative ageing V = 2^((θ_h − 98) / 6). Pure but for the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
REFERENCE_C = 98.0
"""Hot spot at which paper ages as fast as it is made for."""
DOUBLES_K = 6.0
AMBIENT_DEFAULT_C = 20.0


@dataclass(frozen=True, slots=True)
class Transformer:
    """A kind of transformer (parameters/transformers.toml)."""

    title: str
    oil_exponent: float
    winding_exponent: float
    loss_ratio: float
    top_oil_rise_k: float
    hot_spot_gradient_k: float
    oil_time_min: float
    winding_time_min: float
    state: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Thermal:
    """°C at the end of each step [T], relative ageing [T], hours of life used, and what was assumed."""

    top_oil_c: FloatArray
    hot_spot_c: FloatArray
    ageing: FloatArray
    life_used_h: float
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OverloadRule:
    """Load factor above which `after_min` minutes make an overload; it ends below `clears_below`."""

    above: float
    after_min: float = 0.0
    clears_below: float = 0.0


WARNING = OverloadRule(0.8, 120.0, 0.75)
ALARM = OverloadRule(1.0, 0.0, 0.95)


@dataclass(frozen=True, slots=True)
class Overload:
    """From when to when in minutes from the first step's begin; `until_min` None: it lasts."""

    raised_min: float
    until_min: float | None
    peak: float


@cache
def shipped_transformers() -> dict[str, Transformer]:
    """The kinds that come with this release."""
    text = resources.files(__package__).joinpath("parameters/transformers.toml").read_text("utf-8")
    return {name: Transformer(**row) for name, row in tomllib.loads(text).items()}


def steady_c(load_factor: ArrayLike, ambient_c: ArrayLike, of: Transformer) -> tuple[FloatArray, FloatArray]:
    """Top oil and hot spot that a load factor leads to if it stays."""
    factor = np.asarray(load_factor, dtype=np.float64)
    top_oil = np.asarray(ambient_c, dtype=np.float64) + _oil_rise(factor, of)
    return top_oil, top_oil + of.hot_spot_gradient_k * factor**of.winding_exponent


def ageing_rate(hot_spot_c: ArrayLike) -> FloatArray:
    """How many times faster than it is made for."""
    return np.asarray(2.0 ** ((np.asarray(hot_spot_c, dtype=np.float64) - REFERENCE_C) / DOUBLES_K), dtype=np.float64)


def heated(
    load_factor: Sequence[float] | FloatArray,
    ambient_c: Sequence[float] | FloatArray | None,
    step_min: float,
    of: Transformer,
) -> Thermal:
    """Temperatures under a load [T] in steps of `step_min` minutes, from the steady state of the first step on.

    `ambient_c` None, or NaN in some steps: `AMBIENT_DEFAULT_C` there, and `assumed` says so.
    """
    factor = np.asarray(load_factor, dtype=np.float64)
    given = np.full(len(factor), np.nan) if ambient_c is None else np.asarray(ambient_c, dtype=np.float64)
    missing = np.isnan(given)
    ambient = np.where(missing, AMBIENT_DEFAULT_C, given)
    rise = _approached(_oil_rise(factor, of), step_min / of.oil_time_min)
    gradient = of.hot_spot_gradient_k * factor**of.winding_exponent
    hot_spot = ambient + rise + _approached(gradient, step_min / of.winding_time_min)
    ageing = ageing_rate(hot_spot)
    assumed = [of.state] if of.state else []
    if missing.any():
        assumed.append(f"{AMBIENT_DEFAULT_C:g} °C outside in {int(missing.sum())} of {len(factor)} steps")
    return Thermal(ambient + rise, hot_spot, ageing, float(ageing.sum()) * step_min / 60.0, tuple(assumed))


def overloads(load_factor: Sequence[float] | FloatArray, step_min: float, rule: OverloadRule) -> list[Overload]:
    """Overloads in their order; the factor holds for the whole of its step."""
    found: list[Overload] = []
    above_since, raised, peak = None, None, 0.0
    for number, factor in enumerate(map(float, load_factor)):
        begin, end = number * step_min, (number + 1) * step_min
        if raised is not None and factor < rule.clears_below:
            found.append(Overload(raised, begin, peak))
            raised = None
        above_since = (begin if above_since is None else above_since) if factor > rule.above else None
        if raised is None and above_since is not None and end - above_since >= max(rule.after_min, step_min):
            raised, peak = max(above_since + rule.after_min, begin), factor
        if raised is not None:
            peak = max(peak, factor)
    return [*found, Overload(raised, None, peak)] if raised is not None else found


def minutes_above(load_factor: Sequence[float] | FloatArray, step_min: float, above: float = 1.0) -> float:
    """Minutes of overload."""
    return float(np.count_nonzero(np.asarray(load_factor, dtype=np.float64) > above)) * step_min


def exceedance(forecast: ArrayLike, errors: ArrayLike, limit: float) -> FloatArray:
    """Probability that what is forecast exceeds a limit, by the errors (actual − forecast) of a calibration window.

    The share of errors that would carry it over, with one more on either side (split conformal): never quite 0 or 1.
    """
    known = np.sort(np.asarray(errors, dtype=np.float64))
    over = len(known) - np.searchsorted(known, limit - np.asarray(forecast, dtype=np.float64), side="right")
    return np.asarray((over + 0.5) / (len(known) + 1.0), dtype=np.float64)


def _oil_rise(factor: FloatArray, of: Transformer) -> FloatArray:
    losses = (1.0 + of.loss_ratio * factor**2) / (1.0 + of.loss_ratio)
    return np.asarray(of.top_oil_rise_k * losses**of.oil_exponent, dtype=np.float64)


def _approached(target: FloatArray, step: float) -> FloatArray:
    """What follows `target` [T] with the time constant 1 in steps of `step`, from the first value on."""
    found = np.empty_like(target)
    kept, value = np.exp(-step), target[0] if len(target) else 0.0
    for number, aim in enumerate(target):
        value = aim + (value - aim) * kept
        found[number] = value
    return found
