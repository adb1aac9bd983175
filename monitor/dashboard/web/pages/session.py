"""One session: its curve under the limits that it was sent, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.charts import session_picture
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import duration, kilo, local_time, percent
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.pages.session_bill import bill_card
from monitor.dashboard.web.parts import Chart, Kpi, card, link, markup, tag
from monitor.dashboard.web.words import layers, said

SAMPLES_MAX = 10_000
PROFILES_READ = 200
POINTS_MAX = 600
POWER, CHARGE = "Power.Active.Import", "SoC"
Lines = dict[str, list[tuple[str, float]]]


def mount(desk: Desk) -> None:
    """The page at `/sessions/{session_id}`."""

    @ui.page("/sessions/{session_id}", response_timeout=PATIENCE_S)
    async def session(request: Request, session_id: int) -> None:
        view = view_of(desk, request)
        with frame(view, "sessions", view.text("web.session.title", session=session_id)):
            found = await view.read(f"/sessions/{session_id}")
            if found is not None:
                await _build(view, found)


async def _build(view: View, session: Json) -> None:
    text, number = view.text, session["session_id"]
    samples = await view.read(f"/sessions/{number}/samples", limit=SAMPLES_MAX)
    station = await view.read_or_none(f"/stations/{segment(session['station_id'])}", profiles=PROFILES_READ)
    profiles = [one for one in station["profiles"] if one["session_id"] == number] if station else []
    with tag("div", "kpis"):
        _kpis(view, session)
    with card(text("web.session.curve")):
        if samples is None or not samples["samples"]:
            tag("p", "empty", text("web.session.no_samples"))
        else:
            lines = curve(samples["samples"], profiles)
            Chart(session_picture(lines, view.theme, layers(text)), text("web.session.curve"))
            if samples["truncated"]:
                tag("p", "quiet", text("web.session.cut", count=SAMPLES_MAX))
    snapshot = view.hub.snapshot
    await bill_card(view, number, snapshot.time if snapshot else moment(session["started_at"]))
    with card(text("web.session.facts")):
        markup(_facts(view, session))


def _kpis(view: View, session: Json) -> None:
    text = view.text
    snapshot = view.hub.snapshot
    end = moment(session["ended_at"]) if session["ended_at"] else snapshot.time if snapshot else None
    lasted = duration(end - moment(session["started_at"])) if end else ""
    Kpi(text("web.station.energy"), "kWh").show(kilo(session["energy_wh"]))
    Kpi(text("web.station.power"), "kW").show(kilo(session["power_w"]))
    Kpi(text("web.soc")).show(percent(session["soc_percent"]))
    Kpi(text("web.sessions.lasted")).show(lasted)


def curve(samples: Sequence[Json], profiles: Sequence[Json]) -> Lines:
    """Power in kW (phases of one moment added), charge in percent, and the limits sent, in kW, oldest first."""
    power: dict[str, float] = defaultdict(float)
    whole: dict[str, float] = {}
    charge: list[tuple[str, float]] = []
    for sample in samples:
        if sample["measurand"] == POWER and sample["phase"]:
            power[sample["time"]] += sample["value"]
        elif sample["measurand"] == POWER:
            whole[sample["time"]] = sample["value"]
        elif sample["measurand"] == CHARGE:
            charge.append((sample["time"], sample["value"]))
    drawn = [(time, round(watts / 1000, 2)) for time, watts in sorted((power | whole).items())]
    limits = sorted((one["sent_at"], round(one["limit_w"] / 1000, 2)) for one in profiles)
    if limits and drawn and drawn[-1][0] > limits[-1][0]:
        limits.append((drawn[-1][0], limits[-1][1]))
    return {"power": _spread(drawn), "soc": _spread(charge), "limit": limits}


def _spread(line: list[tuple[str, float]]) -> list[tuple[str, float]]:
    step = max(1, -(-len(line) // POINTS_MAX))
    return line[::step]


def _facts(view: View, session: Json) -> Markup:
    text: Text = view.text
    snapshot = view.hub.snapshot
    now = snapshot.time if snapshot else moment(session["started_at"])
    station = link(f"/stations/{segment(session['station_id'])}", f"{session['station_id']}/{session['evse_id']}")
    facts = {
        "place": station,
        "card": session["id_token"],
        "transaction": session["transaction_id"],
        "began": local_time(session["started_at"], now),
        "ended": local_time(session["ended_at"], now) if session["ended_at"] else "",
        "stop_reason": said(text, "stop", session["stop_reason"]) if session["stop_reason"] else "",
        "wanted": f"{kilo(session['wanted_wh'])} kWh" if session["wanted_wh"] is not None else "",
        "leaves": local_time(session["departure_at"], now) if session["departure_at"] else "",
        "cost": f"{session['cost']:.2f}" if session["cost"] is not None else "",
        "flags": ", ".join(said(text, "flag", flag) for flag in session["flags"]),
    }
    rows = [
        Markup("<dt>{}</dt><dd>{}</dd>").format(text(f"web.session.{name}"), value)
        for name, value in facts.items()
        if value
    ]
    return Markup('<dl class="facts">{}</dl>').format(Markup("").join(rows))
