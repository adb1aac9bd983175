"""What a station and the server said to each other: read when asked for, filtered, newest first."""

from __future__ import annotations

from markupsafe import Markup
from nicegui import ui

from monitor.dashboard.history import Json
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.figures import local_time
from monitor.dashboard.web.parts import card, markup, table, tag

FRAMES_SHOWN = 40
TEXT_SHOWN = 220
PAGES_MAX = 20


def frames_card(view: View, station_id: str) -> None:
    """The card at the end of a station's page."""
    text = view.text

    async def show() -> None:
        frames = await _search(view, station_id, str(words.value or ""), bool(faults.value))
        rows.set_content(str(frames_markup(view, frames)))

    with card(text("web.frames.title")):
        with tag("div", "row-line"):
            words = ui.input(text("web.frames.filter")).props("dense outlined clearable").classes("search")
            faults = ui.checkbox(text("web.frames.faults"))
            ui.button(text("web.frames.show"), on_click=show).props("outline no-caps dense padding='4px 12px'")
        words.on("keydown.enter", show)
        rows = markup(Markup(""))


async def _search(view: View, station_id: str, words: str, faults: bool) -> list[Json]:
    """The newest frames that fit; a page may be short while the search goes on behind it."""
    found: list[Json] = []
    cursor = None
    for _ in range(PAGES_MAX):
        path = f"/stations/{segment(station_id)}/frames"
        page = await view.read(path, limit=FRAMES_SHOWN, text=words, errors=faults, cursor=cursor)
        if page is None:
            break
        found += page["frames"]
        cursor = page["next"]
        if cursor is None or len(found) >= FRAMES_SHOWN:
            break
    return found[:FRAMES_SHOWN]


def frames_markup(view: View, frames: list[Json]) -> Markup:
    """A table of frames; long ones are cut."""
    text, snapshot = view.text, view.hub.snapshot
    rows = [
        {
            "at": local_time(one["at"], snapshot.time) if snapshot else one["at"],
            "way": {"in": "→", "out": "←"}.get(one["direction"], "·"),
            "action": one["action"] or one["kind"],
            "text": Markup('<span class="mono">{}</span>').format(_cut(one["text"])),
        }
        for one in frames
    ]
    columns = [
        ("at", text("web.frames.at")),
        ("way", ""),
        ("action", text("web.frames.action")),
        ("text", text("web.frames.text")),
    ]
    return table(columns, rows, text("web.frames.none"))


def _cut(words: str) -> str:
    return words if len(words) <= TEXT_SHOWN else words[: TEXT_SHOWN - 1] + "…"
