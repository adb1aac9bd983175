"""All stations: filter by state, find by name; the table keeps its order while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import Desk, View, view_of
from monitor.dashboard.web.figures import local_time, worst_family
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.palette import FAMILIES
from monitor.dashboard.web.parts import tag

STATE_CELL = """(p) => {
  if (!p.value) return '';
  const span = document.createElement('span'); const b = document.createElement('b');
  span.className = 'state ' + p.data.family; b.textContent = p.data.letter;
  span.append(b, p.value); return span;
}"""
KILO = "p => p.value == null ? '–' : (p.value / 1000).toFixed(1)"

Row = dict[str, Any]


def mount(desk: Desk) -> None:
    """The page at `/stations`."""

    @ui.page("/stations")
    def stations(request: Request, find: str = "", state: str = "") -> None:
        view = view_of(desk, request)
        with frame(view, "stations"):
            _build(view, find, state if state in FAMILIES else "")


def _build(view: View, find: str, state: str) -> None:
    text = view.text
    chosen = {"state": state}
    with tag("div", "row-line"):
        field = ui.input(text("web.stations.filter"), value=find).props("dense outlined clearable").classes("search")
        chips = tag("div", "chips", role="group", aria_label=text("web.stations.by_state"))
        tag("div", "gap")
        total = ui.label("").classes("quiet")
    grid = ui.aggrid(_options(text), theme="quartz")
    grid.on("cellClicked", lambda event: ui.navigate.to(f"/stations/{segment(event.args['data']['id'])}"), ["data"])
    shown: dict[str, Row] = {}

    def wanted() -> dict[str, Row]:
        rows = station_rows(text, view.hub.snapshot.stations, view) if view.hub.snapshot else []
        return {row["id"]: row for row in rows if _fits(row, str(field.value or ""), chosen["state"])}

    def refresh() -> None:
        rows = wanted()
        changes = differences(shown, rows)
        if any(changes.values()):
            grid.run_grid_method("applyTransaction", changes)
            shown.clear()
            shown.update(rows)
        snapshot = view.hub.snapshot
        total.set_text(text("web.stations.count", shown=len(rows), total=len(snapshot.stations) if snapshot else 0))

    def choose(family: str) -> None:
        chosen["state"] = "" if chosen["state"] == family else family
        for name, button in buttons.items():
            button.props["aria-pressed"] = str(name == chosen["state"]).lower()
            button.update()
        refresh()

    with chips:
        buttons = {family: _chip(text, family, state, choose) for family in FAMILIES if family != "unknown"}
    field.on_value_change(lambda _: refresh())
    grid.options["rowData"] = list(wanted().values())
    shown.update(wanted())
    view.follow(refresh)


def _chip(text: Text, family: str, state: str, choose: Any) -> Any:
    chip = tag("button", "", text(f"live.state.{family}"), type="button", aria_pressed=str(family == state).lower())
    return chip.on("click", lambda: choose(family))


def station_rows(text: Text, stations: Sequence[Json], view: View) -> list[Row]:
    """A row for each station in the order of their ids."""
    now = view.hub.snapshot.time if view.hub.snapshot else None
    return [
        {
            "id": station["station_id"],
            "family": (family := worst_family(station)),
            "letter": FAMILIES[family],
            "state": text(f"live.state.{family}"),
            "power_w": station["power_w"],
            "sessions": sum(evse["session"] is not None for evse in station["evses"]),
            "evses": len(station["evses"]),
            "site": station["site_id"],
            "feeder": station["feeder_id"],
            "make": f"{station['vendor']} {station['model']}".strip(),
            "firmware": station["firmware"],
            "protocol": station["protocol"],
            "seen": local_time(station["last_seen_at"], now) if now else "",
        }
        for station in stations
    ]


def differences(before: dict[str, Row], after: dict[str, Row]) -> dict[str, list[Row]]:
    """What the table has to be told so that it shows `after` instead of `before`."""
    return {
        "add": [row for name, row in after.items() if name not in before],
        "update": [row for name, row in after.items() if name in before and before[name] != row],
        "remove": [row for name, row in before.items() if name not in after],
    }


def _fits(row: Row, words: str, state: str) -> bool:
    text = " ".join(str(row[name]) for name in ("id", "site", "feeder", "make", "firmware", "protocol")).casefold()
    return all(word in text for word in words.casefold().split()) and state in ("", row["family"])


def _options(text: Text) -> dict[str, Any]:
    def column(field: str, **more: Any) -> dict[str, Any]:
        return {
            "field": field,
            "headerName": text(f"web.stations.{field}"),
            "sortable": True,
            "resizable": True,
            **more,
        }

    return {
        ":getRowId": "p => p.data.id",
        "columnDefs": [
            column("id", pinned="left", minWidth=150, flex=2),
            column("state", minWidth=120, flex=1, **{":cellRenderer": STATE_CELL}),
            column("power_w", type="rightAligned", minWidth=95, flex=1, **{":valueFormatter": KILO}),
            column("sessions", type="rightAligned", minWidth=90, flex=1),
            column("evses", type="rightAligned", minWidth=80, flex=1),
            column("site", minWidth=110, flex=1),
            column("feeder", minWidth=110, flex=1),
            column("make", minWidth=150, flex=2),
            column("firmware", minWidth=110, flex=1),
            column("protocol", minWidth=100, flex=1),
            column("seen", minWidth=110, flex=1),
        ],
        "rowHeight": 36,
        "headerHeight": 38,
        "rowData": [],
        "overlayNoRowsTemplate": text("web.stations.none"),
    }
