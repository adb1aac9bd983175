"""Forecasts: what is said with its band against what came, accuracy, who is in office and since when, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.model.errors import CsmsError
from csms.texts import Text, entries
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import forecast_picture
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.foresight import ForecastReading, unease
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import Chart, Kpi, card, markup, table, tag
from monitor.forecast.desk import ForecastDesk
from monitor.forecast.reading import NothingKnown
from monitor.store.forecast import ForecastModel, ForecastStanding

WEEK = timedelta(days=7)
WHOLE = "total"
SERIES_SHOWN, ROWS_SHOWN = 40, 60
UNEASY = 0.5


def mount(desk: Desk) -> None:
    """The page at `/forecast`."""

    @ui.page("/forecast", response_timeout=PATIENCE_S)
    async def forecast(request: Request, series: str = WHOLE) -> None:
        view = view_of(desk, request)
        with frame(view, "forecast"):
            if not view.visitor.sees_all:
                return
            try:
                async with desk.beside.forecasts() as found:
                    if found is None:
                        tag("p", "empty", view.text("web.forecast.none"))
                        return
                    await _build(view, *found, series)
            except (CsmsError, OSError, ValueError) as fault:
                tag("p", "empty", view.text("web.unreadable", reason=str(fault)))


async def _build(view: View, desk: ForecastDesk, reading: ForecastReading, series: str) -> None:
    text, now = view.text, view.desk.beside.clock.now()
    champions = await reading.champions()
    names = list(dict.fromkeys(row.series for row in champions))
    series = series if series in names else (WHOLE if WHOLE in names else next(iter(names), ""))
    if not series:
        tag("p", "empty", text("web.forecast.none"))
        return
    _chips(names, series)
    try:
        scores = await desk.score(now - WEEK, now)
        curve = await reading.curve(series, now)
    except NothingKnown:
        tag("p", "empty", text("web.forecast.none"))
        return
    mine = [row for row in champions if row.series == series]
    with tag("div", "kpis"):
        _kpis(text, scores.get(series, {}), mine)
    with card(text("web.forecast.curve", series=series)):
        words = {name: text(f"web.forecast.{name}") for name in ("came", "said", "band")}
        Chart(forecast_picture(curve, now, view.theme, words), text("web.forecast.curve", series=series))
    with tag("div", "columns even"):
        with card(text("web.forecast.champions")):
            markup(champions_markup(text, mine))
        with card(text("web.forecast.accuracy")):
            tag("p", "quiet", text("web.forecast.accuracy_means"))
            markup(scores_markup(text, scores))
    with card(text("web.forecast.changes")):
        markup(changes_markup(text, await reading.changes()))


def _chips(names: Sequence[str], series: str) -> None:
    with tag("div", "chips"):
        for name in names[:SERIES_SHOWN]:
            here = {"aria_current": "true"} if name == series else {}
            tag("a", "chip", name, href=f"/forecast?series={segment(name)}", **here)


def _kpis(text: Text, score: Mapping[str, float], mine: Sequence[ForecastStanding]) -> None:
    Kpi(text("web.forecast.mae"), "kWh").show(figure(score.get("MAE")), text("web.forecast.of_week"))
    Kpi(text("web.forecast.rmse"), "kWh").show(figure(score.get("RMSE")), text("web.forecast.of_week"))
    held = score.get("coverage")
    mood = "" if held is None else "good" if 0.85 <= held <= 0.97 else "warn"
    Kpi(text("web.forecast.coverage")).show("–" if held is None else f"{held:.0%}", text("web.forecast.wanted"), mood)
    worst = max((unease(row) for row in mine), default=0.0)
    mood = "bad" if worst > 1 else "warn" if worst > UNEASY else "good"
    Kpi(text("web.forecast.drift")).show(f"{worst:.0%}", text("web.forecast.drift_means"), mood)


def figure(value: float | None) -> str:
    """Three digits; a dash for nothing."""
    return "–" if value is None else f"{value:.3g}"


def champions_markup(text: Text, rows: Sequence[ForecastStanding]) -> Markup:
    """Who forecasts so far ahead, since when it has learned, and how uneasy it is."""
    shown = [
        {
            "ahead": ahead_words(text, row.horizon_s),
            "model": model_words(text, str(row.document.get("champion", ""))),
            "days": row.document.get("learned_days", ""),
            "drift": f"{unease(row):.0%}",
        }
        for row in rows
    ]
    names = ("ahead", "model", "#days", "#drift")
    return table([(name, text(f"web.forecast.{name.lstrip('#')}")) for name in names], shown, text("web.none"))


def scores_markup(text: Text, scores: Mapping[str, Mapping[str, float]]) -> Markup:
    """Accuracy of every series in the week that is over."""
    rows = [
        {
            "series": name,
            "mae": figure(found.get("MAE")),
            "rmse": figure(found.get("RMSE")),
            "held": f"{found['coverage']:.0%}" if "coverage" in found else "–",
        }
        for name, found in list(scores.items())[:ROWS_SHOWN]
    ]
    columns = [
        ("series", text("web.forecast.series")),
        ("#mae", text("web.forecast.mae")),
        ("#rmse", text("web.forecast.rmse")),
        ("#held", text("web.forecast.coverage")),
    ]
    return table(columns, rows, text("web.forecast.no_score"))


def changes_markup(text: Text, rows: Sequence[ForecastModel]) -> Markup:
    """What came into office and why, newest first."""
    shown = [
        {
            "at": f"{row.promoted_at.astimezone():%Y-%m-%d %H:%M}",
            "series": row.series,
            "ahead": ahead_words(text, row.horizon_s),
            "model": model_words(text, row.champion),
            "what": text(f"forecast.what.{row.what.replace(' ', '_')}"),
            "reason": row.reason,
        }
        for row in rows
    ]
    columns = [(name, text(f"web.forecast.{name}")) for name in ("at", "series", "ahead", "model", "what", "reason")]
    return table(columns, shown, text("web.forecast.no_change"))


def ahead_words(text: Text, seconds: int) -> str:
    """A horizon in minutes, hours or days."""
    for unit, length in (("days", 86_400), ("hours", 3600)):
        if seconds >= length:
            return text(f"forecast.ahead.{unit}", count=seconds // length)
    return text("forecast.ahead.minutes", count=seconds // 60)


def model_words(text: Text, model: str) -> str:
    """A model in short; one that has no words here by its name."""
    key = f"forecast.short.{model.replace('+', '_')}"
    return text(key) if key in entries() else model
