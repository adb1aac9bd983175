"""Live state of the stations, kept in memory and restored from the store at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from csms.model.ids import EvseRef
from csms.model.station import ConnectorStatus, EvseRating, RegistrationStatus, Stage, StationIdentity
from csms.station.ports import Link


@dataclass(slots=True)
class Needs:
    """What a driver said: energy still wanted since plug-in and the time of leaving; either may be unknown."""

    energy_wh: float | None = None
    departure: datetime | None = None


@dataclass(slots=True)
class OpenSession:
    """A session that runs now. `saved_at`: when its progress was stored last; samples tell what came after."""

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
    last_seq_no: int = -1
    charging_state: str = ""
    flags: list[str] = field(default_factory=list)
    saved_at: datetime | None = None


@dataclass(slots=True)
class EvseState:
    """One EVSE: nameplate, connectors, the session that runs, what its driver wants."""

    ref: EvseRef
    rating: EvseRating
    connectors: dict[int, ConnectorStatus] = field(default_factory=dict)
    session: OpenSession | None = None
    needs: Needs = field(default_factory=Needs)
    power_w: float | None = None
    power_at: datetime | None = None

    @property
    def faulted(self) -> bool:
        """Whether no connector of this EVSE can charge."""
        bad = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
        return bool(self.connectors) and all(status in bad for status in self.connectors.values())


@dataclass(slots=True)
class StationState:
    """One station.

    `booted`: a boot was accepted, or none will come (SR-07). `boot_wish` is what its next boot is answered,
    `registration` what its last one was; `solicited` is what it may say although it is not accepted (see `lifecycle`).
    """

    station_id: str
    feeder_id: str
    site_id: str
    evses: dict[int, EvseState]
    link: Link | None = None
    registered: bool = True
    booted: bool = False
    identity: StationIdentity | None = None
    booted_at: datetime | None = None
    last_seen_at: datetime | None = None
    stage: Stage = Stage.COMMISSIONED
    boot_wish: RegistrationStatus = RegistrationStatus.ACCEPTED
    registration: RegistrationStatus = RegistrationStatus.ACCEPTED
    solicited: set[str] = field(default_factory=set)

    @property
    def online(self) -> bool:
        """Whether it is connected now."""
        return self.link is not None
