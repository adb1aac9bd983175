"""Samples for the store, told as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import Change, SampleBatch

_OF_SAMPLE = ("time", "measurand", "value", "unit", "phase", "context", "location")


def add_samples(rows: Iterable[Mapping[str, Any]]) -> Change:
    """One change with a batch for each row."""
    return changes.add_samples(*(_batch(row) for row in rows))


def _batch(row: Mapping[str, Any]) -> SampleBatch:
    sample = Sample(**{name: row[name] for name in _OF_SAMPLE if name in row})
    rest = {name: value for name, value in row.items() if name not in _OF_SAMPLE}
    return SampleBatch(samples=[sample], **rest)
