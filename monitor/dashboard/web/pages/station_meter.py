"""Does this outlet obey? Its metered values now, its curve under what it was told, and what it says it will do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import session_picture
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.figures import kilo
from monitor.dashboard.web.metering import composite_line, from_then_on, kilowatts, newest
from monitor.dashboard.web.pages.session import Lines, curve
from monitor.dashboard.web.pages.station_actions import evse_now
from monitor.dashboard.web.parts import Chart, card, markup, table, tag
from monitor.dashboard.web.words import layers

AGAIN_S = 5.0
SEEN = timedelta(minutes=45)
AHEAD_S = 3600
SAMPLES_MAX = 5000
PROFILES_READ = 100
NAMES = {"V": "voltage", "A": "current", "kW": "power", "%": "soc", "°C": "heat"}


def meter_card(view: View, station_id: str, evse: Json) -> None:
    """The card of one outlet; it is read anew each five seconds while a car is there."""
    text, evse_id = view.text, evse["evse_id"]
    held: dict[str, Any] = {}
    with card(text("web.meter.title", evse=evse_id)):
        values = markup(Markup('<p class="empty">{}</p>').format(text("web.meter.reading")))
        chart = Chart({}, text("web.meter.curve"))
        chart_box = chart.element
        chart_box.set_visibility(False)
        said = markup(Markup(""))
        if view.visitor.operates:
            with tag("div", "actions"):
                ask = ui.button(text("web.meter.ask")).props("outline no-caps dense padding='4px 12px'")

    async def look() -> None:
        now = evse_now(view, station_id, evse_id)
        session = now["session"] if now else None
        chart_box.set_visibility(session is not None or bool(held))
        lines: Lines = {"power": [], "soc": [], "limit": []}
        if session is None:
            values.set_content(str(Markup('<p class="empty">{}</p>').format(text("web.meter.no_session"))))
        else:
            samples, lines = await _read(view, station_id, session["session_id"])
            values.set_content(str(values_markup(text, newest(samples))))
        if session is not None or held:
            names = {**layers(text), "cap": text("web.meter.told"), "bound": text("web.meter.says")}
            chart.show(session_picture(lines | {"bound": held.get("line", [])}, view.theme, names))

    async def composite() -> None:
        path = f"/stations/{segment(station_id)}/commands/get_composite_schedule"
        body = {"evse_id": evse_id, "duration_s": AHEAD_S}
        work = view.desk.api.post(view.visitor.token, path, body)
        answer = await view.act(
            work, lambda one: (text("web.act.said", station=station_id, status=one["status"]), not one["accepted"])
        )
        snapshot = view.hub.snapshot
        if answer is None or answer["composite"] is None or snapshot is None:
            return
        held["line"] = composite_line(answer["composite"], evse["phases"], snapshot.time, AHEAD_S)
        said.set_content(str(composite_markup(text, answer["composite"], evse["phases"])))
        await look()

    if view.visitor.operates:
        ask.on_click(composite)
    ui.timer(AGAIN_S, look)


async def _read(view: View, station_id: str, session_id: int) -> tuple[list[Json], Lines]:
    """The newest samples of a session, and its lines with the limits that it was sent."""
    snapshot = view.hub.snapshot
    since = (snapshot.time - SEEN).isoformat() if snapshot else None
    page = await view.read_or_none(f"/sessions/{session_id}/samples", since=since, limit=SAMPLES_MAX)
    station = await view.read_or_none(f"/stations/{segment(station_id)}", profiles=PROFILES_READ)
    samples = page["samples"] if page else []
    profiles = [one for one in station["profiles"] if one["session_id"] == session_id] if station else []
    lines = curve(samples, profiles)
    if lines["power"]:
        lines["limit"] = from_then_on(lines["limit"], moment(lines["power"][0][0]))
    return samples, lines


def values_markup(text: Text, values: Mapping[str, str]) -> Markup:
    """What the meter says now; by phase with strokes between."""
    if not values:
        return Markup('<p class="empty">{}</p>').format(text("web.session.no_samples"))
    cells = Markup("").join(
        Markup("<div><b>{} <small>{}</small></b><span>{}</span></div>").format(
            value, unit, text(f"web.meter.{NAMES[unit]}")
        )
        for unit, value in values.items()
    )
    return Markup('<div class="figures wide-figures">{}</div>').format(cells)


def composite_markup(text: Text, composite: Json, phases: int) -> Markup:
    """The stretches of a schedule as the station told them, in its unit and in kW."""
    rows = [
        {
            "from": f"+{period['start_s']} s",
            "limit": text("web.meter.free")
            if period["limit"] is None
            else f"{period['limit']:g} {composite['unit'] or ''}",
            "kw": kilo(
                None if period["limit"] is None else 1000 * kilowatts(period["limit"], composite["unit"], phases)
            ),
        }
        for period in composite["periods"]
    ]
    columns = [("from", text("web.meter.from")), ("limit", text("web.meter.says")), ("#kw", "kW")]
    return Markup("<h2>{}</h2>{}").format(
        text("web.meter.composite"), table(columns, rows, text("web.meter.no_schedule"))
    )


def installed_markup(text: Text, profiles: list[Json]) -> Markup:
    """The stack of profiles that the station said it keeps, the highest level first."""
    rows = [
        {
            "evse": one["evse_id"],
            "level": one["stack_level"],
            "purpose": one["purpose"],
            "source": one["source"],
            "id": one["profile_id"],
        }
        for one in sorted(profiles, key=lambda one: (one["evse_id"], one["purpose"], -one["stack_level"]))
    ]
    columns = [
        ("evse", "EVSE"),
        ("purpose", text("web.profile.purpose")),
        ("#level", text("web.meter.level")),
        ("source", text("web.meter.source")),
        ("#id", text("web.sessions.number")),
    ]
    return table(columns, rows, text("web.meter.none_kept"))
