"""The audit log: who did what, newest first; for administrators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.parts import card, markup, table, tag

PAGE = 50
DETAIL_SHOWN = 160


def mount(desk: Desk) -> None:
    """The page at `/audit`."""

    @ui.page("/audit", response_timeout=PATIENCE_S)
    async def audit(request: Request, actor: str = "", target: str = "", before: int | None = None) -> None:
        view = view_of(desk, request)
        with frame(view, "audit"):
            await _build(view, actor, target, before)


async def _build(view: View, actor: str, target: str, before: int | None) -> None:
    text = view.text
    with tag("div", "row-line"):
        who = ui.input(text("web.audit.by"), value=actor).props("dense outlined clearable").classes("search")
        on = ui.input(text("web.audit.on"), value=target).props("dense outlined clearable").classes("search")

        def go() -> None:
            ui.navigate.to(f"/audit?actor={segment(str(who.value or ''))}&target={segment(str(on.value or ''))}")

        for field in (who, on):
            field.on("keydown.enter", go)
        ui.button(text("web.audit.find"), on_click=go).props("outline no-caps")
    page = await view.read("/audit", limit=PAGE, actor=actor or None, target=target or None, before_seq=before)
    if page is None:
        return
    with card(text("web.audit.title")):
        markup(records_markup(text, page["records"], moment(page["clock_time"])))
        if page["next_before_seq"] is not None:
            more = f"/audit?actor={segment(actor)}&target={segment(target)}&before={page['next_before_seq']}"
            tag("a", "", text("web.sessions.older"), href=more)
        with tag("p", ""):
            tag("a", "", text("web.export.chain"), href="/export/audit.jsonl", download="audit.jsonl")


def records_markup(text: Text, records: Sequence[Json], now: datetime) -> Markup:
    """A row for each record."""
    rows = [
        {
            "seq": one["seq"],
            "at": local_time(one["at"], now),
            "who": one["who"].get("name", "–"),
            "kind": one["kind"],
            "action": one["action"],
            "target": ", ".join(str(value) for value in one["on"].values()),
            "detail": Markup('<span class="mono">{}</span>').format(_short(one["detail"] or one["result"])),
        }
        for one in records
    ]
    names = ("#seq", "at", "who", "kind", "action", "target", "detail")
    return table([(name, text(f"web.audit.{name.lstrip('#')}")) for name in names], rows, text("web.none"))


def _short(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False) if value else ""
    return words if len(words) <= DETAIL_SHOWN else words[: DETAIL_SHOWN - 1] + "…"
