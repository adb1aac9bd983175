"""What the commands of the supervising platform share: options, its database around their work, faults to exit codes.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 nothing is wrong but something remains open, 4 the platform
cannot be reached. With `--json` a fault is JSON on the error stream, `code` and `detail`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from csms.model.errors import CsmsError
from csms.texts import Text

if TYPE_CHECKING:
    from monitor.store.intake import IntakeStore

FAILED, USAGE, UNSURE, UNREACHABLE = 1, 2, 3, 4
Found = TypeVar("Found")
Mount = Callable[[typer.Typer, Text], None]


def group(text: Text, key: str, mounts: Iterable[Mount]) -> typer.Typer:
    """A command group with its help and commands."""
    app = typer.Typer(
        help=text(f"{key}.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(lambda: None)
    for mount in mounts:
        mount(app, text)
    return app


def example(text: Text, command: str) -> str:
    """The last line of a command's help."""
    return text("console.example", command=command)


def data_dir_option(text: Text) -> Any:
    """`--data-dir`."""
    return typer.Option(..., "--data-dir", help=text("intake.data_dir"))


def central_dir_option(text: Text) -> Any:
    """`--data-dir` of the central system."""
    return typer.Option(..., "--data-dir", help=text("warehouse.data_dir"))


def partner_file_option(text: Text) -> Any:
    """`--partner-file`."""
    return typer.Option(..., "--partner-file", help=text("intake.partner_file"))


def operator_option(text: Text) -> Any:
    """`--operator`, which must be given."""
    return typer.Option(..., "--operator", help=text("platform.operator"))


def json_option(text: Text) -> Any:
    """`--json`."""
    return typer.Option(False, "--json", help=text("console.json"))


def day_option(text: Text, flag: str, key: str, default: Any = ...) -> Any:
    """A day; what is none is wrong usage. Read it with `day_of`."""
    return typer.Option(default, flag, help=text(key), formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")


def day_of(moment: datetime | None, otherwise: str = "") -> str:
    """The day that was said."""
    return moment.date().isoformat() if moment else otherwise


def document(value: Any) -> None:
    """An answer as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def fail(words: str, exit_code: int, as_json: bool, code: str = "failed") -> NoReturn:
    """Say what went wrong on the error stream and leave."""
    typer.echo(json.dumps({"code": code, "detail": words}, ensure_ascii=False) if as_json else words, err=True)
    raise typer.Exit(exit_code)


def cannot(text: Text, fault: Exception, as_json: bool) -> NoReturn:
    """Say what could not be done, and what helps where we know it."""
    from monitor.store.faults import StoreUnusable

    reason = str(fault)
    if isinstance(fault, StoreUnusable):
        reason = text(f"platform.fault.{fault.code}", file=fault.file, cause=fault.cause)
    fail(text("platform.cannot", reason=reason), FAILED, as_json, getattr(fault, "code", "failed"))


def save(text: Text, path: Path, content: str, as_json: bool) -> None:
    """Write a file that was asked for."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as fault:
        fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")


def read(text: Text, path: Path, as_json: bool, reader: Callable[[Path], Found]) -> Found:
    """What a file of settings says; one that cannot be used is wrong usage."""
    try:
        return reader(path)
    except (CsmsError, OSError, ValueError) as fault:
        fail(text("platform.cannot", reason=str(fault)), USAGE, as_json, getattr(fault, "code", "unusable"))


def on_store(
    text: Text,
    data_dir: Path,
    as_json: bool,
    act: Callable[[IntakeStore], Awaitable[Found]],
    *,
    make: bool = False,
) -> Found:
    """Open the platform's database (`make`: or begin one), act, close it."""
    from monitor.store.faults import coded
    from monitor.store.intake import FILE_NAME, open_intake

    async def run() -> Found:
        store = await open_intake(data_dir)
        try:
            return await act(store)
        finally:
            await store.close()

    if not make and not (data_dir / FILE_NAME).is_file():
        fail(text("platform.no_database", folder=data_dir), USAGE, as_json, "no_database")
    try:
        with coded(data_dir / FILE_NAME):
            return asyncio.run(run())
    except (CsmsError, OSError, ValueError) as fault:
        cannot(text, fault, as_json)
