"""Numbers for what samples repeat: the metering point (one EVSE) and the quantity (measurand, phase, unit, ...).

A stored sample is then seven numbers instead of ten texts: a seventh of the space and a fraction of the time. The
numbers live in tables of their own; here is what is known of them. Loses nothing when it forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from csms.model.meter import QuantityKey, Sample, Shape, Together
from csms.store.change import SampleBatch

PointKey = tuple[str, int, str]
"""Station, EVSE, and the station's word for a transaction that nobody knows (nearly always empty)."""

KEPT_MAX = 200_000
"""Stations may invent names; the memory for them is bounded, and what was forgotten is looked up again."""

SHAPES_KEPT_MAX = 4096

POINTS_PER_BANK = 32
"""Metering points whose samples lie together in order of time (docs/decisions/0006)."""

SampleRow = tuple[int, Any, int, int, float, Any, Any]
"""Bank, time, point, quantity, value, session, time of arrival."""


@dataclass(slots=True)
class Unknown:
    """Keys that have no number here yet, in the order of their first mention."""

    points: dict[PointKey, None] = field(default_factory=dict)
    quantities: dict[QuantityKey, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.points or self.quantities)


class Catalogue:
    """The numbers known in this process."""

    def __init__(self) -> None:
        self._points: dict[PointKey, int] = {}
        self._quantities: dict[QuantityKey, int] = {}
        self._shapes: dict[Shape, tuple[int, ...]] = {}

    def unknown(self, batches: Iterable[SampleBatch]) -> Unknown:
        """What has to be learned before `rows` can be made."""
        found = Unknown()
        for batch in batches:
            point = point_key(batch)
            if point not in self._points:
                found.points[point] = None
            for sample in batch.samples:
                quantity = _quantity(sample)
                if quantity not in self._quantities:
                    found.quantities[quantity] = None
        return found

    def learn(self, points: Iterable[tuple[PointKey, int]], quantities: Iterable[tuple[QuantityKey, int]]) -> None:
        """Take up numbers as the database has them."""
        self._points.update(points)
        self._quantities.update(quantities)

    def shrink(self) -> None:
        """Forget everything when it is too much; to be called between transactions."""
        if len(self._points) + len(self._quantities) > KEPT_MAX:
            self._points.clear()
            self._quantities.clear()
            self._shapes.clear()

    def rows(
        self, batches: Iterable[SampleBatch], moment: Callable[[datetime], Any], nothing: Any = None
    ) -> list[SampleRow]:
        """The rows of table `sample`; `moment` writes a time as the engine keeps it, `nothing` stands for no session.

        KeyError for unknown ones.
        """
        rows: list[SampleRow] = []
        for batch in batches:
            point, received = self._points[point_key(batch)], moment(batch.received_at)
            session_id = batch.session_id if batch.session_id is not None else nothing
            bank, samples = point // POINTS_PER_BANK, batch.samples
            if type(samples) is Together:
                time, numbers = moment(samples.time), self._shapes.get(samples.shape) or self._numbers(samples.shape)
                for number, value in zip(numbers, samples.values, strict=True):
                    rows.append((bank, time, point, number, value, session_id, received))
                continue
            for sample in samples:
                number = self._quantities[_quantity(sample)]
                rows.append((bank, moment(sample.time), point, number, sample.value, session_id, received))
        return rows

    def _numbers(self, shape: Shape) -> tuple[int, ...]:
        if len(self._shapes) >= SHAPES_KEPT_MAX:
            self._shapes.clear()
        self._shapes[shape] = numbers = tuple(map(self._quantities.__getitem__, shape.quantities))
        return numbers


def point_key(batch: SampleBatch) -> PointKey:
    """Where the samples of a batch are metered."""
    return (batch.station_id, batch.evse_id, "" if batch.session_id is not None else batch.transaction_id)


_quantity: Callable[[Sample], QuantityKey] = attrgetter("measurand", "phase", "context", "location", "unit")
