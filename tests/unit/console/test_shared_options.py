"""Options that several commands have in common are written once and reach each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer
from typer.testing import CliRunner

from monitor.console.shared import sharing


@dataclass(frozen=True)
class Place:
    """What the common options are made into."""

    folder: Path
    deep: int


def place(folder: Path = typer.Option(Path("here")), deep: int = typer.Option(1, min=1)) -> Place:
    return Place(folder, deep)


def test_a_command_gets_what_the_common_options_make_and_its_own() -> None:
    app, got = typer.Typer(), []

    @app.command()
    @sharing(place)
    def act(where: Place, name: str = typer.Argument(), loud: bool = typer.Option(False)) -> None:
        got.append((where, name, loud))

    run = CliRunner()
    assert run.invoke(app, ["a"]).exit_code == 0
    assert run.invoke(app, ["b", "--deep", "3", "--folder", "there", "--loud"]).exit_code == 0
    assert got == [(Place(Path("here"), 1), "a", False), (Place(Path("there"), 3), "b", True)]
    assert run.invoke(app, ["c", "--deep", "0"]).exit_code == 2
    assert run.invoke(app, []).exit_code == 2
    shown = run.invoke(app, ["--help"]).output
    assert all(option in shown for option in ("--folder", "--deep", "--loud"))
