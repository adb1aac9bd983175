"""Figures of operators as a table: `operator,period,indicator,value,samples`, one figure a line (CSV)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csms.model.errors import CsmsError
from monitor.scoring.features import Figures
from monitor.scoring.scheme import Scheme

COLUMNS = ("operator", "period", "indicator", "value", "samples")
LINES_MAX = 5_000_000


class TableUnusable(CsmsError):
    """A table of figures cannot be used; the text says which line and why."""

    code = "scoring_table_unusable"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an operator in a period, and how many samples stand behind it."""

    operator: str
    period: str
    indicator: str
    value: float
    samples: float


def read_table(path: Path, scheme: Scheme) -> list[Figure]:
    """The figures of a file; raises TableUnusable, which names the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(csv.DictReader(file), scheme)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise TableUnusable(f"{path}: {fault}") from None


def _read(rows: csv.DictReader[str], scheme: Scheme) -> list[Figure]:
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise TableUnusable(f"the first line lacks the columns {', '.join(missing)}")
    found: dict[tuple[str, str, str], Figure] = {}
    for row in rows:
        if rows.line_num > LINES_MAX:
            raise TableUnusable(f"more than {LINES_MAX} lines")
        figure = _figure(row, rows.line_num, scheme)
        key = (figure.operator, figure.period, figure.indicator)
        if key in found:
            raise TableUnusable(f"line {rows.line_num}: {', '.join(key)} was told before")
        found[key] = figure
    if not found:
        raise TableUnusable("the table holds no figure")
    return list(found.values())


def _figure(row: Mapping[str, str | None], line: int, scheme: Scheme) -> Figure:
    operator, period, indicator = ((row[name] or "").strip() for name in COLUMNS[:3])
    if not operator or not period:
        raise TableUnusable(f"line {line}: a figure has an operator and a period")
    if indicator not in scheme.indicators:
        raise TableUnusable(f"line {line}: {indicator!r} is none of {', '.join(scheme.names)}")
    try:
        value, samples = float(row["value"] or ""), float(row["samples"] or "")
    except ValueError:
        raise TableUnusable(f"line {line}: value and samples are numbers") from None
    if not math.isfinite(value) or not math.isfinite(samples) or samples < 0:
        raise TableUnusable(f"line {line}: value and samples are finite numbers, samples not below 0")
    return Figure(operator, period, indicator, value, samples)


def write_table(path: Path, figures: Iterable[Figure]) -> None:
    """Write what `read_table` reads; raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(
            (one.operator, one.period, one.indicator, f"{one.value:.9g}", f"{one.samples:g}") for one in figures
        )


def by_period(figures: Iterable[Figure], scheme: Scheme) -> dict[str, Figures]:
    """Arrays of every period, periods and operators in alphabetical order."""
    periods: dict[str, list[Figure]] = {}
    for figure in figures:
        periods.setdefault(figure.period, []).append(figure)
    return {period: _arrays(periods[period], scheme) for period in sorted(periods)}


def _arrays(figures: list[Figure], scheme: Scheme) -> Figures:
    operators = tuple(sorted({figure.operator for figure in figures}))
    row = {name: number for number, name in enumerate(operators)}
    column = {name: number for number, name in enumerate(scheme.names)}
    values = np.full((len(operators), len(column)), np.nan)
    samples = np.zeros_like(values)
    for figure in figures:
        place = (row[figure.operator], column[figure.indicator])
        values[place], samples[place] = figure.value, figure.samples
    return Figures(operators, values, samples)
