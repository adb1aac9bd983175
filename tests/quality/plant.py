"""Defects to plant into a clean `World`, each for one named check; a plant says on what the check must find it.

`size` is how far beyond its tolerance a defect goes (1.1 just beyond, 0.8 within: nothing may be found). Plants are
pure: what depends on the changed value is changed with it, as a real fault of that kind would leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import Any

from csms.province.profile import Kind
from tests.quality.world import DAY, END, Session, World, s

Expected = list[str]
"""Subjects of the findings that must come."""


@dataclass(frozen=True)
class Plant:
    """`sized`: the defect has a magnitude, so that a smaller one must not be found."""

    check: str
    apply: Callable[[Planting], Expected]
    sized: bool = False
    needs: tuple[str, str] | None = None
    """(interface, field) without which the profile cannot have this defect."""


@dataclass
class Planting:
    """Where defects are planted: each takes a session of its own."""

    world: World
    size: float
    free: list[Session] = field(default_factory=list)
    place: int = 0
    used_powers: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Sessions of the day whose order is in, in an order of chance; never two neighbours of one connector."""
        last: dict[str, bool] = {}
        for session in self.world.sessions:
            inside = DAY + s(600) < session.start and session.end < END - s(2 * 3600)
            taken = inside and not last.get(session.plug.id, False)
            last[session.plug.id] = taken
            if taken:
                self.free.append(session)
        self.world.rng.shuffle(self.free)

    def pick(self, right: Callable[[Session], bool] = lambda session: True) -> Session:
        for session in self.free:
            if right(session):
                self.free.remove(session)
                return session
        raise LookupError("no session is left")

    def long(self) -> Session:
        """A DC session of 20 minutes or more."""
        period = self.world.profile.timeliness.charge_status_period_s
        return self.pick(lambda session: session.plug.dc and len(session.snaps) * period >= 1500)

    def over(self, tolerance: Any, step: str = "0.01") -> Decimal:
        """An amount `size` times the tolerance, in whole steps."""
        return (Decimal(str(tolerance)) * Decimal(str(self.size))).quantize(Decimal(step), ROUND_UP)


PLANTS: list[Plant] = []


def plant(check: str, sized: bool = False, needs: tuple[str, str] | None = None) -> Callable[[Any], Any]:
    def keep(apply: Any) -> Any:
        PLANTS.append(Plant(check, apply, sized, needs))
        return apply

    return keep


def message_name(world: World, kind: Kind) -> str:
    return world.profile.interfaces[kind].message


def possible(world: World, item: Plant) -> bool:
    """Whether the profile has what the defect needs."""
    if item.needs is None:
        return True
    kind, name = item.needs
    enabled = world.profile.interfaces[Kind(kind)].enabled
    return enabled and name in world.profile.messages[message_name(world, Kind(kind))]


def goes_away(world: World, session: Session) -> bool:
    return any(
        e.kind is Kind.STATION_STATUS
        and e.values["ConnectorID"] == session.plug.id
        and e.values["Status"] == 0
        and session.start < e.at < session.end
        for e in world.events
    )


def alone(world: World, session: Session, apart_s: float) -> bool:
    others = [x for x in world.sessions if x.plug is session.plug and x is not session]
    return all(x.end < session.start - s(apart_s) or x.start > session.end + s(apart_s) for x in others)


def followed_by_room(world: World, session: Session, room_s: float) -> bool:
    until = session.ended.at + s(room_s)
    return not any(
        e.kind is Kind.STATION_STATUS and e.values["ConnectorID"] == session.plug.id and session.ended.at < e.at < until
        for e in world.events
    )
