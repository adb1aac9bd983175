"""CSV for spreadsheets: what somebody else wrote must not become a formula there, nor a line of its own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins so is taken for a formula; spreadsheets take the wide signs for the narrow ones."""


def cell(value: object) -> object:
    """A value as a cell: numbers stay numbers, a text that reads like a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    text = "".join(sign if sign.isprintable() else " " for sign in value)
    return f"'{text}" if value.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text


def write_csv(file: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """UTF-8 with a mark at the front, which spreadsheets need to read it as such. Raises OSError."""
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows([cell(value) for value in row] for row in rows)
