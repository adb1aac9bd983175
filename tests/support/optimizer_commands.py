"""`csms optimize` with its words from the catalogue's own file, run in this process."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

PARTS = Path(__file__).resolve().parents[2] / "csms" / "texts" / "parts"
FILES = [tomllib.loads((PARTS / name).read_text(encoding="utf-8")) for name in ("optimize.toml", "optimize_many.toml")]
WORDS = {"optimize": {key: value for file in FILES for key, value in file["optimize"].items()}}


def words(lang: str) -> Callable[..., str]:
    """The texts of one language."""

    def text(key: str, **values: Any) -> str:
        entry: Any = WORDS
        for name in key.split("."):
            entry = entry[name]
        return str(entry[lang]).format(**values)

    return text


def run(app: typer.Typer, *args: str | Path) -> Any:
    """What came of a command."""
    return CliRunner().invoke(app, [str(arg) for arg in args])
