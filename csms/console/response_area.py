"""`csms response potential`: how far the sites of an area can move load, and what to offer drivers for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.optimize import problem_of
from csms.console.work import FAILED, Output, example, fail, json_option, url_option, work
from csms.texts import Text

if TYPE_CHECKING:
    from csms.response.area import AreaPotential, SitePotential
    from optimizer.incentive import Design


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = example(text, "csms response potential north south --after 60 --minutes 60 --price 1.5")

    @app.command("potential", help=text("response.potential.help"), epilog=shown)
    def potential(
        sites: list[str] = typer.Argument(help=text("response.potential.sites"), metavar="SITE..."),
        after: int = typer.Option(60, "--after", min=0, help=text("response.potential.after")),
        minutes: int = typer.Option(60, "--minutes", min=15, help=text("response.potential.minutes")),
        notice: int = typer.Option(60, "--notice", min=0, help=text("response.potential.notice")),
        price: float | None = typer.Option(None, "--price", min=0, help=text("response.potential.price")),
        spread: float = typer.Option(0.0, "--spread", min=0, help=text("response.potential.spread")),
        elasticity: float = typer.Option(0.25, "--elasticity", min=0.001, help=text("response.potential.elasticity")),
        reference: float = typer.Option(0.6, "--reference", min=0.001, help=text("response.potential.reference")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from csms.response.area import area_potential, driver_offer
        from optimizer.incentive import Response

        with work(text, url, as_json) as (api, out):
            plans = {site: api.get(f"/plans/{path_segment(site)}")["content"] for site in sites}
            area = area_potential([_site(out, site, plan, after, minutes, notice) for site, plan in plans.items()])
            offer = None
            if price is not None:
                offer = driver_offer(area, price, spread, Response(elasticity, reference))
            if as_json:
                out.document(asdict(area) | {"offer": asdict(offer) if offer else None})
            else:
                _show(out, area, offer)


def _site(out: Output, site: str, content: dict[str, Any], after: int, minutes: int, notice: int) -> SitePotential:
    from csms.response.area import site_potential
    from optimizer.json_format import read_problem

    document = problem_of(content)
    expected = frozenset(row["id"] for row in content.get("forecast", {}).get("expected", []))
    slot_min = 60.0 * float(document["slot_h"])
    first, length, told = (round(value / slot_min) for value in (after, minutes, min(notice, after)))
    try:
        floors_kw = float(content.get("floors_kw", 0.0))
        return site_potential(site, read_problem(json.dumps(document)), expected, first, length, told, floors_kw)
    except ValueError as fault:
        fail(out, out.text("response.potential.cannot", site=site, reason=str(fault)), FAILED)


def _show(out: Output, area: AreaPotential, offer: Design | None) -> None:
    text = out.text
    names = ("site", "cars", "down", "down_kwh", "up", "expected", "down_expected")
    columns = [Column(text(f"response.potential.column.{name}"), right=name != "site", whole=True) for name in names]
    rows: list[list[Cell]] = [
        [
            one.site,
            str(one.cars),
            *(f"{value:.1f}" for value in (one.down.sustained_kw, one.down.energy_kwh, one.up.sustained_kw)),
            str(one.expected),
            f"{one.down_expected.sustained_kw:.1f}",
        ]
        for one in area.sites
    ]
    out.table(columns, rows)
    facts = {"down": area.down.sustained_kw, "up": area.up.sustained_kw, "expected": area.down_expected.sustained_kw}
    out.line(text("response.potential.area", **{name: f"{value:.1f}" for name, value in facts.items()}))
    if offer is not None:
        figures = {"incentive": f"{offer.incentive:.3f}", "share": f"{100 * offer.share:.0f}"}
        gains = {"energy": offer.energy_kwh, "operator": offer.operator_gain, "drivers": offer.driver_gain}
        shown = {name: f"{value:.1f}" for name, value in gains.items()}
        out.line(text("response.potential.offer", **figures, **shown))
