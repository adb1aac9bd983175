"""The frame around every page: rail, top bar with search, age of the data, alarms, language, theme, who looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui

from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.parts import tag
from monitor.dashboard.web.style import STYLE_PATH
from monitor.dashboard.web.visitors import WHOLE_VIEW, Visitor

STALE_S = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail. `roles`: who is shown it; nobody named means whoever sees everything."""

    name: str
    path: str
    icon: str
    roles: frozenset[str] = frozenset()

    def shown_to(self, visitor: Visitor) -> bool:
        """Whether this visitor has something to do there."""
        return visitor.role in self.roles if self.roles else visitor.sees_all


PLACES: list[Place] = [
    Place("overview", "/", "dashboard"),
    Place("stations", "/stations", "ev_station"),
    Place("alarms", "/alarms", "notifications"),
    Place("sessions", "/sessions", "receipt_long"),
    Place("feeders", "/feeders", "account_tree", WHOLE_VIEW | {"grid_operator"}),
    Place("plan", "/plan", "event_note", WHOLE_VIEW | {"grid_operator"}),
    Place("province", "/province", "cloud_upload", WHOLE_VIEW | {"province_partner"}),
    Place("quality", "/quality", "fact_check"),
    Place("forecast", "/forecast", "insights"),
    Place("siting", "/siting", "add_location_alt"),
    Place("statistics", "/statistics", "query_stats"),
    Place("evidence", "/evidence", "verified_user"),
    Place("audit", "/audit", "history_edu", frozenset({"administrator"})),
    Place("settings", "/settings", "settings"),
    Place("wall", "/wall", "tv"),
]


@contextmanager
def frame(view: View, name: str, title: str = "") -> Iterator[None]:
    """Everything inside is the page `name`; `title` is its heading when that is not the name of the place."""
    text = view.text
    heading = title or text(f"web.place.{name}")
    prepare(view, heading, dark=view.visitor.theme == "dark")
    with tag("div", "frame"):
        _rail(view, name)
        _bar(view)
        with tag("main", "main", id="main"):
            tag("h1", "", heading)
            yield


def prepare(view: View, heading: str, *, dark: bool) -> None:
    """Title, language, style sheet and colours of a page."""
    ui.page_title(f"{heading} · csms")
    lang = {"zh": "zh-CN", "en": "en"}[view.visitor.lang]
    ui.add_head_html(f'<link rel="stylesheet" href="{STYLE_PATH}">')
    ui.add_head_html(f'<script>document.documentElement.lang="{lang}"</script>')
    ui.add_head_html(f"<style>html{{background:{view.theme.ground}}}</style>")
    ui.colors(primary=view.theme.accent, negative=view.theme.faulted, positive=view.theme.available)
    ui.dark_mode(value=dark)


def _rail(view: View, name: str) -> None:
    with tag("nav", "rail", aria_label=view.text("web.navigation")):
        tag("a", "brand", "csms", href="/")
        for place in PLACES:
            if not place.shown_to(view.visitor):
                continue
            here = {"aria_current": "page"} if place.name == name else {}
            with tag("a", "place", href=place.path, **here):
                ui.icon(place.icon).props("aria-hidden=true")
                ui.label(view.text(f"web.place.{place.name}"))


def _bar(view: View) -> None:
    with tag("header", "bar"):
        tag("a", "skip", view.text("web.skip"), href="#main")
        if view.visitor.sees_all:
            _search(view)
        tag("div", "gap")
        _pulse(view)
        _switches(view)


def _search(view: View) -> None:
    """Straight to a station whose id it is, else to the list with what was typed as filter."""
    field = ui.input(placeholder=view.text("web.search")).props("dense outlined").classes("search")
    field.props["aria-label"] = view.text("web.search")

    def go() -> None:
        words = str(field.value or "").strip()
        snapshot = view.hub.snapshot
        known = {station["station_id"] for station in snapshot.stations} if snapshot else set()
        if words:
            target = f"/stations/{segment(words)}" if words in known else f"/stations?find={segment(words)}"
            ui.navigate.to(target)

    field.on("keydown.enter", go)


def _pulse(view: View) -> None:
    """How old the data is, and how many alarms are open."""
    with tag("div", "pulse", role="status"):
        dot = tag("span", "dot")
        age = ui.label("")
    alarms = tag("a", "alarms", href="/alarms")
    with alarms:
        ui.icon("notifications").props("aria-hidden=true")
        count = ui.label("")

    def refresh() -> None:
        words, mood = _age(view)
        age.set_text(words)
        if dot.classes != ["dot", mood]:
            dot.classes(replace=f"dot {mood}")
        number = len(view.hub.alerts)
        count.set_text(view.text("web.alarms", count=number))
        alarms.set_visibility(view.visitor.sees_all and number > 0)

    view.follow(refresh)


def _age(view: View) -> tuple[str, str]:
    hub = view.hub
    if hub.age_s is None:
        return view.text("web.waiting"), "stale"
    if hub.fault and hub.age_s > STALE_S:
        return view.text("web.stale", age=f"{hub.age_s:.0f}"), "lost"
    return view.text("web.live"), "live"


def _switches(view: View) -> None:
    """Forms without script: they work while the page is still loading."""
    visitor = view.visitor
    with tag("form", "looks", method="post", action="/look"):
        other = "en" if visitor.lang == "zh" else "zh"
        label = view.text("web.switch_language")
        tag("button", "link", view.text("web.other_language"), name="lang", value=other, aria_label=label)
        colours = "light" if visitor.theme == "dark" else "dark"
        with tag("button", "link", name="theme", value=colours, aria_label=view.text("web.switch_theme")):
            ui.icon(f"{colours}_mode").props("aria-hidden=true")
    role = view.text(f"web.role.{visitor.role}")
    tag("span", "who", view.text("web.who", name=visitor.name, role=role))
    with tag("form", "leave", method="post", action="/logout"):
        tag("button", "link", view.text("web.guest_door" if visitor.guest else "web.leave"), type="submit")
