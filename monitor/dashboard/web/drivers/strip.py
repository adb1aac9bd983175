"""Prices of the coming day as bars, the tariff period in five tones, as SVG without a style of its own. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from csms.texts import Text
from monitor.dashboard.web.drivers.offers import HourPrice

WIDTH, HEIGHT, BAR, FOOT = 480, 92, 62, 16
LEVELS = ("sharp", "peak", "flat", "valley", "deep")
LABEL_EVERY_H = 3


def price_strip(text: Text, prices: Sequence[HourPrice]) -> Markup:
    """A bar for each hour, as high as its price; the legend names the periods there are."""
    most = max(one.yuan for one in prices)
    step = WIDTH / len(prices)
    bars = Markup("").join(_bar(one, place, step, most) for place, one in enumerate(prices))
    hours = Markup("").join(
        Markup('<text x="{:.1f}" y="{}">{}</text>').format(place * step + step / 2, HEIGHT - 3, _hour(one))
        for place, one in enumerate(prices)
        if one.begins_at.astimezone().hour % LABEL_EVERY_H == 0
    )
    there = [level for level in LEVELS if any(one.level == level for one in prices)]
    legend = Markup("").join(_legend(text, level, prices) for level in there)
    label = text("driver.strip", least=f"{min(one.yuan for one in prices):.2f}", most=f"{most:.2f}")
    return Markup(
        '<figure class="price-strip"><figcaption>{}</figcaption>'
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>'
        '<p class="levels">{}</p></figure>'
    ).format(text("driver.strip_title"), WIDTH, HEIGHT, label, bars, hours, legend)


def _bar(one: HourPrice, place: int, step: float, most: float) -> Markup:
    height = max(4.0, BAR * one.yuan / most) if most > 0 else 4.0
    return Markup(
        '<rect class="hour {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"><title>{}</title></rect>'
    ).format(
        one.level or "flat",
        place * step + 1,
        HEIGHT - FOOT - height,
        step - 2,
        height,
        f"{_hour(one)}:00 {one.yuan:.2f}",
    )


def _hour(one: HourPrice) -> int:
    return one.begins_at.astimezone().hour


def _legend(text: Text, level: str, prices: Sequence[HourPrice]) -> Markup:
    yuan = next(one.yuan for one in prices if one.level == level)
    return Markup('<span class="level-name {}"><i aria-hidden="true"></i>{} {:.2f}</span>').format(
        level, text(f"driver.level.{level}"), yuan
    )
