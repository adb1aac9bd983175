"""Many problems and sites at once: `csms optimize solve a.json b.json … --processes 8 --out plans/`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from optimizer import reports
from optimizer.cooptimise import solve_site
from optimizer.json_format import plan_document
from optimizer.pool import Pool
from optimizer.problem import Problem
from optimizer.site import Site
from optimizer.site_format import site_plan_document
from optimizer.solver import solve
from optimizer.terminal import FAILED, Text, deliver, fail, load, note, screen


def solved_document(asked: Problem | Site) -> dict[str, Any]:
    """The plan as a document; a task for a pool."""
    if isinstance(asked, Site):
        return site_plan_document(asked, solve_site(asked))
    return plan_document(asked, solve(asked))


def solve_files(text: Text, files: Sequence[Path], as_json: bool, out: Path | None, processes: int) -> None:
    """A line for each, in their order; `out` is a folder for the plans, named after their files."""
    if out is not None:
        _make(text, as_json, files, out)
    problems = [load(text, file, as_json) for file in files]
    with Pool.here_or_there(processes, lambda place, why: note(text("optimize.lost", what=f"{place}: {why}"))) as pool:
        documents = pool.map(solved_document, problems)
    for file, document in zip(files, documents, strict=True):
        if out is not None:
            deliver(text, as_json, document, out / file.name)
    if as_json:
        rows = [{"file": str(file), **document} for file, document in zip(files, documents, strict=True)]
        typer.echo(json.dumps(rows))
    else:
        distinct = len({file.name for file in files}) == len(files)
        names = [file.name if distinct else str(file) for file in files]
        screen().print(reports.files_table(text, names, documents))


def _make(text: Text, as_json: bool, files: Sequence[Path], out: Path) -> None:
    if len({file.name for file in files}) < len(files):
        fail(text("optimize.same_names"), "same_names", as_json)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        words = text("optimize.unwritable", file=str(out), reason=fault.strerror or str(fault))
        fail(words, "unwritable", as_json, FAILED)
