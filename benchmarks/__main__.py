"""`python -m benchmarks [NAME ...] [--quick] [--rows N] [--json FILE]`: run all or the named ones.

Names: startup, optimizer, limits, envelopes, province, timeliness, rules, warehouse; refit, drift and arrivals (of
forecasts); free-on-arrival; dashboard; hot-path, or a part of it: rates, answer-time, memory, storm, reconnect, starts,
growth, soak, traces; or a row of the optimiser: optimizer-100, optimizer-rounding, optimizer-tariff-1000, ...
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import (
    arrivals,
    dashboard,
    envelopes,
    forecasts,
    free_on_arrival,
    hot_path,
    limits,
    optimizer,
    province,
    regional,
    rules,
    startup,
    timeliness,
    warehouse,
)
from benchmarks.tables import Figures, table

BENCHMARKS: dict[str, Callable[[bool], Figures]] = {
    "startup": lambda quick: startup.run(),
    "optimizer": optimizer.run,
    "limits": limits.run,
    "envelopes": envelopes.run,
    "province": province.run,
    "timeliness": timeliness.run,
    "rules": rules.run,
    "warehouse": warehouse.run,
    "refit": forecasts.refit,
    "drift": forecasts.drift,
    "arrivals": arrivals.run,
    "dashboard": dashboard.run,
    "free-on-arrival": free_on_arrival.run,
    "regional": regional.run,
    **{f"optimizer-{row}": lambda quick, row=row: optimizer.in_child(row) for row in optimizer.ROWS},  # type: ignore[misc]
    "hot-path": lambda quick: hot_path.run(quick=quick),
    **{part: lambda quick, part=part: hot_path.run([part], quick=quick) for part in hot_path.PARTS},  # type: ignore[misc]
}
WHOLE = ("startup", "optimizer", "limits", "envelopes", "hot-path")


def main() -> int:
    """Exit code 0; 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="a minute instead of a quarter of an hour; rough figures")
    parser.add_argument("--rows", type=int, help="warehouse: so many quarter-hours instead of 50 million")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    if given.rows:
        BENCHMARKS["warehouse"] = partial(warehouse.run, rows=given.rows)
    console = Console()
    results = {}
    for name in given.names or WHOLE:
        with console.status(name):
            results[name] = BENCHMARKS[name](given.quick)
        console.print(table(name, results[name]))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


sys.exit(main())
