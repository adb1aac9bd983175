"""The plan: why does this car charge then?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import plan_picture
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import Chart, Kpi, card, link, markup, table, tag
from monitor.dashboard.web.words import layers, said


def mount(desk: Desk) -> None:
    """The page at `/plan`."""

    @ui.page("/plan", response_timeout=PATIENCE_S)
    async def plan(request: Request, feeder: str = "") -> None:
        view = view_of(desk, request)
        with frame(view, "plan"):
            await _build(view, feeder)


async def _build(view: View, chosen: str) -> None:
    text = view.text
    if view.hub.snapshot is None:
        await view.hub.look()
    feeders = [one["feeder_id"] for one in view.hub.snapshot.overview["feeders"]] if view.hub.snapshot else []
    chosen = chosen or (feeders[0] if feeders else "")
    with tag("div", "chips"):
        for name in feeders:
            here = {"aria_current": "true"} if name == chosen else {}
            tag("a", "chip", name, href=f"/plan?feeder={segment(name)}", **here)
    plan = await view.read_or_none(f"/plans/{segment(chosen)}") if chosen else None
    if plan is None or not plan["content"].get("cap_kw"):
        tag("p", "empty", text("live.no_plan"))
        return
    now = view.hub.snapshot.time if view.hub.snapshot else moment(plan["made_at"])
    with tag("div", "kpis"):
        _kpis(text, plan, now)
    with card(text("web.plan.day")):
        Chart(plan_picture(plan, view.theme, layers(text)), text("web.plan.day"))
    with card(text("web.plan.cars")):
        markup(cars_markup(text, plan, now))
    with card(text("web.plan.shortfalls")):
        markup(_shortfalls(text, plan))


def _kpis(text: Text, plan: Json, now: datetime) -> None:
    Kpi(text("web.plan.made")).show(local_time(plan["made_at"], now), text("web.plan.cause", cause=_causes(text, plan)))
    Kpi(text("web.plan.gap")).show(f"{plan['gap']:.1e}", text("web.plan.gap_means"))
    Kpi(text("web.plan.method")).show(f"{plan['solve_s']:.3f} s", plan["method"])
    energy = sum(one.get("remaining_kwh", 0.0) for one in plan["content"]["sessions"])
    Kpi(text("web.plan.wanted"), "kWh").show(
        f"{energy:,.1f}", text("web.plan.by_cars", count=len(plan["content"]["sessions"]))
    )


def _causes(text: Text, plan: Json) -> str:
    return ", ".join(said(text, "cause", one) for one in str(plan["cause"]).split(", "))


def cars_markup(text: Text, plan: Json, now: datetime) -> Markup:
    """A row for each car: its window as an outline, filled by how much of its power it needs all the time."""
    content = plan["content"]
    slots = len(content["cap_kw"])
    rows = [_car(one, slots, plan, now) for one in sorted(content["sessions"], key=_laxity)]
    columns = [
        ("evse", text("web.drill.car")),
        ("#remaining", text("web.plan.remaining")),
        ("leaves", text("web.plan.leaves")),
        ("#planned", text("web.plan.planned")),
        ("#limit", text("web.plan.limit")),
        ("window", text("web.plan.window")),
    ]
    return table(columns, rows, text("web.plan.no_cars"))


def _laxity(one: Json) -> tuple[bool, float]:
    """Hours to spare if it charged at full power from now on; who has least stands first, who wants nothing last."""
    hours, wanted_kwh = float(one.get("departure_slot", 0)) * 0.25, float(one.get("remaining_kwh", 0.0))
    power_kw = float(one.get("power_max_kw") or 0.0)
    return wanted_kwh <= 0, hours - wanted_kwh / power_kw if power_kw else hours


def _car(one: Json, slots: int, plan: Json, now: datetime) -> dict[str, Any]:
    station = one["evse"].rpartition("/")[0]
    begin, end = one.get("arrival_slot", 0), max(one.get("departure_slot", slots), one.get("arrival_slot", 0) + 1)
    hours = (end - begin) * plan["content"].get("slot_h", 0.25)
    power_kw = float(one.get("power_max_kw") or 0.0)
    need = min(1.0, one.get("remaining_kwh", 0.0) / (power_kw * hours)) if power_kw and hours else 0.0
    window = Markup(
        '<span class="window"><i style="left:{:.2f}%;width:{:.2f}%"><b style="width:{:.1f}%"></b></i></span>'
    )
    leaves = one.get("departure")
    return {
        "evse": link(f"/stations/{segment(station)}", one["evse"]),
        "remaining": f"{one.get('remaining_kwh', 0.0):.1f}",
        "leaves": local_time(leaves, now) if leaves and moment(leaves) < now + timedelta(days=3) else "–",
        "planned": f"{one.get('planned_kw', 0.0):.1f}",
        "limit": f"{one.get('limit_kw', 0.0):.1f}",
        "window": window.format(100 * begin / slots, 100 * min(end - begin, slots) / slots, 100 * need)
        if one.get("remaining_kwh", 0.0) > 0
        else "",
    }


def _shortfalls(text: Text, plan: Json) -> Markup:
    rows = [
        {"evse": one["evse"], "kwh": f"{one['kwh']:.1f}", "reason": said(text, "shortfall", str(one["reason"]))}
        for one in plan["content"].get("shortfalls", ())
    ]
    columns = [("evse", text("web.drill.car")), ("#kwh", "kWh"), ("reason", text("web.plan.reason"))]
    return table(columns, rows, text("web.plan.all_served"))
