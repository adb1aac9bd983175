"""Tables as Parquet files: a day is read, merged and put in place whole, or not touched at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.warehouse.schema import DIMENSIONS, FACTS, KEYS

FILE = "part.parquet"
Rows = list[dict[str, Any]]


class Files:
    """The warehouse in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def day_of(self, fact: str, day: date) -> Path:
        """The file of a fact's day."""
        return self.folder / fact / f"date={day.isoformat()}" / FILE

    def days(self, fact: str) -> list[date]:
        """The days that have rows, in their order."""
        found = (self.folder / fact).glob(f"date=*/{FILE}")
        return sorted(date.fromisoformat(path.parent.name.removeprefix("date=")) for path in found)

    def read(self, fact: str, day: date) -> Rows:
        """The rows of a day."""
        path = self.day_of(fact, day)
        return pq.ParquetFile(path).read().to_pylist() if path.is_file() else []

    def merge(self, fact: str, day: date, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Add rows to a day, in place of those with the same key; whether anything changed.

        What the source no longer has stays: samples end by retention, facts do not.
        """
        key = KEYS[fact]
        merged = {tuple(row[name] for name in key): row for row in self.read(fact, day)}
        for row in rows:
            place = tuple(row[name] for name in key)
            if not _knows_less(row, merged.get(place, {})):
                merged[place] = dict(row)
        if not merged:
            return False
        return self.put(fact, day, [merged[place] for place in sorted(merged)])

    def put(self, fact: str, day: date, rows: Rows) -> bool:
        """Write a day's rows, whole; whether it was anything else before."""
        table = pa.Table.from_pylist(rows, schema=FACTS[fact])
        path = self.day_of(fact, day)
        if path.is_file() and pq.ParquetFile(path).read().equals(table):
            return False
        _write(path, table)
        return True

    def put_dimension(self, name: str, rows: Rows) -> None:
        """Write a dimension."""
        _write(self.folder / name / FILE, pa.Table.from_pylist(rows, schema=DIMENSIONS[name]))


def _knows_less(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a quarter-hour is told from fewer samples, or from as many without the register before them."""
    if not old or "samples" not in new:
        return False
    energy_lost = (new["energy_wh"] or 0.0) < (old["energy_wh"] or 0.0)
    return bool(new["samples"] < old["samples"] or (new["samples"] == old["samples"] and energy_lost))


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(path)
