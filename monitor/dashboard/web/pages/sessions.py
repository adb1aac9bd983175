"""Sessions, newest first: who charges, since when, how much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import duration, kilo, local_time, percent
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import card, link, markup, table, tag

PAGE = 50
KINDS = ("", "open", "ended")


def mount(desk: Desk) -> None:
    """The page at `/sessions`."""

    @ui.page("/sessions", response_timeout=PATIENCE_S)
    async def sessions(request: Request, status: str = "", station: str = "", before: int | None = None) -> None:
        view = view_of(desk, request)
        with frame(view, "sessions"):
            await _build(view, status if status in KINDS else "", station, before)


async def _build(view: View, status: str, station: str, before: int | None) -> None:
    text = view.text
    with tag("div", "row-line"), tag("div", "chips"):
        for kind in KINDS:
            here = {"aria_current": "true"} if kind == status else {}
            tag("a", "chip", text(f"web.sessions.kind_{kind or 'all'}"), href=f"/sessions?status={kind}", **here)
    page = await view.read("/sessions", limit=PAGE, status=status or None, station_id=station or None, before_id=before)
    if page is None:
        return
    with card(text("web.sessions.title", station=station) if station else text("web.sessions.newest")):
        markup(sessions_markup(text, page["sessions"], moment(page["clock_time"])))
        if page["next_before_id"] is not None:
            more = f"/sessions?status={status}&station={segment(station)}&before={page['next_before_id']}"
            tag("a", "", text("web.sessions.older"), href=more)


def sessions_markup(text: Text, sessions: Sequence[Json], now: datetime) -> Markup:
    """A row for each session."""
    rows = [
        {
            "id": link(f"/sessions/{one['session_id']}", one["session_id"]),
            "place": link(f"/stations/{segment(one['station_id'])}", f"{one['station_id']}/{one['evse_id']}"),
            "card": one["id_token"],
            "began": local_time(one["started_at"], now),
            "lasted": duration((moment(one["ended_at"]) if one["ended_at"] else now) - moment(one["started_at"])),
            "energy": kilo(one["energy_wh"]),
            "power": kilo(one["power_w"]) if one["status"] != "ended" else "",
            "soc": percent(one["soc_percent"]) if one["soc_percent"] is not None else "",
            "status": text(f"web.sessions.is_{one['status']}"),
        }
        for one in sessions
    ]
    columns = [
        ("id", text("web.sessions.number")),
        ("place", text("web.sessions.place")),
        ("card", text("web.sessions.card")),
        ("began", text("web.sessions.began")),
        ("#lasted", text("web.sessions.lasted")),
        ("#energy", "kWh"),
        ("#power", "kW"),
        ("#soc", text("web.soc")),
        ("status", text("web.sessions.status")),
    ]
    return table(columns, rows, text("web.sessions.none"))
