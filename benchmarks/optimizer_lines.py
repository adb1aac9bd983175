"""A day of cars on all kinds of connections, in halls whose conductors bind, behind a transformer that does too."""

from __future__ import annotations

import numpy as np

from benchmarks.optimizer_rivals import Case
from optimizer.arrays import FloatArray
from optimizer.conductors import Conductors
from optimizer.valley import Feeders

VOLT = 230.0
KINDS = ("1", "2", "3", "12", "123", "123")


def wired(case: Case, halls: int, seed: int = 2) -> tuple[list[str], Feeders, Conductors]:
    """Connections of the cars, halls and the site's own conductors: caps of 1.3 times what even charging all the stay
    needs on the fullest conductor, a quarter of that between any two and the unbalance of even charging at least.
    """
    rng = np.random.default_rng(seed)
    count, slots = len(case.energy_wh), len(case.base_load_w)
    lines, of = [str(kind) for kind in rng.choice(KINDS, count)], rng.integers(0, halls, count)
    slot = np.arange(slots)
    present = (slot >= case.arrive[:, None]) & (slot < case.depart[:, None])
    even = (case.energy_wh / ((case.depart - case.arrive) * case.slot_h))[:, None] * present
    inside = [_limits(_on(lines, even * (of == hall)[:, None])) for hall in range(halls)]
    site = _limits(_on(lines, even) + case.base_load_w / (3 * VOLT))
    return lines, Feeders(np.full((halls, slots), np.inf), of, conductors=inside), site


def _limits(ampere: FloatArray) -> Conductors:
    apart = float((ampere.max(axis=0) - ampere.min(axis=0)).max())
    return Conductors(cap_a=1.3 * float(ampere.max()), unbalance_a=max(1.2 * apart, 0.25 * float(ampere.max())))


def _on(lines: list[str], power_w: FloatArray) -> FloatArray:
    """Ampere on the three conductors [3, T]."""
    parts = np.array([[(line in own) / len(own) for own in lines] for line in "123"])
    return np.asarray(parts @ power_w / VOLT)


def excess_a(
    case: Case, lines: list[str], feeders: Feeders, site: Conductors, power_w: FloatArray
) -> tuple[float, float]:
    """The largest excess over any conductor's cap, and of any two apart, in ampere."""
    of, over, apart = np.asarray(feeders.of), -np.inf, -np.inf
    places = [(site, np.ones(len(of)), case.base_load_w / (3 * VOLT))]
    for hall, given in enumerate(feeders.conductors or ()):
        assert given is not None
        places.append((given, (of == hall).astype(np.float64), np.zeros(len(case.base_load_w))))
    for given, here, base in places:
        ampere = _on(lines, power_w * here[:, None]) + base
        over = max(over, float(ampere.max() - np.max(given.cap_a)))
        apart = max(apart, float((ampere.max(axis=0) - ampere.min(axis=0)).max() - np.max(given.unbalance_a)))
    return over, apart
