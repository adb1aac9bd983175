"""A report in the form that was asked for, and as a file that is there whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from csms.texts import catalogue
from monitor.reports.page import render
from monitor.reports.sheet import report_workbook
from monitor.reports.told import Told

Form = Literal["html", "xlsx", "csv", "json"]
FORMS: tuple[Form, ...] = ("html", "xlsx", "csv", "json")
BYTE_ORDER = "\ufeff"
"""So that spreadsheets read UTF-8."""


def content(told: Told, form: Form, lang: str) -> bytes:
    """The bytes of a report; CSV is one line for each figure with all that it has to carry."""
    if form == "html":
        return render(told, catalogue("zh"), catalogue("en"), lang).encode()
    if form == "xlsx":
        return report_workbook(told, catalogue(lang))
    if form == "json":
        document = told.report.document() | {"command": told.command, "version": told.version, "digest": told.digest}
        return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
    return (BYTE_ORDER + csv_text(told.report.rows())).encode()


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same names as CSV (RFC 4180), names first."""
    names = list(rows[0]) if rows else []
    return csv_lines([names, *([row[name] for name in names] for row in rows)])


def csv_lines(rows: Sequence[Sequence[Any]]) -> str:
    """Lines of CSV; words that a spreadsheet would compute are quoted away."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[harmless(value) for value in row] for row in rows])
    return out.getvalue()


def harmless(value: Any) -> Any:
    """A word that begins like a formula, as a word."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def write_whole(path: Path, made: bytes) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(made)
    draft.replace(path)
