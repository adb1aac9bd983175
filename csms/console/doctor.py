"""`csms station doctor`: what is wrong with stations and what to do about it. Exit code 1 when it is serious."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import ApiClient
from csms.console.many import Outcome, ask_all, chosen, exit_code, stations_argument
from csms.console.work import FAILED, Output, example, json_option, url_option, work
from csms.texts import Text

COLOURS = {"serious": units.BAD, "warning": "#d98c00"}


def add(app: typer.Typer, text: Text) -> None:
    """Put the command into `csms station`."""

    @app.command("doctor", help=text("doctor.help"), epilog=example(text, "csms station doctor all"))
    def doctor(
        stations: str = stations_argument(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            outcomes = ask_all(out, api, chosen(text, api, stations), _ask)
            if as_json:
                out.document({"diagnoses": [_document(outcome) for outcome in outcomes]})
            else:
                _show(text, out, outcomes)
            code = exit_code(outcomes)
            if code or any(outcome.answer.get("serious") for outcome in outcomes):
                raise typer.Exit(code or FAILED)


def _ask(api: ApiClient, station_id: str) -> dict[str, Any]:
    return dict(api.get(f"/stations/{quote(station_id, safe='')}/diagnosis"))


def _document(outcome: Outcome) -> dict[str, Any]:
    return outcome.answer if outcome.ok else {"station_id": outcome.station_id, "code": outcome.status}


def _show(text: Text, out: Output, outcomes: Sequence[Outcome]) -> None:
    """Findings below each station; who is well is only counted."""
    well = 0
    for outcome in outcomes:
        if not outcome.ok:
            out.line(Styled(f"{outcome.station_id}  {outcome.detail or outcome.status}", units.BAD))
        elif outcome.answer["findings"]:
            _show_one(text, out, outcome)
        else:
            well += 1
    out.line(Styled(text("doctor.well", well=well, total=len(outcomes)), units.GOOD if well == len(outcomes) else ""))


def _show_one(text: Text, out: Output, outcome: Outcome) -> None:
    out.line(Styled(outcome.station_id, "bold"))
    show_findings(text, out, outcome.answer["findings"])


def show_findings(text: Text, out: Output, findings: Sequence[dict[str, Any]]) -> None:
    """What is wrong and what to do about it, two lines for each."""
    for finding in findings:
        severity, code, facts = finding["severity"], finding["code"], finding["evidence"]
        place = f" {text('doctor.evse', evse=finding['evse_id'])}" if finding["evse_id"] is not None else ""
        head = Styled(f"  {text(f'doctor.severity.{severity}')}{place}  ", COLOURS[severity])
        out.line(head + Styled(text(f"doctor.is.{code}.wrong", **facts)) + Styled(f"  [{code}]", "dim"))
        out.line(f"    → {text(f'doctor.is.{code}.advice', **facts)}")
