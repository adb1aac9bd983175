"""`python -m benchmarks [NAME ...] [--json FILE]`: run all benchmarks or the named ones."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import optimiser, startup

BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {"startup": startup.run, "optimiser": optimiser.run}


def main() -> int:
    """Exit code 0; 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    console = Console()
    results = {}
    for name in given.names or BENCHMARKS:
        with console.status(name):
            results[name] = BENCHMARKS[name]()
        console.print(_table(name, results[name]))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def _table(name: str, figures: dict[str, Any]) -> Table:
    table = Table(title=name, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in figures.items():
        table.add_row(figure, f"{value:.4g}" if isinstance(value, float) else str(value))
    return table


sys.exit(main())
