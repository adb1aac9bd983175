"""Is everything fine, and what needs me?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Event, Json, Snapshot
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import load_picture
from monitor.dashboard.web.comb import Comb, comb_cells
from monitor.dashboard.web.day_chart import day_picture
from monitor.dashboard.web.desk import Desk, View, view_of
from monitor.dashboard.web.figures import (
    NOTHING,
    family_counts,
    kilo,
    load_w,
    local_time,
    roots,
    share,
)
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.pages.sites_card import SitesCard
from monitor.dashboard.web.palette import FAMILIES
from monitor.dashboard.web.parts import Chart, Kpi, card, markup, state_mark, tag
from monitor.dashboard.web.visitors import home_of
from monitor.dashboard.web.words import alert_words, layers
from monitor.warehouse.carbon import FactorMissing, avoided

NEAR_CAP = 0.95
ALARMS_SHOWN = 12
EVENTS_SHOWN = 12


def mount(desk: Desk) -> None:
    """The page at `/`."""

    @ui.page("/")
    def overview(request: Request) -> None:
        view = view_of(desk, request)
        with frame(view, "overview"):
            if view.visitor.sees_all:
                _build(view)
            else:
                ui.navigate.to(home_of(view.visitor))


def _build(view: View) -> None:
    with tag("div", "kpis"):
        kpis = make_kpis(view.text)
    with tag("div", "columns"):
        with tag("div", "stack"):
            sites = SitesCard(view)
            with card(view.text("web.overview.connectors")):
                comb, counts = Comb(), markup(Markup(""), "counts")
            with card(view.text("web.overview.events")):
                events = markup(Markup(""))
        with tag("div", "stack"):
            with card(view.text("web.overview.load")):
                chart = Chart({}, view.text("web.overview.load"))
                empty = tag("p", "empty", view.text("web.waiting"))
            attention = card(view.text("web.overview.attention"))
            attention.props["id"] = "alarms"
            with attention:
                alarms = markup(Markup(""))

    def refresh() -> None:
        snapshot = view.hub.snapshot
        empty.set_visibility(snapshot is None)
        if snapshot is None:
            return
        show_kpis(view, kpis, snapshot)
        sites.show(snapshot)
        comb.show(view.hub.shared("comb", lambda: comb_cells(snapshot.stations)))
        counts.set_content(view.shared("counts", lambda: str(counts_markup(view.text, snapshot))))
        chart.show(view.shared("load", lambda: load_options(view)))
        latest = list(view.hub.history.events)[:EVENTS_SHOWN]
        events.set_content(view.shared("events", lambda: str(events_markup(view.text, latest, snapshot))))
        alarms.set_content(view.shared("alarms", lambda: str(attention_markup(view.text, view.hub.alerts, snapshot))))

    view.follow(refresh)


def make_kpis(text: Text) -> dict[str, Kpi]:
    """The figures of the first line."""
    return {
        "power": Kpi(text("web.kpi.power"), "kW", "/feeders"),
        "energy": Kpi(text("web.kpi.energy"), "kWh", "/sessions"),
        "sessions": Kpi(text("web.kpi.sessions"), "", "/sessions?status=open"),
        "stations": Kpi(text("web.kpi.stations"), "", "/stations"),
        "available": Kpi(text("web.kpi.available"), "", "/stations?state=available"),
        "carbon": Kpi(text("web.kpi.carbon"), "kg"),
        "province": Kpi(text("web.kpi.province"), "", "/province"),
    }


def show_kpis(view: View, kpis: dict[str, Kpi], snapshot: Snapshot) -> None:
    """Fill them."""
    text, overview = view.text, snapshot.overview
    tops = roots(overview["feeders"])
    used = max((share(load_w(f), f["cap_w"]) or 0.0 for f in overview["feeders"]), default=0.0)
    cap_w = sum(feeder["cap_w"] or 0 for feeder in tops)
    mood = "bad" if used > 1 else "warn" if used > NEAR_CAP else ""
    kpis["power"].show(kilo(sum(map(load_w, tops))), text("web.kpi.of_cap", cap=kilo(cap_w)), mood)
    kpis["energy"].show(
        kilo(overview["energy_today_wh"]), text("web.kpi.energy_all", energy=kilo(overview["energy_wh"]))
    )
    kpis["sessions"].show(str(overview["sessions"]["open"]), text("web.kpi.ended", count=overview["sessions"]["ended"]))
    online, total = overview["stations"]["online"], overview["stations"]["total"]
    away = total - online
    kpis["stations"].show(
        f"{online} / {total}",
        text("web.kpi.offline", count=away) if away else text("web.kpi.all_online"),
        "warn" if away else "good",
    )
    counts = view.hub.shared("families", lambda: family_counts(snapshot.stations))
    broken = counts["faulted"]
    kpis["available"].show(
        f"{counts['available']} / {counts.total()}",
        text("web.kpi.faulted", count=broken) if broken else text("web.kpi.no_fault"),
        "bad" if broken else "good",
    )
    kpis["carbon"].show(*_carbon(text, overview["energy_today_wh"], view.hub.sites, snapshot))
    kpis["province"].show(*_province(text, view.hub.province))


def _carbon(text: Text, energy_wh: float, sites: Sequence[Json], snapshot: Snapshot) -> tuple[str, str, str]:
    """What charging avoids against fuel cars, with its range: an estimate (T/CSAE 235), never one bare number."""
    area = next((site["area_code"] for site in sites if site["area_code"]), "")
    try:
        saved = avoided(energy_wh / 1000, area, snapshot.time.year)
    except FactorMissing:
        return NOTHING, text("web.kpi.no_factor"), ""
    note = text(
        "web.kpi.carbon_range", low=f"{saved.low_kg:,.1f}", high=f"{saved.high_kg:,.1f}", year=saved.factor.year
    )
    return f"{saved.likely_kg:,.1f}", note, ""


def _province(text: Text, partners: Sequence[Json]) -> tuple[str, str, str]:
    """Is everything sent and accepted?"""
    if not partners:
        return "–", text("web.kpi.no_partner"), ""
    waiting = sum(p["queued"] + p["retry"] + p["sent"] for p in partners)
    dead = sum(p["dead"] for p in partners)
    held = [p for p in partners if p["paused"] or p["barred"] or p["unreachable"]]
    if dead:
        return str(dead), text("web.kpi.dead"), "bad"
    if held:
        return str(waiting), text("web.kpi.held", partner=held[0]["partner"]), "warn"
    return str(waiting), text("web.kpi.waiting") if waiting else text("web.kpi.all_sent"), "" if waiting else "good"


def counts_markup(text: Text, snapshot: Snapshot) -> Markup:
    """How many are in each state; without a station, what to do next."""
    counts = family_counts(snapshot.stations)
    if not counts:
        return Markup("<span>{} <code>csms station add</code></span>").format(text("live.no_station"))
    return Markup("").join(
        Markup("<span>{} {}</span>").format(state_mark(text, family), counts[family])
        for family in FAMILIES
        if counts[family]
    )


def events_markup(text: Text, events: Sequence[Event], snapshot: Snapshot) -> Markup:
    """What changed last, newest first."""
    row = Markup('<div class="event"><span class="quiet">{}</span><b>{}</b><span>{}</span></div>')
    rows = [
        row.format(
            local_time(event.time, snapshot.time),
            event.subject,
            text(f"live.event.{event.kind}", value=kilo(event.value)),
        )
        for event in events
    ]
    return Markup("").join(rows) or Markup('<p class="empty">{}</p>').format(text("live.no_event"))


def load_options(view: View) -> dict[str, Any]:
    """The day of the feeder at the top that has the largest cap; before it is known, what was seen of it."""
    hub = view.hub
    points = list(hub.history.points.get(hub.top, ()))
    if hub.day is None:
        return load_picture(points, None, view.theme, layers(view.text))
    return day_picture(hub.day, hub.plan, points, view.theme, layers(view.text), hub.said)


def attention_markup(text: Text, alerts: Sequence[Json], snapshot: Snapshot) -> Markup:
    """Caps at risk first, since they cost most, then what was raised, newest first."""
    rows = [*_caps_at_risk(text, snapshot), *(_alarm(text, alert, snapshot) for alert in alerts)]
    if not rows:
        return Markup('<p class="empty">{}</p>').format(text("web.overview.calm"))
    more = len(rows) - ALARMS_SHOWN
    tail = Markup('<p class="empty">{}</p>').format(text("web.overview.more", count=more)) if more > 0 else Markup("")
    return Markup("").join(rows[:ALARMS_SHOWN]) + tail


def _caps_at_risk(text: Text, snapshot: Snapshot) -> list[Markup]:
    rows = []
    for feeder in snapshot.overview["feeders"]:
        used = share(load_w(feeder), feeder["cap_w"])
        if used is not None and used > NEAR_CAP:
            words = text("web.overview.over" if used > 1 else "web.overview.near", share=f"{used:.0%}")
            detail = f"{kilo(load_w(feeder))} / {kilo(feeder['cap_w'])} kW"
            rows.append(_row(f"/feeders/{segment(feeder['feeder_id'])}", feeder["feeder_id"], words, detail, ""))
    return rows


def _alarm(text: Text, alert: Json, snapshot: Snapshot) -> Markup:
    station = alert["station_id"]
    href = f"/stations/{segment(station)}" if station else ""
    times = f" ×{alert['count']}" if alert["count"] > 1 else ""
    return _row(
        href, station, alert_words(text, alert) + times, alert["info"], local_time(alert["last_at"], snapshot.time)
    )


def _row(href: str, subject: str, words: str, detail: str, time: str) -> Markup:
    name = Markup('<a href="{}"><b>{}</b></a>').format(href, subject) if href else Markup("<b>{}</b>").format(subject)
    return Markup(
        '<div class="alarm">{}<span>{} <span class="quiet">{}</span></span><span class="quiet">{}</span></div>'
    ).format(name, words, detail, time)
