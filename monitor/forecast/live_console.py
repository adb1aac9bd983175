"""`csms forecast run|score|explain|registry`: forecasts of a central system, from its database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.forecast.desk import ForecastDesk

Found = TypeVar("Found")
QUARTERS_A_DAY, DAYS_MAX = 96, 7
GROUPS = ("feeder", "site")


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the commands to the group."""
    for add in (_run, _score, _explain, _registry):
        add(app, text)


def _run(app: typer.Typer, text: Text) -> None:
    @app.command("run", help=text("forecast.run.help"), epilog=_example(text, "run --days 2"))
    def run(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = _url(text),
        by: str = _by(text),
        days: float = typer.Option(1.0, "--days", min=1 / QUARTERS_A_DAY, max=DAYS_MAX, help=text("forecast.run.days")),
        series: str = typer.Option("", "--series", help=text("forecast.run.series")),
        as_json: bool = json_option(text),
    ) -> None:
        steps = max(round(days * QUARTERS_A_DAY), 1)
        said = _with_desk(text, data_dir, database_url, by, as_json, lambda desk: desk.run(steps))
        rows = [row for row in said.rows() if not series or row["series"] == series]
        if as_json:
            work.document(
                [{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()} for row in rows]
            )
            return
        table = Table(title=text("forecast.run.title", count=len(said.names), at=said.made_at.isoformat()))
        for column in ("series", "from", "expected", "low", "high"):
            table.add_column(text(f"forecast.column.{column}"), justify="left" if column == "series" else "right")
        for row in rows if series else [row for row in rows if row["series"] == "total"]:
            figures = (row["expected_kwh"], row["low_kwh"], row["high_kwh"])
            shown = ("" if figure is None else f"{figure:.2f}" for figure in figures)
            table.add_row(row["series"], f"{row['target_at']:%m-%d %H:%M}", *shown)
        Console().print(table)


def _score(app: typer.Typer, text: Text) -> None:
    @app.command("score", help=text("forecast.score.help"), epilog=_example(text, "score"))
    def score(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = _url(text),
        by: str = _by(text),
        days: int = typer.Option(7, "--days", min=1, max=56, help=text("forecast.score.days")),
        as_json: bool = json_option(text),
    ) -> None:
        async def act(desk: ForecastDesk) -> tuple[Any, dict[str, dict[str, float]]]:
            changed = await desk.night()
            until = clock_from_environment().now()
            return changed, await desk.score(until - timedelta(days=days), until)

        changed, scores = _with_desk(text, data_dir, database_url, by, as_json, act)
        if as_json:
            work.document({"changed": [row.model_dump(mode="json") for row in changed], "scores": scores})
            return
        table = Table(title=text("forecast.score.title", days=days))
        for column in ("series", "MAE", "RMSE", "coverage"):
            words = column if column.isupper() else text(f"forecast.column.{column}")
            table.add_column(words, justify="left" if column == "series" else "right")
        for name, found in scores.items():
            shown = (f"{found[key]:.3g}" if key in found else "" for key in ("MAE", "RMSE", "coverage"))
            table.add_row(name, *shown)
        Console().print(table)
        _changes(text, changed)


def _explain(app: typer.Typer, text: Text) -> None:
    @app.command("explain", help=text("forecast.explain.help"), epilog=_example(text, "explain total"))
    def explain(
        series: str = typer.Argument(..., help=text("forecast.run.series")),
        data_dir: Path = work.central_dir_option(text),
        database_url: str = _url(text),
        by: str = _by(text),
        as_json: bool = json_option(text),
    ) -> None:
        found = _with_desk(text, data_dir, database_url, by, as_json, lambda desk: desk.explain(series))
        if as_json:
            work.document(found)
            return
        for one in found["horizons"]:
            facts = {"minutes": one["horizon_s"] // 60, "champion": one["champion"], "until": one["learned_until"]}
            typer.echo(text("forecast.explain.champion", **facts, cusum=f"{one['cusum']:.1f}"))
            fared = ", ".join(f"{name} {loss:.3g}" for name, loss in sorted(one["fared"].items(), key=lambda it: it[1]))
            typer.echo(text("forecast.explain.fared", losses=fared or "-"))


def _registry(app: typer.Typer, text: Text) -> None:
    @app.command("registry", help=text("forecast.registry.help"), epilog=_example(text, "registry"))
    def registry(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = _url(text),
        series: str = typer.Option("", "--series", help=text("forecast.run.series")),
        as_json: bool = json_option(text),
    ) -> None:
        rows = _with_desk(text, data_dir, database_url, "feeder", as_json, lambda desk: desk.registry(series or None))
        if as_json:
            work.document([row.model_dump(mode="json") for row in rows])
            return
        _changes(text, rows)


def _changes(text: Text, rows: Any) -> None:
    for row in rows:
        facts = {"at": f"{row.promoted_at:%Y-%m-%d %H:%M}", "minutes": row.horizon_s // 60, "reason": row.reason}
        what = text(f"forecast.what.{row.what.replace(' ', '_')}")
        typer.echo(text("forecast.changed", series=row.series, champion=row.champion, what=what, **facts))
    if not rows:
        typer.echo(text("forecast.nothing_changed"))


def _example(text: Text, command: str) -> str:
    return work.example(text, f"csms forecast {command} --data-dir data")


def _url(text: Text) -> Any:
    return typer.Option("", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url"))


def _by(text: Text) -> Any:
    return typer.Option("feeder", "--by", metavar="feeder|site", help=text("forecast.run.by"))


@asynccontextmanager
async def _desk(data_dir: Path, database_url: str, by: str) -> AsyncIterator[ForecastDesk]:
    from csms.store.engine import open_store
    from monitor.forecast.desk import ForecastDesk
    from monitor.store.forecast import open_forecasts

    clock = clock_from_environment()
    store = await open_store(database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}", clock)
    try:
        forecasts = await open_forecasts(data_dir)
        try:
            yield ForecastDesk(store.reader, forecasts, clock, by)
        finally:
            await forecasts.close()
    finally:
        await store.close()


def _with_desk(
    text: Text,
    data_dir: Path,
    database_url: str,
    by: str,
    as_json: bool,
    act: Callable[[ForecastDesk], Awaitable[Found]],
) -> Found:
    """Act on the forecasts of a central system; its database must be there."""

    async def run() -> Found:
        async with _desk(data_dir, database_url, by) as desk:
            return await act(desk)

    if by not in GROUPS:
        work.fail(text("forecast.run.by"), USAGE, as_json, "not_a_group")
    if not database_url and not (data_dir / "csms.db").is_file():
        work.fail(text("forecast.no_database", folder=data_dir), USAGE, as_json, "no_database")
    try:
        with Console(stderr=True).status(text("forecast.learning")):
            return asyncio.run(run())
    except (CsmsError, OSError, ValueError) as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
