"""Panels made up by rule: a daily wave, a weekend and noise from a seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from monitor.forecast.panel import Panel

Made = Callable[..., Panel]


def made(days: int = 60, series: int = 3, seed: int = 1, noise: float = 1.0, step_min: int = 60) -> Panel:
    """Series of 5 kWh with a daily wave of 4, half of it on weekends, that start on Monday, 3 April 2023."""
    rng = np.random.default_rng(seed)
    per_day = 24 * 60 // step_min
    step = np.arange(days * per_day)
    wave = np.sin(2 * np.pi * step / per_day) * np.where(step // per_day % 7 >= 5, 0.5, 1.0)
    values = 5 + 4 * wave[:, None] * np.arange(1, series + 1) / series + noise * rng.normal(size=(len(step), series))
    names = tuple(f"site-{i}" for i in range(series))
    return Panel(datetime(2023, 4, 3), timedelta(minutes=step_min), names, np.maximum(values, 0.0))  # noqa: DTZ001


@pytest.fixture
def make_panel() -> Made:
    """See `made`."""
    return made
