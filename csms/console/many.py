"""One command for one, several or all stations: who is meant, side by side with progress, a result for each.

Exit codes: 0 all did it, 1 none, 3 some, 4 none could be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import ApiClient, Refused, Unreachable
from csms.console.layout import Cell, Column
from csms.console.work import FAILED, PARTLY, UNREACHABLE, Output
from csms.texts import Text

SIDE_BY_SIDE = 16
"""Stations asked at a time; each takes its commands one after the other anyway."""

NO_ANSWER = "no_answer"
"""The status of a station about which the server said nothing: whether it was asked is unknown."""

NOT_REACHED = frozenset({"station_offline", "call_timeout", "connection_lost", NO_ANSWER})

Ask = Callable[[ApiClient, str], dict[str, Any]]
"""Ask one station; the answer as the API gives it. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it at one station. `status` is the station's word, or the stable code of what went wrong."""

    station_id: str
    ok: bool
    status: str
    detail: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


def stations_argument(text: Text) -> Any:
    """`STATIONS`."""
    return typer.Argument(help=text("many.stations"), metavar="STATIONS")


def stations_option(text: Text) -> Any:
    """`[STATIONS]`: all when left out."""
    return typer.Argument(None, help=text("many.stations_or_all"), metavar="[STATIONS]", show_default=False)


def point_in_time(text: Text, api: ApiClient, value: str | None, hint: str) -> str | None:
    """`now`, `+2h` or ISO 8601 by the server's clock, as the API takes it; None for None. Usage error otherwise."""
    if value is None:
        return None
    try:
        return units.point_in_time(value, units.moment(api.clock_time())).isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(text("limit.bad_time", value=value), param_hint=hint) from None


def chosen(text: Text, api: ApiClient, wanted: str) -> list[str]:
    """The stations that are meant: ids with commas between, patterns such as `CP-*`, or `all`.

    A plain id is taken as it is, so that the server says when it does not exist. Usage error when nothing fits.
    """
    names: dict[str, None] = {}
    known: list[str] | None = None
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        pattern = "*" if part == "all" else part
        if not any(sign in pattern for sign in "*?["):
            names[pattern] = None
            continue
        if known is None:
            known = [station["station_id"] for station in api.get("/stations")["stations"]]
        names |= dict.fromkeys(name for name in known if fnmatchcase(name, pattern))
    if not names:
        raise typer.BadParameter(text("many.none", wanted=wanted), param_hint="STATIONS")
    return list(names)


def ask_all(out: Output, api: ApiClient, stations: Sequence[str], ask: Ask) -> list[Outcome]:
    """Ask all of them, a bar on the error stream while several are asked. What goes wrong with one is its own result;
    Unreachable only when the server answers for none of them.
    """
    away: list[Unreachable] = []
    outcomes = _asked(out, api, stations, ask, away)
    if away and len(away) == len(stations):
        raise away[0]
    return outcomes


def _asked(out: Output, api: ApiClient, stations: Sequence[str], ask: Ask, away: list[Unreachable]) -> list[Outcome]:
    if len(stations) == 1:
        return [_ask(api, stations[0], ask, away)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True), transient=True, disable=out.as_json) as progress,
        ThreadPoolExecutor(SIDE_BY_SIDE) as pool,
    ):
        task = progress.add_task(out.text("many.asking"), total=len(stations))
        work = {pool.submit(_ask, api, station, ask, away): station for station in stations}
        found: dict[str, Outcome] = {}
        for done in as_completed(work):
            found[work[done]] = done.result()
            progress.advance(task)
    return [found[station] for station in stations]


def _ask(api: ApiClient, station_id: str, ask: Ask, away: list[Unreachable]) -> Outcome:
    try:
        answer = ask(api, station_id)
    except Unreachable as fault:
        if not fault.late:
            away.append(fault)
        return Outcome(station_id, False, NO_ANSWER, fault.reason)
    except Refused as fault:
        return Outcome(station_id, False, fault.code, str(fault.document.get("detail", "")), fault.document)
    accepted = bool(answer.get("accepted", True))
    return Outcome(station_id, accepted, str(answer.get("status", "")), answer=answer)


def report_faults(out: Output, outcomes: Sequence[Outcome]) -> None:
    """A line for each station that was asked in vain, for people, and the exit code of all together."""
    for outcome in () if out.as_json else outcomes:
        if not outcome.ok:
            out.line(Styled(f"{outcome.station_id}  {outcome.status}  {outcome.detail}".rstrip(), units.BAD))
    code = exit_code(outcomes)
    if code:
        raise typer.Exit(code)


def report(out: Output, outcomes: Sequence[Outcome]) -> None:
    """A line for each station (or JSON), and the exit code of all together."""
    if out.as_json:
        out.document({"results": [_document(outcome) for outcome in outcomes]})
    else:
        columns = [
            Column(out.text("many.column.station")),
            Column(out.text("many.column.result"), whole=True),
            Column(out.text("many.column.detail"), over=True),
        ]
        out.table(columns, [_row(outcome) for outcome in outcomes])
        if len(outcomes) > 1:
            good = sum(outcome.ok for outcome in outcomes)
            out.line(out.text("many.sum", good=good, total=len(outcomes)))
    code = exit_code(outcomes)
    if code:
        raise typer.Exit(code)


def good_too(outcomes: Sequence[Outcome], *statuses: str) -> list[Outcome]:
    """The outcomes; these statuses count as good: to have nothing to tell is no fault."""
    return [replace(outcome, ok=outcome.ok or outcome.status in statuses) for outcome in outcomes]


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """See above."""
    good = [outcome.ok for outcome in outcomes]
    if all(good):
        return 0
    if any(good):
        return PARTLY
    return UNREACHABLE if all(outcome.status in NOT_REACHED for outcome in outcomes) else FAILED


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "station_id": outcome.station_id,
        "ok": outcome.ok,
        "status": outcome.status,
        "detail": outcome.detail,
        "answer": outcome.answer,
    }


def _row(outcome: Outcome) -> list[Cell]:
    colour = units.GOOD if outcome.ok else units.BAD
    return [outcome.station_id, Styled(outcome.status, colour), outcome.detail or _more(outcome.answer)]


def _more(answer: dict[str, Any]) -> str:
    """What an answer says besides its status."""
    values = answer.get("values") or {}
    told = [f"{name}={'' if value is None else value}" for name, value in values.items()]
    if answer.get("data"):
        told.append(str(answer["data"]))
    if answer.get("operation_id") is not None:
        told.append(f"#{answer['operation_id']}")
    return ", ".join(told)
