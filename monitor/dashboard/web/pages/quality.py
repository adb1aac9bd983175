"""Data quality of operators, as the supervising platform judges it: scores, defects, hours, alarms, appeal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.model.errors import CsmsError
from csms.texts import Text, entries
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import ask_back
from monitor.dashboard.web.beside import Platform
from monitor.dashboard.web.charts import bars, radar
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import NOTHING, local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import Chart, Kpi, card, markup, table, tag
from monitor.quality.score import WEIGHTS
from monitor.store.quality import AlarmRow, DayRow

DAYS_SHOWN, DEFECTS_SHOWN, SAMPLES_SHOWN = 30, 12, 20
HOURS_BACK = timedelta(hours=24)
Json = Mapping[str, Any]


def mount(desk: Desk) -> None:
    """The page at `/quality`."""

    @ui.page("/quality", response_timeout=PATIENCE_S)
    async def quality(request: Request, operator: str = "", day: str = "") -> None:
        view = view_of(desk, request)
        with frame(view, "quality"):
            if not view.visitor.sees_all:
                return
            try:
                platform = await desk.beside.platform()
                if platform is None:
                    tag("p", "empty", view.text("web.quality.no_platform"))
                    return
                await _build(view, platform, operator, day)
            except (CsmsError, OSError, ValueError) as fault:
                tag("p", "empty", view.text("web.unreadable", reason=str(fault)))


async def _build(view: View, platform: Platform, operator: str, day: str) -> None:
    text = view.text
    known = sorted({*platform.quality.operators, *await platform.store.evidence.operators()})
    if not known:
        tag("p", "empty", text("web.quality.no_operator"))
        return
    operator = operator if operator in known else known[0]
    with tag("div", "chips"):
        for name in known:
            here = {"aria_current": "true"} if name == operator else {}
            tag("a", "chip", name, href=f"/quality?operator={segment(name)}", **here)
    rows = await platform.store.quality.days(operator, newest=DAYS_SHOWN)
    alarms = [a for a in await platform.store.quality.alarms() if a.operator_id == operator]
    judged = {row.day: row for row in rows}
    row = judged.get(day) or (rows[0] if rows else None)
    document = _document(row) if row is not None else None
    _kpis(text, row, document, alarms)
    if row is not None and document is not None:
        _judgement(view, platform, operator, row, document, rows)
    await _hours(view, platform, operator)
    with card(text("web.quality.alarms")):
        _alarms(view, platform, alarms)


def _document(row: DayRow) -> Json:
    from monitor.quality.service import published

    return published(row.document)


def _kpis(text: Text, row: DayRow | None, document: Json | None, alarms: Sequence[AlarmRow]) -> None:
    with tag("div", "kpis"):
        score = document["score"] if document else {"total": None, "grade": ""}
        moods = {"A": "good", "B": "good", "C": "warn", "D": "bad"}
        day = row.day if row else text("web.quality.not_judged")
        Kpi(text("web.quality.score")).show(score["total"] or NOTHING, day)
        Kpi(text("web.quality.grade")).show(score["grade"] or NOTHING, "", moods.get(str(score["grade"]), ""))
        count = document["finding_count"] if document else 0
        Kpi(text("web.quality.findings")).show(f"{count:,}", text("web.quality.of_the_day"))
        Kpi(text("web.quality.alarms")).show(
            str(len(alarms)), text("web.quality.open"), "bad" if any(a.level > 1 for a in alarms) else ""
        )


def _judgement(
    view: View, platform: Platform, operator: str, row: DayRow, document: Json, rows: Sequence[DayRow]
) -> None:
    text = view.text
    with tag("div", "columns even"):
        with card(text("web.quality.dimensions")):
            values = [(text(f"quality.dimension.{name}"), document["score"]["dimensions"][name]) for name in WEIGHTS]
            Chart(
                radar([(name, float(value or 0)) for name, value in values], view.theme), text("web.quality.dimensions")
            )
            markup(dimensions_markup(text, document))
        with tag("div", "stack"):
            with card(text("web.quality.trend")):
                _trend(view, operator, rows)
            with card(text("web.quality.appeal")):
                tag("p", "quiet", text("web.quality.appeal_means"))
                _appeal(view, platform, operator, row.day)
                href = f"/export/quality.html?operator={segment(operator)}&day={segment(row.day)}"
                tag("a", "", text("web.quality.page"), href=href, target="_blank")
    with card(text("web.quality.defects")):
        markup(defects_markup(text, document))
    with card(text("web.quality.samples")):
        markup(samples_markup(text, document))


def dimensions_markup(text: Text, document: Json) -> Markup:
    """The six dimensions with their weights."""
    rows = [
        {
            "name": text(f"quality.dimension.{name}"),
            "weight": f"{weight} %",
            "value": document["score"]["dimensions"][name] or NOTHING,
        }
        for name, weight in WEIGHTS.items()
    ]
    names = ("name", "#weight", "#value")
    return table([(name, text(f"web.quality.{name.lstrip('#')}")) for name in names], rows, text("web.none"))


def _trend(view: View, operator: str, rows: Sequence[DayRow]) -> None:
    text = view.text
    totals = [(row.day, _document(row)["score"]["total"]) for row in reversed(rows)]
    options = bars([(day[5:], float(total or 0)) for day, total in totals], view.theme)
    options["yAxis"] |= {"name": "", "min": 0, "max": 100}
    Chart(options, text("web.quality.trend"), "chart low")
    with tag("div", "chips"):
        for day, _ in totals[-7:]:
            tag("a", "chip", day, href=f"/quality?operator={segment(operator)}&day={segment(day)}")


def defects_markup(text: Text, document: Json) -> Markup:
    """The rules that failed most often, of how many that were looked at."""
    failed = sorted(
        ((bad, name, made) for name, (bad, made) in document["checks"].items() if bad),
        key=lambda one: (-one[0], one[1]),
    )
    rows = [
        {
            "rule": check_words(text, name),
            "bad": f"{bad:,}",
            "made": f"{made:,}",
            "share": f"{bad / made:.1%}" if made else "",
        }
        for bad, name, made in failed[:DEFECTS_SHOWN]
    ]
    names = ("rule", "#bad", "#made", "#share")
    columns = [(name, text(f"web.quality.{name.lstrip('#')}")) for name in names]
    return table(columns, rows, text("web.quality.no_defect"))


def samples_markup(text: Text, document: Json) -> Markup:
    """Findings one by one; of each rule some, so that one that fails always does not hide the others."""
    shown: list[Sequence[str]] = []
    seen: Counter[str] = Counter()
    for finding in document["findings"]:
        seen[finding[0]] += 1
        if seen[finding[0]] <= 3:
            shown.append(finding)
    rows = [
        {"rule": check_words(text, check), "subject": subject, "at": at[:16].replace("T", " "), "detail": detail}
        for check, subject, at, detail in shown[:SAMPLES_SHOWN]
    ]
    columns = [(name, text(f"web.quality.{name}")) for name in ("rule", "subject", "at", "detail")]
    return table(columns, rows, text("web.quality.no_defect"))


def check_words(text: Text, name: str) -> str:
    """A rule in words; one that is not known here by its name."""
    key = f"quality.check.{name}"
    return text(key) if key in entries() else name


def _appeal(view: View, platform: Platform, operator: str, day: str) -> None:
    """Judges the day anew from what was stored then; whoever sees the score may see that it is right."""
    text = view.text
    verdict = ui.label("").classes("quiet")

    async def again() -> None:
        try:
            same, _, _ = await platform.quality.recompute(operator, day)
        except (CsmsError, OSError, ValueError) as fault:
            verdict.set_text(text("web.quality.cannot_appeal", reason=str(fault)))
            return
        verdict.set_text(text("web.quality.same" if same else "web.quality.differs", day=day))

    ui.button(text("web.quality.recompute"), on_click=again).props("outline no-caps dense padding='4px 12px'")


async def _hours(view: View, platform: Platform, operator: str) -> None:
    text = view.text
    end = platform.quality.clock.now()
    hours = await platform.store.quality.hours(operator, end - HOURS_BACK, end)
    with card(text("web.quality.hours")):
        tag("p", "quiet", text("web.quality.hours_mean"))
        markup(heat_markup(text, hours))


def heat_markup(text: Text, hours: Sequence[Json]) -> Markup:
    """Interface by hour: the share of its calls that were accepted, with a tone as dark as it is bad."""
    if not hours:
        return Markup('<p class="empty">{}</p>').format(text("web.quality.no_hours"))
    columns = sorted({hour["hour"] for hour in hours})
    by_place = {(hour["interface"], hour["hour"]): hour for hour in hours}
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(hour[11:13]) for hour in columns)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            interface, Markup("").join(_heat_cell(by_place.get((interface, hour))) for hour in columns)
        )
        for interface in sorted({hour["interface"] for hour in hours})
    )
    return Markup(
        '<div class="scroll" tabindex="0"><table class="heat"><thead><tr><th scope="col">{}</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(text("web.quality.interface"), head, body)


def _heat_cell(hour: Json | None) -> Markup:
    if hour is None or not hour["calls"]:
        return Markup("<td></td>")
    share = hour["ok"] / hour["calls"]
    kind = "well" if share >= 0.99 else "fair" if share >= 0.95 else "bad"
    p95 = f"{hour['p95_us'] / 1000:.0f} ms" if hour.get("p95_us") is not None else ""
    return Markup('<td class="{}" title="{} / {} · {}">{:.0f}</td>').format(
        kind, hour["ok"], hour["calls"], p95, 100 * share
    )


def _alarms(view: View, platform: Platform, alarms: Sequence[AlarmRow]) -> None:
    text, now = view.text, platform.quality.clock.now()
    if not alarms:
        tag("p", "empty", text("quality.no_alarms"))
    for alarm in alarms:
        with tag("div", "row-line limit"):
            words = " ".join(filter(None, (text(f"quality.alarm.{alarm.name}"), alarm.subject)))
            since = local_time(alarm.raised_at, now)
            markup(
                Markup('<span><b class="mood-bad">{}</b> {}<br><span class="quiet">{} · {}</span></span>').format(
                    "!" * alarm.level, words, since, alarm.detail
                )
            )
            tag("div", "gap")
            if alarm.acknowledged_at is not None:
                tag("span", "quiet", text("web.quality.acknowledged", by=alarm.acknowledged_by))
            elif view.visitor.operates:
                _acknowledge(view, platform, alarm)


def _acknowledge(view: View, platform: Platform, alarm: AlarmRow) -> None:
    text = view.text

    async def go() -> None:
        done = await platform.store.quality.acknowledge(alarm.id or 0, view.visitor.name, platform.quality.clock.now())
        view.say(
            text("quality.acknowledged", alarm=alarm.id) if done else text("quality.no_alarm", alarm=alarm.id),
            bad=not done,
        )

    verb = text("web.quality.acknowledge")
    ask = lambda: ask_back(text, text("web.quality.acknowledge_really"), verb, go)  # noqa: E731 - a button's one word
    ui.button(verb, on_click=ask).props("outline no-caps dense padding='4px 12px'")
