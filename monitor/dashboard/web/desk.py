"""What every page has at hand: the API, the shared snapshot, who looks, in which language and colours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request
from nicegui import ui
from nicegui.client import Client

from csms.texts import Text, catalogue
from monitor.dashboard.source import SourceLost, SourceRefused
from monitor.dashboard.web.api import Api, Refused
from monitor.dashboard.web.beside import Beside
from monitor.dashboard.web.gate import visitor_of
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.palette import THEMES, Theme
from monitor.dashboard.web.siting import SitingDesk
from monitor.dashboard.web.visitors import Visitor, Visitors

log = logging.getLogger(__name__)
T = TypeVar("T")

RECHECK_S = 10.0
PATIENCE_S = 60.0
"""How long a page that reads may take; NiceGUI would give up after three seconds."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One for the process. `beside`: what lies on this machine beside the API; `outline`: whether maps have one."""

    api: Api
    hub: Hub
    visitors: Visitors
    beside: Beside
    siting: SitingDesk
    outline: bool = False
    bound: dict[str, tuple[Hub, asyncio.Task[None]]] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path | None:
        """The folder of statistics, if this machine has it."""
        return self.beside.folders.warehouse

    def hub_for(self, visitor: Visitor) -> Hub:
        """The shared look; for who is bound to something, one of their own, as long as they are signed in."""
        if visitor.sees_all:
            return self.hub
        if visitor.token not in self.bound:
            for token in [token for token, (hub, _) in self.bound.items() if not hub.wanted]:
                self.bound.pop(token)[1].cancel()
            hub = Hub(self.api, self.visitors, visitor.token)
            self.bound[visitor.token] = hub, asyncio.create_task(hub.run(), name="bound hub")
        return self.bound[visitor.token][0]

    async def look_after_visitors(self) -> None:
        """Until cancelled: whose token was revoked or has expired is signed out within `RECHECK_S`."""
        while True:
            for token in {visitor.token for visitor in self.visitors.all()}:
                try:
                    await self.api.get(token, "/access-tokens/self")
                except SourceRefused as fault:
                    self._turn_out(token, str(fault))
                except (SourceLost, Refused):
                    break  # the server is away or busy: nobody is judged by that
            await asyncio.sleep(RECHECK_S)

    def _turn_out(self, token: str, reason: str) -> None:
        for visitor in self.visitors.all():
            if visitor.token == token:
                log.info("visitor_refused", extra={"visitor": visitor.name, "reason": reason})
                self.visitors.leave(visitor)

    async def close(self) -> None:
        """Nobody is looked for any more."""
        tasks = [task for _, task in self.bound.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.siting.close()
        await self.beside.close()
        await self.api.close()


@dataclass(frozen=True, slots=True)
class View:
    """One open page."""

    desk: Desk
    visitor: Visitor
    client: Client
    text: Text
    theme: Theme

    @property
    def hub(self) -> Hub:
        """The snapshot of what this visitor may see."""
        return self.desk.hub_for(self.visitor)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """The same for all pages in this language and these colours, made once of each snapshot."""
        return self.hub.shared(f"{name} {self.visitor.lang} {self.theme.ground}", make)

    def follow(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` now and after every change, until the page is closed or its visitor is signed out."""

        def tell() -> None:
            with self.client:
                if self.desk.visitors.known(self.visitor.number) is None:
                    stop()
                    ui.navigate.to("/login")
                    return
                refresh()

        refresh()
        stop = self.hub.watch(tell)
        self.client.on_delete(stop)

    async def get(self, path: str, **params: Any) -> Any:
        """Read from the API with the visitor's own token; what `Api.get` raises."""
        return await self.desk.api.get(self.visitor.token, path, **params)

    async def read(self, path: str, **params: Any) -> Any:
        """The same for a part of a page that may be missing: None, with a note on the screen, if it cannot be read."""
        try:
            return await self.get(path, **params)
        except (SourceLost, Refused) as fault:
            self.say(self.text("web.unreadable", reason=str(fault)), bad=True)
            return None

    async def read_or_none(self, path: str, **params: Any) -> Any:
        """The same for what need not be there: None without a word."""
        try:
            return await self.get(path, **params)
        except (SourceLost, Refused):
            return None

    async def act(self, work: Awaitable[Any], done: Callable[[Any], tuple[str, bool]]) -> Any:
        """Do something and say what came of it: `done` turns the answer into words and whether they are bad."""
        try:
            answer = await work
        except SourceRefused as fault:
            self.say(self.text("web.no_right", reason=str(fault)), bad=True)
            return None
        except (SourceLost, Refused) as fault:
            self.say(str(fault), bad=True)
            return None
        self.hub.hurry()
        words, bad = done(answer)
        self.say(words, bad=bad)
        return answer

    def say(self, words: str, *, bad: bool = False) -> None:
        """A note at the lower edge, on this page alone."""
        with self.client:
            ui.notify(words, type="negative" if bad else "positive", position="bottom", timeout=6000, close_button="✕")


def view_of(desk: Desk, request: Request) -> View:
    """The page that a request opens; the gate lets nobody through who is not signed in."""
    visitor = visitor_of(request.scope)
    if visitor is None:
        raise SourceRefused("nobody is signed in")
    return View(desk, visitor, ui.context.client, catalogue(visitor.lang), THEMES[visitor.theme])
