"""`csms response drivers`: what drivers were offered for an event, how they answered, what they are paid."""

from __future__ import annotations

import typer

from csms.console.client import path_segment
from csms.console.work import example, json_option, url_option, work
from csms.texts import Text


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = example(text, "csms response drivers DR-0714")

    @app.command("drivers", help=text("response.drivers.help"), epilog=shown)
    def drivers(
        event: str = typer.Argument(help=text("response.option.event"), metavar="EVENT"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            found = api.get("/".join(("/response-events", path_segment(event), "drivers")))
            if as_json:
                out.document(found)
                return
            shares = {"share": f"{100 * found['expected_share']:.0f} %", "kwh": f"{found['expected_kwh']:.1f}"}
            money = {name: f"{found[f'expected_for_{name}']:.2f}" for name in ("drivers", "house")}
            out.line(text("response.drivers.design", incentive=f"{found['incentive']:.4g}", **shares, **money))
            out.line(text(f"response.drivers.consent.{found['consent']}"))
            answers = {name: found[name] for name in ("offered", "accepted", "declined")}
            out.line(text("response.drivers.answers", **answers))
            out.line(text("response.drivers.paid", moved=f"{found['moved_kwh']:.3f}", pay=found["pay"]))
