"""What a fleet counts, for its summary file and its status line.

`samples_acknowledged` counts sampled values in messages that were answered by a CALLRESULT, each value once however
often its message was sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class FleetStats:
    """Counters of all piles together."""

    stations_by_version: Counter[str] = field(default_factory=Counter)
    sessions_started: int = 0
    sessions_ended: int = 0
    turned_away: int = 0
    samples_acknowledged: int = 0
    messages_sent: int = 0
    messages_answered: int = 0
    messages_repeated: int = 0
    call_errors: Counter[str] = field(default_factory=Counter)
    timeouts: int = 0
    connects: int = 0
    disconnects: int = 0
    boots_accepted: int = 0
    first_boot_s: dict[str, float] = field(default_factory=dict)
    """When each station was first accepted, Unix time."""
    profiles_received: int = 0
    profiles_accepted: int = 0
    needs_declared: int = 0
    needs_failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    energy_by_session_wh: dict[str, float] = field(default_factory=dict)

    def deliver(self, session_id: str, energy_wh: float) -> None:
        """Count energy that a session took."""
        self.energy_by_session_wh[session_id] = self.energy_by_session_wh.get(session_id, 0.0) + energy_wh

    def summary(self) -> dict[str, Any]:
        """The counters as JSON; energies in Wh."""
        names = (
            "sessions_started sessions_ended turned_away samples_acknowledged messages_sent messages_answered"
            " messages_repeated timeouts connects disconnects boots_accepted profiles_received profiles_accepted"
            " needs_declared needs_failed"
        )
        return {
            "stations_by_version": dict(self.stations_by_version),
            **{name: getattr(self, name) for name in names.split()},
            "call_errors": dict(self.call_errors),
            "faults": dict(self.faults),
            "energy_by_session_wh": {name: round(wh, 3) for name, wh in self.energy_by_session_wh.items()},
        }
