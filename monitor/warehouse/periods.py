"""Energy by tariff period (尖 sharp, 峰 peak, 平 flat, 谷 valley, 深谷 deep valley); what cheap hours save. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVELS = ("S", "P", "F", "V", "D")
"""Letters of a tariff's hours, dearest first."""
CHEAP = ("V", "D")
COUNTERFACTUAL = "the same energy at the flat price of its own tariff"
"""What the saving is measured against."""


@dataclass(frozen=True, slots=True)
class Shares:
    """kWh by level and their share of all; `none` where nothing was charged: there is no share of nothing."""

    energy_kwh: Mapping[str, float]
    total_kwh: float

    def share(self, *levels: str) -> float | None:
        """Of these levels together."""
        if self.total_kwh <= 0:
            return None
        return sum(self.energy_kwh[level] for level in levels) / self.total_kwh


@dataclass(frozen=True, slots=True)
class Saved:
    """Yuan saved against `counterfactual`, negative where charging cost more; `priced_kwh` of all had prices."""

    money: float
    energy_kwh: float
    priced_kwh: float
    counterfactual: str = COUNTERFACTUAL


def by_level(energy_kwh: Sequence[float], levels: Sequence[str]) -> Shares:
    """Pieces of energy with the level of the time in which each was charged. Raises ValueError for another letter."""
    sums = dict.fromkeys(LEVELS, 0.0)
    for energy, level in zip(energy_kwh, levels, strict=True):
        if level not in sums:
            raise ValueError(f"no tariff level is called {level!r}; there are {', '.join(LEVELS)}")
        sums[level] += energy
    return Shares(sums, sum(sums.values()))


def moved(now: Shares, before: Shares) -> dict[str, float | None]:
    """Change of each level's share against the period before, in points of 1; None where either is empty."""
    pairs = {level: (now.share(level), before.share(level)) for level in LEVELS}
    return {level: None if a is None or b is None else a - b for level, (a, b) in pairs.items()}


def saved(energy_kwh: Sequence[float], paid: Sequence[float | None], flat: Sequence[float | None]) -> Saved:
    """What was saved by the hours in which it was charged: Σ energy · (flat price − paid price), yuan per kWh.

    Pieces without either price count as energy but save nothing; how much that is stands in the answer.
    """
    money = priced = 0.0
    for energy, own, usual in zip(energy_kwh, paid, flat, strict=True):
        if own is not None and usual is not None:
            money += energy * (usual - own)
            priced += energy
    return Saved(money, sum(energy_kwh), priced)
