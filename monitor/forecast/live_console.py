"""`csms forecast score|explain|registry`: how forecasts of a central system fare, and why they are as they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from csms.model.clock import clock_from_environment
from csms.texts import Text
from monitor.console import work
from monitor.console.shared import sharing
from monitor.console.work import json_option
from monitor.forecast.correction import THRESHOLD
from monitor.forecast.opening import Where, example, url_option, where_asked, with_desk

if TYPE_CHECKING:
    from monitor.forecast.desk import ForecastDesk


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the commands to the group."""
    for add in (_score, _explain, _registry):
        add(app, text)


def _score(app: typer.Typer, text: Text) -> None:
    @app.command("score", help=text("forecast.score.help"), epilog=example(text, "score"))
    @sharing(where_asked(text))
    def score(
        where: Where,
        days: int = typer.Option(7, "--days", min=1, max=56, help=text("forecast.score.days")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.forecast.reading import NothingKnown

        async def act(desk: ForecastDesk) -> tuple[Any, dict[str, dict[str, float]]]:
            changed = await desk.night()
            until = clock_from_environment().now()
            try:
                return changed, await desk.score(until - timedelta(days=days), until)
            except NothingKnown:
                return changed, {}  # the server asks each day, also before its first session

        changed, scores = with_desk(text, where, as_json, act)
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
    @app.command("explain", help=text("forecast.explain.help"), epilog=example(text, "explain total"))
    @sharing(where_asked(text))
    def explain(
        where: Where,
        series: str = typer.Argument(..., help=text("forecast.run.series")),
        as_json: bool = json_option(text),
    ) -> None:
        found = with_desk(text, where, as_json, lambda desk: desk.explain(series))
        if as_json:
            work.document(found)
            return
        for line in explained(text, found):
            typer.echo(line)


def explained(text: Text, found: dict[str, Any]) -> list[str]:
    """What `explain` found, for people who plan with it."""
    lines = [text("forecast.explain.series", series=found["series"])]
    if found["part_of"]:
        lines.append(text("forecast.explain.part_of", whole=found["part_of"]))
    for one in found["horizons"]:
        lines += ["", *_horizon(text, one)]
    lines += ["", text("forecast.explain.history")]
    return lines + [_change(text, row) for row in found["history"]]


def _horizon(text: Text, one: dict[str, Any]) -> list[str]:
    """Who forecasts so far ahead, how well, and whether it is calm."""
    ahead = units_of(text, one["horizon_s"])
    facts = {"ahead": ahead, "model": text(f"forecast.model.{_key(one['champion'])}"), "until": one["learned_until"]}
    lines = [text("forecast.explain.champion", **facts)]
    shares = sorted(one["of_energy"].items(), key=lambda pair: pair[1])
    if own := one["of_energy"].get(one["champion"]):
        lines.append(text("forecast.explain.error", share=f"{own:.0%}"))
        others = [
            f"{text(f'forecast.short.{_key(name)}')} {share:.0%}" for name, share in shares if name != one["champion"]
        ]
        lines.append(text("forecast.explain.others", others=text("forecast.explain.comma").join(others)))
    else:
        lines.append(text("forecast.explain.too_new"))
    key = "calm" if one["cusum"] < THRESHOLD / 2 else "uneasy"
    return [*lines, text(f"forecast.explain.{key}", sum=f"{one['cusum']:.1f}", threshold=f"{THRESHOLD:g}")]


def units_of(text: Text, seconds: int) -> str:
    """A horizon in minutes, hours or days."""
    for unit, length in (("days", 86_400), ("hours", 3600)):
        if seconds >= length:
            return text(f"forecast.ahead.{unit}", count=seconds // length)
    return text("forecast.ahead.minutes", count=seconds // 60)


def _key(model: str) -> str:
    return model.replace("+", "_")


def _registry(app: typer.Typer, text: Text) -> None:
    @app.command("registry", help=text("forecast.registry.help"), epilog=example(text, "registry"))
    def registry(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = url_option(text),
        series: str = typer.Option("", "--series", help=text("forecast.run.series")),
        as_json: bool = json_option(text),
    ) -> None:
        rows = with_desk(text, Where(data_dir, database_url), as_json, lambda desk: desk.registry(series or None))
        if as_json:
            work.document([row.model_dump(mode="json") for row in rows])
            return
        _changes(text, rows)


def _changes(text: Text, rows: Any) -> None:
    for row in rows:
        typer.echo(_change(text, row.model_dump(mode="json")))
    if not rows:
        typer.echo(text("forecast.nothing_changed"))


def _change(text: Text, row: dict[str, Any]) -> str:
    """A row of the registry in a line."""
    at = row["promoted_at"].replace("T", " ")[:16]
    what = text(f"forecast.what.{row['what'].replace(' ', '_')}")
    facts = {"at": at, "minutes": row["horizon_s"] // 60, "reason": row["reason"]}
    return text("forecast.changed", series=row["series"], champion=row["champion"], what=what, **facts)
