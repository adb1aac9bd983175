"""Tables as Parquet files: a day is read, merged and put in place whole, or not touched at all.

Files of an earlier version are read on: a column that they lack is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from csms.security.files import write_whole
from monitor.warehouse.rolled import day_evse, hour_evse
from monitor.warehouse.schema import DIMENSIONS, FACTS, KEYS, KNOWN

FILE, MARK_FILE = "part.parquet", "loaded.json"
FORMAT = 4
"""Of the tables; rises when one gets a new column."""
PRIVATE = 0o600
Rows = list[dict[str, Any]]


class Files:
    """The warehouse in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """One thread: sums come out the same each time, and the server keeps its processors."""
        engine = duckdb.connect(config={"threads": 1})
        engine.execute("SET TimeZone = 'UTC'")
        return engine

    def mark(self) -> dict[str, Any]:
        """What the last load noted; empty before the first."""
        path = self.folder / MARK_FILE
        return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}

    def put_mark(self, mark: dict[str, Any]) -> None:
        """Note it, with the format."""
        write_whole(self.folder / MARK_FILE, json.dumps(mark | {"format": FORMAT}).encode(), PRIVATE)

    @property
    def outdated(self) -> bool:
        """Whether some files may lack columns."""
        return bool(self.mark().get("format", 1) != FORMAT)

    def renew(self) -> None:
        """Give files of an earlier format the columns that were added since."""
        for fact in FACTS if self.outdated else ():
            for day in self.days(fact):
                self.put(fact, day, self.table(fact, day))

    def day_of(self, fact: str, day: date) -> Path:
        """The file of a fact's day."""
        return self.folder / fact / f"date={day.isoformat()}" / FILE

    def days(self, fact: str) -> list[date]:
        """The days that have rows, in their order."""
        found = (self.folder / fact).glob(f"date=*/{FILE}")
        return sorted(date.fromisoformat(path.parent.name.removeprefix("date=")) for path in found)

    def table(self, fact: str, day: date) -> pa.Table:
        """The rows of a day as columns."""
        path = self.day_of(fact, day)
        if not path.is_file():
            return FACTS[fact].empty_table()
        there = pq.ParquetFile(path).read()
        if fact == "fact_meter_15min" and "slot" not in there.column_names:
            minutes = pc.add(pc.multiply(pc.hour(there["begins_at"]), 60), pc.minute(there["begins_at"]))
            there = there.append_column("slot", pc.divide(minutes, 15))
        return fitted(there, FACTS[fact])

    def read(self, fact: str, day: date) -> Rows:
        """The rows of a day."""
        return list(self.table(fact, day).to_pylist())

    def merge(self, fact: str, day: date, new: pa.Table) -> bool:
        """Add rows to a day, in place of those with the same key; whether anything changed.

        What the source no longer has stays: samples end by retention, facts do not. A row replaces none that more was
        known of (`KNOWN`).
        """
        old = self.table(fact, day)
        if not old.num_rows and not new.num_rows:
            return False
        key = ", ".join(KEYS[fact])
        best = "".join(f"{known} DESC, " for known in KNOWN.get(fact, ()))
        self._engine.register("old", old)
        self._engine.register("new", new)
        merged = self._engine.sql(
            "SELECT * EXCLUDE fresh FROM (SELECT *, 0 AS fresh FROM old UNION ALL SELECT *, 1 AS fresh FROM new) "
            f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {best}fresh DESC) = 1 ORDER BY {key}"
        )
        return self.put(fact, day, merged.to_arrow_table())

    def forget(self, fact: str, column: str, own_days: Mapping[Any, date]) -> list[date]:
        """Take rows out of all days but their own, by a key; the days that they were taken out of."""
        wanted, found = pa.array(own_days), []
        for day in self.days(fact) if own_days else ():
            path = self.day_of(fact, day)
            there = pq.ParquetFile(path).read(columns=[column])[column]
            strangers = [key for key in there.filter(pc.is_in(there, wanted)).to_pylist() if own_days[key] != day]
            if strangers:
                rows = self.table(fact, day)
                self.put(fact, day, rows.filter(pc.invert(pc.is_in(rows[column], pa.array(strangers)))))
                found.append(day)
        return found

    def roll_up(self, day: date) -> int:
        """Make the roll-ups of a day from its facts; how many files became others."""
        quarters, sessions = (self._asked(name, day) for name in ("fact_meter_15min", "fact_session"))
        rolled = {"hour_evse": hour_evse(quarters), "day_evse": day_evse(quarters, sessions)}
        return sum(self.put(name, day, made.to_pyarrow()) for name, made in rolled.items())

    def _asked(self, fact: str, day: date) -> ir.Table:
        self._engine.register(fact, self.table(fact, day))
        return ibis.duckdb.from_connection(self._engine).table(fact)

    def put(self, fact: str, day: date, rows: pa.Table) -> bool:
        """Write a day's rows, whole; whether it was anything else before."""
        table = fitted(rows, FACTS[fact])
        path = self.day_of(fact, day)
        if path.is_file() and pq.ParquetFile(path).read().equals(table):
            return False
        _write(path, table)
        return True

    def put_rows(self, fact: str, day: date, rows: Rows) -> bool:
        """As `put`, of rows."""
        return self.put(fact, day, pa.Table.from_pylist(rows, schema=FACTS[fact]))

    def put_dimension(self, name: str, rows: Rows) -> None:
        """Write a dimension."""
        _write(self.folder / name / FILE, pa.Table.from_pylist(rows, schema=DIMENSIONS[name]))


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """With the columns of a schema and no others; those that lack are empty."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(path)
