"""What every command does around its own work: options they share, output as table or JSON, errors to exit codes.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 done in part, 4 the server cannot be reached.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text as Styled

from csms.console.client import DEFAULT_URL, URL_VARIABLE, ApiClient, Refused, Unreachable
from csms.console.layout import Cell, Column, table
from csms.security.credentials import TokenFileUnusable
from csms.texts import Text
from csms.texts.visible import escaped, visible_lines

FAILED, USAGE, PARTLY, UNREACHABLE = 1, 2, 3, 4
WIDTH_WITHOUT_TERMINAL = 100


def group(text: Text, key: str) -> typer.Typer:
    """A command group with its help."""
    app = typer.Typer(
        help=text(f"{key}.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(lambda: None)
    return app


def example(text: Text, command: str) -> str:
    """The last line of a command's help."""
    return text("console.example", command=command)


def url_option(text: Text) -> Any:
    """`--url`."""
    return typer.Option(DEFAULT_URL, "--url", envvar=URL_VARIABLE, help=text("console.url"), show_default=True)


def json_option(text: Text) -> Any:
    """`--json`."""
    return typer.Option(False, "--json", help=text("console.json"))


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go: people read tables, machines `--json` with the names of the API."""

    text: Text
    as_json: bool
    console: Console

    def document(self, document: Any) -> None:
        """The answer as JSON."""
        typer.echo(escaped(json.dumps(document, indent=2, ensure_ascii=False)))

    def line(self, words: str | Styled) -> None:
        """One line for people."""
        if isinstance(words, Styled):
            words.plain = visible_lines(words.plain)
        else:
            words = visible_lines(words)
        self.console.print(words, soft_wrap=True, highlight=False, markup=False)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table for people, or a word that there is nothing."""
        if not rows:
            self.line(self.text("console.nothing"))
        for line in table(columns, rows, self.console.width) if rows else []:
            self.line(line)

    def record(self, fields: Mapping[str, Cell]) -> None:
        """Names and values below each other."""
        size = max(Styled(name).cell_len for name in fields)
        for name, value in fields.items():
            label = Styled(name, "bold")
            label.pad_right(size - label.cell_len + 2)
            self.line(label + (value if isinstance(value, Styled) else Styled(value)))


def output(text: Text, as_json: bool) -> Output:
    """The output of this process; 100 columns where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_TERMINAL)
    return Output(text, as_json, console)


@contextmanager
def work(text: Text, url: str, as_json: bool) -> Iterator[tuple[ApiClient, Output]]:
    """A client and an output; errors are shown and become exit codes."""
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(text("console.bad_url", url=url), param_hint="--url")
    out = output(text, as_json)
    try:
        with ApiClient(url) as api:
            yield api, out
    except Unreachable as fault:
        words = text("console.unreachable", url=fault.url, reason=fault.reason)
        fail(out, words, UNREACHABLE, {"code": "unreachable", "detail": str(fault)})
    except TokenFileUnusable as fault:
        fail(out, text("access.token_file", reason=str(fault)), FAILED, {"code": "token_file", "detail": str(fault)})
    except Refused as fault:
        key = {401: "access.unauthenticated", 403: "access.not_authorised"}.get(fault.status, "console.refused")
        fail(out, text(key, reason=str(fault)), FAILED, fault.document)


def fail(out: Output, words: str, exit_code: int, document: Mapping[str, Any] | None = None) -> NoReturn:
    """Say what went wrong on the error stream (as JSON with `--json`) and leave with `exit_code`."""
    if out.as_json:
        typer.echo(escaped(json.dumps(document or {"code": "failed", "detail": words}, ensure_ascii=False)), err=True)
    else:
        Console(stderr=True).print(Styled(visible_lines(words), "#d33f3f"), soft_wrap=True, highlight=False)
    raise typer.Exit(exit_code)
