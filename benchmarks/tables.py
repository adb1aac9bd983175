"""Figures as a table for people: value, bar, and whether it is met."""

from __future__ import annotations

from typing import Any

from rich.table import Table

Figures = dict[str, Any] | list[dict[str, Any]]
VERDICT = {True: "yes", False: "NO", None: ""}


def table(name: str, figures: Figures) -> Table:
    """Of one benchmark; where figures have bars, how many of them are met stands last."""
    found = Table(title=name, title_justify="left")
    found.add_column("figure")
    found.add_column("value", justify="right")
    if isinstance(figures, list):
        found.add_column("bar", justify="right")
        found.add_column("met")
        for row in figures:
            value = f"{written(row['value'])} {row['unit']}".strip()
            found.add_row(row["figure"], value, row["bar"], VERDICT[row["met"]])
        judged = [row["met"] for row in figures if row["met"] is not None]
        found.caption = f"{sum(judged)} of {len(judged)} bars met"
    else:
        for figure, value in figures.items():
            found.add_row(figure, written(value))
    return found


def written(value: object) -> str:
    """A figure in few digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
