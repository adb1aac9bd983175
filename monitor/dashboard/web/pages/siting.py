"""Where to build: the reports that were made, maps without tiles, ranked proposals, and how good the method is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import Request
from markupsafe import Markup
from nicegui import run, ui

from csms.texts import Text
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import Kpi, card, markup, table, tag
from monitor.dashboard.web.siting import PAGE, SitingDesk
from monitor.siting.maps import Canvas, Mark, Scale, diverging, sequential

AGAIN_S = 2.0
LAYERS = ("supply", "demand", "gap")
MOODS = {"good": "good", "weak": "warn", "none": "bad"}
Json = Mapping[str, Any]


def mount(desk: Desk) -> None:
    """The page at `/siting`."""

    @ui.page("/siting", response_timeout=PATIENCE_S)
    async def siting(request: Request, report: str = "") -> None:
        view = view_of(desk, request)
        with frame(view, "siting"):
            if view.visitor.sees_all:
                await _build(view, desk.siting, report)


async def _build(view: View, siting: SitingDesk, chosen: str) -> None:
    text = view.text
    known = await run.io_bound(siting.known) or []
    if view.visitor.operates:
        _make(view, siting)
    with tag("div", "chips"):
        for name in known:
            here = {"aria_current": "true"} if name == (chosen or known[0]) else {}
            tag("a", "chip", name, href=f"/siting?report={segment(name)}", **here)
    chosen = chosen if chosen in known else next(iter(known), "")
    if not chosen:
        tag("p", "empty", text("web.siting.none"))
        return
    try:
        document = await run.io_bound(siting.read, chosen) or {}
        maps = await run.io_bound(maps_of, document, text)
    except (OSError, ValueError, KeyError) as fault:
        tag("p", "empty", text("web.unreadable", reason=str(fault)))
        return
    _show(view, chosen, document, maps or [])


def _make(view: View, siting: SitingDesk) -> None:
    """A new report on an area that lies on this machine; it takes minutes and runs beside everything else."""
    text, areas = view.text, siting.wanted()
    with card(text("web.siting.make")):
        if not areas:
            tag("p", "empty", text("web.siting.no_area"))
            return
        with tag("div", "row-line limit-form"):
            area = (
                ui.select(areas, value=areas[0], label=text("web.siting.area")).props("dense outlined").classes("short")
            )
            sites = (
                ui.number(text("web.siting.sites"), value=10, min=1, max=200).props("dense outlined").classes("short")
            )
            button = ui.button(text("web.siting.run"), color=None).props("unelevated no-caps").classes("filled")
        state = ui.label("").classes("quiet")
        seen = {"running": siting.running}

        def go() -> None:
            if not siting.begin(str(area.value), int(sites.value or 10)):
                view.say(text("web.siting.busy", area=siting.running or str(area.value)), bad=True)
            look()

        def look() -> None:
            button.set_enabled(not siting.running)
            if siting.running:
                state.set_text(text("web.siting.running", area=siting.running))
            elif siting.fault:
                state.set_text(text("web.siting.failed", reason=siting.fault))
            elif seen["running"]:
                ui.navigate.to(f"/siting?report={segment(seen['running'])}")
            seen["running"] = siting.running

        button.on_click(go)
        ui.timer(AGAIN_S, look)


def _show(view: View, name: str, document: Json, maps: list[tuple[str, Markup]]) -> None:
    text = view.text
    verdict, choice = document["skill"]["verdict"], document["choice"]
    markup(
        Markup('<p><b class="mood-{}">{}</b></p>').format(MOODS.get(verdict, "warn"), text(f"siting.verdict.{verdict}"))
    )
    with tag("div", "kpis"):
        Kpi(text("web.siting.of_sites")).show(f"{document['data']['sites']:,}", document["area"])
        Kpi(text("web.siting.candidates")).show(f"{choice['candidates']:,}")
        Kpi(text("web.siting.chosen")).show(f"{choice['chosen']:,}")
        Kpi(text("web.siting.reached")).show(f"{choice['reached']:.0%}")
    with tag("div", "thirds"):
        for layer, drawn in maps:
            with card(text(f"siting.report.map.{layer}")):
                markup(drawn)
    with card(text("siting.report.proposals")):
        markup(proposals_markup(text, document))
        tag("a", "", text("web.siting.page"), href=f"/export/siting/{segment(name)}/{PAGE}", target="_blank")


def proposals_markup(text: Text, document: Json) -> Markup:
    """Proposals in their order, each with its interval: what it would sell a day, and how sure it is among the best."""
    rows = [
        {
            "number": one["number"],
            "place": f"{one['latitude']:.4f}, {one['longitude']:.4f}",
            "energy": f"{one['median_kwh']:,.0f} ({one['low_kwh']:,.0f} – {one['high_kwh']:,.0f})",
            "chance": f"{one['chance']:.0%}",
            "top": f"{one['chance_of_top']:.1%}",
            "size": f"{one['size']['plugs']} × {one['size']['power_kw']:g} kW {str(one['kind']['name']).upper()}",
        }
        for one in document["proposals"]
    ]
    columns = [
        ("#number", text("web.sessions.number")),
        ("place", text("siting.report.column.place")),
        ("#energy", text("siting.report.column.energy")),
        ("#chance", text("siting.report.column.chance")),
        ("#top", text("siting.report.column.top", count=document["wishes"]["sites"])),
        ("size", text("siting.report.column.size")),
    ]
    return table(columns, rows, text("web.siting.no_proposal"))


def maps_of(document: Json, text: Text) -> list[tuple[str, Markup]]:
    """Supply, demand and their difference, on scales that can be compared; proposals on the difference."""
    cells = document["market"]["cells"]
    if not cells:
        return []
    columns = {name: np.array([cell[f"{name}_kwh"] for cell in cells]) for name in LAYERS}
    canvas = Canvas([cell["cell"] for cell in cells])
    shared, gap = sequential(columns["supply"], columns["demand"]), diverging(columns["gap"])
    picks = [Mark(one["longitude"], one["latitude"], str(one["number"])) for one in document["proposals"]]
    return [
        (
            name,
            _map(canvas, columns[name], gap if name == "gap" else shared, picks if name == "gap" else [], text, name),
        )
        for name in LAYERS
    ]


def _map(canvas: Canvas, values: Any, scale: Scale, marks: list[Mark], text: Text, name: str) -> Markup:
    title = str(Markup.escape(text(f"siting.report.map.{name}")))
    return Markup(canvas.draw(values, scale, marks, title))  # noqa: S704 drawn by us from numbers, its title is escaped
