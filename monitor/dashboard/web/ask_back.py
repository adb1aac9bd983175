"""Asking back before something that hurts, and asking for what an action needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from csms.texts import Text
from monitor.dashboard.web.parts import tag

Go = Callable[[], Awaitable[object]]


def ask_back(text: Text, question: str, verb: str, go: Go) -> None:
    """Do `go` only after the person said `verb`."""
    with ui.dialog(value=True) as dialog, ui.card():
        tag("h3", "", question)
        _buttons(text, dialog, verb, go, grave=True)


@contextmanager
def form(text: Text, title: str, verb: str, go: Go) -> Iterator[ui.dialog]:
    """An open dialog; fields are made inside, `go` is done when the person says `verb`."""
    with ui.dialog(value=True) as dialog, ui.card():
        tag("h3", "", title)
        yield dialog
        _buttons(text, dialog, verb, go)


def _buttons(text: Text, dialog: ui.dialog, verb: str, go: Go, *, grave: bool = False) -> None:
    async def do() -> None:
        dialog.close()
        await go()

    with tag("div", "row-line"):
        ui.button(verb, on_click=do, color=None).props("unelevated no-caps").classes("grave" if grave else "filled")
        ui.button(text("web.cancel"), on_click=dialog.close).props("flat no-caps")
