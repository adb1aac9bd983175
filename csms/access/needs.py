"""What a route needs: stated once, at the route, and nowhere else.

    routes = Router(prefix="/stations")

    @routes.get("/{station_id}")
    @viewers
    async def show_station(...): ...

A route without such a word cannot be made (UndeclaredRoute), so a forgotten one ends the start of the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from csms.model.access import Role

MARK = "__need__"

F = TypeVar("F", bound=Callable[..., Any])


class UndeclaredRoute(TypeError):
    """A route does not say who may use it."""


class Audited(Enum):
    """When an action is recorded. READS: never. FIRST: before it is begun, or it is refused. OWED: before it is begun
    if that is possible, else as soon as the log can be written again: what takes load away or stops something is not
    refused because of a log. ITSELF: what is done writes its own record; refusals before it are recorded.
    """

    READS = "reads"
    FIRST = "first"
    OWED = "owed"
    ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class Need:
    """Who may use a route. No roles: everybody, for the reason `open_because`.

    `feeder`: the path parameter that names a feeder, to which a grid operator must be bound. `audited` None: by the
    method. `owed`: a path parameter, and for which of its values the record is owed; `silent`: for which of its values
    the body, which holds a secret, does not stand in the record. `body`: whether it may at all (files do not).
    """

    roles: frozenset[Role] = frozenset()
    open_because: str = ""
    feeder: str = ""
    audited: Audited | None = None
    owed: tuple[str, frozenset[str]] = ("", frozenset())
    silent: tuple[str, frozenset[str]] = ("", frozenset())
    body: bool = True

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for."""
        return bool(self.open_because)

    def __call__(self, endpoint: F) -> F:
        """Mark an endpoint; used as its decorator."""
        setattr(endpoint, MARK, self)
        return endpoint

    def but(self, **changed: Any) -> Need:
        """The same with something changed."""
        return replace(self, **changed)


def need_of(endpoint: Callable[..., Any]) -> Need:
    """What an endpoint states. Raises UndeclaredRoute."""
    found = getattr(endpoint, MARK, None)
    if not isinstance(found, Need) or bool(found.roles) is found.is_open:
        name = f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', endpoint)}"
        raise UndeclaredRoute(f"{name}: a route says who may use it, see csms.access.needs")
    return found


def open_to_all(reason: str) -> Need:
    """No token is asked for; `reason` says why that does no harm."""
    return Need(open_because=reason)


administrators = Need(frozenset({Role.ADMINISTRATOR}))
technicians = Need(administrators.roles | {Role.TECHNICIAN})
viewers = Need(technicians.roles | {Role.VIEWER})
feeder_viewers = Need(viewers.roles | {Role.GRID_OPERATOR})
"""Grid operators too, for what they are bound to."""
feeder_operators = Need(technicians.roles | {Role.GRID_OPERATOR})
partner_viewers = Need(viewers.roles | {Role.PROVINCE_PARTNER})
drivers = Need(technicians.roles | {Role.DRIVER})
"""Drivers too, for the id tokens that they are bound to."""
everybody = Need(frozenset(Role))
"""Whoever has a token."""
