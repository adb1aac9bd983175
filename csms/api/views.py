"""Live state and stored rows as answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from csms.api.schemas import (
    EvseOut,
    LiveSession,
    PlanOut,
    ProfileOut,
    SampleOut,
    SessionOut,
    StationOut,
)
from csms.model.station import ConnectorStatus
from csms.station.state import EvseState, OpenSession, StationState
from csms.store.samples import StoredSample
from csms.store.tables import PlanRow, ProfileRow, Session, Station

UNKNOWN = "Unknown"
"""The state of an EVSE that has not reported yet."""

_TOLD_AT_BOOT = (
    "vendor",
    "model",
    "serial",
    "firmware",
    "boot_reason",
    "iccid",
    "imsi",
    "meter_type",
    "meter_serial",
)

_BY_URGENCY = (
    ConnectorStatus.FAULTED,
    ConnectorStatus.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.FINISHING,
    ConnectorStatus.PREPARING,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.AVAILABLE,
)
"""An EVSE with several connectors shows the one that matters most."""


def evse_status(evse: EvseState) -> str:
    """One word for an EVSE; 2.0.1 stations say only Occupied, then the session tells the rest."""
    statuses = set(evse.connectors.values())
    status = next((s for s in _BY_URGENCY if s in statuses), None)
    if evse.session is not None and status in (None, ConnectorStatus.OCCUPIED, ConnectorStatus.AVAILABLE):
        state = evse.session.charging_state
        return state if state in ("Charging", "SuspendedEV", "SuspendedEVSE") else ConnectorStatus.OCCUPIED.value
    return status.value if status else UNKNOWN


def evse_view(evse: EvseState) -> EvseOut:
    """One EVSE."""
    return EvseOut(
        evse_id=evse.ref.evse_id,
        kind=evse.rating.kind,
        phases=evse.rating.phases,
        rotation=evse.rating.rotation,
        current_max_a=evse.rating.current_max_a,
        power_max_w=evse.rating.power_max_w,
        status=evse_status(evse),
        connectors={number: status.value for number, status in sorted(evse.connectors.items())},
        power_w=evse.power_w,
        session=live_session(evse, evse.session) if evse.session else None,
    )


def live_session(evse: EvseState, session: OpenSession) -> LiveSession:
    """The session that runs on an EVSE, with what its driver wants."""
    return LiveSession(
        session_id=session.session_id,
        transaction_id=session.transaction_id,
        connector_id=session.connector_id,
        started_at=session.started_at,
        id_token=session.id_token,
        energy_wh=session.energy_wh,
        power_w=session.power_w,
        soc_percent=session.soc,
        charging_state=session.charging_state,
        wanted_wh=evse.needs.energy_wh,
        departure_at=evse.needs.departure,
    )


def station_power_w(state: StationState) -> float:
    """Metered power of the station's EVSEs; one that is offline counts with its last word."""
    return sum(evse.power_w or 0.0 for evse in state.evses.values())


def station_fields(state: StationState, row: Station | None) -> dict[str, Any]:
    """What `StationOut` and `StationDetail` share: live state, and what the station said of itself at its last boot."""
    protocol = state.link.protocol.value if state.link else (row.protocol if row else "")
    return {
        "station_id": state.station_id,
        "registered": row.registered if row else False,
        "site_id": state.site_id,
        "feeder_id": state.feeder_id,
        "online": state.online,
        "protocol": protocol,
        **{name: getattr(row, name) if row else "" for name in _TOLD_AT_BOOT},
        "stage": state.stage.value,
        "registration": state.registration.value,
        "booted_at": state.booted_at,
        "last_seen_at": state.last_seen_at,
        "power_w": station_power_w(state),
        "evses": [evse_view(evse) for _, evse in sorted(state.evses.items())],
    }


def station_views(states: Iterable[StationState], rows: Sequence[Station]) -> list[StationOut]:
    """Stations in the order of their ids."""
    by_id = {row.id: row for row in rows}
    ordered = sorted(states, key=lambda state: state.station_id)
    return [StationOut(**station_fields(state, by_id.get(state.station_id))) for state in ordered]


def profile_view(row: ProfileRow) -> ProfileOut:
    """A charging profile as sent."""
    return ProfileOut.model_validate(row, from_attributes=True)


def session_view(row: Session, live: OpenSession | None) -> SessionOut:
    """A stored session, with what is newer in memory while it runs."""
    return SessionOut(
        session_id=row.id,
        station_id=row.station_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        transaction_id=row.transaction_id,
        id_token=row.id_token,
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        stop_reason=row.stop_reason,
        charging_state=live.charging_state if live else row.charging_state,
        energy_wh=live.energy_wh if live else row.energy_wh,
        power_w=live.power_w if live else row.last_power_w if row.status == "open" else None,
        soc_percent=live.soc if live else row.last_soc,
        wanted_wh=row.wanted_wh,
        departure_at=row.departure_at,
        flags=list(live.flags if live else row.flags),
        remote_start_id=row.remote_start_id,
        reservation_id=row.reservation_id,
        charging_s=live.charging_s if live else row.charging_s,
        cable_max_a=row.cable_max_a,
        phases_used=row.phases_used,
        cost=row.cost,
        seq_missing=[(first, last) for first, last in (live.events.missing if live else row.seq_missing or ())],
        ev_needs=row.ev_needs,
        ev_schedule=row.ev_schedule,
    )


def sample_view(row: StoredSample) -> SampleOut:
    """One metered value."""
    return SampleOut.model_validate(row, from_attributes=True)


def plan_view(row: PlanRow) -> PlanOut:
    """A plan as adopted."""
    return PlanOut.model_validate(row, from_attributes=True)
