"""Sessions as columns, each belonging to a subject: a user, a vehicle or a pile. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class SessionsBroken(ValueError):
    """These sessions cannot be read."""


@dataclass(frozen=True)
class Sessions:
    """One row each. `subject`: a row of `names`; `hour`: of its begin, 0 to 23, in the time that people live by;
    `at_day`: days since the first session; `dc`: 1 or 0, NaN unknown; `user`: a code, -1 unknown; `of`: what subjects
    are."""

    names: Sequence[str]
    subject: Ints
    hour: Ints
    at_day: Array
    energy_kwh: Array
    dc: Array
    user: Ints
    of: str = "user"

    def __post_init__(self) -> None:
        if not len(self.subject):
            raise SessionsBroken("there is no session of a known subject")

    @property
    def counts(self) -> Array:
        """Sessions of each subject."""
        return np.bincount(self.subject, minlength=len(self.names)).astype(float)

    @property
    def span_days(self) -> float:
        """From the first session to the last."""
        return float(self.at_day.max() - self.at_day.min())

    def users(self) -> Ints:
        """[subjects] how many different users each subject had, unknown ones not counted."""
        known = self.user >= 0
        pairs = np.unique(np.column_stack([self.subject[known], self.user[known]]), axis=0)
        return np.bincount(pairs[:, 0], minlength=len(self.names)).astype(np.int64)
