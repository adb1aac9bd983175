"""What a session comes to, by tariff period: a strip of five tones and a table that adds up to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from csms.texts import Text
from monitor.dashboard.history import Json
from monitor.dashboard.look import moment
from monitor.dashboard.web.desk import View
from monitor.dashboard.web.figures import local_time
from monitor.dashboard.web.parts import card, markup, table

LEVELS = ("sharp", "peak", "flat", "valley", "deep")


async def bill_card(view: View, session_id: int, now: datetime) -> None:
    """The card; without prices it is not there."""
    text = view.text
    bill = await view.read_or_none(f"/sessions/{session_id}/bill")
    if bill is None or not bill["periods"]:
        return
    with card(text("web.bill.title")):
        markup(strip_markup(text, bill["periods"]))
        markup(bill_markup(text, bill, now))


def strip_markup(text: Text, periods: Sequence[Json]) -> Markup:
    """The time of the session as a strip, in the tone of each price level; nothing where levels are not known."""
    spans = [(one["level"], (moment(one["end"]) - moment(one["start"])).total_seconds()) for one in periods]
    whole = sum(seconds for _, seconds in spans)
    if not whole or not any(level for level, _ in spans):
        return Markup("")
    bars = Markup("").join(
        Markup('<i class="tone {}" style="width:{:.2f}%"></i>').format(level or "flat", 100 * seconds / whole)
        for level, seconds in spans
    )
    known = dict.fromkeys(level for level, _ in spans if level)
    words = Markup("").join(level_mark(text, level) for level in LEVELS if level in known)
    return Markup('<div class="tone-strip" aria-hidden="true">{}</div><div class="counts">{}</div>').format(bars, words)


def level_mark(text: Text, level: str) -> Markup:
    """The name of a price level with its tone."""
    if not level:
        return Markup("–")
    return Markup('<span class="level"><i class="tone {}" aria-hidden="true"></i>{}</span>').format(
        level, text(f"web.level.{level}")
    )


def bill_markup(text: Text, bill: Json, now: datetime) -> Markup:
    """A row for each stretch at one price, and the sum."""
    rows = [
        {
            "from": local_time(one["start"], now),
            "level": level_mark(text, one["level"]),
            "kwh": f"{one['energy_kwh']:.2f}",
            "price": f"{one['electricity_price'] + one['service_price']:.4f}",
            "electricity": f"{one['electricity']:.2f}",
            "service": f"{one['service']:.2f}",
        }
        for one in bill["periods"]
    ]
    total = Markup("<b>{}</b>")
    state = text("web.bill.final" if bill["final"] else "web.bill.so_far")
    rows.append(
        {
            "from": total.format(state),
            "level": total.format(text("web.bill.total", money=f"{bill['total']:.2f}")),
            "kwh": total.format(f"{bill['energy_kwh']:.2f}"),
            "price": "",
            "electricity": total.format(f"{bill['electricity']:.2f}"),
            "service": total.format(f"{bill['service']:.2f}"),
        }
    )
    names = ("from", "level", "#kwh", "#price", "#electricity", "#service")
    return table([(name, text(f"web.bill.{name.lstrip('#')}")) for name in names], rows, text("web.none"))
