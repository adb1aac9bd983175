"""`csms response season`: a season of a feeder simulated with time-of-use prices and responses; needs no server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from csms.console.layout import Cell, Column
from csms.console.work import USAGE, Output, example, fail, json_option, output
from csms.model.errors import CsmsError
from csms.texts import Text

if TYPE_CHECKING:
    from csms.response.season import Season


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = example(text, "csms response season my-feeder.toml")

    @app.command("season", help=text("response.season.help"), epilog=shown)
    def season(
        scenario: Path | None = typer.Argument(None, help=text("response.season.scenario"), metavar="FILE"),
        show_file: bool = typer.Option(False, "--example", help=text("response.season.example")),
        seed: int | None = typer.Option(None, "--seed", min=0, help=text("response.season.seed")),
        as_json: bool = json_option(text),
    ) -> None:
        from csms.response.season_scenario import example_text

        out = output(text, as_json)
        if show_file:
            typer.echo(example_text(), nl=False)
            return
        found = _simulated(out, scenario, seed)
        if as_json:
            out.document(_document(found))
        else:
            _show(out, found)


def _simulated(out: Output, scenario: Path | None, seed: int | None) -> Season:
    from csms.response.season import simulate
    from csms.response.season_scenario import example, read_scenario
    from optimizer.models.tariff import shipped, shipped_tariff

    try:
        given = read_scenario(scenario) if scenario else example()
        given = given if seed is None else given.model_copy(update={"seed": seed})
        if given.tariff not in shipped():
            fail(out, out.text("response.season.no_tariff", name=given.tariff, known=", ".join(shipped())), USAGE)
        with Console(stderr=True).status("") as shown:

            def progress(done: int, of: int) -> None:
                shown.update(out.text("response.season.running", done=done, of=of))

            return simulate(given, shipped_tariff(given.tariff), progress)
    except CsmsError as fault:
        fail(out, out.text("response.season.refused", reason=str(fault)), USAGE)


def _document(found: Season) -> dict[str, Any]:
    return {
        "scenario": found.scenario.model_dump(mode="json"),
        "ways": {name: asdict(tally) for name, tally in found.ways.items()},
        "events": [asdict(event) | {"day": event.day.isoformat()} for event in found.events],
        "gains": asdict(found.gains),
        "wanted_kwh": found.wanted_kwh,
        "balance_error": found.balance_error,
    }


def _show(out: Output, found: Season) -> None:
    text = out.text
    names = ("way", "energy", "cost", "carbon", "peak", "event_hours")
    columns = [Column(text(f"response.season.column.{name}"), right=name != "way", whole=True) for name in names]
    rows: list[list[Cell]] = [
        [
            text(f"response.season.way.{name}"),
            f"{tally.energy_kwh:.0f}",
            f"{tally.cost:.0f}",
            f"{tally.carbon_kg:.0f}",
            f"{tally.peak_kw:.0f}",
            f"{tally.event_hours_kwh:.0f}",
        ]
        for name, tally in found.ways.items()
    ]
    out.table(columns, rows)
    _show_events(out, found)
    gains = found.gains
    out.line(
        text(
            "response.season.gains",
            tariff=f"{gains.drivers_tariff:.0f}",
            response=f"{gains.drivers_response:.0f}",
            operator=f"{gains.operator:.0f}",
        )
    )
    out.line(text("response.season.balance", error=f"{found.balance_error:.1e}"))
    out.line(text("response.season.carbon", source=found.scenario.carbon.source))


def _show_events(out: Output, found: Season) -> None:
    text = out.text
    names = ("day", "promised", "bid", "delivered", "ratio", "credited", "pay", "drivers")
    columns = [Column(text(f"response.season.column.{name}"), right=name != "day", whole=True) for name in names]
    rows: list[list[Cell]] = []
    for event in found.events:
        if event.why:
            rows.append([event.day.isoformat(), text(f"response.season.why.{event.why}"), *[""] * 6])
            continue
        figures = (event.promised_kw, event.bid_kw, event.delivered_kw)
        paid = (event.credited_kwh, event.pay, event.paid_to_drivers)
        shown = [f"{value:.1f}" for value in figures]
        rows.append([event.day.isoformat(), *shown, f"{event.ratio:.2f}", *(f"{value:.1f}" for value in paid)])
    out.table(columns, rows)
    held = [event for event in found.events if not event.why]
    if held:
        credited, moved = sum(event.credited_kwh for event in held), sum(event.moved_kwh for event in held)
        out.line(text("response.season.measured", credited=f"{credited:.0f}", moved=f"{moved:.0f}", count=len(held)))
