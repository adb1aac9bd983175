"""Which three pictures an audience is shown, made from its figures and the hours beside them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from csms.texts import Text
from monitor.reports.pictures import Bar, Curve, columns, curves, rows
from monitor.reports.told import Told
from monitor.warehouse.report import Figure

PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Picture:
    """`name`: the last part of its heading `report.picture.<name>`; empty markup: there is nothing to draw."""

    name: str
    drawn: Markup


def gallery(told: Told, label: Text) -> list[Picture]:
    """Three pictures; `label` gives the words for those who do not see them."""
    makers = {"grid": _grid, "government": _government, "makers": _makers, "operators": _operators}
    return list(makers[told.report.audience](told, label))


def _grid(told: Told, label: Text) -> Iterator[Picture]:
    yield _energy(told, label)
    yield _named(told, "levels", "level_energy", label, words="web.level")
    fullest = sorted(told.feeders, key=lambda one: -max((load for _, load in one.loads), default=0.0) / one.rating_kw)
    lines = [Curve(one.feeder_id, [(at, PERCENT * load / one.rating_kw) for at, load in one.loads]) for one in fullest]
    yield Picture("feeders", curves(lines, PERCENT, label("report.picture.feeders")))


def _government(told: Told, label: Text) -> Iterator[Picture]:
    yield _energy(told, label)
    own = [Bar(label("report.of.own"), one.value or 0.0) for one in told.report.figures if one.name == "energy_own"]
    bars = own + _bars(told, "energy_of_operator")
    yield Picture("operators", rows(sorted(bars, key=lambda bar: -bar.value), label("report.picture.operators")))
    yield _named(told, "regions", "region_energy", label)


def _makers(told: Told, label: Text) -> Iterator[Picture]:
    yield _named(told, "kinds", "energy", label)
    yield _named(told, "mtbf", "mtbf", label)
    yield _named(told, "availability", "availability", label, scale=PERCENT)


def _operators(told: Told, label: Text) -> Iterator[Picture]:
    yield _energy(told, label)
    yield _named(told, "levels", "level_energy", label, words="web.level")
    yield _named(told, "revenue", "revenue", label, words="report.of")


def _energy(told: Told, label: Text) -> Picture:
    """By hour of a day, by day of more than one."""
    if told.report.asked.days == 1:
        bars = [Bar(f"{at:%H}", kwh) for at, kwh in told.hours]
        return Picture("hours", _columns(bars, label("report.picture.hours")))
    by_day: dict[str, float] = defaultdict(float)
    for at, kwh in told.hours:
        by_day[f"{at:%m-%d}"] += kwh
    return Picture("days", _columns([Bar(day, kwh) for day, kwh in by_day.items()], label("report.picture.days")))


def _columns(bars: list[Bar], label: str) -> Markup:
    return columns(bars, label) if bars else Markup("")


def _named(told: Told, name: str, figure: str, label: Text, *, words: str = "", scale: float = 1.0) -> Picture:
    bars = _bars(told, figure, scale)
    if words:
        bars = [Bar(label(f"{words}.{bar.name}"), bar.value, bar.low, bar.high) for bar in bars]
    return Picture(name, rows(bars, label(f"report.picture.{name}")) if any(bar.value for bar in bars) else Markup(""))


def _bars(told: Told, figure: str, scale: float = 1.0) -> list[Bar]:
    return [_bar(one, scale) for one in told.report.figures if one.name == figure and one.of and one.value is not None]


def _bar(one: Figure, scale: float) -> Bar:
    low, high = (None if end is None else end * scale for end in (one.low, one.high))
    return Bar(one.of, (one.value or 0.0) * scale, low, high)
