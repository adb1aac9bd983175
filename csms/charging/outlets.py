"""The outlets of all stations as charging sees them: accounts in the ledger, floors, sessions, who may have a car."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from csms.charging.discretise import Setpoint
from csms.charging.feeder import Caps, FeederTree, NoCaps
from csms.charging.floors import FloorRule, assign_floors
from csms.charging.ladder import obeys
from csms.charging.learning import Cars
from csms.charging.ledger import Ledger
from csms.charging.lines import NOMINAL_V
from csms.charging.planner import NeedsPolicy, Visit, visit
from csms.charging.traits import (
    NOTHING_KNOWN,
    clock_behind_s,
    forgets_offline,
    limits_of,
    outlet,
    pauses,
    reaction_s,
)
from csms.charging.tree_change import Hanging
from csms.model.clock import Clock
from csms.model.ids import EvseRef
from csms.model.station import ConnectorStatus, CurrentKind, EvseRating, RegistrationStatus, Stage
from csms.station.state import EvseState, OpenSession, StationState
from csms.station.wishes import firmware_of
from firmware_profiles import FirmwareProfile, Limits

WITHOUT_CAR = (
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.FAULTED,
)

_Known = tuple[EvseRating, str, int]
"""Nameplate, feeder, and the least floor in W where the station never takes 0."""


class _Make(NamedTuple):
    """What the firmware profile of a station says of how it takes limits; not `held`: nothing holds such a station."""

    known: FirmwareProfile | None
    limits: Limits
    pauses: bool
    forgets: bool
    held: bool
    reaction_s: float
    behind_s: float


def _make(known: FirmwareProfile | None) -> _Make:
    limits, forgets = known.limits if known is not None else NOTHING_KNOWN, forgets_offline(known)
    held = not forgets and obeys(limits)
    return _Make(known, limits, pauses(limits), forgets, held, reaction_s(limits), clock_behind_s(known))


class Outlets:
    """Keeps the ledger's accounts in step with the stations; reads the live state, keeps no copy of it."""

    def __init__(
        self,
        clock: Clock,
        stations: Mapping[str, StationState],
        ledger: Ledger,
        tree: FeederTree,
        floors: FloorRule,
        cars: Cars,
        caps: Caps | None = None,
    ) -> None:
        self._clock, self._stations, self._ledger, self._tree = clock, stations, ledger, tree
        self._floors, self._cars, self._caps = floors, cars, caps or NoCaps()
        self._known: dict[EvseRef, _Known] = {}
        self._lowest_w: dict[str, int] = {}
        self._tree_version = -1
        self._makes: dict[str, _Make] = {}
        self._noted: dict[str, tuple[bool, _Make, float]] = {}
        self._steps: dict[int, timedelta] = {}

    def clock_set(self, step: timedelta) -> None:
        """The clock was set on by `step`: sessions that run are no older for that."""
        running = [evse.session for station in self._stations.values() for evse in station.evses.values()]
        known = (session.session_id for session in running if session is not None)
        self._steps = {id_: self._steps.get(id_, timedelta()) + step for id_ in known}

    def age_s(self, ref: EvseRef, now: datetime) -> float:
        """How long the session of an outlet has lasted; 0 without one."""
        session = self.session(ref)
        if session is None:
            return 0.0
        return max((now - session.started_at - self._steps.get(session.session_id, timedelta())).total_seconds(), 0.0)

    def refresh(self) -> None:
        """Enrol what is new or changed, and note where a car may be and whose station is away."""
        now, listed = self._clock.now(), dict[EvseRef, _Known]()
        stations = [(station, self._make_of(station)) for station in self._stations.values()]
        for station, make in stations:
            for evse in station.evses.values():
                least_w = 0 if make.pauses else outlet(evse.rating, evse.rating.phases, 0, make.limits).least_w
                listed[evse.ref] = evse.rating, station.feeder_id, least_w
        lowest_w = {id_: self._tree.lowest_cap_w(id_, self._caps, now) for id_ in self._tree.ids}
        if (listed, lowest_w, self._tree.version) != (self._known, self._lowest_w, self._tree_version):
            self._lowest_w, self._tree_version = lowest_w, self._tree.version
            self._enrol(listed, now)
        for station, make in stations:
            self._note(station, make, now)

    def _make_of(self, station: StationState) -> _Make:
        known, make = firmware_of(station), self._makes.get(station.station_id)
        if make is None or make.known is not known:
            make = self._makes[station.station_id] = _make(known)
        return make

    def _note(self, station: StationState, make: _Make, now: datetime) -> None:
        station_id, online = station.station_id, station.online
        behind_s = station.manners.behind_s
        facts = online, make, behind_s
        changed = self._noted.get(station_id) != facts
        self._noted[station_id] = facts
        for evse in station.evses.values():
            self._ledger.note_car(evse.ref, car_possible(station, evse, make.held))
            self._ledger.note_session(evse.ref, evse.session.session_id if evse.session else None)
            if changed:
                self._ledger.note_station(
                    evse.ref,
                    now,
                    away=not online,
                    forgets=make.forgets,
                    reaction_s=make.reaction_s,
                    behind_s=behind_s,
                    unsure=make.behind_s > 0,
                )

    def _enrol(self, listed: dict[EvseRef, _Known], now: datetime) -> None:
        kept = {ref: self._ledger.account(ref).floor_w for ref in self._known if listed.get(ref) == self._known[ref]}
        places = {ref: (rating, feeder_id) for ref, (rating, feeder_id, _) in listed.items()}
        least = {ref: least_w for ref, (_, _, least_w) in listed.items() if least_w}
        for ref, floor_w in assign_floors(places, self._tree, self._floors, kept, least, self._lowest_w).items():
            rating, feeder_id, _ = listed[ref]
            self._ledger.enrol(
                ref,
                self._tree.place(feeder_id),
                floor_w,
                physical_w(rating),
                now,
                phases=3 if rating.kind is CurrentKind.DC else rating.phases,
                rotation=rating.rotation,
            )
        self._known, self._noted = listed, {}

    def hanging(self) -> list[Hanging]:
        """Every outlet with its feeder, the floor that it may be at and the lowest that it can have."""
        found = []
        for ref, (_, feeder_id, least_w) in self._known.items():
            floor = self._ledger.account(ref).floor
            found.append(Hanging(ref, feeder_id, floor.value_w, least_w, floor.on_ma))
        return found

    def evse(self, ref: EvseRef) -> EvseState | None:
        """The live EVSE."""
        station = self._stations.get(ref.station_id)
        return station.evses.get(ref.evse_id) if station else None

    def of_station(self, station_id: str) -> tuple[EvseRef, ...]:
        """The outlets of a station, by number."""
        station = self._stations.get(station_id)
        refs = (evse.ref for evse in station.evses.values()) if station else ()
        return tuple(sorted(ref for ref in refs if ref in self._known))

    def limits(self, ref: EvseRef) -> Limits:
        """What is known of how the station takes limits."""
        return self.limits_of_station(ref.station_id)

    def limits_of_station(self, station_id: str) -> Limits:
        """The same of a station."""
        return limits_of(self._stations.get(station_id))

    def heard_since(self, ref: EvseRef, moment: datetime) -> bool:
        """Whether the station has said something after `moment`."""
        station = self._stations.get(ref.station_id)
        return station is not None and station.last_seen_at is not None and station.last_seen_at > moment

    def session(self, ref: EvseRef) -> OpenSession | None:
        """The session that runs there."""
        evse = self.evse(ref)
        return evse.session if evse else None

    def floor(self, ref: EvseRef) -> Setpoint:
        """The floor of an outlet as a setpoint on all its phases."""
        return self.at_most(ref, self._ledger.account(ref).floor_w)

    def at_most(self, ref: EvseRef, value_w: float) -> Setpoint:
        """The largest setpoint of an outlet on all its phases that does not exceed `value_w`."""
        rating = self._known[ref][0]
        return outlet(rating, rating.phases, 0, limits_of(self._stations.get(ref.station_id))).at_most(value_w)

    def visits(self, root: str, policy: NeedsPolicy, now: datetime) -> list[Visit]:
        """The sessions under a root feeder that obey: station connected, limits known to act, no fault."""
        found = []
        for ref in self._known:
            evse = self.evse(ref)
            if evse is None or evse.session is None or not self._controllable(ref, evse, root):
                continue
            account = self._ledger.account(ref)
            car = self._cars.car(ref, evse.session.session_id)
            limits = limits_of(self._stations[ref.station_id])
            found.append(visit(evse, evse.session, car, account.path, account.floor_w, policy, now, limits))
        return found

    def _controllable(self, ref: EvseRef, evse: EvseState, root: str) -> bool:
        account = self._ledger.account(ref)
        online = self._stations[ref.station_id].online
        return root in account.path and online and account.limit_acts and not evse.faulted

    def metered_w(self, feeder_id: str) -> int:
        """Sum of the newest powers of the outlets under a feeder."""
        return round(sum(self.power_w(ref) for ref in self._under(feeder_id)))

    def _under(self, feeder_id: str) -> Iterable[EvseRef]:
        return (ref for ref in self._known if feeder_id in self._ledger.account(ref).path)

    def power_w(self, ref: EvseRef) -> float:
        """The newest power of an outlet; 0 while none was metered."""
        evse = self.evse(ref)
        return evse.power_w or 0.0 if evse else 0.0


def car_possible(station: StationState, evse: EvseState, held: bool = True) -> bool:
    """Whether a car may be plugged in, as far as that matters; not `held`: it is known that nothing will hold the
    car, so that it must not be heard of too late.

    A station that never connected is taken for not yet built, one that was rejected for not (or no more) there, and so
    is a stranger that nobody let in: anybody can make up an id and leave again. A connector that was only mentioned, by
    a number in some message, counts once it has told a status. What was told before the station was away says nothing
    of now.
    """
    if evse.session is not None:
        return True
    stranger = station.stage is Stage.SEEN and station.registration is not RegistrationStatus.ACCEPTED
    gone = not station.online and (stranger or station.stage is Stage.REJECTED)
    if gone or not (evse.connectors or evse.registered):
        return False
    if not station.online:
        return station.last_seen_at is not None
    if not held or (station.connected_at is not None and not station.manners.states):
        return True
    return not evse.connectors or any(status not in WITHOUT_CAR for status in evse.connectors.values())


def physical_w(rating: EvseRating) -> int:
    """The most an outlet can draw whatever it is told, by the larger of its two nameplate figures."""
    if rating.kind is CurrentKind.DC:
        return rating.power_max_w
    return max(rating.power_max_w, round(rating.current_max_a * NOMINAL_V * rating.phases))
