"""What charging writes down: upper bounds ahead of every frame, limits as sent and answered, the ladders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from csms.charging.account import Account, Grant, Kept
from csms.charging.discretise import Setpoint
from csms.charging.ladder import Happening, Rung
from csms.charging.ladders import Change as LadderChange
from csms.charging.ladders import Ladders, News
from csms.charging.ledger import Ledger
from csms.charging.lines import Triple
from csms.charging.ports import ChargingStore
from csms.model.charging_profile import ChargingProfile, ProfilePurpose
from csms.model.clock import Uptime
from csms.model.command import Command, SetChargingProfile
from csms.model.ids import EvseRef
from csms.store import changes
from csms.store.station_tables import LimitRung
from csms.store.tables import ProfileRow, UpperBoundRow

LASTING = (ProfilePurpose.TX_DEFAULT, ProfilePurpose.STATION_MAX, "SetVariables")
"""What stands in a stored row of a floor."""

UNKNOWN = Uptime("", 0.0)
PROFILES_READ = 10_000
"""How many of the newest profiles are searched for accepted floors at start."""


@dataclass(frozen=True, slots=True, eq=False)
class Sending:
    """A limit or a floor on its way to an outlet.

    `setpoint` is what it means for all outlets of `refs` together, or for each; `entries` are their numbers in the
    ledger, none for a floor below other limits. `session_id` None: a floor.
    """

    ref: EvseRef
    command: Command
    rung: Rung
    setpoint: Setpoint
    sent_at: datetime
    refs: tuple[EvseRef, ...]
    entries: tuple[tuple[EvseRef, int], ...] = ()
    session_id: int | None = None
    raises: bool = False
    each: bool = True

    @property
    def profile(self) -> ChargingProfile | None:
        """The charging profile in it; None for a configuration key."""
        return self.command.profile if isinstance(self.command, SetChargingProfile) else None

    @property
    def profile_id(self) -> int:
        """The id of the profile, 0 without one."""
        return self.profile.profile_id if self.profile else 0


class Journal:
    """The store as charging uses it. All methods raise StoreUnavailable."""

    def __init__(self, store: ChargingStore, uptime: Callable[[], Uptime] = lambda: UNKNOWN) -> None:
        self._store, self._uptime = store, uptime
        self._written: dict[EvseRef, Kept] = {}

    async def write_ahead(self, sendings: Sequence[Sending], ledger: Ledger, now: datetime) -> None:
        """Bounds and profiles of one round in one transaction (I3)."""
        kept = {ref: ledger.kept(ref, now) for sending in sendings for ref, _ in sending.entries}
        uptime = self._uptime()
        bounds = [changes.put_upper_bound(_bound_row(ref, one, now, uptime)) for ref, one in kept.items()]
        await self._store.writer.commit([*bounds, *(changes.add_profile(_profile_row(s)) for s in sendings)])
        self._written |= kept

    def covered_until(self, ref: EvseRef, value_w: int, counted_w: int) -> datetime | None:
        """Until when another process would count a limit of so many watts, which count with so many, even if it never
        heard of it; None: not.
        """
        kept = self._written.get(ref)
        if kept is None or kept.bound.value_w < counted_w:
            return None
        return max((grant.until for grant in kept.grants if grant.value_w >= value_w), default=None)

    def move(self, step: timedelta) -> None:
        """The clock was set on by `step`; another process would know that by the uptime."""
        self._written = {ref: kept.moved(step) for ref, kept in self._written.items()}

    async def answered(self, sending: Sending, status: str, at: datetime | None) -> None:
        """What came of a profile."""
        await self._update(sending, status=status, answered_at=at)

    async def seen(self, sending: Sending, at: datetime) -> None:
        """Metering shows that the pile keeps the limit."""
        await self._update(sending, seen_at=at)

    async def ladders(self, rows: Sequence[LimitRung], news: News) -> None:
        """Where stations stand now, and what has to be known of how they came there."""
        notices = [
            changes.add_notice(change.station_id, change.at, change.notice, _told(change))
            for change in news.changes
            if change.notice is not None
        ]
        notices += [
            changes.add_notice(odd.station_id, odd.at, "composite_schedule_odd", {"rung": str(odd.rung)})
            for odd in news.odd
        ]
        await self._store.writer.commit([*(changes.put_row(row) for row in rows), *notices])

    async def above_bound(self, ref: EvseRef, at: datetime, told: dict[str, object]) -> None:
        """A station says that it holds more than it may have been told."""
        await self._store.writer.commit([changes.add_notice(ref.station_id, at, "limit_above_bound", told)])

    async def restore_ladders(self, ladders: Ladders) -> None:
        """What was learned of every station."""
        ladders.restore(await self._store.reader.find(LimitRung))

    async def _update(self, sending: Sending, **values: Any) -> None:
        key = sending.ref.station_id, sending.profile_id, sending.sent_at
        await self._store.writer.commit([changes.update_profile(*key, **values)])

    async def restore(self, ledger: Ledger, booted: dict[str, datetime | None], now: datetime) -> timedelta:
        """Bring bounds back that still count, and floors that were acknowledged after the station's last boot. Returns
        how far the clock was set on since the last of them was written, as far as is known.
        """
        uptime, rows = self._uptime(), await self._store.reader.upper_bounds()
        for row in rows:
            ref = EvseRef(row.station_id, row.evse_id)
            kept = _kept(row, booted.get(row.station_id), now).since_written(_stepped(row, now, uptime))
            if ref not in ledger:
                continue
            if max(kept.bound.until, kept.bound.passes) > now:
                self._written[ref] = kept
                ledger.restore(ref, kept, now)
            else:
                ledger.remember(ref, kept, now)
        latest: dict[EvseRef, ProfileRow] = {}
        for profile in await self._store.reader.profiles(limit=PROFILES_READ):
            if profile.purpose in LASTING:
                latest.setdefault(EvseRef(profile.station_id, profile.evse_id), profile)
        for ref, profile in latest.items():
            known = profile.sent_at <= now  # else the clock was set back, and nobody knows which was first
            if known and ref in ledger and _still_installed(profile, ledger.account(ref), booted.get(ref.station_id)):
                ledger.confirm_floor(ref, now)
        newest = max(rows, key=lambda row: row.uptime_s or 0.0, default=None)
        same = newest is not None and bool(newest.boot) and newest.boot == uptime.boot
        return _stepped(newest, now, uptime) if newest is not None and same else timedelta()


def _still_installed(profile: ProfileRow, account: Account, booted_at: datetime | None) -> bool:
    """A limit that replaced the floor is told again before the floor counts."""
    kept = booted_at is None or profile.sent_at > booted_at
    return profile.status == "Accepted" and profile.session_id is None and profile.limit_w == account.floor_w and kept


def _told(change: LadderChange) -> dict[str, Any]:
    """What stands in a notice."""
    track = change.track
    rung = track.rung if change.happening is not Happening.IGNORED else change.before.rung
    return {
        "role": track.role.value,
        "rung": str(rung) if rung else None,
        "state": track.state.value,
        "proof": track.proof,
    }


def _bound_row(ref: EvseRef, kept: Kept, now: datetime, uptime: Uptime = UNKNOWN) -> UpperBoundRow:
    limits = {
        "session": kept.session_id,
        "acknowledged": _plain(kept.acknowledged) if kept.acknowledged is not None else None,
        "sent": [_plain(grant) for grant in kept.sent],
        "over": [_plain(grant) for grant in kept.over],
    }
    return UpperBoundRow(
        station_id=ref.station_id,
        evse_id=ref.evse_id,
        upper_bound_w=kept.bound.value_w,
        until=kept.bound.until,
        places=list(kept.places),
        lines_ma=list(kept.bound.on_ma) if kept.bound.on_ma is not None else None,
        updated_at=now,
        boot=uptime.boot,
        uptime_s=uptime.seconds,
        limits=limits,
    )


def _kept(row: UpperBoundRow, booted_at: datetime | None, now: datetime) -> Kept:
    """A station that started again since may have lost its limits; then the bound alone counts. What was first is not
    known where the clock was set back."""
    bound, limits = Grant(row.upper_bound_w, row.until, on_ma=_lines(row)), row.limits
    places = tuple(row.places or ())
    if limits is None or (booted_at is not None and (booted_at > row.updated_at or row.updated_at > now)):
        return Kept(bound, places=places)
    acknowledged = _grant(limits["acknowledged"]) if limits["acknowledged"] is not None else None
    sent, over = (tuple(map(_grant, limits.get(name, ()))) for name in ("sent", "over"))
    return Kept(bound, limits["session"], acknowledged, sent, places, over)


def _stepped(row: UpperBoundRow, now: datetime, uptime: Uptime) -> timedelta:
    """How far the clock was set on since a bound was written: by as much as it shows more than the machine ran. Where
    that is not known (the machine was started again) no time may have passed at all."""
    same = row.uptime_s is not None and row.boot and row.boot == uptime.boot
    ran_s = uptime.seconds - row.uptime_s if same and row.uptime_s is not None else 0.0
    return now - row.updated_at - timedelta(seconds=max(ran_s, 0.0))


def _lines(row: UpperBoundRow) -> Triple | None:
    return (row.lines_ma[0], row.lines_ma[1], row.lines_ma[2]) if row.lines_ma else None


def _plain(grant: Grant) -> list[Any]:
    due = grant.due.isoformat() if grant.due is not None else None
    return [grant.value_w, grant.until.isoformat(), due, grant.phases, grant.rank, grant.behind.total_seconds()]


def _grant(plain: Sequence[Any]) -> Grant:
    value_w, until, due, phases, *more = plain  # earlier versions wrote less
    rank, behind_s = more[0] if more else None, more[1] if len(more) > 1 else 0.0
    renewed, behind = datetime.fromisoformat(due) if due is not None else None, timedelta(seconds=behind_s)
    ends = datetime.fromisoformat(until)
    return Grant(value_w, ends, renewed, phases, rank=rank, behind=behind, passes=ends)


def _profile_row(sending: Sending) -> ProfileRow:
    profile = sending.profile
    return ProfileRow(
        station_id=sending.ref.station_id,
        evse_id=sending.ref.evse_id,
        session_id=sending.session_id,
        profile_id=sending.profile_id,
        purpose=profile.purpose if profile else type(sending.command).__name__,
        limit_w=sending.setpoint.value_w,
        content=_content(profile) if profile else msgspec.to_builtins(sending.command),
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
