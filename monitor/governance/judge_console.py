"""`csms data judge`: the rules of physics on the sessions of a central system, from its database; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.governance.leads import leads
from monitor.governance.rules.catalogue import CAUSES, RULES
from monitor.governance.rules.judge import Judgement, judge
from monitor.governance.rules.score import UNKNOWN_DAY, scores
from monitor.governance.rules_console import named
from monitor.governance.station_facts import Outlet, StationFacts, station_facts

SAMPLES_MAX = 300_000
"""Of one session: a day of three values a second."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A session that breaks rules: the cause and everything that is broken, with its value in the rule's unit."""

    session_id: int
    station: str
    cause: str
    broken: dict[str, float]


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data judge --data-dir data --sessions 500")

    @app.command("judge", help=text("data.judge.help"), epilog=shown)
    def judge_(
        data_dir: Path = typer.Option(..., "--data-dir", help=text("data.judge.data_dir")),
        database_url: str = typer.Option(
            "", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url")
        ),
        sessions: int = typer.Option(1000, "--sessions", min=1, max=100_000, help=text("data.judge.sessions")),
        as_json: bool = json_option(text),
    ) -> None:
        if not database_url and not (data_dir / "csms.db").is_file():
            work.fail(text("forecast.no_database", folder=data_dir), USAGE, as_json, "no_database")
        url = database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}"
        try:
            with Console(stderr=True, quiet=as_json).status(text("data.judge.reading")):
                found = asyncio.run(_read(url, sessions))
        except (CsmsError, OSError, ValueError) as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
        judged = judge(found.facts)
        doubts, days, odd = doubted(found, judged), _days(found, judged), leads(found, judged)
        if as_json:
            told = {"doubted": [asdict(one) for one in doubts], "days": days, "leads": [asdict(one) for one in odd]}
            work.document({"sessions": len(found.session_ids)} | told)
            return
        typer.echo(text("data.judge.judged", sessions=len(found.session_ids), doubted=len(doubts)))
        for one in doubts:
            values = ", ".join(f"{rule} {value:.4g} {RULES[rule].unit}" for rule, value in one.broken.items())
            typer.echo(f"  {one.session_id}  {one.station}  {one.cause}  ({values})")
        for day in days:
            typer.echo(f"  {day['day']}  {day['station']}  {day['score']:.2f}")
        for lead in odd:
            place = f"{lead.station}/{lead.outlet}".rstrip("/")
            typer.echo(f"  {named(text, lead.rule)}  {place}  {lead.at}  {lead.value:.4g} {RULES[lead.rule].unit}")


async def _read(database_url: str, limit: int) -> StationFacts:
    from csms.store.engine import open_store

    clock = clock_from_environment()
    store = await open_store(database_url, clock)
    try:
        sessions = await store.reader.sessions(limit, status="ended")
        rated_w: dict[Outlet, float] = {
            (evse.station_id, evse.evse_id): float(evse.power_max_w) for evse in await store.reader.evses()
        }
        samples = {one.id: await store.reader.samples(one.id, limit=SAMPLES_MAX) for one in sessions}
        return station_facts(sessions, samples, rated_w, clock.now())
    finally:
        await store.close()


def doubted(found: StationFacts, judged: Judgement) -> Sequence[Doubted]:
    """The sessions that have a cause, in the order they were given."""
    orders = found.facts.orders
    return [
        Doubted(
            found.session_ids[row],
            found.stations[int(orders.station[row])],
            judged.cause(row),
            {rule: float(judged.verdicts[rule].value[row]) for rule in CAUSES if judged.verdicts[rule].broken[row]},
        )
        for row in range(len(orders))
        if judged.cause(row)
    ]


def _days(found: StationFacts, judged: Judgement) -> list[dict[str, Any]]:
    return [
        {
            "day": "" if one.day == UNKNOWN_DAY else (date(1970, 1, 1) + timedelta(days=one.day)).isoformat(),
            "station": found.stations[one.station],
            "sessions": one.orders,
            "doubted": one.broken,
            "score": round(one.score, 2),
            "dimensions": {str(name): round(share, 2) for name, share in one.dimensions.items()},
            "rule_set": one.rule_set,
        }
        for one in scores(found.facts, judged)
    ]
