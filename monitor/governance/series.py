"""Samples by what they measure: how many, metered when by the station's clock, heard when by ours. Pure.

A span and not a row for each sample: by when they were heard their messages are found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Heard(Protocol):
    """A stored value."""

    @property
    def measurand(self) -> str:
        """What was metered."""

    @property
    def time(self) -> datetime:
        """When it was metered."""

    @property
    def received_at(self) -> datetime:
        """When it was heard."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one measurand."""

    measurand: str
    samples: int
    first_at: datetime
    last_at: datetime
    heard_from: datetime
    heard_to: datetime


def series_of(samples: Iterable[Heard]) -> list[Series]:
    """By measurand."""
    by_measurand: dict[str, list[Heard]] = {}
    for sample in samples:
        by_measurand.setdefault(sample.measurand, []).append(sample)
    return [_series(name, some) for name, some in sorted(by_measurand.items())]


def _series(name: str, some: list[Heard]) -> Series:
    metered, heard = [one.time for one in some], [one.received_at for one in some]
    return Series(name, len(some), min(metered), max(metered), min(heard), max(heard))
