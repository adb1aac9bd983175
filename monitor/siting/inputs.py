"""What the commands of siting share: their options, reading an area, judging it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE

if TYPE_CHECKING:
    from monitor.siting.area import Area
    from monitor.siting.datum import Fit
    from monitor.siting.holdout import Judged
    from monitor.siting.warehouse import Place

Datum = Literal["auto", "wgs84", "gcj02", "bd09"]
WAREHOUSE_HAS = ("dim_site", "dim_station", "fact_order", "fact_session")
"""One of these in a folder makes it a warehouse."""


@dataclass(frozen=True, slots=True)
class Source:
    """What an area is read from. `platform`: data folder and partner file of a platform."""

    folder: Path
    span_h: float | None = None
    datum: Datum = "auto"
    boundary: Path | None = None
    box: str = ""
    layers: Path | None = None
    platform: tuple[Path | None, Path | None] = (None, None)

    @property
    def is_warehouse(self) -> bool:
        """Whether the folder is one."""
        there = any((self.folder / name).is_dir() for name in WAREHOUSE_HAS)
        return there and not any(self.folder.glob("stations.csv*"))


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


def boundary_option(text: Text) -> Any:
    """`--boundary`."""
    return typer.Option(None, "--boundary", metavar="FILE", help=text("siting.boundary"))


def box_option(text: Text) -> Any:
    """`--box`."""
    return typer.Option("", "--box", metavar="W,S,E,N", help=text("siting.box"))


def layers_option(text: Text) -> Any:
    """`--layers`."""
    return typer.Option(None, "--layers", metavar="DIR", help=text("siting.layers"))


def platform_option(text: Text) -> Any:
    """`--platform-dir`."""
    return typer.Option(None, "--platform-dir", metavar="DIR", help=text("siting.platform_dir"))


def partners_option(text: Text) -> Any:
    """`--partner-file`."""
    return typer.Option(None, "--partner-file", metavar="FILE", help=text("siting.partner_file"))


def read_area(text: Text, source: Source, as_json: bool) -> tuple[Area, Fit]:
    """The area in WGS-84 and how its datum was found, or a word on what is wrong with it."""
    from monitor.siting import bounds, datum

    if source.boundary is not None and source.box:
        raise typer.BadParameter(text("siting.one_area"), param_hint="--boundary / --box")
    area = _stored(text, source, as_json) if source.is_warehouse else _files(text, source, as_json)
    wanted: Datum = "wgs84" if source.is_warehouse else source.datum
    fit = datum.likeliest(area)
    fit = fit if wanted == "auto" else replace(fit, chosen=wanted)
    if fit.chosen != "wgs84" and not as_json:
        metres = {key: round(1000.0 * km) for key, km in fit.median_km.items() if km == km}
        facts = {"there": metres.get(fit.chosen, "?"), "here": metres.get("wgs84", "?")}
        typer.echo(text("siting.shifted", datum=fit.chosen.upper(), **facts), err=True)
    moved = datum.moved(area, fit.chosen)
    if source.box:
        moved = work.read(text, Path(source.box), as_json, lambda _: bounds.bounded(moved, bounds.box(source.box)))
    if source.boundary is not None:
        moved = work.read(
            text, source.boundary, as_json,
            lambda path: bounds.bounded(moved, bounds.boundary(path.read_text("utf-8"), path.stem)),
        )  # fmt: skip
    return moved, fit


def _files(text: Text, source: Source, as_json: bool) -> Area:
    from monitor.siting import folder as files

    area = work.read(text, source.folder, as_json, lambda path: files.read_area(path, source.span_h))
    return _layered(text, area, source, as_json)


def _stored(text: Text, source: Source, as_json: bool) -> Area:
    """From a warehouse, with the places of partners where a platform's data are named."""
    from monitor.siting.warehouse import read_warehouse

    partners, now = _partners(text, source, as_json), clock_from_environment().now()
    area = work.read(text, source.folder, as_json, lambda path: read_warehouse(path, partners, now))
    return _layered(text, area, source, as_json)


def _layered(text: Text, area: Area, source: Source, as_json: bool) -> Area:
    from monitor.siting.folder import with_layers

    return (
        area if source.layers is None else work.read(text, source.layers, as_json, lambda path: with_layers(area, path))
    )


def _partners(text: Text, source: Source, as_json: bool) -> list[Place]:
    from monitor.intake.settings import read_partner_file
    from monitor.siting.partners import read_partners
    from monitor.store.intake import FILE_NAME

    folder, file = source.platform
    if (folder is None) != (file is None):
        raise typer.BadParameter(text("siting.both"), param_hint="--platform-dir / --partner-file")
    if folder is None or file is None:
        return []
    if not (folder / FILE_NAME).is_file():
        work.fail(text("platform.no_database", folder=folder), USAGE, as_json, "no_database")
    settings = work.read(text, file, as_json, read_partner_file)
    clock = clock_from_environment()
    return work.read(text, folder, as_json, lambda path: asyncio.run(read_partners(path, settings, clock)))


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
