"""Domain events: what changed, told to whoever listens (planner, province, live views) after it is durable."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import Samples
from csms.model.station import ConnectorStatus


class StationConnected(Struct, frozen=True):
    """A websocket was accepted."""

    station_id: str
    protocol: str
    at: datetime


class StationDisconnected(Struct, frozen=True):
    """The last connection of the station is gone."""

    station_id: str
    at: datetime


class StationBooted(Struct, frozen=True):
    """A boot was accepted; its volatile profiles may be lost."""

    station_id: str
    at: datetime


class ConnectorChanged(Struct, frozen=True):
    """A connector has another state."""

    connector: ConnectorRef
    status: ConnectorStatus
    at: datetime


class SessionOpened(Struct, frozen=True):
    """A session began."""

    session_id: int
    evse: EvseRef
    at: datetime


class SessionClosed(Struct, frozen=True):
    """A session ended; its order can be written."""

    session_id: int
    evse: EvseRef
    at: datetime


class OutsideLimitChanged(Struct, frozen=True):
    """Somebody else than us limits an EVSE (0: the station), or does so no more; `source` is EMS, SO, CSO or Other."""

    evse: EvseRef
    source: str
    at: datetime


class LimitsTouched(Struct, frozen=True):
    """A person changed charging profiles of a station, or what stands for one: what it was told before may be gone."""

    station_id: str
    at: datetime


class SessionNeedsChanged(Struct, frozen=True):
    """The driver or the car said (or changed) how much energy is wanted and when the car leaves."""

    evse: EvseRef
    at: datetime


class PriorityChargingChanged(Struct, frozen=True):
    """A transaction charges as fast as it may now, or follows its plan again (2.1)."""

    station_id: str
    transaction_id: str
    active: bool
    at: datetime


class Metered(Struct, frozen=True, gc=False):
    """Samples of one EVSE were stored."""

    evse: EvseRef
    session_id: int | None
    samples: Samples
    at: datetime


class LimitChanged(Struct, frozen=True):
    """The limits on a feeder changed."""

    feeder_id: str
    at: datetime


class SessionCutOff(Struct, frozen=True):
    """Metering stayed above a cap, so a session that obeys no limit was to end: `how` stopped or out of service;
    `status` is the station's answer."""

    evse: EvseRef
    feeder_id: str
    power_w: int
    how: str
    status: str
    at: datetime


class LimitControlChanged(Struct, frozen=True):
    """How far limits of a station are known to act: `role` floor or limit, `state` as in csms.charging.ladder."""

    station_id: str
    role: str
    state: str
    at: datetime


Event = (
    StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorChanged
    | SessionOpened
    | SessionClosed
    | SessionNeedsChanged
    | OutsideLimitChanged
    | LimitsTouched
    | PriorityChargingChanged
    | Metered
    | LimitChanged
    | LimitControlChanged
    | SessionCutOff
)
