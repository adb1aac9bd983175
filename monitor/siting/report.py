"""《充电站选址参考数据报告》 as one HTML page in both languages that fetches nothing. Pure but for its own template.

Every number on the page is looked up in the document by its path, so that page and JSON cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from csms.texts import Text
from monitor.siting.area import Area
from monitor.siting.maps import Canvas, Mark, Scale, diverging, sequential
from monitor.siting.plan import REASONS
from monitor.siting.plane import Array

TEMPLATES = Path(__file__).parent / "templates"
REJECTED_SHOWN = 5
"""Of each reason."""
FIGURE_FORMS = {
    "too_close": "2",
    "unknown_ground": "1",
    "no_room": "1",
    "below_break_even": "%1",
    "others_reach_more": "0",
}
"""How the figure that speaks against a candidate is written, by reason."""
NONE = "–"
LAYERS = ("supply", "demand", "gap")


def render(document: Mapping[str, Any], area: Area, chinese: Text, english: Text, first: str) -> str:
    """The page; `first`: the language that it opens in, `zh` or `en`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reader = _Reader(document, (("zh", chinese), ("en", english)))
    environment.globals.update(
        t=reader.words, n=reader.number, d=document, first=first, maps=_maps(document, area, reader),
        title=reader.plain("siting.report.title"), shown_each=REJECTED_SHOWN,
        rejected=list(_shown(document["rejected"])), figure_forms=FIGURE_FORMS,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render() + "\n"


def _shown(rejected: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Rows of the first few of each reason."""
    for reason in REASONS:
        yield from islice((row for row, one in enumerate(rejected) if one["reason"] == reason), REJECTED_SHOWN)


class _Reader:
    """Words in both languages and numbers by their path."""

    def __init__(self, document: Mapping[str, Any], texts: Sequence[tuple[str, Text]]) -> None:
        self._document, self._texts = document, texts

    def words(self, key: str, **values: object) -> Markup:
        """Both languages; the page shows one."""
        spans = (
            Markup('<span class="{0}" lang="{1}">{2}</span>').format(name, "zh-CN" if name == "zh" else "en", said)
            for name, said in ((name, _filled(text, key, values)) for name, text in self._texts)
        )
        return Markup("").join(spans)

    def plain(self, key: str) -> str:
        """Both without markup."""
        return " ".join(text(key) for _, text in self._texts)

    def number(self, path: str, form: str = "0") -> Markup:
        """The figure at `a.b.0.c`: `0` and so on decimals, `%` a share (`%1` with a decimal), `g` as it is."""
        value: Any = self._document
        for name in path.split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
        return Markup('<data value="{0}" data-path="{1}">{2}</data>').format(
            "" if value is None else value, path, written(value, form)
        )


def _filled(text: Text, key: str, values: Mapping[str, object]) -> Markup:
    """Words with values; a value may be markup of ours, words never are."""
    marks = {name: f"\x00{name}\x00" for name in values}
    said = escape(text(key, **marks) if marks else text(key))
    for name, mark in marks.items():
        said = Markup(str(said).replace(mark, str(escape(values[name]))))  # noqa: S704 both parts are escaped
    return said


def written(value: Any, form: str) -> str:
    """A figure as people write it."""
    if value is None:
        return NONE
    if form == "g":
        return f"{value:g}" if isinstance(value, float) else str(value)
    if form.startswith("%"):
        return f"{100 * value:.{int(form[1:] or 0)}f} %"
    return f"{value:,.{int(form)}f}".replace("-", "−")


def _maps(document: Mapping[str, Any], area: Area, reader: _Reader) -> list[dict[str, Any]]:
    cells = document["market"]["cells"]
    columns = {name: np.array([cell[f"{name}_kwh"] for cell in cells]) for name in LAYERS}
    canvas = Canvas([cell["cell"] for cell in cells])
    both, gap = sequential(columns["supply"], columns["demand"]), diverging(columns["gap"])
    sites = [Mark(*place) for place in area.sites.degrees.tolist()]
    picks = [Mark(one["longitude"], one["latitude"], str(one["number"])) for one in document["proposals"]]
    found = []
    for name in LAYERS:
        scale, marks = (gap, picks) if name == "gap" else (both, sites if name == "supply" else [])
        drawn = canvas.draw(columns[name], scale, marks, str(escape(reader.plain(f"siting.report.map.{name}"))))
        found.append({"name": name, "svg": Markup(drawn), "legend": _legend(scale, columns[name])})  # noqa: S704 ours
    return found


def _legend(scale: Scale, values: Array) -> list[tuple[str, str]]:
    """Colour and range of each class."""
    words = [_short(step) for step in scale.breaks]
    ranges = [
        f"< {words[0]}",
        *(f"{low} – {high}" for low, high in pairwise(words)),
        f"≥ {words[-1]}",
    ]
    return list(zip(scale.colours, ranges, strict=True)) if len(values) else []


def _short(value: float) -> str:
    size = abs(value)
    said = f"{size / 1e6:g} M" if size >= 1e6 else f"{size / 1e3:g} k" if size >= 1e3 else f"{size:.3g}"
    return f"−{said}" if value < 0 else said
