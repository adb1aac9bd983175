"""The warehouse as tables to ask, through ibis: DuckDB in this process or a Spark session, by the same expressions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from monitor.warehouse.files import FILE
from monitor.warehouse.schema import DIMENSIONS, FACTS

DATED = pa.field("date", pa.date32())


@dataclass(frozen=True, slots=True)
class Star:
    """Facts have a column `date` beside their own."""

    sessions: ir.Table
    quarters: ir.Table
    days: ir.Table
    stations: ir.Table
    evses: ir.Table


def in_process(folder: Path) -> Any:
    """DuckDB in memory, with a view on each table of the folder; empty ones where nothing was loaded yet."""
    backend = ibis.duckdb.connect()
    for name, schema in FACTS.items():
        if any((folder / name).glob(f"date=*/{FILE}")):
            backend.read_parquet(str(folder / name / "*" / FILE), table_name=name, hive_partitioning=True)
        else:
            backend.create_table(name, schema=ibis.Schema.from_pyarrow(schema.append(DATED)))
    for name, schema in DIMENSIONS.items():
        path = folder / name / FILE
        if path.is_file():
            backend.read_parquet(str(path), table_name=name)
        else:
            backend.create_table(name, schema=ibis.Schema.from_pyarrow(schema))
    return backend


def on_spark(folder: Path, session: Any) -> Any:
    """A Spark session with a view on each table; empty ones where nothing was loaded yet."""
    backend = ibis.pyspark.connect(session)
    for name in (*FACTS, *DIMENSIONS):
        if (folder / name).is_dir():
            rows = session.read.parquet(str(folder / name))
        else:
            schema = FACTS[name].append(DATED) if name in FACTS else DIMENSIONS[name]
            rows = session.createDataFrame(schema.empty_table())
        rows.createOrReplaceTempView(name)
    return backend


def star(backend: Any) -> Star:
    """The tables by what they hold."""
    names = ("fact_session", "fact_meter_15min", "day_evse", "dim_station", "dim_evse")
    return Star(*(backend.table(name) for name in names))
