"""The profiles a pile has stored: what it accepts, what replaces what, what is cleared. They outlive a reboot (errata
3.37, K01.FR.27); a transaction's profile dies with its transaction (1.6 section 3.13.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from device_sim.smart_charging import FOREVER, Kind, Profile, Purpose


@dataclass(frozen=True, slots=True)
class Rules:
    """What this pile says of itself: `evse_count` outlets, and the limits that its configuration shows."""

    units: tuple[str, ...] = ("A", "W")
    periods_max: int = 4
    stack_level_max: int = 8
    profiles_max: int = 16
    evse_count: int = 1
    refuses_duplicates: bool = False  # 2.0.1 K01.FR.52, .53; 1.6 replaces


@dataclass(slots=True)
class ProfileBook:
    """Installed profiles by id."""

    rules: Rules = field(default_factory=Rules)
    installed: dict[int, Profile] = field(default_factory=dict)

    def install(self, profile: Profile, transaction_id: str | None) -> str | None:
        """Store it; the reason in a few words if it is refused. `transaction_id`: of the running transaction."""
        refusal = self._shape(profile) or self._place(profile, transaction_id) or self._conflict(profile)
        if refusal is not None:
            return refusal
        for other in self._same_slot(profile):
            del self.installed[other.profile_id]
        self.installed[profile.profile_id] = profile
        return None

    def _shape(self, profile: Profile) -> str | None:
        starts = [period.start_s for period in profile.periods]
        if profile.unit not in self.rules.units:
            return "UnsupportedRateUnit"
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            return "InvalidSchedule"
        if len(starts) > self.rules.periods_max:
            return "TooManyPeriods"
        if not 0 <= profile.stack_level <= self.rules.stack_level_max:
            return "InvalidStackLevel"
        if profile.kind is Kind.RECURRING and (profile.repeat_s is None or profile.start_s is None):
            return "InvalidProfile"
        return None

    def _place(self, profile: Profile, transaction_id: str | None) -> str | None:
        if not 0 <= profile.evse <= self.rules.evse_count:
            return "UnknownEvse"
        if profile.purpose is Purpose.MAX:
            return "InvalidProfile" if profile.evse or profile.kind is Kind.RELATIVE else None
        if profile.purpose is Purpose.TRANSACTION:
            if profile.evse == 0 or transaction_id is None:
                return "TxNotFound"
            if profile.transaction_id not in (None, transaction_id):
                return "TxNotFound"
        return None

    def _conflict(self, profile: Profile) -> str | None:
        if self.rules.refuses_duplicates and profile.purpose is Purpose.DEFAULT:
            level = [p for p in self.installed.values() if p.purpose is Purpose.DEFAULT]
            twins = [p for p in level if p.stack_level == profile.stack_level and p.profile_id != profile.profile_id]
            if any((p.evse == 0) != (profile.evse == 0) for p in twins):
                return "DuplicateProfile"
        gone = {profile.profile_id, *(p.profile_id for p in self._same_slot(profile))}
        if len(self.installed.keys() - gone) >= self.rules.profiles_max:
            return "TooManyProfiles"
        return None

    def _same_slot(self, profile: Profile) -> list[Profile]:
        slot = (profile.purpose, profile.stack_level, profile.evse)
        return [p for p in self.installed.values() if (p.purpose, p.stack_level, p.evse) == slot]

    def clear(
        self,
        profile_id: int | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Remove what matches all that is given (an id alone decides; nothing given: all); how many went."""
        gone = [
            p.profile_id
            for p in self.installed.values()
            if (
                p.profile_id == profile_id
                if profile_id is not None
                else (evse in (None, p.evse) and purpose in (None, p.purpose) and stack_level in (None, p.stack_level))
            )
        ]
        for number in gone:
            del self.installed[number]
        return len(gone)

    def forget_ends(self) -> None:
        """From now on all of them are valid until they are replaced."""
        self.installed = {number: replace(p, valid_to_s=FOREVER) for number, p in self.installed.items()}

    def end_transaction(self) -> int:
        """Drop the profiles of the transaction that ended; how many."""
        return self.clear(purpose=Purpose.TRANSACTION)

    def active(self) -> tuple[Profile, ...]:
        """All that are stored."""
        return tuple(self.installed.values())
