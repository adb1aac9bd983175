"""Live state of the stations, kept in memory and restored from the store at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from csms.model.authentication import SecurityProfile
from csms.model.charging_profile import CompositeSchedule
from csms.model.cost import PersonalMessage
from csms.model.ids import EvseRef
from csms.model.smart_charging import EvNeeds
from csms.model.station import ConnectorStatus, EvseRating, RegistrationStatus, Stage, StationIdentity
from csms.station.corrections import Corrections
from csms.station.manners import Manners
from csms.station.ports import Link
from csms.station.sequence import EventSequence


@dataclass(slots=True)
class Needs:
    """What is wanted of a plug-in: energy since plug-in and the time of leaving, by the driver's word or else the
    car's; what the car can take and its SOC, by its own. Any of it may be unknown.
    """

    energy_wh: float | None = None
    departure: datetime | None = None
    power_max_w: float | None = None
    soc: float | None = None
    periods_max: int | None = None


@dataclass(slots=True)
class OpenSession:
    """A session that runs now. `saved_at`: when its progress was stored last; samples tell what came after.

    `event_at`: the time of the newest event that counted; `message`: what the driver was told last.
    """

    session_id: int
    transaction_id: str
    evse: EvseRef
    connector_id: int
    started_at: datetime
    id_token: str = ""
    start_register_wh: float | None = None
    last_register_wh: float | None = None
    energy_wh: float = 0.0
    power_w: float | None = None
    soc: float | None = None
    last_sample_at: datetime | None = None
    charging_state: str = ""
    flags: list[str] = field(default_factory=list)
    saved_at: datetime | None = None
    events: EventSequence = field(default_factory=EventSequence)
    event_at: datetime | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    charging_s: int | None = None
    cable_max_a: int | None = None
    phases_used: int | None = None
    message: PersonalMessage | None = None

    def flag(self, *flags: str) -> None:
        """Note deviations, each once."""
        self.flags += [flag for flag in flags if flag not in self.flags]


@dataclass(slots=True)
class EvseState:
    """One EVSE: nameplate, connectors, the session that runs, what is wanted of it (`needs`, out of both words).

    `registered`: somebody said that there is one; others stations only mentioned.
    """

    ref: EvseRef
    rating: EvseRating
    registered: bool = False
    connectors: dict[int, ConnectorStatus] = field(default_factory=dict)
    session: OpenSession | None = None
    needs: Needs = field(default_factory=Needs)
    driver: Needs = field(default_factory=Needs)
    car: EvNeeds = field(default_factory=EvNeeds)
    power_w: float | None = None
    power_at: datetime | None = None
    meter_asked_at: datetime | None = None

    def want(self, driver: Needs | None = None, car: EvNeeds | None = None) -> None:
        """Somebody said what is wanted: the driver's word goes before the car's, which knows less of the driver."""
        self.driver, self.car = driver or self.driver, car or self.car
        self.needs = Needs(
            energy_wh=self.car.energy_wh if self.driver.energy_wh is None else self.driver.energy_wh,
            departure=self.driver.departure or self.car.departure,
            power_max_w=self.car.power_max_w,
            soc=self.car.soc,
            periods_max=self.car.periods_max,
        )

    def forget_wants(self) -> None:
        """The car is gone."""
        self.needs, self.driver, self.car = Needs(), Needs(), EvNeeds()

    @property
    def faulted(self) -> bool:
        """Whether no connector of this EVSE can charge."""
        bad = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
        return bool(self.connectors) and all(status in bad for status in self.connectors.values())


@dataclass(slots=True)
class Awaited:
    """A remote start or stop that nothing has followed yet. `number` is the remote start id that the station knows."""

    operation_id: int
    station_id: str
    kind: str
    since: datetime
    id_token: str
    evse_id: int | None
    number: int
    transaction_id: str


@dataclass(frozen=True, slots=True)
class OutsideLimit:
    """A limit that somebody else set on a station or an EVSE (K12)."""

    evse_id: int
    source: str
    grid_critical: bool | None
    schedules: tuple[CompositeSchedule, ...]
    received_at: datetime


@dataclass(slots=True)
class Proof:
    """How a station has to prove itself, as in `StationProof`. `expired`: it came with a certificate that has ended."""

    profile: SecurityProfile = SecurityProfile.OPEN
    serial: str = ""
    claimed: str = ""
    expired: bool = False


@dataclass(slots=True)
class StationState:
    """One station.

    `booted`: a boot was accepted, or none will come (SR-07). `boot_wish` is what its next boot is answered,
    `registration` what its last one was; `solicited` is what it may say although it is not accepted (see `lifecycle`).
    `aside`: sessions that hold no EVSE now, by transaction (its EVSE is not known yet, or it began while the station
    was offline); `limits`: by EVSE and source. `protocol`: what it spoke last. `corrections`: what is put
    right in its word; `trigger_turn`: when the next trigger may be sent to it;
    `unlisted_rating`: what an outlet is taken for that nobody registered, None for the usual.
    """

    station_id: str
    feeder_id: str
    site_id: str
    evses: dict[int, EvseState]
    link: Link | None = None
    protocol: str = ""
    registered: bool = True
    booted: bool = False
    identity: StationIdentity | None = None
    booted_at: datetime | None = None
    last_seen_at: datetime | None = None
    stage: Stage = Stage.COMMISSIONED
    boot_wish: RegistrationStatus = RegistrationStatus.ACCEPTED
    registration: RegistrationStatus = RegistrationStatus.ACCEPTED
    solicited: set[str] = field(default_factory=set)
    connected_at: datetime | None = None
    status: ConnectorStatus | None = None
    aside: dict[str, OpenSession] = field(default_factory=dict)
    limits: dict[tuple[int, str], OutsideLimit] = field(default_factory=dict)
    manners: Manners = field(default_factory=Manners)
    proof: Proof = field(default_factory=Proof)
    corrections: Corrections | None = None
    trigger_turn: datetime | None = None
    unlisted_rating: EvseRating | None = None

    def holder(self, transaction_id: str) -> EvseState | None:
        """The EVSE on which the session that the station calls by this name runs."""
        for evse in self.evses.values():
            if evse.session is not None and evse.session.transaction_id == transaction_id:
                return evse
        return None

    def session(self, transaction_id: str) -> OpenSession | None:
        """The session that the station calls by this name, while it runs, on an EVSE or aside."""
        evse = self.holder(transaction_id)
        return evse.session if evse is not None else self.aside.get(transaction_id)

    @property
    def booted_here(self) -> bool:
        """Whether its boot was answered on this connection."""
        return self.booted_at is not None and self.connected_at is not None and self.booted_at >= self.connected_at

    @property
    def online(self) -> bool:
        """Whether it is connected now."""
        return self.link is not None
