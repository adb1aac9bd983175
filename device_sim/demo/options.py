"""What a demo can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

Text = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Options:
    """One run; `duration_s` is wall time, `speed` is how many times faster than life."""

    sessions: Path | None
    day: date | None
    speed: float
    duration_s: float
    headless: bool
    seed: int
    cap_kw: float | None
    keep: Path | None
