"""Feeders: does the cap hold, and who pays for it?"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import load_picture
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import kilo, load_w, roots, share
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.pages.feeder_draw import draw_card
from monitor.dashboard.web.pages.feeder_limits import limits_card
from monitor.dashboard.web.pages.overview import NEAR_CAP
from monitor.dashboard.web.parts import Chart, Kpi, card, link, markup, tag
from monitor.dashboard.web.words import layers

HEADROOM = 1.05


def mount(desk: Desk) -> None:
    """The pages at `/feeders` and `/feeders/{feeder_id}`."""

    @ui.page("/feeders", response_timeout=PATIENCE_S)
    async def feeders(request: Request) -> None:
        view = view_of(desk, request)
        with frame(view, "feeders"):
            await _build(view, "")

    @ui.page("/feeders/{feeder_id}", response_timeout=PATIENCE_S)
    async def feeder(request: Request, feeder_id: str) -> None:
        view = view_of(desk, request)
        with frame(view, "feeders", feeder_id):
            await _build(view, feeder_id)


async def _build(view: View, feeder_id: str) -> None:
    """Without a name the first at the top is shown."""
    text = view.text
    if view.hub.snapshot is None:
        await view.hub.look()
    known = view.hub.snapshot.overview["feeders"] if view.hub.snapshot else []
    tops = roots(known)
    feeder_id = feeder_id or (tops[0]["feeder_id"] if tops else "")
    if feeder_id not in {feeder["feeder_id"] for feeder in known}:
        tag("p", "empty", text("web.feeder.none" if feeder_id else "live.no_feeder", feeder=feeder_id))
        return
    plan = await view.read_or_none(f"/plans/{segment(feeder_id)}")
    with tag("div", "columns left"):
        with card(text("web.feeder.tree")):
            tree = _tree(view, known, feeder_id)
        with tag("div", "stack"):
            with tag("div", "kpis"):
                kpis = [Kpi(text(f"web.feeder.{name}"), "kW") for name in ("load", "cap", "bound", "planned")]
            with card(text("web.overview.load")):
                chart = Chart({}, text("web.overview.load"))
            draw_card(view, feeder_id)
            await limits_card(view, feeder_id)
            markup(Markup("<p>{}</p>").format(link(f"/plan?feeder={segment(feeder_id)}", text("web.feeder.to_plan"))))

    def refresh() -> None:
        snapshot = view.hub.snapshot
        if snapshot is None:
            return
        by_id = {feeder["feeder_id"]: feeder for feeder in snapshot.overview["feeders"]}
        for name, (numbers, gauge) in tree.items():
            if name in by_id:
                numbers.set_text(_numbers(by_id[name]))
                gauge.set_content(str(gauge_markup(by_id[name])))
        if feeder_id in by_id:
            _show(text, kpis, by_id[feeder_id])
            points = list(view.hub.history.points.get(feeder_id, ()))
            chart.show(load_picture(points, plan, view.theme, layers(text)))

    view.follow(refresh)


def _tree(view: View, feeders: Sequence[Json], chosen: str) -> dict[str, tuple[ui.label, ui.html]]:
    """A line with a gauge for each feeder, indented below its parent."""
    rows: dict[str, tuple[ui.label, ui.html]] = {}
    for feeder, depth in in_depth(feeders):
        name = feeder["feeder_id"]
        here = {"aria_current": "true"} if name == chosen else {}
        row = tag("a", "bar-row", href=f"/feeders/{segment(name)}", style=f"margin-left:{depth * 18}px", **here)
        with row:
            with tag("div", "bar-head"):
                tag("b", "", name)
                numbers = ui.label("").classes("quiet")
            rows[name] = numbers, markup(Markup(""))
    return rows


def in_depth(feeders: Sequence[Json]) -> list[tuple[Json, int]]:
    """Each feeder with its depth, children right below their parents."""
    below: dict[str | None, list[Json]] = {}
    for feeder in feeders:
        below.setdefault(feeder["parent_id"], []).append(feeder)
    found: list[tuple[Json, int]] = []

    def walk(feeder: Json, depth: int) -> None:
        found.append((feeder, depth))
        for child in below.get(feeder["feeder_id"], ()):
            walk(child, depth + 1)

    for top in roots(feeders):
        walk(top, 0)
    return found


def gauge_markup(feeder: Json) -> Markup:
    """Base load and charging as a bar; cap, upper bound and plan as marks on it."""
    base_w, load = float(feeder["base_w"] or 0), load_w(feeder)
    marks = {
        "cap": feeder["cap_w"],
        "bound": None if feeder["upper_bound_w"] is None else base_w + feeder["upper_bound_w"],
        "plan": None if feeder["planned_w"] is None else base_w + feeder["planned_w"],
    }
    top_w = max(load, *(value or 0.0 for value in marks.values()), 1000.0) * HEADROOM
    over = feeder["cap_w"] is not None and load > feeder["cap_w"]
    bars = Markup('<i class="{}" style="width:{:.2f}%"></i><i class="base" style="width:{:.2f}%"></i>').format(
        "over" if over else "load", 100 * load / top_w, 100 * base_w / top_w
    )
    lines = Markup("").join(
        Markup('<i class="mark {}" style="left:{:.2f}%"></i>').format(name, 100 * value / top_w)
        for name, value in marks.items()
        if value is not None
    )
    return Markup('<div class="gauge" aria-hidden="true">{}{}</div>').format(bars, lines)


def _numbers(feeder: Json) -> str:
    return f"{kilo(load_w(feeder))} / {kilo(feeder['cap_w'])} kW"


def _show(text: Text, kpis: list[Kpi], feeder: Json) -> None:
    load, cap, bound, planned = kpis
    used = share(load_w(feeder), feeder["cap_w"])
    mood = "" if used is None else "bad" if used > 1 else "warn" if used > NEAR_CAP else "good"
    load.show(kilo(load_w(feeder)), text("web.feeder.of_it", charging=kilo(feeder["metered_w"])), "")
    cap.show(kilo(feeder["cap_w"]), "" if used is None else text("web.feeder.used", share=f"{used:.0%}"), mood)
    unproven = feeder["unproven_w"]
    bound.show(kilo(feeder["upper_bound_w"]), text("web.feeder.unproven", power=kilo(unproven)) if unproven else "")
    planned.show(kilo(feeder["planned_w"]), text("web.feeder.charging_alone"))
