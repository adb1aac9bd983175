"""`csms forecast growth`: how many piles there will be, from a file of monthly counts."""

from __future__ import annotations

import csv
from pathlib import Path

import typer

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, json_option

MONTHS_MAX = 120


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""

    @app.command(
        "growth",
        help=text("forecast.growth.help"),
        epilog=work.example(text, "csms forecast growth piles.csv --months 12 --saturation-max 5000"),
    )
    def growth(
        file: Path = typer.Argument(..., metavar="FILE", help=text("forecast.growth.file")),
        saturation_max: float = typer.Option(..., "--saturation-max", min=1.0, help=text("forecast.growth.most")),
        saturation_min: float = typer.Option(0.0, "--saturation-min", min=0.0, help=text("forecast.growth.least")),
        months: int = typer.Option(12, "--months", min=1, max=MONTHS_MAX, help=text("forecast.growth.months")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.forecast.growth import grow

        counts = work.read(text, file, as_json, read_counts)
        try:
            found = grow(counts, months, (saturation_min, saturation_max))
        except ValueError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_forecast")
        rows = list(zip(found.ahead.tolist(), found.low.tolist(), found.high.tolist(), strict=True))
        saturation = {"value": found.saturation, "low": found.saturation_low, "high": found.saturation_high}
        if as_json:
            ahead = [{"month": n, "count": c, "low": low, "high": high} for n, (c, low, high) in enumerate(rows, 1)]
            work.document({"ahead": ahead, "saturation": saturation, "weights": found.weights})
            return
        for month, (count, low, high) in enumerate(rows, 1):
            typer.echo(
                text("forecast.growth.month", month=month, count=f"{count:.0f}", low=f"{low:.0f}", high=f"{high:.0f}")
            )
        span = {"low": f"{found.saturation_low:.0f}", "high": f"{found.saturation_high:.0f}"}
        if found.saturation is None:
            typer.echo(text("forecast.growth.not_identified", **span))
        else:
            typer.echo(text("forecast.growth.saturation", value=f"{found.saturation:.0f}", **span))


def read_counts(file: Path) -> list[float]:
    """The last column of a file with a head line, one row a month, the oldest first; raises ValueError or OSError."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row][1:]
    found = []
    for number, row in enumerate(rows, 2):
        try:
            found.append(float(row[-1]))
        except ValueError as fault:
            raise ValueError(f"{file.name}:{number}: {row[-1]!r} is not a count") from fault
        if not 0 <= found[-1] < 1e12:
            raise ValueError(f"{file.name}:{number}: a count is 0 or more, not {row[-1]}")
    return found
