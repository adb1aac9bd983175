"""`csms data synthesise`: write a made city."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import typer
from rich.console import Console

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, json_option


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data synthesise --out city --seed 7 --from 2026-01-01 --days 180")

    @app.command("synthesise", help=text("data.synthesise.help"), epilog=shown)
    def synthesise(
        out: Path = typer.Option(..., "--out", help=text("data.synthesise.out")),
        seed: int = typer.Option(1, "--seed", min=0, help=text("data.synthesise.seed")),
        begin: datetime = work.day_option(text, "--from", "data.synthesise.from", default="2026-01-01"),
        days: int = typer.Option(180, "--days", min=1, max=3660, help=text("data.synthesise.days")),
        sites: int = typer.Option(40, "--sites", min=1, max=999, help=text("data.synthesise.sites")),
        tariff: str = typer.Option("shandong-2026", "--tariff", help=text("data.synthesise.tariff")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.governance.synthetic import Hours, Market, city
        from monitor.governance.synthetic_folder import write_city
        from optimizer.models.tariff import shipped_tariff

        try:
            read = shipped_tariff(tariff)
            last = begin.date() + timedelta(days=days - 1)

            def prices(day: date) -> Hours:
                return np.array([read.price_of(letter) for letter in read.letters(day)])

            if not read.valid_from <= begin.date() <= last <= read.valid_to:
                raise ValueError(
                    text("data.synthesise.outside", tariff=tariff, first=read.valid_from, last=read.valid_to)
                )
            with Console(stderr=True, quiet=as_json).status(str(out)):
                made = city(seed, begin.date(), days, sites, Market(prices, read.is_working_day))
                files = write_city(made, out, seed)
        except (OSError, ValueError, KeyError) as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")
        if as_json:
            work.document({"synthetic": True, "sessions": len(made.sessions), "files": [path.name for path in files]})
        else:
            typer.echo(text("data.synthesised", folder=out, sites=sites, sessions=len(made.sessions)))
