"""Small parts that every page is made of. Words of people and stations get in as text, never as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from nicegui import ui
from nicegui.element import Element

from csms.texts import Text
from monitor.dashboard.web.palette import FAMILIES


def tag(name: str, classes: str = "", words: str = "", /, **attributes: Any) -> Element:
    """An HTML element; `words` as its text. Attributes are given with `_` for `-`."""
    element = ui.element(name).classes(classes)
    for attribute, value in attributes.items():
        element.props[attribute.rstrip("_").replace("_", "-")] = value
    if words:
        with element:
            ui.label(words)
    return element


def markup(words: Markup, classes: str = "") -> ui.html:
    """Markup that escaped what it was given."""
    return ui.html(str(words), sanitize=False).classes(classes)


def state_mark(text: Text, family: str) -> Markup:
    """Letter and word of a state in its colour: never colour alone."""
    words = text(f"live.state.{family}")
    return Markup('<span class="state {}"><b aria-hidden="true">{}</b>{}</span>').format(
        family, FAMILIES[family], words
    )


def card(title: str, classes: str = "") -> Element:
    """A card with its heading; use it as a context."""
    section = tag("section", f"card {classes}")
    with section:
        tag("h2", "", title)
    return section


class Kpi:
    """A big number with its unit, and a line below it."""

    def __init__(self, title: str, unit: str = "", href: str = "") -> None:
        self.box = tag("a", "kpi", href=href) if href else tag("div", "kpi")
        with self.box:
            tag("div", "kpi-title", title)
            with tag("div", "kpi-value"):
                self._value = ui.label("–")
                tag("small", "", unit)
            self._note = ui.label("").classes("kpi-note")

    def show(self, value: str, note: str = "", mood: str = "") -> None:
        """`mood`: good, warn, bad or nothing."""
        self._value.set_text(value)
        self._note.set_text(note)
        wanted = f"mood-{mood}" if mood else ""
        if self._note.classes != ["kpi-note", wanted]:
            self._note.classes(replace=f"kpi-note {wanted}")


class Chart:
    """A chart that is drawn anew only when something in it changed."""

    def __init__(self, options: dict[str, Any], label: str, classes: str = "chart") -> None:
        self._chart = ui.echart(options).classes(classes)
        self._chart.props["role"] = "img"
        self._chart.props["aria-label"] = label
        self.element = self._chart

    def show(self, options: dict[str, Any]) -> None:
        """What to show from now on."""
        if options != self._chart.options:
            self._chart.options.clear()
            self._chart.options.update(options)
            self._chart.update()


Column = tuple[str, str]
"""Key of a row and heading; a key that begins with `#` holds a number."""


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], empty: str) -> Markup:
    """A plain table; values that are Markup stay so, all others are escaped. `empty`: what to say without rows."""
    if not rows:
        return Markup('<p class="empty">{}</p>').format(empty)
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_number(key), heading) for key, heading in columns
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(_number(key), row.get(key.lstrip("#"), "")) for key, _ in columns
            )
        )
        for row in rows
    )
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, body)


def _number(key: str) -> Markup:
    return Markup(' class="number"') if key.startswith("#") else Markup("")


def link(href: str, words: object) -> Markup:
    """A link."""
    return Markup('<a href="{}">{}</a>').format(href, words)
