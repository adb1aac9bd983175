"""Domain events: what changed, told to whoever listens (planner, province, live views) after it is durable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import Sample
from csms.model.station import ConnectorStatus


@dataclass(frozen=True, slots=True)
class StationConnected:
    """A websocket was accepted."""

    station_id: str
    protocol: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StationDisconnected:
    """The last connection of the station is gone."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StationBooted:
    """A boot was accepted; its volatile profiles may be lost."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConnectorChanged:
    """A connector has another state."""

    connector: ConnectorRef
    status: ConnectorStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session began."""

    session_id: int
    evse: EvseRef
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended; its order can be written."""

    session_id: int
    evse: EvseRef
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionNeedsChanged:
    """The driver said (or changed) how much energy is wanted and when the car leaves."""

    evse: EvseRef
    at: datetime


@dataclass(frozen=True, slots=True)
class Metered:
    """Samples of one EVSE were stored."""

    evse: EvseRef
    session_id: int | None
    samples: tuple[Sample, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """The limits on a feeder changed."""

    feeder_id: str
    at: datetime


Event = (
    StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorChanged
    | SessionOpened
    | SessionClosed
    | SessionNeedsChanged
    | Metered
    | LimitChanged
)
