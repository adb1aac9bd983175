"""The figures of an audience for a period: what `csms warehouse stats --for` prints and what a page may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.warehouse import business, government, grid, makers
from monitor.warehouse.calendar import assumptions, book_of
from monitor.warehouse.engine import Star, in_process, star
from monitor.warehouse.files import Files
from monitor.warehouse.measures import MEASURES
from monitor.warehouse.report import Asked, Figure, Report

Figures = Callable[[Mapping[str, Any], Mapping[str, Any], Asked, str], Iterator[Figure]]
AUDIENCES: dict[str, tuple[Figures, tuple[str, ...]]] = {
    "grid": (grid.figures, grid.NEEDS),
    "government": (government.figures, government.NEEDS),
    "makers": (makers.figures, makers.NEEDS),
    "operators": (business.figures, business.NEEDS),
}
"""Audience -> its figures, and the measures that they are made from."""
NO_REGION = "orders of other operators are left out: they do not say in which region or at what kind of station"


def figures_for(of: Star, audience: str, asked: Asked) -> Report:
    """Ask for the measures of the period and of the one before, and make the figures. Raises KeyError for an audience
    that there is not.

    The carbon factor is that of the region asked for, else of the province in which all stations lie, else the
    country's.
    """
    figures, needs = AUDIENCES[audience]
    now, before = ({name: asked_of(of, name, period) for name in needs} for period in (asked, asked.before()))
    found = tuple(figures(now, before, asked, asked.region or _province(of)))
    scores = {f"{row['operator_id']} {row['source']}".strip(): row["score"] for row in asked_of(of, "quality", asked)}
    said = [f"days are those of Asia/Shanghai, {asked.first} to {asked.last}"]
    said += [NO_REGION] if asked.region or asked.station_type else []
    said += assumptions(book_of(), asked.first, asked.last)
    said += dict.fromkeys(word for one in found for word in one.factors)
    return Report(audience, asked, found, tuple(said), scores)


def asked_of(of: Star, measure: str, asked: Asked) -> list[dict[str, Any]]:
    """A measure as rows."""
    rows = MEASURES[measure](of, asked).to_pyarrow().to_pylist()
    return [{name: _moment(value) for name, value in row.items()} for row in rows]


def report_of(folder: Path, audience: str, asked: Asked) -> Report:
    """As `figures_for`, from a folder, by DuckDB in this process."""
    return figures_for(star(in_process(folder)), audience, asked)


def newest_month(folder: Path) -> tuple[date, date] | None:
    """The 30 days up to the newest of which something is known; None for an empty warehouse."""
    known = [days[-1] for fact in ("day_evse", "fact_order") if (days := Files(folder).days(fact))]
    return (max(known) - timedelta(days=29), max(known)) if known else None


def _moment(value: Any) -> Any:
    """Spark tells moments in UTC, but without saying so."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _province(of: Star) -> str:
    codes = of.stations.region_code.to_pyarrow().to_pylist()
    provinces = {code[:2] for code in codes if code}
    return provinces.pop() if len(provinces) == 1 else ""
