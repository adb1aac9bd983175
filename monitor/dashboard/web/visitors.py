"""Who is signed in: an unguessable number in a cookie stands for a token that never leaves this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.dashboard.web.palette import ThemeName

STAY_S = 12 * 3600.0
"""A shift; then one signs in again."""
VISITORS_MAX = 1000

OPERATORS = frozenset({"technician", "administrator"})
WHOLE_VIEW = OPERATORS | {"viewer"}
"""Roles that see everything; the others see what they are bound to."""
LIMIT_SETTERS = OPERATORS | {"grid_operator"}


@dataclass(slots=True, eq=False)
class Visitor:
    """One signed-in person. `token` is for the API alone; `guest` came without one of their own."""

    number: str
    token: str = field(repr=False)
    name: str
    role: str
    until_s: float
    bound_to: tuple[str, ...] = ()
    lang: str = "en"
    theme: ThemeName = "light"
    guest: bool = False

    @property
    def operates(self) -> bool:
        """May send commands to stations."""
        return self.role in OPERATORS

    @property
    def sees_all(self) -> bool:
        """Sees all stations."""
        return self.role in WHOLE_VIEW

    @property
    def limits(self) -> bool:
        """May set limits of feeders, at least of those that it is bound to."""
        return self.role in LIMIT_SETTERS


def home_of(visitor: Visitor) -> str:
    """The page that somebody is taken to first."""
    return {"grid_operator": "/feeders", "province_partner": "/province"}.get(visitor.role, "/")


class Visitors:
    """All of them, by number. `now_s`: seconds that never step back."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._all: dict[str, Visitor] = {}

    def enter(self, token: str, name: str, role: str, bound_to: tuple[str, ...] = (), **more: object) -> Visitor:
        """Sign somebody in; the oldest goes when there are too many."""
        self._drop_old()
        if len(self._all) >= VISITORS_MAX:
            self._all.pop(next(iter(self._all)))
        number = secrets.token_urlsafe(32)
        visitor = Visitor(number, token, name, role, self._now_s() + STAY_S, bound_to, **more)  # type: ignore[arg-type]
        self._all[number] = visitor
        return visitor

    def known(self, number: str) -> Visitor | None:
        """Whom a cookie stands for; None when nobody is, or no longer."""
        visitor = self._all.get(number)
        if visitor is None or visitor.until_s <= self._now_s():
            self._all.pop(number, None)
            return None
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """Sign somebody out, at once."""
        self._all.pop(visitor.number, None)

    def all(self) -> list[Visitor]:
        """Everybody who is signed in."""
        self._drop_old()
        return list(self._all.values())

    def _drop_old(self) -> None:
        now_s = self._now_s()
        for number in [number for number, visitor in self._all.items() if visitor.until_s <= now_s]:
            del self._all[number]
