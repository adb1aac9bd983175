"""What is set about supply and money: floors of feeders, prices by the hour, partners and which secrets count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from markupsafe import Markup
from nicegui import ui

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.api import segment
from monitor.dashboard.web.ask_back import ask_back
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.figures import kilo, local_time
from monitor.dashboard.web.pages.session_bill import level_mark, strip_markup
from monitor.dashboard.web.parts import card, link, markup, table, tag

HOUR = timedelta(hours=1)


async def supply_cards(view: View) -> None:
    """Floors, prices, partners."""
    text = view.text
    tree = await view.read_or_none("/feeder-tree")
    prices = await view.read_or_none("/prices")
    province = await view.read_or_none("/province")
    with card(text("web.supply.floors")):
        tag("p", "quiet", text("web.supply.floors_mean"))
        markup(floors_markup(text, tree["feeders"] if tree else []))
    with card(text("web.supply.prices")):
        markup(prices_markup(text, prices) if prices else Markup('<p class="empty">{}</p>').format(text("web.none")))
    with card(text("web.supply.partners")):
        markup(partners_markup(text, province["partners"] if province else []))


def floors_markup(text: Text, feeders: Sequence[Json]) -> Markup:
    """What each feeder promises its stations, and what room there is for it under the lowest cap of the contract."""
    rows = [
        {
            "feeder": link(f"/feeders/{segment(one['feeder_id'])}", one["feeder_id"]),
            "rating": kilo(one["rating_w"]),
            "lowest": kilo(one["lowest_ordered_w"]) if one["lowest_ordered_w"] else "–",
            "floors_column": kilo(one["floors_w"]),
            "room": kilo(one["floor_room_w"]),
            "stations": f"{len(one['floor_stations'])} / {len(one['stations'])}",
            "origin": text(f"web.supply.by_{one['origin']}"),
        }
        for one in feeders
    ]
    names = ("feeder", "#rating", "#lowest", "#floors_column", "#room", "#stations", "origin")
    return table([(name, text(f"web.supply.{name.lstrip('#')}")) for name in names], rows, text("web.none"))


def prices_markup(text: Text, prices: Json) -> Markup:
    """The day as a strip in five tones, and its stretches at one price."""
    stretches = stretches_of(prices["hours"])
    rows = [
        {
            "from": f"{moment(one['start']).astimezone():%H:%M} – {moment(one['end']).astimezone():%H:%M}",
            "level": level_mark(text, one["level"]),
            "electricity": f"{one['electricity']:.4f}",
            "service": f"{one['service']:.4f}",
        }
        for one in stretches
    ]
    columns = [
        ("from", text("web.supply.hours")),
        ("level", text("web.bill.level")),
        ("#electricity", text("web.supply.electricity")),
        ("#service", text("web.supply.service")),
    ]
    constant = (
        Markup('<p class="quiet">{}</p>').format(text("web.supply.constant")) if prices["constant"] else Markup("")
    )
    return strip_markup(text, stretches) + constant + table(columns, rows, text("web.none"))


def stretches_of(hours: Sequence[Json]) -> list[Json]:
    """Hours that follow each other at one price as one."""
    found: list[Json] = []
    for _, group in groupby(hours, key=lambda one: (one["level"], one["electricity"], one["service"])):
        alike = list(group)
        end = (moment(alike[-1]["start"]) + HOUR).isoformat()
        found.append({**alike[0], "end": end})
    return found


def partners_markup(text: Text, partners: Sequence[Json]) -> Markup:
    """Platforms with their profiles and tokens; a profile that nobody has confirmed says so."""
    rows = [
        {
            "partner": link("/province", one["partner"]),
            "profile": f"{one['profile']} ({one['profile_state']})",
            "token": text(f"web.province.token_{one['token']}"),
            "last_error": one["last_error"],
        }
        for one in partners
    ]
    columns = [
        ("partner", text("web.supply.partner")),
        ("profile", text("web.supply.profile")),
        ("token", text("web.supply.token")),
        ("last_error", text("web.province.error")),
    ]
    return table(columns, rows, text("web.province.none"))


async def keys_card(view: View) -> None:
    """Which secrets of partners count, and since when; new ones are made here and shown once."""
    text = view.text
    found = await view.read_or_none("/province/keys")
    if found is None:
        return
    with card(text("web.supply.keys")):
        tag("p", "quiet", text("web.supply.keys_mean"))
        markup(keys_markup(text, found["keys"], moment(found["clock_time"])))
        with tag("div", "actions"):
            for partner in dict.fromkeys(one["partner"] for one in found["keys"]):
                _renew(view, partner)


def keys_markup(text: Text, keys: Sequence[Json], now: datetime) -> Markup:
    """Sets of secrets by their fingerprints."""
    rows = [
        {
            "partner": one["partner"],
            "direction": text(f"web.supply.{one['direction']}"),
            "number": one["number"],
            "fingerprint": Markup("<code>{}</code>").format(one["fingerprint"]),
            "made": local_time(one["made_at"], now),
            "used": local_time(one["used_at"], now),
            "retired": local_time(one["retired_at"], now),
        }
        for one in keys
    ]
    names = ("partner", "direction", "#number", "fingerprint", "made", "used", "retired")
    return table([(name, text(f"web.supply.{name.lstrip('#')}")) for name in names], rows, text("web.none"))


def _renew(view: View, partner: str) -> None:
    """Secrets for the partner's calls to us; the older ones count until these were used."""
    text, verb = view.text, view.text("web.supply.renew", partner=partner)

    async def go() -> None:
        path = f"/province/{segment(partner)}/keys/inbound"
        work = view.desk.api.post(view.visitor.token, path, {})
        made = await view.act(work, lambda _: (text("web.supply.renewed", partner=partner), False))
        if made is not None:
            with view.client, ui.dialog(value=True), ui.card():
                tag("h3", "", text("web.settings.once"))
                for name, secret in made["secrets"].items():
                    tag("p", "quiet", name)
                    tag("code", "", secret)

    button = ui.button(
        verb, on_click=lambda: ask_back(text, text("web.supply.renew_really", partner=partner), verb, go)
    )
    button.props("outline no-caps dense padding='4px 12px'")
