"""Alarms: what the server says a person should look at; a technician says what was done about it, and closes it."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import Go, form
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import card, link, markup, tag
from monitor.dashboard.web.words import alert_words

PAGE = 100
NOTE_MAX = 255


def mount(desk: Desk) -> None:
    """The page at `/alarms`."""

    @ui.page("/alarms", response_timeout=PATIENCE_S)
    async def alarms(request: Request, every: bool = False, before: int | None = None) -> None:
        view = view_of(desk, request)
        with frame(view, "alarms"):
            if view.visitor.sees_all:
                await _build(view, every, before)


async def _build(view: View, every: bool, before: int | None) -> None:
    text = view.text
    with tag("div", "chips"):
        for name, chosen in (("open", False), ("every", True)):
            here = {"aria_current": "true"} if chosen == every else {}
            tag("a", "chip", text(f"web.alarm.{name}"), href=f"/alarms?every={str(chosen).lower()}", **here)
    with card(text("web.alarm.newest")):
        rows = tag("div", "stack")

    async def look() -> None:
        page = await view.read("/alerts", limit=PAGE, open=None if every else True, before_id=before)
        rows.clear()
        if page is None:
            return
        now = view.hub.snapshot.time if view.hub.snapshot else None
        with rows:
            if not page["alerts"]:
                tag("p", "empty", text("web.overview.calm"))
            for alert in page["alerts"]:
                _row(view, alert, now or moment(alert["last_at"]), look)
            if page["next_before_id"] is not None:
                more = f"/alarms?every={str(every).lower()}&before={page['next_before_id']}"
                tag("a", "", text("web.sessions.older"), href=more)

    await look()


def _row(view: View, alert: Json, now: datetime, again: Go) -> None:
    text = view.text
    with tag("div", "row-line limit"):
        markup(alert_markup(text, alert, now))
        tag("div", "gap")
        if alert["open"] and view.visitor.operates:
            button = ui.button(text("web.alarm.close"), on_click=lambda: _close(view, alert, again))
            button.props("outline no-caps dense padding='4px 12px'")


def alert_markup(text: Text, alert: Json, now: datetime) -> Markup:
    """What it is about, where, how often, and what the server told; who closed it and what they did."""
    station = alert["station_id"]
    where = link(f"/stations/{segment(station)}", station) if station else Markup("")
    times = f"{local_time(alert['opened_at'], now)} – {local_time(alert['last_at'], now)} · ×{alert['count']}"
    done = "" if alert["open"] else text("web.alarm.closed", by=alert["acknowledged_by"], note=alert["note"])
    return Markup(
        '<span><b class="{}">{}</b> {}<br><span class="quiet">{} · {}</span><br><span class="quiet">{}</span></span>'
    ).format("mood-bad" if alert["open"] else "", alert_words(text, alert), where, times, alert["info"], done)


def _close(view: View, alert: Json, again: Go) -> None:
    """With a word on what was done, which goes on record; the next time opens another."""
    text = view.text

    async def go() -> None:
        path = f"/alerts/{alert['alert_id']}/acknowledge"
        work = view.desk.api.post(view.visitor.token, path, {"note": str(note.value or "")[:NOTE_MAX]})
        await view.act(work, lambda _: (text("web.alarm.is_closed"), False))
        await again()

    with form(text, alert_words(text, alert), text("web.alarm.close"), go):
        note = ui.input(text("web.alarm.note")).props(f"outlined maxlength={NOTE_MAX}").classes("full-width")
