"""The outlets of all stations as charging sees them: accounts in the ledger, floors, sessions, who may have a car."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from csms.charging.discretise import Outlet, Setpoint
from csms.charging.feeder import FeederTree
from csms.charging.floors import NOMINAL_V, FloorRule, assign_floors
from csms.charging.learning import Cars
from csms.charging.ledger import Ledger
from csms.charging.planner import NeedsPolicy, Visit, visit
from csms.model.ids import EvseRef
from csms.model.station import ConnectorStatus, CurrentKind, EvseRating
from csms.station.state import EvseState, OpenSession, StationState

WITHOUT_CAR = (
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.FAULTED,
)

_Known = tuple[EvseRating, str]


class Outlets:
    """Keeps the ledger's accounts in step with the stations; reads the live state, keeps no copy of it."""

    def __init__(
        self, stations: Mapping[str, StationState], ledger: Ledger, tree: FeederTree, floors: FloorRule, cars: Cars
    ) -> None:
        self._stations, self._ledger, self._tree = stations, ledger, tree
        self._floors, self._cars = floors, cars
        self._known: dict[EvseRef, _Known] = {}

    def refresh(self) -> None:
        """Enrol what is new or changed, and note where a car may be."""
        listed = {e.ref: (e.rating, s.feeder_id) for s in self._stations.values() for e in s.evses.values()}
        if listed != self._known:
            self._enrol(listed)
        for ref in listed:
            station = self._stations[ref.station_id]
            self._ledger.note_car(ref, car_possible(station, station.evses[ref.evse_id]))

    def _enrol(self, listed: dict[EvseRef, _Known]) -> None:
        kept = {ref: self._ledger.account(ref).floor_w for ref in self._known if listed.get(ref) == self._known[ref]}
        for ref, floor_w in assign_floors(listed, self._tree, self._floors, kept).items():
            rating, feeder_id = listed[ref]
            self._ledger.enrol(ref, self._tree.path(feeder_id), floor_w, physical_w(rating))
        self._known = listed

    def evse(self, ref: EvseRef) -> EvseState | None:
        """The live EVSE."""
        station = self._stations.get(ref.station_id)
        return station.evses.get(ref.evse_id) if station else None

    def session(self, ref: EvseRef) -> OpenSession | None:
        """The session that runs there."""
        evse = self.evse(ref)
        return evse.session if evse else None

    def floor(self, ref: EvseRef) -> Setpoint:
        """The floor of an outlet as a setpoint on all its phases."""
        rating = self._known[ref][0]
        return Outlet(rating, rating.phases).at_most(self._ledger.account(ref).floor_w)

    def visits(self, root: str, policy: NeedsPolicy, now: datetime) -> list[Visit]:
        """The sessions under a root feeder that can be controlled: station connected, floor installed, no fault."""
        found = []
        for ref in self._known:
            evse = self.evse(ref)
            if evse is None or evse.session is None or not self._controllable(ref, evse, root):
                continue
            account = self._ledger.account(ref)
            car = self._cars.car(ref, evse.session.session_id)
            found.append(visit(evse, evse.session, car, account.path, account.floor_w, policy, now))
        return found

    def _controllable(self, ref: EvseRef, evse: EvseState, root: str) -> bool:
        account = self._ledger.account(ref)
        online = self._stations[ref.station_id].online
        return root in account.path and online and account.floor_known and not evse.faulted

    def metered_w(self, feeder_id: str) -> int:
        """Sum of the newest powers of the outlets under a feeder."""
        return round(sum(self._power_w(ref) for ref in self._under(feeder_id)))

    def _under(self, feeder_id: str) -> Iterable[EvseRef]:
        return (ref for ref in self._known if feeder_id in self._ledger.account(ref).path)

    def _power_w(self, ref: EvseRef) -> float:
        evse = self.evse(ref)
        return evse.power_w or 0.0 if evse else 0.0


def car_possible(station: StationState, evse: EvseState) -> bool:
    """Whether a car may be plugged in. A station that never connected is taken for not yet built."""
    if evse.session is not None:
        return True
    if not station.online:
        return station.last_seen_at is not None
    return not evse.connectors or any(status not in WITHOUT_CAR for status in evse.connectors.values())


def physical_w(rating: EvseRating) -> int:
    """The most an outlet can draw whatever it is told, by the larger of its two nameplate figures."""
    if rating.kind is CurrentKind.DC:
        return rating.power_max_w
    return max(rating.power_max_w, round(rating.current_max_a * NOMINAL_V * rating.phases))
