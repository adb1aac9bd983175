"""The set of facts as a Parquet or CSV file: orders with their source, key, version and the rule that doubts them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

_TEXT, _REAL, _TIME = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("source_kind", _TEXT),
        ("source", _TEXT),
        ("key", _TEXT),
        ("number", _TEXT),
        ("operator", _TEXT),
        ("station", _TEXT),
        ("connector", _TEXT),
        ("start", _TIME),
        ("end", _TIME),
        ("energy_wh", _REAL),
        ("meter_start_wh", _REAL),
        ("meter_stop_wh", _REAL),
        ("fee_yuan", _REAL),
        ("price_yuan_per_kwh", _REAL),
        ("periods", pa.int64()),
        ("capacity_wh", _REAL),
        ("user_hash", _TEXT),
        ("vehicle_hash", _TEXT),
        ("cause", _TEXT),
        ("released", pa.bool_()),
        ("version", pa.int64()),
        ("same_as", pa.int64()),
    ]
)
"""Times in UTC, energy in Wh, money in yuan; what is not known is null."""
ENDINGS = (".parquet", ".csv")


def write_facts(path: Path, pages: Iterable[list[dict[str, Any]]]) -> int:
    """Write pages of rows; how many there were. The file gets its name when it is whole.

    Raises ValueError for another ending than .parquet and .csv, OSError when it cannot be written.
    """
    if path.suffix not in ENDINGS:
        raise ValueError(f"{path.name} ends in neither {' nor '.join(ENDINGS)}")
    draft, count = path.with_name(path.name + ".tmp"), 0
    try:
        writer = pa_csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
        with writer(str(draft), SCHEMA) as file:
            for rows in pages:
                file.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
                count += len(rows)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count
