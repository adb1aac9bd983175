"""States that stations told over OCPP, as the rules know them. Pure.

OCPP 1.6 tells them of a connector; 2.0.1 and 2.1 say of a connector that it is Occupied, and of the session on it what
it does: what the session does then counts as the state, a car that is connected and draws nothing as one that suspends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from monitor.governance.facts import Status, Statuses, table

WORDS = {
    "Available": Status.AVAILABLE,
    "Preparing": Status.PREPARING,
    "Charging": Status.CHARGING,
    "SuspendedEV": Status.SUSPENDED_EV,
    "SuspendedEVSE": Status.SUSPENDED_EVSE,
    "Finishing": Status.FINISHING,
    "Reserved": Status.RESERVED,
    "Unavailable": Status.UNAVAILABLE,
    "Faulted": Status.FAULTED,
    "EVConnected": Status.SUSPENDED_EV,
    "Idle": Status.SUSPENDED_EV,
}
"""Word -> state (OCPP 1.6 section 7.7, OCPP 2.0.1 ChargingStateEnumType); other words are no state for the rules."""


class ToldState(Protocol):
    """A stored change of state."""

    @property
    def evse_id(self) -> int:
        """Of which outlet; 0 is the station itself."""

    @property
    def state(self) -> str:
        """The word of OCPP."""

    @property
    def at(self) -> datetime:
        """When, by the station's clock."""


def told_statuses(changes: Iterable[ToldState], codes: Mapping[int, int], offset: timedelta) -> Statuses:
    """The changes at outlets that have a code (EVSE -> code), in their order, moved by what the clock is behind."""
    kept = [one for one in changes if one.evse_id in codes and one.state in WORDS]
    return table(
        Statuses,
        connector=[codes[one.evse_id] for one in kept],
        at_s=[(one.at + offset).timestamp() for one in kept],
        status=[WORDS[one.state] for one in kept],
    )
