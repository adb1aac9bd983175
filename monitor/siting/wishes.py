"""What a planner asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """How many sites, how far people go to one (`cover_km`), how fast they lose interest with distance (`decay`), and
    what a site has to be. `busiest_share`: of a day's energy in its busiest hour, None: as measured, or a tenth."""

    sites: int = 10
    piles: int = 0
    """Piles that values are told for; 0: the median of the area."""
    cover_km: float = 1.0
    decay: float = 2.0
    apart_km: float = 0.3
    break_even_kwh: float | None = None
    """A day; None: what the median site of the area gives."""
    chance_min: float = 0.2
    """A candidate whose chance of breaking even is smaller is rejected."""
    session_kwh: float | None = None
    """None: as measured, or 25."""
    busiest_share: float | None = None
    wait_min: float = 5.0
    transformer_km: float = 0.5
    seed: int = 0
