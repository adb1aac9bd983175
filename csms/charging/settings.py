"""What the charging room can be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from csms.charging.floors import FloorRule
from csms.charging.planner import NeedsPolicy
from csms.charging.profiles import ProfileRules
from csms.charging.rounds import LeaseRule


@dataclass(frozen=True, slots=True)
class ChargingSettings:
    """Seconds are those of the clock, but for `solve_wall_s`: computing takes the machine's own time.

    `ramp_s`: how long a pile and its car may take to come down after an acknowledgement. `notice_s`: how long before it
    begins a lower cap counts (one ramp is added). `cut_off_after_s`: metering above a cap for this long
    ends sessions that obey no limit; 0: never. `tilt_per_h`: preference for early energy (see `planner`).
    `plans_at_once`: how many trees of feeders are planned at the same time, for a solver that can use it.
    """

    lease_s: float = 900.0
    replan_s: float = 300.0
    debounce_s: float = 2.0
    ramp_s: float = 15.0
    skew_s: float = 5.0
    settle_s: float = 5.0
    notice_s: float = 120.0
    retry_s: float = 60.0
    patience_s: float = 60.0
    cut_off_after_s: float = 60.0
    solve_wall_s: float = 5.0
    floor_a: float = 6.0
    floor_share: float = 0.25
    reserve_share: float = 0.02
    tilt_per_h: float = 0.05
    plans_at_once: int = 1
    needs: NeedsPolicy = field(default_factory=NeedsPolicy)
    profiles: ProfileRules = field(default_factory=ProfileRules)

    @property
    def lease(self) -> LeaseRule:
        """A lease is renewed early enough that one missed turn does not end it."""
        return LeaseRule(self.lease_s, max(self.lease_s / 3, min(1.5 * self.replan_s, self.lease_s / 2)))

    @property
    def floors(self) -> FloorRule:
        """The rule for floor profiles."""
        return FloorRule(self.floor_a, self.floor_share, self.reserve_share)

    @property
    def lead_s(self) -> float:
        """How early a lower cap counts."""
        return self.notice_s + self.ramp_s
