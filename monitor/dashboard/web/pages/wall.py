"""The wall screen: readable from five metres, dark, no controls; it goes on by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from monitor.dashboard.history import Json, Snapshot
from monitor.dashboard.web.charts import enlarged, state_ring
from monitor.dashboard.web.desk import Desk, View, view_of
from monitor.dashboard.web.figures import family_counts, kilo, load_w, share
from monitor.dashboard.web.frame import prepare
from monitor.dashboard.web.pages.feeders import gauge_markup
from monitor.dashboard.web.pages.overview import (
    attention_markup,
    counts_markup,
    events_markup,
    load_options,
    make_kpis,
    show_kpis,
)
from monitor.dashboard.web.pages.sites_card import SitesCard
from monitor.dashboard.web.palette import DARK, FAMILIES
from monitor.dashboard.web.parts import Chart, card, markup, tag

FEEDERS_SHOWN, EVENTS_SHOWN = 8, 9
FONT_PX = 18


def mount(desk: Desk) -> None:
    """The page at `/wall`, for who sees everything."""

    @ui.page("/wall", dark=True)
    def wall(request: Request) -> None:
        view = view_of(desk, request)
        dark = View(view.desk, view.visitor, view.client, view.text, DARK)
        prepare(dark, view.text("web.place.wall"), dark=True)
        with tag("main", "wall"):
            if view.visitor.sees_all:
                _build(dark)


def _build(view: View) -> None:
    text = view.text
    with tag("header", "wall-head"):
        tag("h1", "", text("web.wall.title"))
        clock = ui.label("").classes("wall-clock")
    with tag("div", "kpis"):
        kpis = make_kpis(text)
    with tag("div", "wall-grid"):
        sites = SitesCard(view)
        with card(text("web.overview.connectors")):
            ring = Chart({}, text("web.overview.connectors"), "chart ring")
            counts = markup(Markup(""), "counts")
        with card(text("web.overview.load")) as load_card:
            load = Chart({}, text("web.overview.load"), "chart tall")
        with card(text("web.wall.risk")):
            feeders = markup(Markup(""))
        with card(text("web.overview.attention")):
            alarms = markup(Markup(""))
        with card(text("web.overview.events")):
            events = markup(Markup(""))

    def refresh() -> None:
        snapshot = view.hub.snapshot
        if snapshot is None:
            return
        clock.set_text(f"{snapshot.time.astimezone():%Y-%m-%d %H:%M}")
        show_kpis(view, kpis, snapshot)
        sites.show(snapshot)
        load_card.classes(remove="wide") if sites.placed else load_card.classes(add="wide")
        ring.show(_ring(view, snapshot))
        counts.set_content(str(counts_markup(text, snapshot)))
        load.show(enlarged(load_options(view), FONT_PX))
        feeders.set_content(str(feeders_markup(snapshot.overview["feeders"])))
        alarms.set_content(str(attention_markup(text, view.hub.alerts, snapshot)))
        latest = list(view.hub.history.events)[:EVENTS_SHOWN]
        events.set_content(str(events_markup(text, latest, snapshot)))

    view.follow(refresh)


def _ring(view: View, snapshot: Snapshot) -> dict[str, Any]:
    counts = family_counts(snapshot.stations)
    return state_ring([(view.text(f"live.state.{name}"), name, counts[name]) for name in FAMILIES], view.theme)


def feeders_markup(feeders: Sequence[Json]) -> Markup:
    """Those closest to their cap first."""
    ranked = sorted(feeders, key=lambda one: -(share(load_w(one), one["cap_w"]) or 0.0))
    row = Markup('<div class="bar-row"><div class="bar-head"><b>{}</b><span>{} / {} kW</span></div>{}</div>')
    rows = [
        row.format(one["feeder_id"], kilo(load_w(one)), kilo(one["cap_w"]), gauge_markup(one))
        for one in ranked[:FEEDERS_SHOWN]
    ]
    return Markup("").join(rows)
