"""How far a feeder has come with its cap, and who stands in the way (grid-limits A2, 8 to 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from csms.charging.ladder import Role
from csms.charging.ladders import Ladders
from csms.charging.ledger import Ledger
from csms.model.ids import EvseRef


@dataclass(frozen=True, slots=True)
class Compliance:
    """One feeder now, in W of charging alone; `room_w` is what its cap leaves for that.

    `settled_w`: what the stations come down to once all answers are in and all ramps are over; `movable_w`: how much of
    that could still be told away. `waiting`: stations that were told and have not answered, `unreachable`: not
    connected, `uncontrollable`: take no limit in any form; only where an outlet counts with more than its floor.
    `stations`: how many there are.
    """

    feeder_id: str
    cap_w: int
    base_w: int
    room_w: int
    settled_w: int
    movable_w: int
    upper_bound_w: int
    metered_w: int
    waiting: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    uncontrollable: tuple[str, ...] = ()
    stations: int = 0

    @property
    def commanded(self) -> bool:
        """Whether all that can be reached were told what makes the cap hold, or as little as there is."""
        return self.settled_w <= max(self.room_w, 0) or self.movable_w == 0

    @property
    def confirmed(self) -> bool:
        """Whether nobody may be drawing more than the cap leaves."""
        return self.upper_bound_w <= max(self.room_w, 0)

    @property
    def metered_below(self) -> bool:
        """Whether metering is below the cap."""
        return self.metered_w + self.base_w <= self.cap_w


@dataclass(frozen=True, slots=True)
class Standing:
    """The outlets under a feeder, as they count: see `Compliance`."""

    settled_w: int
    movable_w: int
    upper_bound_w: int
    waiting: tuple[str, ...]
    unreachable: tuple[str, ...]
    uncontrollable: tuple[str, ...]


def standing(
    refs: Iterable[EvseRef], ledger: Ledger, ladders: Ladders, now: datetime, reachable: Callable[[str], bool]
) -> Standing:
    """How outlets count now, and the stations behind those that count with more than their floor."""
    settled_w = movable_w = upper_bound_w = 0
    waiting, away, wild = set[str](), set[str](), set[str]()
    for ref in refs:
        account, station_id, there = ledger.account(ref), ref.station_id, reachable(ref.station_id)
        own_w, bound_w = ledger.settled_w(ref, now, there), ledger.upper_bound_w(ref, now)
        settled_w, upper_bound_w = settled_w + own_w, upper_bound_w + bound_w
        if there and account.limit_acts and not account.loose:
            movable_w += max(own_w - account.floor_w, 0)
        if bound_w <= account.floor_w:
            continue
        if not there:
            away.add(station_id)
        elif ladders.track(station_id, Role.LIMIT).over:
            wild.add(station_id)
        elif ledger.awaits(ref):
            waiting.add(station_id)
    names = (tuple(sorted(found)) for found in (waiting, away, wild))
    return Standing(settled_w, movable_w, upper_bound_w, *names)
