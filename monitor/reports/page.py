"""A report as one page in both languages that fetches nothing and prints to A4. Pure but for its own template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from csms.texts import Text, entries
from monitor.reports.gallery import gallery
from monitor.reports.pictures import STYLE
from monitor.reports.sentences import sentences
from monitor.reports.told import Told, spanned, written
from monitor.warehouse.report import Figure

TEMPLATES = Path(__file__).parent / "templates"


def render(told: Told, chinese: Text, english: Text, first: str) -> str:
    """The page; `first`: the language that it opens in, `zh` or `en`."""
    texts = {"zh": chinese, "en": english}
    report = told.report
    title = f"report.title.{period_of(told)}"
    return page(
        "report.html.j2",
        texts,
        first,
        told=told,
        title=title,
        report=report,
        name=" · ".join(text(title) for text in texts.values()),
        sentences=list(zip(*(sentences(report, text) for text in texts.values()), strict=True)),
        pictures=[(picture.name, picture.drawn) for picture in gallery(told, texts[first])],
        figures=[_row(one, texts) for one in report.figures],
        filters=report.asked.filters(),
    )


def page(template: str, texts: Mapping[str, Text], first: str, **more: Any) -> str:
    """A template with words in both languages: `t(key, ...)`, of which the page shows one; `both(zh, en)` likewise."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def words(key: str, **values: object) -> Markup:
        return both(*(text(key, **values) for text in (texts["zh"], texts["en"])))

    environment.globals.update(
        t=words,
        both=both,
        first=first,
        picture_style=Markup(STYLE),  # noqa: S704 ours
    )
    return environment.get_template(template).render(**more) + "\n"


def both(chinese: str, english: str) -> Markup:
    """Words in both languages."""
    return Markup('<span class="zh" lang="zh-CN">{}</span><span class="en" lang="en">{}</span>').format(
        chinese, english
    )


def period_of(told: Told) -> str:
    """daily, monthly, or span for any other."""
    first, last = told.report.asked.first, told.report.asked.last
    if first == last:
        return "daily"
    whole = first.day == 1 and (first.year, first.month) == (last.year, last.month)
    return "monthly" if whole and told.report.asked.days >= 28 else "span"


def note_of(text: Text, figure: Figure) -> str:
    """What has to be known to read a figure right; in the reader's language where the catalogue has these words."""
    key = _note_key(figure)
    return text(key) if key else figure.note


def of_whom(text: Text, figure: Figure) -> str:
    """Whose figure it is: levels of prices and kinds of money in words, the rest as it is called."""
    key = f"web.level.{figure.of}" if figure.name.startswith("level_") else f"report.of.{figure.of}"
    return text(key) if figure.of and key in entries() else figure.of


def _note_key(figure: Figure) -> str:
    key = f"warehouse.note.{figure.name}"
    return key if figure.note and entries().get(key, {}).get("en") == figure.note else ""


def _row(one: Figure, texts: Mapping[str, Text]) -> dict[str, Any]:
    said = [texts[lang] for lang in ("zh", "en")]
    return {
        "name": one.name,
        "of": both(*(of_whom(text, one) for text in said)),
        "value": both(*(written(one.value, one.unit, text("report.unit.yuan")) for text in said)),
        "range": spanned(one),
        "note": both(*(note_of(text, one) for text in said)),
    }
