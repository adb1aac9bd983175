"""What charging writes down: upper bounds ahead of every frame, profiles as sent and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms.charging.discretise import Setpoint
from csms.charging.ledger import Ledger
from csms.charging.ports import ChargingStore
from csms.model.charging_profile import ChargingProfile, ProfilePurpose
from csms.model.ids import EvseRef
from csms.store import changes
from csms.store.tables import ProfileRow, UpperBoundRow

PROFILES_READ = 10_000
"""How many of the newest profiles are searched for accepted floors at start."""


@dataclass(frozen=True, slots=True, eq=False)
class Sending:
    """A profile on its way. `sequence` of the ledger and `session_id` are None for a floor profile."""

    ref: EvseRef
    profile: ChargingProfile
    setpoint: Setpoint
    sent_at: datetime
    sequence: int | None = None
    session_id: int | None = None
    raises: bool = False


class Journal:
    """The store as charging uses it. All methods raise StoreUnavailable."""

    def __init__(self, store: ChargingStore) -> None:
        self._store = store

    async def write_ahead(self, sendings: Sequence[Sending], ledger: Ledger, now: datetime) -> None:
        """Bounds and profiles of one round in one transaction (I3)."""
        bounds = [changes.put_upper_bound(_bound_row(s.ref, ledger, now)) for s in sendings if s.sequence is not None]
        await self._store.writer.commit([*bounds, *(changes.add_profile(_profile_row(s)) for s in sendings)])

    async def answered(self, sending: Sending, status: str, at: datetime | None) -> None:
        """What came of a profile."""
        await self._update(sending, status=status, answered_at=at)

    async def seen(self, sending: Sending, at: datetime) -> None:
        """Metering shows that the pile keeps the limit."""
        await self._update(sending, seen_at=at)

    async def _update(self, sending: Sending, **values: Any) -> None:
        key = sending.ref.station_id, sending.profile.profile_id, sending.sent_at
        await self._store.writer.commit([changes.update_profile(*key, **values)])

    async def restore(self, ledger: Ledger, booted: dict[str, datetime | None], now: datetime) -> None:
        """Bring bounds back that still count, and floors that were acknowledged after the station's last boot."""
        for row in await self._store.reader.upper_bounds():
            ref = EvseRef(row.station_id, row.evse_id)
            if ref in ledger and row.until > now:
                ledger.restore(ref, row.upper_bound_w, row.until)
        latest: dict[EvseRef, ProfileRow] = {}
        for profile in await self._store.reader.profiles(limit=PROFILES_READ):
            if profile.purpose == ProfilePurpose.TX_DEFAULT:
                latest.setdefault(EvseRef(profile.station_id, profile.evse_id), profile)
        for ref, profile in latest.items():
            if ref in ledger and _still_installed(profile, ledger.account(ref).floor_w, booted.get(ref.station_id)):
                ledger.confirm_floor(ref, now)


def _still_installed(profile: ProfileRow, floor_w: int, booted_at: datetime | None) -> bool:
    kept = booted_at is None or profile.sent_at > booted_at
    return profile.status == "Accepted" and profile.limit_w == floor_w and kept


def _bound_row(ref: EvseRef, ledger: Ledger, now: datetime) -> UpperBoundRow:
    return UpperBoundRow(
        station_id=ref.station_id,
        evse_id=ref.evse_id,
        upper_bound_w=ledger.upper_bound_w(ref, now),
        until=ledger.bound_until(ref, now),
        updated_at=now,
    )


def _profile_row(sending: Sending) -> ProfileRow:
    profile = sending.profile
    return ProfileRow(
        station_id=sending.ref.station_id,
        evse_id=sending.ref.evse_id,
        session_id=sending.session_id,
        profile_id=profile.profile_id,
        purpose=profile.purpose,
        limit_w=sending.setpoint.value_w,
        content=_content(profile),
        sent_at=sending.sent_at,
    )


def _content(profile: ChargingProfile) -> dict[str, Any]:
    return {
        "unit": profile.unit.value,
        "kind": profile.kind.value,
        "stack_level": profile.stack_level,
        "start": profile.start.isoformat() if profile.start else None,
        "periods": [{"start_s": p.start_s, "limit": p.limit, "phases": p.phases} for p in profile.periods],
    }
