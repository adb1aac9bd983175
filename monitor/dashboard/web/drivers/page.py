"""The page for drivers as HTML: a form that works without script, what was found, prices of the day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from markupsafe import Markup

from csms.texts import Text
from monitor.dashboard.web.drivers.board import Board
from monitor.dashboard.web.drivers.offers import Found, Offer, Outlets, Wish, cheapest
from monitor.dashboard.web.drivers.strip import price_strip
from monitor.dashboard.web.places import map_place
from monitor.dashboard.web.places_map import LEAFLET_STYLE, OUTLINE_PATH, words
from monitor.dashboard.web.places_map import SCRIPT_PATH as MAP_PATH
from monitor.dashboard.web.style import STYLE_PATH
from monitor.warehouse.carbon import FactorMissing, grid_factor

FOLDER = Path(__file__).parent
TEMPLATE = (FOLDER / "driver.html").read_text(encoding="utf-8")
"""Filled in with words and markup of ours, nothing else."""
SCRIPT = (FOLDER / "driver.js").read_text(encoding="utf-8")
SCRIPT_PATH = f"/assets/driver-{hashlib.sha256(SCRIPT.encode()).hexdigest()[:16]}.js"
POWERS_KW = (0.0, 7.0, 22.0, 60.0, 120.0, 180.0)
ARRIVALS_MIN = (0, 15, 30, 60, 120)
SHOWN_MAX = 60
SURE, LIKELY, EVEN = 0.9, 0.7, 0.4


def page(
    text: Text, lang: str, wish: Wish, board: Board | None, found: Sequence[Found], query: str, outline: bool
) -> str:
    """The whole page. `board` None: the server does not answer; `query`: what was asked, without the language."""
    other = "en" if lang == "zh" else "zh"
    shown = found[:SHOWN_MAX]
    if board is None:
        cards = Markup('<p class="empty" role="alert">{}</p>').format(text("driver.no_server"))
        told = ""
    else:
        cards = _cards(text, shown, wish, board.clock_time)
        told = text("driver.told", time=_clock(board.clock_time, board.clock_time), count=len(found))
    return TEMPLATE.format(
        lang=_tag(lang),
        title=text("driver.title"),
        leaflet=LEAFLET_STYLE,
        style=STYLE_PATH,
        script=SCRIPT_PATH,
        map_module=MAP_PATH,
        outline=OUTLINE_PATH if outline else "",
        map_words=_json(words(text)),
        places=_json(map_places(text, shown)),
        here="" if wish.spot is None else f"{wish.spot[1]},{wish.spot[0]}",
        other_href=Markup.escape("/driver?" + (f"{query}&" if query else "") + urlencode({"lang": other})),
        other_lang=_tag(other),
        other_language=text("web.other_language"),
        form=_form(text, lang, wish),
        list_label=text("driver.list"),
        strip=Markup("") if board is None else _strips(text, shown, board.clock_time),
        cards=cards,
        told=told,
    )


def _tag(lang: str) -> str:
    return {"zh": "zh-CN", "en": "en"}[lang]


def _json(value: object) -> Markup:
    """As the value of an attribute."""
    return Markup.escape(json.dumps(value, ensure_ascii=False))


def _form(text: Text, lang: str, wish: Wish) -> Markup:
    kinds = [("", text("driver.any")), ("ac", text("driver.ac")), ("dc", text("driver.dc"))]
    powers = [(f"{kw:g}", text("driver.from_kw", power=f"{kw:g}") if kw else text("driver.any")) for kw in POWERS_KW]
    arrivals = [(str(m), text("driver.in_min", minutes=m) if m else text("driver.now")) for m in ARRIVALS_MIN]
    orders = [(name, text(f"driver.order.{name}")) for name in ("near", "cheap", "free")]
    lng, lat = ("", "") if wish.spot is None else (f"{wish.spot[0]:.3f}", f"{wish.spot[1]:.3f}")
    spot = Markup("")
    if wish.spot is not None:
        spot = Markup('<p class="spot">{} <a href="/driver?lang={}">{}</a></p>').format(
            text("driver.near", place=f"{lat}, {lng}"), lang, text("driver.anywhere")
        )
    return Markup(
        '<form id="wish" method="get" action="/driver"><input type="hidden" name="lang" value="{lang}">'
        '<input type="hidden" name="lat" value="{lat}"><input type="hidden" name="lng" value="{lng}">'
        '<div class="search"><label class="wide"><span>{words}</span>'
        '<input name="q" type="search" maxlength="80" value="{q}"></label><button>{search}</button>'
        '<button type="button" id="locate" class="second" hidden data-asking="{asking}" data-refused="{refused}">'
        '{locate}</button></div><p id="locate-note" class="hint" role="status"></p>{spot}'
        '<div class="filters">{kind}{power}{price}{arrival}{order}'
        '<label class="check"><input type="checkbox" name="free" value="1"{free}> {free_now}</label></div></form>'
    ).format(
        lang=lang,
        lat=lat,
        lng=lng,
        words=text("driver.words"),
        q=wish.words,
        search=text("driver.search"),
        asking=text("driver.asking"),
        refused=text("driver.refused"),
        locate=text("driver.locate"),
        spot=spot,
        kind=_select("kind", text("driver.kind"), kinds, wish.kind),
        power=_select("kw", text("driver.power"), powers, f"{wish.power_w / 1000:g}"),
        price=Markup(
            '<label><span>{}</span><input name="price" type="number" min="0" max="99" step="0.05" value="{}"></label>'
        ).format(text("driver.price_max"), "" if wish.price_max is None else f"{wish.price_max:g}"),
        arrival=_select("in", text("driver.arrival"), arrivals, str(wish.in_min)),
        order=_select("order", text("driver.order.title"), orders, wish.order),
        free=Markup(" checked") if wish.free_only else Markup(""),
        free_now=text("driver.free_now"),
    )


def _select(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str) -> Markup:
    rows = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if value == chosen else Markup(""), shown
        )
        for value, shown in options
    )
    return Markup('<label><span>{}</span><select name="{}">{}</select></label>').format(label, name, rows)


def _cards(text: Text, found: Sequence[Found], wish: Wish, now: datetime) -> Markup:
    if not found:
        return Markup('<p class="empty">{}</p>').format(text("driver.none"))
    return Markup('<ul class="offers">{}</ul>').format(Markup("").join(_card(text, one, wish, now) for one in found))


def _card(text: Text, one: Found, wish: Wish, now: datetime) -> Markup:
    offer = one.offer
    away = "" if one.distance_km is None else text("driver.away", km=f"{one.distance_km:.1f}")
    place = " · ".join(word for word in (offer.address, offer.operator) if word)
    lines = [_likely(text, one, wish), _price(text, one, now), _age(text, offer, now)]
    return Markup(
        '<li class="offer" id="{}"><div class="offer-head"><h2>{}</h2><span>{}</span></div><p class="quiet">{}</p>'
        '<ul class="outlets">{}</ul>{}</li>'
    ).format(
        _anchor(offer),
        offer.name,
        away,
        place,
        Markup("").join(_group(text, group) for group in one.outlets),
        Markup("").join(lines),
    )


def _group(text: Text, group: Outlets) -> Markup:
    kind = f"{text(f'driver.{group.kind}')} {group.power_w / 1000:g} kW"
    if group.free is None:
        return Markup('<li><b>{}</b><span class="quiet">{}</span></li>').format(
            kind, text("driver.untold", count=group.count)
        )
    mood = "free" if group.free else "full"
    broken = text("driver.broken", count=group.out_of_order) if group.out_of_order else ""
    return Markup('<li><b>{}</b><span class="{}">{}</span><span class="quiet">{}</span></li>').format(
        kind, mood, text("driver.free_of", free=group.free, count=group.count), broken
    )


def _likely(text: Text, one: Found, wish: Wish) -> Markup:
    if wish.in_min == 0:
        return Markup("")
    if one.chance is None:
        return Markup('<p class="quiet">{}</p>').format(text("driver.chance.unknown"))
    share = one.chance
    name = "sure" if share >= SURE else "likely" if share >= LIKELY else "even" if share >= EVEN else "unlikely"
    percent = min(99, max(1, round(100 * share)))
    told = text(f"driver.chance.{name}", minutes=wish.in_min, percent=percent)
    return Markup('<p class="chance {}">{}</p>').format(name, told)


def _price(text: Text, one: Found, now: datetime) -> Markup:
    if one.price is None:
        fees = one.offer.fees or text("driver.no_price")
        return Markup('<p class="quiet">{}</p>').format(fees)
    level = f" · {text(f'driver.level.{one.price.level}')}" if one.price.level else ""
    cost = text("driver.price", yuan=f"{one.price.yuan:.2f}") + level
    best = cheapest(one.offer.prices, now)
    words = "" if best is None else _best(text, best[0].begins_at, best[1], best[0].yuan, now)
    return Markup('<p class="cost"><b>{}</b> <span class="quiet">{}</span></p>').format(cost, words)


def _best(text: Text, begin: datetime, end: datetime, yuan: float, now: datetime) -> str:
    if begin <= now:
        return text("driver.cheapest_now", end=_clock(end, now))
    return text("driver.cheapest", begin=_clock(begin, now), end=_clock(end, now), yuan=f"{yuan:.2f}")


def _age(text: Text, offer: Offer, now: datetime) -> Markup:
    if offer.told_at is None:
        return Markup("")
    return Markup('<p class="quiet">{}</p>').format(text("driver.told_at", time=_clock(offer.told_at, now)))


def _strips(text: Text, found: Sequence[Found], now: datetime) -> Markup:
    """Prices of the day, once for all places that have the same, and how clean the electricity is."""
    first = next((one.offer for one in found if len({price.yuan for price in one.offer.prices}) > 1), None)
    strip = Markup("") if first is None else price_strip(text, first.prices)
    area = next((one.offer.area_code for one in found if one.offer.area_code), "")
    try:
        factor, _ = grid_factor(area, now.year)
    except FactorMissing:
        return strip
    return strip + Markup('<p class="hint">{}</p>').format(
        text("driver.carbon", kg=f"{factor.kg_per_kwh:.3f}", year=factor.year)
    )


def map_places(text: Text, found: Sequence[Found]) -> list[dict[str, object]]:
    """Marks with how many are free."""
    marks = []
    for one in found:
        if one.offer.spot is None:
            continue
        free = one.free
        family = "unknown" if free is None else "available" if free else "occupied"
        title = one.offer.name
        if free is not None:
            title = f"{title} · {text('driver.free_of', free=free, count=one.count)}"
        mark = map_place(one.offer.name, one.offer.spot, family, title, f"#{_anchor(one.offer)}", one.offer.key)
        marks.append(mark | {"letter": "?" if free is None else str(free)})
    return marks


def _anchor(offer: Offer) -> str:
    return hashlib.sha256(offer.key.encode()).hexdigest()[:12]


def _clock(at: datetime, now: datetime) -> str:
    """Local time of day, with the date when it is another day."""
    local = at.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%m-%d %H:%M}"
