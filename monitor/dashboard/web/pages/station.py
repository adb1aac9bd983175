"""One station: what is it doing, does it obey, what is wrong with it?"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import duration, evse_family, kilo, local_time, percent, worst_family
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.pages.station_actions import command, connector_actions, station_actions
from monitor.dashboard.web.pages.station_frames import frames_card
from monitor.dashboard.web.pages.station_meter import installed_markup, meter_card
from monitor.dashboard.web.parts import card, link, markup, state_mark, table, tag

PROFILES_SHOWN = 10
STACK_AGAIN_S = 5.0


def mount(desk: Desk) -> None:
    """The page at `/stations/{station_id}`."""

    @ui.page("/stations/{station_id}", response_timeout=PATIENCE_S)
    async def station(request: Request, station_id: str) -> None:
        view = view_of(desk, request)
        with frame(view, "stations", station_id):
            detail = await view.read(f"/stations/{segment(station_id)}", profiles=PROFILES_SHOWN)
            if detail is None:
                tag("p", "empty", view.text("web.station.none", station=station_id))
                return
            findings = await view.read(f"/stations/{segment(station_id)}/diagnosis", lang=view.visitor.lang)
            _build(view, detail, findings)


def _build(view: View, detail: Json, findings: Json | None) -> None:
    text, station_id = view.text, detail["station_id"]
    head = markup(Markup(""), "row-line")
    if view.visitor.operates:
        station_actions(view, station_id)
    cards = {}
    for evse in detail["evses"]:
        with tag("div", "columns"):
            with card(text("web.station.evse", evse=evse["evse_id"])):
                cards[evse["evse_id"]] = markup(Markup(""))
                if view.visitor.operates:
                    connector_actions(view, station_id, evse["evse_id"])
            meter_card(view, station_id, evse)
    with tag("div", "columns even"):
        with tag("div", "stack"):
            with card(text("web.station.findings")):
                markup(findings_markup(text, findings))
            with card(text("web.station.facts")):
                markup(_facts(text, detail))
        with tag("div", "stack"):
            with card(text("web.station.limits")):
                markup(limits_markup(text, detail["limits"]))
            with card(text("web.station.profiles")):
                markup(_profiles(view, detail["profiles"]))
            if "1.6" not in detail["protocol"]:  # which has no message for it
                _stack(view, station_id)
    if view.visitor.operates:
        frames_card(view, station_id)

    def refresh() -> None:
        snapshot = view.hub.snapshot
        now = next((s for s in snapshot.stations if s["station_id"] == station_id), None) if snapshot else None
        shown = now or detail
        head.set_content(str(_head(text, shown, view)))
        for evse in shown["evses"]:
            if evse["evse_id"] in cards:
                cards[evse["evse_id"]].set_content(str(evse_markup(view, shown, evse)))

    view.follow(refresh)


def _stack(view: View, station_id: str) -> None:
    """What the station keeps, as it reported it last; technicians have it report again."""
    text, path = view.text, f"/stations/{segment(station_id)}/installed-profiles"
    with card(text("web.meter.stack")):
        kept = markup(Markup(""))
        if view.visitor.operates:
            with tag("div", "actions"):
                ask = ui.button(text("web.meter.ask_stack")).props("outline no-caps dense padding='4px 12px'")
            ask.on_click(lambda: command(view, station_id, "get_charging_profiles", {}))

    async def look() -> None:
        found = await view.read_or_none(path)
        kept.set_content(str(installed_markup(text, found or [])))

    ui.timer(STACK_AGAIN_S, look)


def _head(text: Text, station: Json, view: View) -> Markup:
    snapshot = view.hub.snapshot
    seen = local_time(station["last_seen_at"], snapshot.time) if snapshot else ""
    parts = [
        state_mark(text, worst_family(station)),
        Markup("<span>{} {}</span>").format(station["vendor"], station["model"]),
        Markup("<span class=quiet>{}</span>").format(text("web.station.firmware", firmware=station["firmware"] or "–")),
        Markup("<span class=quiet>{}</span>").format(station["protocol"] or "–"),
        Markup("<span class=quiet>{}</span>").format(text("web.station.seen", time=seen or "–")),
    ]
    if station["feeder_id"]:
        feeder = link(f"/feeders/{segment(station['feeder_id'])}", station["feeder_id"])
        parts.append(Markup("<span class=quiet>{} {}</span>").format(text("web.station.feeder"), feeder))
    return Markup("").join(parts)


def evse_markup(view: View, station: Json, evse: Json) -> Markup:
    """State, power and, while a car is there, its session."""
    text, session = view.text, evse["session"]
    rows = [(kilo(evse["power_w"]), "kW", text("web.station.power"))]
    if session is not None:
        rows.append((kilo(session["energy_wh"]), "kWh", text("web.station.energy")))
        rows.append((percent(session["soc_percent"]), "", text("web.soc")))
    else:
        rows.append((kilo(evse["power_max_w"]), "kW", text("web.station.power_max")))
    figures = Markup("").join(
        Markup("<div><b>{} <small>{}</small></b><span>{}</span></div>").format(*row) for row in rows
    )
    kind = f"{evse['kind'].upper()} · {evse['phases']}~ · {evse['current_max_a']:.0f} A"
    return Markup('<div class="row-line">{} <span class="quiet">{}</span></div><div class="figures">{}</div>{}').format(
        state_mark(text, evse_family(station, evse)), kind, figures, _session(view, session)
    )


def _session(view: View, session: Json | None) -> Markup:
    if session is None:
        return Markup("")
    text, snapshot = view.text, view.hub.snapshot
    since = duration(snapshot.time - moment(session["started_at"])) if snapshot else ""
    words = [text("web.station.since", time=since), text("web.station.card", card=session["id_token"] or "–")]
    if session["wanted_wh"] is not None:
        words.append(text("web.station.wanted", energy=kilo(session["wanted_wh"])))
    if session["departure_at"] and snapshot:
        words.append(text("web.station.leaves", time=local_time(session["departure_at"], snapshot.time)))
    more = link(f"/sessions/{session['session_id']}", text("web.station.session", session=session["session_id"]))
    return Markup('<p class="quiet">{} · {}</p>').format(" · ".join(words), more)


def findings_markup(text: Text, findings: Json | None, well: str = "web.station.well") -> Markup:
    """What the doctor says, each thing with what to do about it."""
    if findings is None or not findings["findings"]:
        return Markup('<p class="empty">{}</p>').format(text(well))
    rows = [
        Markup('<div class="finding"><b class="{}">{}</b> {}<div class="quiet">{}</div></div>').format(
            "mood-bad" if finding["severity"] == "serious" else "mood-warn",
            text(f"doctor.severity.{finding['severity']}"),
            finding["wrong"],
            finding["advice"],
        )
        for finding in findings["findings"]
    ]
    return Markup("").join(rows)


def limits_markup(text: Text, limits: Json | None) -> Markup:
    """How limits reach the station, and what each outlet counts as against the caps."""
    if limits is None:
        return Markup('<p class="empty">{}</p>').format(text("web.station.no_limits"))
    rows = [
        {
            "evse": outlet["evse_id"],
            "rating": kilo(outlet["rating_w"]),
            "floor": kilo(outlet["floor_w"]),
            "bound": kilo(outlet["upper_bound_w"]),
            "as": text(f"web.counted.{outlet['counted_as']}"),
        }
        for outlet in limits["outlets"]
    ]
    columns = [
        ("evse", "EVSE"),
        ("#rating", text("web.station.rating")),
        ("#floor", text("web.station.floor")),
        ("#bound", text("web.station.bound")),
        ("as", text("web.station.counted")),
    ]
    state = Markup("<p>{} <b>{}</b></p>").format(text("web.station.obeys"), text(f"web.ladder.{limits['state']}"))
    return state + table(columns, rows, text("web.none"))


def _profiles(view: View, profiles: list[dict[str, Any]]) -> Markup:
    text, snapshot = view.text, view.hub.snapshot
    rows = [
        {
            "sent": local_time(one["sent_at"], snapshot.time) if snapshot else one["sent_at"],
            "evse": one["evse_id"],
            "purpose": one["purpose"],
            "limit": kilo(one["limit_w"]),
            "status": one["status"],
            "seen": local_time(one["seen_at"], snapshot.time) if snapshot else "",
        }
        for one in profiles
    ]
    columns = [
        ("sent", text("web.profile.sent")),
        ("evse", "EVSE"),
        ("purpose", text("web.profile.purpose")),
        ("#limit", "kW"),
        ("status", text("web.profile.status")),
        ("seen", text("web.profile.seen")),
    ]
    return table(columns, rows, text("web.profile.none"))


def _facts(text: Text, detail: Json) -> Markup:
    names = ("stage", "registration", "serial", "firmware_profile", "site_id", "meter_type", "meter_serial", "iccid")
    rows = [
        Markup("<dt>{}</dt><dd>{}</dd>").format(text(f"web.fact.{name}"), detail[name])
        for name in names
        if detail.get(name)
    ]
    return Markup('<dl class="facts">{}</dl>').format(Markup("").join(rows))
