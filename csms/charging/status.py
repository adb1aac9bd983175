"""How things stand, for those who look: feeders in W, stations on their ladders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from csms.charging.account import Account
from csms.charging.ladder import Role, Rung, State
from csms.charging.ladders import Ladders
from csms.charging.ledger import Ledger
from csms.model.ids import EvseRef


@dataclass(frozen=True, slots=True)
class FeederStatus:
    """One feeder now, in W. The cap holds for base load and charging together; the other figures are charging alone.

    `unproven_w`: ratings of the outlets that count in full now, because nothing that is known to act holds them;
    `uncontrollable_w`: ratings of the outlets whose stations take no limit in any form.
    """

    feeder_id: str
    parent_id: str | None
    cap_w: int
    base_w: int
    room_w: int
    upper_bound_w: int
    planned_w: int
    metered_w: int
    unproven_w: int
    uncontrollable_w: int


@dataclass(frozen=True, slots=True)
class FeederLoad:
    """One feeder now, in W, base load included: `drawn_w` as metered, `bound_w` by upper bounds."""

    cap_w: int
    drawn_w: int
    bound_w: int


@dataclass(frozen=True, slots=True)
class TrackStatus:
    """One role of a station. `rung` None: none is left; `tried`: how many forms so far, this one included."""

    role: Role
    state: State
    rung: Rung | None
    since: datetime
    proof: str
    tried: int


@dataclass(frozen=True, slots=True)
class OutletStatus:
    """How an outlet counts: `counted_as` floor, limit, or rating (nothing known to act holds it)."""

    evse_id: int
    rating_w: int
    floor_w: int
    upper_bound_w: int
    counted_as: str


@dataclass(frozen=True, slots=True)
class LadderStatus:
    """One station: its limits, its floor, its outlets. `composite`: why its composite schedules prove nothing."""

    station_id: str
    limit: TrackStatus
    floor: TrackStatus
    outlets: tuple[OutletStatus, ...]
    composite: str

    @property
    def state(self) -> State:
        """In one word: of its limits, of its floor while no limit was ever told."""
        untold = self.limit.state is State.UNTRIED and self.floor.state is not State.UNCONTROLLABLE
        return self.floor.state if untold else self.limit.state


def ladder_status(
    station_id: str, ladders: Ladders, ledger: Ledger, refs: tuple[EvseRef, ...], now: datetime
) -> LadderStatus:
    """A station now."""
    return LadderStatus(
        station_id,
        _track(station_id, ladders, Role.LIMIT),
        _track(station_id, ladders, Role.FLOOR),
        tuple(_outlet(ledger.account(ref), ledger.upper_bound_w(ref, now)) for ref in refs),
        ladders.unhelpful(station_id),
    )


def _track(station_id: str, ladders: Ladders, role: Role) -> TrackStatus:
    track = ladders.track(station_id, role)
    tried = len(track.lost) + (track.rung is not None and track.state is not State.UNTRIED)
    rung, since = ladders.rung(station_id, role), ladders.since(station_id, role)
    return TrackStatus(role, track.state, rung, since, track.proof, tried)


def _outlet(account: Account, bound_w: int) -> OutletStatus:
    counted_as = "rating" if account.loose else "limit" if bound_w > account.floor_w else "floor"
    return OutletStatus(account.ref.evse_id, account.physical_w, account.floor_w, bound_w, counted_as)


def unproven_w(ledger: Ledger, refs: list[EvseRef]) -> int:
    """See `FeederStatus`."""
    return sum(ledger.account(ref).physical_w for ref in refs if ledger.account(ref).loose)


def uncontrollable_w(ladders: Ladders, ledger: Ledger, refs: list[EvseRef]) -> int:
    """See `FeederStatus`."""
    over = (ref for ref in refs if ladders.track(ref.station_id, Role.LIMIT).over)
    return sum(ledger.account(ref).physical_w for ref in over)
