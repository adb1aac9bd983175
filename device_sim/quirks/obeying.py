"""What it makes of the limits that it has accepted, and how long it keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from device_sim.behaviour import Quirk
from device_sim.outgoing import Payload
from device_sim.smart_charging import Limit
from firmware_profiles import FirmwareProfile, Limits

if TYPE_CHECKING:
    from device_sim.station import Station

PARTS = {"A": 1.0, "mA": 1000.0, "dA": 10.0}
EPSILON_A = 1e-6


def stepped(limits: Limits, current_a: float, rated_a: float) -> float:
    """The current that the hardware makes of a limit."""
    if limits.steps_a:
        return max((step for step in limits.steps_a if step <= current_a + EPSILON_A), default=0.0)
    if current_a >= rated_a:
        return current_a
    return min(current_a, (current_a + EPSILON_A) // limits.step_a * limits.step_a)


class Obeying(Quirk):
    """Steps, floors, zero; limits that are ignored, forgotten or dropped; the key that limits for good."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._limits = profile.limits
        self._forgets = profile.states("limits.after_reconnect") and profile.limits.after_reconnect == "lost"
        self._static_a = float("inf")
        self._before_zero_a = 0.0
        self._hangs_since_s: float | None = None
        self._first_lost = False
        self._last: Payload | None = None

    def attach(self, station: Station) -> None:
        """The pile feels limits in this way."""
        super().attach(station)
        station.pile.felt = self.felt
        if self._limits.reaction_s is not None:
            station.pile.reaction_s = self._limits.reaction_s

    def felt(self, told: Limit) -> Limit:
        """What the hardware does of a limit."""
        supply = self.station.spec.supply
        rated_a = supply.current_max_a
        current_a = min(rated_a if self._limits.ignores_accepted else told.current_a, self._static_a)
        ceiling_a = self._limits.raise_ignored_above_a
        if ceiling_a is not None and current_a < rated_a:
            current_a = min(current_a, ceiling_a)
        current_a = self._zero(current_a)
        return self._phased(
            replace(told, current_a=self._floored(stepped(self._limits, current_a, rated_a), told.phases))
        )

    def _zero(self, current_a: float) -> float:
        began_s = self.station.pile.tx_start_s
        if current_a > EPSILON_A:
            self._before_zero_a, self._first_lost = current_a, False
            return 0.0 if began_s is not None and self._hangs_since_s == began_s else current_a
        if self._limits.zero_means == "remote_stop":
            return self._before_zero_a or self.station.spec.supply.current_max_a
        if self._limits.zero_means == "hangs":
            self._hangs_since_s = began_s
        return 0.0

    def _floored(self, current_a: float, phases: int) -> float:
        power_w = current_a * phases * self.station.spec.voltage_v
        under_a = self.station.spec.kind == "ac" and current_a < self._limits.floor_a - EPSILON_A
        return 0.0 if under_a or power_w < self._limits.floor_w else current_a

    def _phased(self, limit: Limit) -> Limit:
        supply, below_w = self.station.spec.supply, self._limits.one_phase_below_w
        power_w = limit.current_a * limit.phases * supply.voltage_v
        if below_w is None or limit.phases == 1 or not 0 < power_w < below_w:
            return limit
        return replace(limit, phases=1, current_a=min(power_w / supply.voltage_v, supply.current_max_a))

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """The static key is set; the first profile after a pause is accepted and forgotten."""
        if action == "ChangeConfiguration" and self._limits.static_key == payload.get("key"):
            return {"status": "Accepted" if self._set_static(str(payload.get("value"))) else "Rejected"}
        paused = self.station.pile.closed and self.station.pile.limit().current_a <= EPSILON_A
        if (
            action == "SetChargingProfile"
            and self._limits.first_after_pause_ignored
            and paused
            and not self._first_lost
        ):
            self._first_lost = True
            return {"status": "Accepted"}
        return None

    def _set_static(self, text: str) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        supply = self.station.spec.supply
        unit = self._limits.static_unit
        self._static_a = value / (supply.voltage_v * supply.phases) if unit == "W" else value / PARTS[unit]
        self.station.cleared(1)
        return True

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """The same profile a second time is dropped."""
        if action == "SetChargingProfile" and answer.get("status") == "Accepted":
            if self._limits.repeat_same == "harmful" and payload == self._last:
                self.station.cleared(self.station.book.clear())
            self._last = payload
        return answer

    def disconnected(self) -> None:
        """Profiles are lost with the connection, where they are known to be."""
        self._last = None
        if self._forgets:
            self.station.cleared(self.station.book.clear())
