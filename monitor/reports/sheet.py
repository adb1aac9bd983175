"""Rows as a workbook (Excel, LibreOffice): numbers stay numbers, words are never computed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from csms.texts import Text
from monitor.reports.told import Told

TITLE_MAX, WIDTH_MAX, WIDTH_MIN = 31, 60, 8
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = Sequence[Mapping[str, Any]]


def workbook(sheets: Mapping[str, Rows]) -> bytes:
    """One sheet for each name, with a bold first line that stays while one scrolls."""
    book = Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:TITLE_MAX])
        sheet.freeze_panes = "A2"
        names = list(rows[0]) if rows else []
        for number, name in enumerate(names, 1):
            longest = max((len(str(row[name])) for row in rows), default=0)
            width = min(max(longest, len(name), WIDTH_MIN), WIDTH_MAX)
            sheet.column_dimensions[get_column_letter(number)].width = width + 2
        heads = [WriteOnlyCell(sheet, name) for name in names]
        for head in heads:
            head.font = Font(bold=True)
        sheet.append(heads)
        for row in rows:
            sheet.append([_cell(sheet, row[name]) for name in names])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Any) -> Any:
    """Words as words, also those that begin like a formula; moments without their zone, which a sheet cannot hold."""
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    return cell


def report_workbook(told: Told, text: Text) -> bytes:
    """A report: its figures, and how it was made."""
    figures = [
        {
            text("report.column.figure"): text(f"warehouse.figure.{one.name}"),
            text("report.column.of"): one.of,
            text("report.column.value"): one.value,
            "unit": one.unit,
            "low": one.low,
            "high": one.high,
            text("report.column.note"): one.note,
        }
        for one in told.report.figures
    ]
    facts = {
        text("report.days"): told.days,
        text("report.filter"): "; ".join(f"{name}={value}" for name, value in told.report.asked.filters().items()),
        text("report.score"): "; ".join(f"{who}: {score}" for who, score in told.report.quality.items()),
        text("report.command"): told.command,
        text("report.version"): told.version,
        text("report.digest"): told.digest,
        text("report.made"): told.made_at,
    }
    method = [{"": name, " ": value} for name, value in facts.items()]
    method += [{"": text("report.assumed"), " ": words} for words in told.report.assumptions]
    return workbook({text("report.figures"): figures, text("report.method"): method})
