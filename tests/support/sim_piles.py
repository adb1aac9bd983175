"""A pile with a car, as physics and firmware have it: what it is told acts late, a lease ends by its own clock, and the
car follows within its ramp. What else it does is its `Kind`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime

from csms.model.charging_profile import (
    ChargingProfile,
    CompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
)
from csms.model.command import (
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    RemoteStop,
    SetChargingProfile,
)
from csms.model.station import CurrentKind, EvseRating
from firmware_profiles import GENERIC, FirmwareProfile, Limits
from firmware_profiles.schema import Time
from tests.support.sim_loop import START

VOLT = 230
AC22 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
AC11 = EvseRating(CurrentKind.AC, 3, 16.0, 11_040)
AC7 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
DC60 = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)
NEVER_S = math.inf


@dataclass(frozen=True)
class Kind:
    """How piles of a make behave. `flags`: what a firmware profile that knows the make says of it.

    `periods`: how many periods of a schedule it follows, whatever it accepts; `lies`: accepts all, obeys nothing;
    `parrot`: its composite schedule repeats what it was told; `deaf`: never answers; `steps_up`: rounds up to these
    amperes; `reaction_s`: until a limit acts; `clock_s`: how far its clock is behind at the most.
    """

    name: str
    flags: Limits | None = None
    time: Time = field(default_factory=Time)
    periods: int = 24
    valid_to: bool = True
    forgets_away: bool = False
    forgets_boot: bool = False
    lies: bool = False
    parrot: bool = False
    deaf: bool = False
    steps_up: tuple[float, ...] = ()
    reaction_s: float = 2.0
    clock_s: float = 5.0
    clock_jumps: bool = False
    unit: RateUnit | None = None
    no_tx: bool = False

    @property
    def tame(self) -> bool:
        """Whether some form of limit holds it while it is connected and while it is not."""
        return not (self.lies or self.deaf or self.forgets_away or self.forgets_boot)

    @property
    def comes_down_s(self) -> float:
        """How long it may take as far as is known of the make."""
        return (self.flags.reaction_s if self.flags is not None else None) or 0.0

    def firmware(self) -> FirmwareProfile:
        """The firmware profile that says so."""
        if self.flags is None:
            return GENERIC
        facts = {"limits.after_reconnect": ("seen",)} if self.flags.after_reconnect == "lost" else {}
        return replace(GENERIC, name=self.name, limits=self.flags, time=self.time, facts=facts)


KEPT = Limits(after_reconnect="kept")
PLAIN = Kind("plain")
KINDS = {
    kind.name: kind
    for kind in (
        PLAIN,
        Kind("watts", unit=RateUnit.W),
        Kind("default only", no_tx=True),
        Kind("one period", replace(KEPT, periods_max=1, valid_to="ignored"), periods=1, valid_to=False),
        Kind("forgets away", Limits(after_reconnect="lost"), forgets_away=True, forgets_boot=True),
        Kind("forgets at boot", Limits(after_reconnect="lost"), forgets_boot=True),
        Kind("liar", replace(KEPT, ignores_accepted=True), lies=True),
        Kind("parrot", replace(KEPT, ignores_accepted=True), lies=True, parrot=True),
        Kind("deaf", replace(KEPT, ignores_accepted=True), deaf=True),
        Kind(
            "steps",
            replace(KEPT, steps_a=(6.0, 10.0, 13.0, 16.0, 20.0, 25.0, 32.0)),
            steps_up=(6, 10, 13, 16, 20, 25, 32),
        ),
        Kind("slow", replace(KEPT, reaction_s=45.0), reaction_s=30.0),
        Kind("bad clock", KEPT, time=Time(ahead_s=-120.0), clock_s=120.0, clock_jumps=True),
    )
}
"""By name. What OCPP asks of a station is `plain`."""


def seconds(moment: datetime | None) -> float:
    """Of the run."""
    return (moment - START).total_seconds() if moment is not None else 0.0


@dataclass
class Car:
    """What it takes at the most, and on how many phases."""

    power_w: float
    phases: int
    leaves_s: float


class Pile:
    """One station with one outlet. Seconds are those of the run; `clock_s`: how far its own clock is behind."""

    def __init__(
        self, station_id: str, feeder: str, kind: Kind, rating: EvseRating, ramp_s: float, clock_s: float
    ) -> None:
        self.station_id, self.feeder, self.kind, self.rating = station_id, feeder, kind, rating
        self.fall_w = rating.power_max_w / ramp_s
        self.clock_s = clock_s
        self.car: Car | None = None
        self.transaction_id = ""
        self.draw_w = 0.0
        self.look_s = NEVER_S
        self.stop_wanted = False
        self.installed: dict[ProfilePurpose, ChargingProfile] = {}
        self.acting: dict[ProfilePurpose, ChargingProfile] = {}
        self.told: CompositeSchedule | None = None
        self.clashes = 0
        self.began_s = 0.0

    def take(self, command: Command, now_s: float) -> CommandResult | None:
        """The answer; None: it never says anything. What it installed acts when `act` is called, `reaction_s` later."""
        if self.kind.deaf:
            return None
        match command:
            case SetChargingProfile(profile=profile):
                return CommandResult(self._install(profile, now_s))
            case GetCompositeSchedule(unit=unit):
                return self._composite(unit or RateUnit.A, now_s)
            case GetVariables(names=names):
                return CommandResult("Accepted", values=dict.fromkeys(names))
            case ClearChargingProfile(profile_id=number):
                self.installed = {p: known for p, known in self.installed.items() if known.profile_id != number}
                return CommandResult("Accepted")
            case RemoteStop(transaction_id=transaction_id) if transaction_id == self.transaction_id:
                self.stop_wanted = True
                return CommandResult("Accepted")
            case _:
                return CommandResult("Rejected")

    def _install(self, profile: ChargingProfile, now_s: float) -> str:
        if self.kind.unit not in (None, profile.unit):
            return "Rejected"
        if profile.purpose is ProfilePurpose.TX:
            if self.kind.no_tx or not self.transaction_id or profile.transaction_id != self.transaction_id:
                return "Rejected"
        elif profile.purpose is ProfilePurpose.STATION_MAX:
            return "Rejected"
        first = ((0, profile.periods[0].limit),)
        self.told = CompositeSchedule(START, profile.unit, first)
        known = self.installed.get(profile.purpose)
        same_place = known is not None and known.stack_level == profile.stack_level
        self.clashes += known is not None and same_place and known.profile_id != profile.profile_id
        if not self.kind.lies:
            self.installed = self.installed | {profile.purpose: profile}
        return "Accepted"

    def act(self, now_s: float) -> None:
        """What is installed acts from now on."""
        self.acting = self.installed
        self.look_s = now_s

    def forget(self, now_s: float) -> None:
        """All profiles are gone."""
        self.installed = {}
        self.act(now_s)

    def _composite(self, unit: RateUnit, now_s: float) -> CommandResult:
        if self.kind.parrot and self.told is not None:
            return CommandResult("Accepted", composite=self.told)
        rule, limit, _, _ = self._ruling(self.installed, now_s - self.clock_s)
        if self.kind.lies or rule is None or rule.unit is not unit:
            return CommandResult("Accepted", composite=CompositeSchedule(None, None, ()))
        return CommandResult("Accepted", composite=CompositeSchedule(START, unit, ((0, limit),)))

    def _ruling(
        self, profiles: dict[ProfilePurpose, ChargingProfile], own_s: float
    ) -> tuple[ChargingProfile | None, float, int, float]:
        """What rules at a moment of its own clock: profile, limit in its unit, phases, until when (own clock)."""
        ends_s = NEVER_S
        for purpose in (ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT):
            profile = profiles.get(purpose)
            if profile is None or (purpose is ProfilePurpose.TX and profile.transaction_id != self.transaction_id):
                continue
            relative = profile.kind is ProfileKind.RELATIVE
            begins_s = self.began_s - self.clock_s if relative else seconds(profile.start)
            if own_s < begins_s and not relative:
                ends_s = min(ends_s, begins_s)
                continue
            over_s = seconds(profile.valid_to) if self.kind.valid_to and profile.valid_to is not None else NEVER_S
            if own_s >= over_s:
                continue
            periods = profile.periods[: self.kind.periods]
            at = max(bisect_right([p.start_s for p in periods], own_s - begins_s), 1)
            if at < len(periods):
                over_s = min(over_s, begins_s + periods[at].start_s)
            return profile, periods[at - 1].limit, periods[at - 1].phases or 3, min(ends_s, over_s)
        return None, 0.0, 3, ends_s

    def allowed_w(self, now_s: float) -> tuple[float, float]:
        """What the car may draw by what acts, and until when that holds."""
        late_s = self.clock_s + self.kind.reaction_s
        rule, limit, phases, ends_s = self._ruling(self.acting, now_s - late_s)
        if rule is None or self.car is None:
            return float(self.rating.power_max_w), ends_s + late_s
        if rule.unit is RateUnit.W:
            return limit, ends_s + late_s
        if self.rating.kind is CurrentKind.DC:
            return self.rating.power_max_w * limit / self.rating.current_max_a, ends_s + late_s
        if self.kind.steps_up and limit > 0:
            limit = next((step for step in self.kind.steps_up if step >= limit - 1e-6), limit)
        return limit * VOLT * min(self.car.phases, phases), ends_s + late_s

    def step(self, now_s: float) -> None:
        """The second before `now_s` is over; `look_s` says when the next look is worth while."""
        if self.car is None:
            self.draw_w, self.look_s = 0.0, NEVER_S
            return
        allowed_w, ends_s = self.allowed_w(now_s)
        if self.rating.kind is CurrentKind.AC and allowed_w < 6 * VOLT - 1:
            allowed_w = 0.0
        wanted_w = min(allowed_w, self.car.power_w, self.rating.power_max_w)
        self.draw_w = max(wanted_w, self.draw_w - self.fall_w)
        self.look_s = now_s if self.draw_w > wanted_w else ends_s
