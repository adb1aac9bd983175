"""Rows of CSV (plain or gzip) and Parquet files, each with its line; a broken row is told and ends nothing."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from monitor.governance.mapping import FileMapping, RowFault

PARQUET = ".parquet"
CELL_MAX = 1_000_000
"""Characters of one cell; a lost quote would swallow the rest of the file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `line` is where it begins in a CSV file (the head is line 1), in Parquet the row from 1 on."""

    line: int
    cells: dict[str, str]
    fault: RowFault | None = None


def digest(path: Path) -> str:
    """SHA-256 of the file as it lies there."""
    with path.open("rb") as file:
        found = sha256()
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def rows(path: Path, mapping: FileMapping) -> Iterator[Row]:
    """All rows; raises ValueError when the columns of the mapping are not there, OSError when nothing can be read."""
    return _parquet(path, mapping) if path.suffix == PARQUET else _csv(path, mapping)


def _expect(found: list[str], mapping: FileMapping, path: Path) -> None:
    if lacking := sorted(set(mapping.used) - set(found)):
        raise ValueError(f"{path.name} has no column {', '.join(lacking)}; it has {', '.join(found)}")


def _csv(path: Path, mapping: FileMapping) -> Iterator[Row]:
    opener = gzip.open if path.suffix == ".gz" else open
    csv.field_size_limit(CELL_MAX)
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        head: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as fault:
                yield Row(line, {}, RowFault("", "row_unreadable", str(fault)))
                continue
            except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
                yield Row(line, {}, RowFault("", "file_ends", str(fault)))
                return
            if cells is None:
                break
            if head is None:
                head = [cell.strip() for cell in cells]
                _expect(head, mapping, path)
            elif cells:
                yield _row(line, head, cells)
        if head is None:
            raise ValueError(f"{path.name} is empty")


def _row(line: int, head: list[str], cells: list[str]) -> Row:
    if len(cells) != len(head):
        fault = RowFault("", "row_shape", f"{len(cells)} cells, {len(head)} columns")
        return Row(line, dict(zip(head, cells, strict=False)), fault)
    return Row(line, dict(zip(head, cells, strict=True)))


def _parquet(path: Path, mapping: FileMapping) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _expect(list(file.schema_arrow.names), mapping, path)
            line = 0
            for batch in file.iter_batches():
                for cells in batch.to_pylist():
                    line += 1
                    yield Row(line, {name: "" if cell is None else str(cell) for name, cell in cells.items()})
    except pa.ArrowInvalid as fault:
        raise ValueError(f"{path.name} is no Parquet file that can be read: {fault}") from None
