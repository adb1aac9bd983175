"""What the commands of siting share: their options, reading an area, judging it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED

if TYPE_CHECKING:
    from monitor.siting.area import Area
    from monitor.siting.datum import Fit
    from monitor.siting.holdout import Judged

Datum = Literal["auto", "wgs84", "gcj02", "bd09"]


def folder_argument(text: Text) -> Any:
    """The folder of an area."""
    return typer.Argument(..., metavar="DIR", help=text("siting.folder"))


def span_option(text: Text) -> Any:
    """`--span-hours`."""
    return typer.Option(None, "--span-hours", min=1.0, help=text("siting.span"))


def repeats_option(text: Text) -> Any:
    """`--repeats`."""
    return typer.Option(3, "--repeats", min=1, max=100, help=text("siting.evaluate.repeats"))


def datum_option(text: Text) -> Any:
    """`--datum`."""
    return typer.Option("auto", "--datum", help=text("siting.datum"))


def read_area(text: Text, folder: Path, span_h: float | None, name: Datum, as_json: bool) -> tuple[Area, Fit]:
    """The area of a folder in WGS-84 and how its datum was found, or a word on what is wrong with it."""
    from monitor.siting import datum
    from monitor.siting import folder as files

    area = work.read(text, folder, as_json, lambda path: files.read_area(path, span_h))
    fit = datum.likeliest(area)
    fit = fit if name == "auto" else replace(fit, chosen=name)
    if fit.chosen != "wgs84" and not as_json:
        metres = {key: round(1000.0 * km) for key, km in fit.median_km.items() if km == km}
        facts = {"there": metres.get(fit.chosen, "?"), "here": metres.get("wgs84", "?")}
        typer.echo(text("siting.shifted", datum=fit.chosen.upper(), **facts), err=True)
    return datum.moved(area, fit.chosen), fit


def judge(text: Text, area: Area, repeats: int, as_json: bool) -> Judged:
    """Judge an area; progress goes to the error stream."""
    from monitor.siting.holdout import evaluate

    with Console(stderr=True).status("") as status:

        def tell(split: str, repeat: int) -> None:
            status.update(text("siting.judging", split=text(f"siting.split.{split}"), repeat=repeat))

        try:
            return evaluate(area, repeats, tell)
        except ValueError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")
