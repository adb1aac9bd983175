"""`csms doctor`: what is wrong with the server itself. Exit code 1 when it is serious."""

from __future__ import annotations

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.doctor import COLOURS
from csms.console.work import FAILED, example, json_option, url_option, work
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command("doctor", help=text("doctor.server.help"), epilog=example(text, "csms doctor"))
    def doctor(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/diagnosis")
            if as_json:
                out.document(answer)
            for finding in [] if as_json else answer["findings"]:
                severity, code, facts = finding["severity"], finding["code"], finding["evidence"]
                head = Styled(f"{text(f'doctor.severity.{severity}')}  ", COLOURS[severity])
                words = text(f"doctor.server.{code}.wrong", **facts)
                out.line(head + Styled(words) + Styled(f"  [{code}]", "dim"))
                out.line(f"  → {text(f'doctor.server.{code}.advice', **facts)}")
            if not answer["findings"] and not as_json:
                out.line(Styled(text("doctor.server.well"), units.GOOD))
            if answer["serious"]:
                raise typer.Exit(FAILED)

    return app
