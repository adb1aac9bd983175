"""Settings: what the server finds wrong with itself, who may speak to it, and the tokens of people."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import Go, ask_back, form
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.figures import kilo, local_time
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.pages.settings_supply import keys_card, supply_cards
from monitor.dashboard.web.pages.station import findings_markup
from monitor.dashboard.web.parts import card, markup, table, tag

ROLES = ("viewer", "technician", "grid_operator", "province_partner", "driver", "administrator")
BOUND = ("grid_operator", "province_partner", "driver")


def mount(desk: Desk) -> None:
    """The page at `/settings`."""

    @ui.page("/settings", response_timeout=PATIENCE_S)
    async def settings(request: Request) -> None:
        view = view_of(desk, request)
        with frame(view, "settings"):
            await _build(view)


async def _build(view: View) -> None:
    text = view.text
    diagnosis = await view.read("/diagnosis", lang=view.visitor.lang)
    sources = await view.read_or_none("/limit-sources")
    with card(text("web.settings.server")):
        markup(findings_markup(text, diagnosis, "web.settings.well"))
    with card(text("web.settings.sources")):
        markup(sources_markup(text, sources["sources"] if sources else []))
    await supply_cards(view)
    if view.visitor.role == "administrator":
        await keys_card(view)
        await _tokens(view)


def sources_markup(text: Text, sources: list[Json]) -> Markup:
    """Who states limits, whether they speak, and what their silence means."""
    rows = [
        {
            "source": one["source"],
            "mode": text(f"limit.mode.{one['mode']}"),
            "silent": "–" if one["silent_s"] is None else f"{one['silent_s']:.0f} s",
            "failsafe": ", ".join(f"{name} {kilo(watts)} kW" for name, watts in one["failsafe_w"].items()),
        }
        for one in sources
    ]
    names = ("source", "mode", "#silent", "failsafe")
    return table(
        [(name, text(f"limit.sources.{name.lstrip('#')}")) for name in names], rows, text("web.settings.no_source")
    )


async def _tokens(view: View) -> None:
    text = view.text
    with card(text("web.settings.tokens")):
        rows = tag("div", "stack")
        new = ui.button(text("web.settings.make")).props("outline no-caps")

    async def look() -> None:
        found = await view.read("/access-tokens")
        rows.clear()
        if found is not None:
            now = moment(found["clock_time"])
            with rows:
                for one in found["tokens"]:
                    if one["valid"]:
                        _token(view, one, now, look)

    async def make() -> None:
        async def go() -> None:
            bound = [part.strip() for part in str(to.value or "").split(",") if part.strip()]
            body = {"name": str(name.value or ""), "role": role.value, "bound_to": bound if role.value in BOUND else []}
            work = view.desk.api.post(view.visitor.token, "/access-tokens", body)
            made = await view.act(work, lambda _: (text("web.settings.made", name=body["name"]), False))
            if made is not None:
                with view.client, ui.dialog(value=True), ui.card():
                    tag("h3", "", text("web.settings.once"))
                    tag("code", "", made["token"])
                await look()

        with form(text, text("web.settings.make"), text("web.settings.make"), go):
            name = ui.input(text("web.settings.name")).props("outlined maxlength=64").classes("full-width")
            names = {one: text(f"web.role.{one}") for one in ROLES}
            role = (
                ui.select(names, value="viewer", label=text("web.settings.role"))
                .props("outlined")
                .classes("full-width")
            )
            to = ui.input(text("web.settings.bound")).props("outlined").classes("full-width")

    new.on_click(make)
    await look()


def _token(view: View, one: Json, now: datetime, again: Go) -> None:
    text = view.text

    async def revoke() -> None:
        work = view.desk.api.delete(view.visitor.token, f"/access-tokens/{segment(one['token_id'])}")
        await view.act(work, lambda _: (text("web.settings.revoked", name=one["name"]), False))
        await again()

    bound = f" · {', '.join(one['bound_to'])}" if one["bound_to"] else ""
    used = local_time(one["last_used_at"], now)
    facts = text("web.settings.used", time=used) + (
        " · " + text("web.settings.until", time=local_time(one["expires_at"], now)) if one["expires_at"] else ""
    )
    with tag("div", "row-line limit"):
        markup(
            Markup("<span><b>{}</b> &nbsp;{}{}<br><span class=quiet>{}</span></span>").format(
                one["name"], text(f"web.role.{one['role']}"), bound, facts
            )
        )
        tag("div", "gap")
        question = text("web.settings.revoke_really", name=one["name"])
        verb = text("web.settings.revoke")
        button = ui.button(verb, on_click=lambda: ask_back(text, question, verb, revoke))
        button.props("outline no-caps dense padding='4px 12px'")
