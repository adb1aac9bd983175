"""What commands of `csms optimize` share: reading problems and sites, writing results, saying what is wrong.

Exit codes: 0 solved, 1 the result cannot be written, 2 the file is not a valid problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from optimizer.json_format import read_problem
from optimizer.picture import Curves, save
from optimizer.problem import Problem
from optimizer.site import Site
from optimizer.site_format import is_site, read_site

FAILED, USAGE = 1, 2
FILE_BYTES_MAX = 64 * 1024 * 1024  # a month of five-minute slots with a thousand sessions is far below
WIDTH_WITHOUT_TERMINAL = 110

CURVES = ("base", "charging", "cap", "storage", "unmanaged", "grid")

Text = Callable[..., str]
Server = Callable[[str, bool], dict[str, Any]]
"""The problem document of a site on a running server, by its id; says itself what is wrong and ends."""


def draw(text: Text, as_json: bool, curves: Curves, file: Path) -> None:
    """Into a picture, with the words of the language."""
    names = tuple(text(f"optimize.curve.{name}") for name in CURVES)
    try:
        save(replace(curves, names=names), file)
    except OSError as fault:
        words = text("optimize.unwritable", file=str(file), reason=fault.strerror or str(fault))
        fail(words, "unwritable", as_json, FAILED)
    except ValueError as fault:
        fail(text("optimize.no_picture", reason=str(fault)), "no_picture", as_json)


def given(
    text: Text, server: Server | None, files: Sequence[Path] | None, site: str | None, as_json: bool
) -> Problem | Site:
    """From the one file, or from the running server."""
    if files and len(files) == 1 and site is None:
        return load(text, files[0], as_json)
    if site is None or server is None or files:
        fail(text("optimize.file_or_site"), "usage", as_json)
    return read_problem(json.dumps(server(site, as_json)))


def load(text: Text, file: Path, as_json: bool) -> Problem | Site:
    """What the file holds; says what is wrong with it and ends."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ValueError(f"more than {FILE_BYTES_MAX} bytes")
        content = file.read_text(encoding="utf-8")
        return read_site(content) if is_site(json.loads(content)) else read_problem(content)
    except OSError as fault:
        fail(text("optimize.unreadable", file=str(file), reason=fault.strerror or str(fault)), "unreadable", as_json)
    except json.JSONDecodeError as fault:
        words = text("optimize.not_json", file=str(file), line=fault.lineno, column=fault.colno, reason=fault.msg)
        fail(words, "not_json", as_json)
    except RecursionError:
        fail(text("optimize.invalid", file=str(file), reason="nested too deeply"), "invalid_problem", as_json)
    except ValueError as fault:
        fail(text("optimize.invalid", file=str(file), reason=str(fault)), "invalid_problem", as_json)


def fail(words: str, code: str, as_json: bool, exit_code: int = USAGE) -> NoReturn:
    """The reason on the error stream, as JSON with `--json`, and out."""
    if as_json:
        typer.echo(json.dumps({"code": code, "detail": words}, ensure_ascii=False), err=True)
    else:
        Console(stderr=True).print(words, style="red", soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(exit_code)


def note(words: str) -> None:
    """Beside the result, on the error stream."""
    Console(stderr=True).print(words, style="yellow", soft_wrap=True, highlight=False, markup=False)


def deliver(text: Text, as_json: bool, document: dict[str, Any], out: Path | None) -> None:
    """To the file, or to the screen."""
    if out is None:
        typer.echo(json.dumps(document, indent=1))
        return
    try:
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as fault:
        words = text("optimize.unwritable", file=str(out), reason=fault.strerror or str(fault))
        fail(words, "unwritable", as_json, FAILED)


def screen() -> Console:
    """Where people read; a fixed width where nobody sees it."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)
