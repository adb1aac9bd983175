"""A panel: what some series did at equal steps of time. Pure.

`values` is [steps, series] of energy in kWh in each step, NaN where nothing is known; `inputs` are what is known in
advance of every step (prices, a weather forecast, holidays), each [steps, series].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.intp]
DAY = timedelta(days=1)


class PanelBroken(ValueError):
    """These series cannot be read as a panel."""


@dataclass(frozen=True)
class Panel:
    """Series side by side; step i begins at `start + i * step`, in the time that people live by.

    `counts_as` [steps]: the weekday that each step counts as, Monday being 0; None: its own.
    """

    start: datetime
    step: timedelta
    names: tuple[str, ...]
    values: Array
    inputs: Mapping[str, Array] = field(default_factory=dict)
    counts_as: Places | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise PanelBroken(f"{len(self.names)} names for values of shape {self.values.shape}")
        if self.step <= timedelta(0) or DAY % self.step:
            raise PanelBroken(f"a day is not a whole number of steps of {self.step}")
        for name, values in self.inputs.items():
            if values.shape != self.values.shape:
                raise PanelBroken(f"input {name} has shape {values.shape}, the values {self.values.shape}")
        if self.counts_as is not None and self.counts_as.shape != (self.steps,):
            raise PanelBroken(f"{self.steps} steps count as {self.counts_as.shape} weekdays")

    @property
    def steps(self) -> int:
        """How many steps."""
        return len(self.values)

    @property
    def steps_per_day(self) -> int:
        """How many steps make a day."""
        return DAY // self.step

    @cached_property
    def step_of_week(self) -> Places:
        """[steps] which step of its week, Monday's first being 0, each one is."""
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        first = self.start.weekday() * self.steps_per_day + (self.start - midnight) // self.step
        return (first + np.arange(self.steps)) % (7 * self.steps_per_day)

    @cached_property
    def weekday(self) -> Places:
        """[steps] the weekday that each step counts as."""
        return self.step_of_week // self.steps_per_day if self.counts_as is None else self.counts_as

    def until(self, step: int) -> Panel:
        """The first `step` steps: what was known then."""
        inputs = {name: values[:step] for name, values in self.inputs.items()}
        counted = None if self.counts_as is None else self.counts_as[:step]
        return replace(self, values=self.values[:step], inputs=inputs, counts_as=counted)

    def only(self, series: Sequence[int]) -> Panel:
        """Some of the series."""
        chosen = list(series)
        inputs = {name: values[:, chosen] for name, values in self.inputs.items()}
        return replace(self, names=tuple(self.names[i] for i in chosen), values=self.values[:, chosen], inputs=inputs)

    def of_total(self, name: str = "total") -> Panel:
        """The sum of all series, unknown where any is; of the inputs the mean."""
        inputs = {key: values.mean(axis=1, keepdims=True) for key, values in self.inputs.items()}
        return replace(self, names=(name,), values=self.values.sum(axis=1, keepdims=True), inputs=inputs)

    def known_steps(self, step: int) -> Places:
        """[series] how many values before `step` are known."""
        return np.asarray(np.isfinite(self.values[:step]).sum(axis=0))
