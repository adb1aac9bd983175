"""What a technician may do with a station: named by verb, asked back where it hurts, answered in its own words."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from monitor.dashboard.history import Json
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import ask_back, form
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.parts import tag


def station_actions(view: View, station_id: str) -> None:
    """Buttons for the station as a whole."""
    text = view.text

    async def renegotiate() -> None:
        path = f"/stations/{segment(station_id)}/limits/renegotiate"
        await view.act(view.desk.api.post(view.visitor.token, path, {}), lambda _: (text("web.act.asked"), False))

    with tag("div", "actions"):
        _button(view, "refresh", lambda: command(view, station_id, "trigger", {"message": "StatusNotification"}))
        _button(view, "renegotiate", renegotiate)
        _asked(view, "soft_reset", station_id, lambda: command(view, station_id, "reset", {"hard": False}))
        _asked(view, "hard_reset", station_id, lambda: command(view, station_id, "reset", {"hard": True}))


def connector_actions(view: View, station_id: str, evse_id: int) -> None:
    """Buttons for one EVSE; those that make no sense now are not there."""
    subject = f"{station_id}/{evse_id}"

    async def switch(operative: bool) -> None:
        await command(view, station_id, "change_availability", {"operative": operative, "evse_id": evse_id})

    with tag("div", "actions"):
        start = _button(view, "start", lambda: _start(view, station_id, evse_id))
        stop = _button(view, "stop", lambda: _stop(view, station_id, evse_id))
        _button(view, "unlock", lambda: command(view, station_id, "unlock_connector", {"evse_id": evse_id}))
        off = _asked(view, "switch_off", subject, lambda: switch(False))
        on = _button(view, "switch_on", lambda: switch(True))

    def refresh() -> None:
        evse = evse_now(view, station_id, evse_id)
        running = evse is not None and evse["session"] is not None
        closed = evse is not None and evse["status"] == "Unavailable"
        for button, wanted in ((start, not running and not closed), (stop, running), (off, not closed), (on, closed)):
            if button.visible != wanted:
                button.set_visibility(wanted)

    view.follow(refresh)


async def command(view: View, station_id: str, name: str, body: dict[str, Any]) -> None:
    """Send a command; the screen says what the station said."""
    path = f"/stations/{segment(station_id)}/commands/{name}"

    def said(answer: Json) -> tuple[str, bool]:
        return view.text("web.act.said", station=station_id, status=answer["status"]), not answer["accepted"]

    await view.act(view.desk.api.post(view.visitor.token, path, body), said)


def evse_now(view: View, station_id: str, evse_id: int) -> Json | None:
    """The EVSE as it was seen last."""
    snapshot = view.hub.snapshot
    if snapshot is None:
        return None
    return next(
        (
            evse
            for station in snapshot.stations
            if station["station_id"] == station_id
            for evse in station["evses"]
            if evse["evse_id"] == evse_id
        ),
        None,
    )


async def _start(view: View, station_id: str, evse_id: int) -> None:
    text = view.text

    async def go() -> None:
        body = {"evse_id": evse_id, "id_token": str(card.value or "").strip()}
        await command(view, station_id, "remote_start", body)

    with form(text, text("web.act.start_where", place=f"{station_id}/{evse_id}"), text("web.act.start"), go):
        card = ui.input(text("web.act.card")).props("outlined maxlength=36").classes("full-width")
        tag("p", "quiet", text("web.act.card_hint"))


async def _stop(view: View, station_id: str, evse_id: int) -> None:
    evse = evse_now(view, station_id, evse_id)
    if evse is None or evse["session"] is None:
        view.say(view.text("web.act.no_session"), bad=True)
        return
    await command(view, station_id, "remote_stop", {"transaction_id": evse["session"]["transaction_id"]})


def _button(view: View, name: str, go: Any) -> ui.button:
    return ui.button(view.text(f"web.act.{name}"), on_click=go).props("outline no-caps dense padding='4px 12px'")


def _asked(view: View, name: str, subject: str, go: Any) -> ui.button:
    text = view.text
    verb = text(f"web.act.{name}")
    return _button(view, name, lambda: ask_back(text, text(f"web.act.{name}_really", subject=subject), verb, go))
