"""Why is this feeder full? Base load beside charging, and the cars that draw, each with its limit and its deadline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.drawing import Draw, below, drawers
from monitor.dashboard.web.figures import NOTHING, kilo, load_w, local_time, share
from monitor.dashboard.web.parts import card, link, markup, table

CARS_SHOWN = 30
AGAIN_S = 10.0


def draw_card(view: View, feeder_id: str) -> None:
    """The card; it follows the figures, and reads the plans below the feeder each ten seconds."""
    text = view.text
    planned: list[Json] = []
    with card(text("web.draw.title")):
        why = markup(Markup(""))
        cars = markup(Markup(""))

    async def read_plans() -> None:
        snapshot = view.hub.snapshot
        if snapshot is None:
            return
        found: list[Json] = []
        for name in sorted(below(snapshot.overview["feeders"], feeder_id)):
            plan = await view.read_or_none(f"/plans/{segment(name)}")
            found += plan["content"].get("sessions", ()) if plan else ()
        planned[:] = found

    def refresh() -> None:
        snapshot = view.hub.snapshot
        feeder = (
            next((f for f in snapshot.overview["feeders"] if f["feeder_id"] == feeder_id), None) if snapshot else None
        )
        if snapshot is None or feeder is None:
            return
        draws = drawers(feeder_id, snapshot.overview["feeders"], snapshot.stations, planned, snapshot.time)
        why.set_content(str(why_markup(text, feeder, len(draws))))
        cars.set_content(str(draws_markup(text, draws, snapshot.time)))

    view.follow(refresh)
    ui.timer(AGAIN_S, read_plans)


def why_markup(text: Text, feeder: Json, cars: int) -> Markup:
    """In words: how full, and how much of that can be steered."""
    used = share(load_w(feeder), feeder["cap_w"])
    facts = {"load": kilo(load_w(feeder)), "cap": kilo(feeder["cap_w"]), "base": kilo(feeder["base_w"])}
    facts |= {
        "charging": kilo(feeder["metered_w"]),
        "cars": str(cars),
        "share": NOTHING if used is None else f"{used:.0%}",
    }
    full = used is not None and used > 1
    advice = text("web.draw.base_alone" if full and (feeder["base_w"] or 0) > feeder["cap_w"] else "web.draw.steerable")
    return Markup('<p><b class="{}">{}</b> {}</p>').format(
        "mood-bad" if full else "", text("web.draw.why", **facts), advice
    )


def draws_markup(text: Text, draws: Sequence[Draw], now: datetime) -> Markup:
    """A row for each car, those that draw most first."""
    rows = [_row(one, now) for one in draws[:CARS_SHOWN]]
    names = ("outlet", "#power", "#limit", "#planned", "#remaining", "leaves", "#spare")
    columns = [(name, text(f"web.draw.{name.lstrip('#')}")) for name in names]
    return table(columns, rows, text("web.draw.nobody"))


def _row(one: Draw, now: datetime) -> dict[str, Any]:
    def figure(value: float | None) -> str:
        return NOTHING if value is None else f"{value:,.1f}"

    late = one.spare_h is not None and one.spare_h < 0
    spare = Markup('<span class="{}">{} h</span>').format("mood-bad" if late else "", figure(one.spare_h))
    return {
        "outlet": link(f"/stations/{segment(one.station_id)}", one.outlet),
        "power": figure(one.power_kw),
        "limit": figure(one.limit_kw),
        "planned": figure(one.planned_kw),
        "remaining": figure(one.remaining_kwh),
        "leaves": local_time(one.leaves, now),
        "spare": spare if one.spare_h is not None else NOTHING,
    }
