"""The warehouse as tables to ask, through ibis: DuckDB in this process or a Spark session, by the same expressions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from monitor.warehouse.files import FILE, Files
from monitor.warehouse.schema import DIMENSIONS, FACTS

DATED = pa.field("date", pa.date32())
TABLES = {name: schema.append(DATED) for name, schema in FACTS.items()} | DIMENSIONS


@dataclass(frozen=True, slots=True)
class Star:
    """Facts have a column `date` beside their own."""

    sessions: ir.Table
    quarters: ir.Table
    days: ir.Table
    hours: ir.Table
    orders: ir.Table
    connectors: ir.Table
    statuses: ir.Table
    alarms: ir.Table
    calls: ir.Table
    limits: ir.Table
    feeders: ir.Table
    qualities: ir.Table
    stations: ir.Table
    evses: ir.Table
    periods: ir.Table
    transformers: ir.Table


NAMES = (
    "fact_session", "fact_meter_15min", "day_evse", "hour_evse", "fact_order", "day_connector", "fact_status",
    "fact_alarm", "fact_call", "fact_limit", "fact_feeder_15min", "fact_quality", "dim_station", "dim_evse",
    "dim_tariff_period", "dim_feeder",
)  # fmt: skip
"""In the order of `Star`."""


def in_process(folder: Path) -> Any:
    """DuckDB in memory, with a view on each table of the folder; empty ones where nothing was loaded yet."""
    backend = ibis.duckdb.connect()
    backend.con.execute("SET TimeZone = 'UTC'")
    outdated = Files(folder).outdated
    for name, schema in TABLES.items():
        if (folder / name).is_dir():
            place = str(folder / name / "*" / FILE) if name in FACTS else str(folder / name / FILE)
            rows = backend.read_parquet(place, hive_partitioning=name in FACTS, union_by_name=outdated)
            backend.create_view(name, _whole(rows, schema))
        else:
            backend.create_table(name, schema=ibis.Schema.from_pyarrow(schema))
    return backend


def on_spark(folder: Path, session: Any) -> Any:
    """A Spark session with a view on each table; empty ones where nothing was loaded yet."""
    backend = ibis.pyspark.connect(session)
    for name, schema in TABLES.items():
        rows = session.createDataFrame(schema.empty_table())
        if (folder / name).is_dir():
            rows = session.read.schema(rows.schema).parquet(str(folder / name))
        rows.createOrReplaceTempView(name)
    return backend


def _whole(rows: ir.Table, schema: pa.Schema) -> ir.Table:
    """With empty columns where files of an earlier format have none."""
    missing = ibis.Schema.from_pyarrow(schema)
    lacking = {name: ibis.null(kind) for name, kind in missing.items() if name not in rows.columns}
    return rows.mutate(**lacking) if lacking else rows


def star(backend: Any) -> Star:
    """The tables by what they hold."""
    return Star(*(backend.table(name) for name in NAMES))
