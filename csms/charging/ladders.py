"""The ladders of all stations: on which rung each of them stands, what is remembered of it, what has to be told.

A station's own memory comes first, then what stations of the same vendor, model and firmware were confirmed with. All
of it survives restarts. Another firmware turns what was known into a hint. Decides nothing about power: what is known
to act is asked for by the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import is_
from typing import Any

from csms.charging.ladder import (
    Declared,
    Happening,
    Role,
    Rung,
    State,
    Track,
    after,
    another_session,
    limit_order,
    rungs,
)
from csms.charging.profiles import usual_unit
from csms.charging.traits import limits_of, proofs
from csms.model.charging_profile import ProfileKind, ProfilePurpose, RateUnit
from csms.model.clock import Clock
from csms.model.station import EvseRating, StationIdentity
from csms.station.state import StationState
from csms.store.station_tables import LimitRung

RETRY = timedelta(hours=6)
"""When a station that ran out of rungs is tried again."""

Firmware = tuple[str, str, str]
"""Vendor, model and firmware as a boot said them."""

ROLES = len(Role)

Facts = tuple[object, ...]
"""What something was found from; it is the same as long as each of them is the very same."""

COMPOSITE = "composite schedule"
"""The proof by GetCompositeSchedule."""


@dataclass(slots=True)
class Standing:
    """One station. `declared` None: not asked yet. `unhelpful`: why its composite schedules prove nothing, by role.
    `looked`: what the rung to use was last found from; `orders`: the rungs, and what they were last found from;
    `identity`: what `firmware` was last read from."""

    firmware: Firmware
    tracks: dict[Role, Track]
    since: dict[Role, datetime]
    declared: Declared | None = None
    unhelpful: dict[Role, str] = field(default_factory=dict)
    looked: dict[Role, Facts] = field(default_factory=dict)
    orders: dict[Role, tuple[Facts, tuple[Rung, ...]]] = field(default_factory=dict)
    identity: StationIdentity | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A track that moved: what it was, what it is, and why."""

    station_id: str
    before: Track
    track: Track
    happening: Happening | None
    at: datetime

    @property
    def notice(self) -> str | None:
        """The stable code that is kept of it, None for a change that nobody need know."""
        if self.happening is Happening.IGNORED:
            return "limit_not_obeyed"
        if self.before.state is self.track.state:
            return None
        return {
            State.CONFIRMED: "limit_confirmed",
            State.DOUBTFUL: "limit_doubtful",
            State.UNCONTROLLABLE: "limit_uncontrollable" if self.track.role is Role.LIMIT else "floor_impossible",
        }.get(self.track.state)


@dataclass(frozen=True, slots=True)
class Odd:
    """A composite schedule that makes no sense or speaks against what was told (RB-63, RB-65)."""

    station_id: str
    rung: Rung
    at: datetime


@dataclass(slots=True)
class News:
    """What has to be written down: stations with another standing, the changes behind it, odd composite schedules."""

    stations: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)


class Ladders:
    """Reads the live state of the stations; keeps one standing for each."""

    def __init__(self, stations: Mapping[str, StationState], clock: Clock) -> None:
        self._stations, self._clock = stations, clock
        self._standings: dict[str, Standing] = {}
        self._learned: dict[tuple[Firmware, Role], Rung] = {}
        self._news = News()

    def restore(self, rows: Iterable[LimitRung]) -> None:
        """Take up what was written down; a track that has moved since the start of this process stays."""
        for row in rows:
            firmware, track = (row.vendor, row.model, row.firmware), _track(row)
            if track.proven and track.rung is not None:
                self._learned[firmware, track.role] = track.rung
            known = self._standings.setdefault(row.station_id, Standing(firmware, {}, {}))
            known.firmware = firmware if known.firmware == NOBODY else known.firmware
            present = known.tracks.get(track.role)
            if present is not None and present.state is not State.UNTRIED:
                continue
            if known.firmware != firmware:  # it has booted already, with another one
                known.tracks[track.role] = Track(track.role, remembered=track.remembered)
                known.since.setdefault(track.role, row.changed_at)
            else:
                known.tracks[track.role], known.since[track.role] = track, row.changed_at
                known.declared = _declared(row.detail.get("declared")) or known.declared

    def track(self, station_id: str, role: Role) -> Track:
        """Where the station stands now; looks at its firmware, and whether it is time to try again."""
        standing = self._standing(station_id)
        track = standing.tracks[role]
        if track.over and self._clock.now() >= standing.since[role] + RETRY:
            return self._enter(station_id, role, Happening.AGAIN, "")
        if track.rung is None or not (track.proven or track.state is State.DOUBTFUL):
            return self._looked(station_id, role, standing)
        return track

    def _looked(self, station_id: str, role: Role, standing: Standing) -> Track:
        """The track on the rung to use; looks again only when something it depends on is another."""
        track, facts = standing.tracks[role], self._facts(station_id, standing)
        if _same(standing.looked.get(role), (track, *facts)):
            return track
        moved = track.at(self._order(station_id, role), self._waits(station_id, role))
        if moved != track:
            self._set(station_id, Change(station_id, track, moved, None, self._clock.now()))
        standing.looked[role] = standing.tracks[role], *self._facts(station_id, standing)
        return standing.tracks[role]

    def _facts(self, station_id: str, standing: Standing) -> Facts:
        """All that the order of rungs depends on."""
        station = self._stations.get(station_id)
        return standing.tracks[Role.FLOOR], standing.declared, limits_of(station), _rating(station)

    def rung(self, station_id: str, role: Role) -> Rung | None:
        """The rung to use now; None when none is left. A limit by configuration key is the floor too."""
        if role is Role.FLOOR:
            limit = self.track(station_id, Role.LIMIT).rung
            if limit is not None and limit.purpose is None:
                return limit
        return self.track(station_id, role).rung

    def acts(self, station_id: str, role: Role) -> bool:
        """Whether what is told in this role is known to act.

        A station that was seen to do what its composite schedule says is taken at its word for a transaction's profile
        of the same form, until that very schedule, asked right after, says otherwise.
        """
        track = self.track(station_id, role)
        if track.proven or role is Role.FLOOR:
            return track.proven
        standing, floor = self._standings[station_id], self.track(station_id, Role.FLOOR)
        vouching = Role.LIMIT not in standing.unhelpful and floor.proven and floor.proof == COMPOSITE
        return vouching and track.state is not State.DOUBTFUL and _alike(track.rung, floor.rung)

    def happened(self, station_id: str, rung: Rung, happening: Happening, proof: str = "") -> list[Change]:
        """Something happened to a rung; it moves every track that stands on it."""
        moved = []
        for role in Role:
            track = self.track(station_id, role)
            if track.rung == rung:
                self._enter(station_id, role, happening, proof)
                moved.append(Change(station_id, track, self.track(station_id, role), happening, self._clock.now()))
        self._share_proof(station_id)
        return moved

    def another_session(self, station_id: str) -> None:
        """A session is over."""
        for role in Role:
            track = self._standing(station_id).tracks[role]
            moved = another_session(track, self._order(station_id, role))
            if moved != track:
                self._set(station_id, Change(station_id, track, moved, None, self._clock.now()))

    def again(self, station_id: str) -> None:
        """Forget what was lost and begin at the top (an operator asks)."""
        for role in Role:
            self._enter(station_id, role, Happening.AGAIN, "")

    def not_asked(self, station_id: str) -> bool:
        """Whether its declaration is still worth asking for: nothing of it is proven yet."""
        standing = self._standing(station_id)
        return standing.declared is None and not any(track.proven for track in standing.tracks.values())

    def declared(self, station_id: str) -> Declared:
        """What it says of itself; nothing until it was asked."""
        return self._standing(station_id).declared or Declared()

    def declare(self, station_id: str, said: Declared) -> None:
        """It was asked."""
        self._standing(station_id).declared = said
        self._news.stations.add(station_id)

    def wants_composite(self, station_id: str, rung: Rung, role: Role) -> bool:
        """Whether a composite schedule could prove what was told on this rung."""
        standing = self._standing(station_id)
        open_ = any(track.rung == rung and not track.proven for track in standing.tracks.values())
        known = proofs(limits_of(self._stations.get(station_id)))
        return open_ and known.composite and role not in standing.unhelpful and rung.purpose is not None

    def composite_failed(self, station_id: str, rung: Rung, role: Role, odd: bool) -> None:
        """A composite schedule that should have shown what was told did not: it is not asked for again."""
        standing = self._standing(station_id)
        standing.unhelpful[role] = "odd" if odd else "silent"
        if odd:
            self._news.odd.append(Odd(station_id, rung, self._clock.now()))

    def unhelpful(self, station_id: str) -> str:
        """Why composite schedules of this station prove nothing; empty while they may."""
        return next(iter(self._standing(station_id).unhelpful.values()), "")

    def take_news(self) -> News:
        """What has to be written down since the last time."""
        news, self._news = self._news, News()
        return news

    def put_back(self, news: News) -> None:
        """It could not be written down; it is still news."""
        self._news.stations |= news.stations
        self._news.changes = [*news.changes, *self._news.changes]
        self._news.odd = [*news.odd, *self._news.odd]

    def rows(self, station_id: str) -> list[LimitRung]:
        """What is kept of a station."""
        standing = self._standings[station_id]
        return [_row(station_id, standing, role) for role in standing.tracks]

    def since(self, station_id: str, role: Role) -> datetime:
        """When the track came into its state."""
        return self._standing(station_id).since[role]

    def _standing(self, station_id: str) -> Standing:
        standing, station = self._standings.get(station_id), self._stations.get(station_id)
        said = station.identity if station is not None else None
        if standing is not None and standing.identity is said and len(standing.tracks) == ROLES:
            return standing
        return self._read(station_id, said)

    def _read(self, station_id: str, said: StationIdentity | None) -> Standing:
        """The standing of a station that said who it is, perhaps for the first time."""
        firmware, now = _firmware(said), self._clock.now()
        standing = self._standings.get(station_id)
        if standing is None:
            standing = self._standings[station_id] = Standing(firmware, {}, {})
        standing.identity = said
        for role in Role:
            if role not in standing.tracks:
                standing.tracks[role] = Track(role, remembered=self._learned.get((firmware, role)))
                standing.since[role] = now
        if firmware != standing.firmware and firmware != NOBODY:
            standing.firmware, standing.declared, standing.unhelpful = firmware, None, {}
            for role in Role:
                self._enter(station_id, role, Happening.NEW_FIRMWARE, "")
        return standing

    def _order(self, station_id: str, role: Role) -> tuple[Rung, ...]:
        standing = self._standings[station_id]
        facts, known = self._facts(station_id, standing), standing.orders.get(role)
        if known is None or not _same(known[0], facts):
            known = standing.orders[role] = facts, self._rungs(station_id, role, standing)
        return known[1]

    def _rungs(self, station_id: str, role: Role, standing: Standing) -> tuple[Rung, ...]:
        station = self._stations.get(station_id)
        limits, rating, said = limits_of(station), _rating(station), standing.declared or Declared()
        usual = usual_unit(rating.kind) if rating is not None else RateUnit.A
        if role is Role.FLOOR:
            return rungs(Role.FLOOR, limits, said, usual)
        return limit_order(limits, said, usual, standing.tracks[Role.FLOOR])

    def _waits(self, station_id: str, role: Role) -> bool:
        """Limits may still find a rung while the floor is looking for one."""
        floor = self._standings[station_id].tracks[Role.FLOOR]
        return role is Role.LIMIT and floor.state in (State.UNTRIED, State.NEGOTIATING)

    def _enter(self, station_id: str, role: Role, happening: Happening, proof: str) -> Track:
        before = self._standings[station_id].tracks[role]
        order, waits = self._order(station_id, role), self._waits(station_id, role)
        track = after(before, happening, order, proof, waits)
        if track == before:
            track = before  # what was found from it holds
        self._set(station_id, Change(station_id, before, track, happening, self._clock.now()))
        if track.proven and track.rung is not None:
            self._learned[self._standings[station_id].firmware, role] = track.rung
        return track

    def _set(self, station_id: str, change: Change) -> None:
        standing, role = self._standings[station_id], change.track.role
        if change.before.state is not change.track.state:
            standing.since[role] = change.at
        standing.tracks[role] = change.track
        if change.before != change.track or change.happening is Happening.IGNORED:
            self._news.stations.add(station_id)
            self._news.changes.append(change)

    def _share_proof(self, station_id: str) -> None:
        """One profile that is limit and floor in one is proven for both."""
        floor, limit = (self._standings[station_id].tracks[role] for role in Role)
        for one, other in ((floor, limit), (limit, floor)):
            if one.proven and not other.proven and one.rung == other.rung:
                self._enter(station_id, other.role, Happening.SHOWN, one.proof)


NOBODY: Firmware = ("", "", "")


def _rating(station: StationState | None) -> EvseRating | None:
    """Of its first outlet."""
    return next((evse.rating for evse in station.evses.values()), None) if station is not None else None


def _same(before: Facts | None, facts: Facts) -> bool:
    return before is not None and all(map(is_, before, facts))


def _firmware(said: StationIdentity | None) -> Firmware:
    return (said.vendor, said.model, said.firmware) if said is not None else NOBODY


def _alike(rung: Rung | None, floor: Rung | None) -> bool:
    """Whether a transaction's profile has the form of the floor."""
    if rung is None or floor is None:
        return False
    return (rung.unit, rung.kind, rung.stack_level) == (floor.unit, floor.kind, floor.stack_level)


def _row(station_id: str, standing: Standing, role: Role) -> LimitRung:
    track, (vendor, model, firmware) = standing.tracks[role], standing.firmware
    lost: Sequence[Rung] = sorted(track.lost, key=str)
    said = None if standing.declared is None else _plain(standing.declared)
    return LimitRung(
        station_id=station_id,
        role=role,
        vendor=vendor,
        model=model,
        firmware=firmware,
        state=track.state,
        rung=written(track.rung),
        proof=track.proof,
        changed_at=standing.since[role],
        detail={
            "remembered": written(track.remembered),
            "lost": [written(rung) for rung in lost],
            "taken": track.taken,
            "declared": said,
        },
    )


def _track(row: LimitRung) -> Track:
    lost = (read_rung(entry) for entry in row.detail.get("lost", ()))
    return Track(
        role=Role(row.role),
        state=State(row.state),
        rung=read_rung(row.rung),
        remembered=read_rung(row.detail.get("remembered")),
        lost=frozenset(rung for rung in lost if rung is not None),
        taken=bool(row.detail.get("taken")),
        proof=row.proof,
    )


def written(rung: Rung | None) -> dict[str, Any] | None:
    """A rung as it is kept and shown."""
    if rung is None:
        return None
    return {
        "purpose": rung.purpose.value if rung.purpose else None,
        "unit": rung.unit.value,
        "kind": rung.kind.value,
        "stack_level": rung.stack_level,
        "station_wide": rung.station_wide,
        "static_key": rung.static_key,
    }


def read_rung(entry: Mapping[str, Any] | None) -> Rung | None:
    """The other way round."""
    if not entry:
        return None
    return Rung(
        ProfilePurpose(entry["purpose"]) if entry["purpose"] else None,
        RateUnit(entry["unit"]),
        ProfileKind(entry["kind"]),
        entry["stack_level"],
        entry["station_wide"],
        entry["static_key"],
    )


def _plain(said: Declared) -> dict[str, Any]:
    return {
        "units": [unit.value for unit in said.units],
        "stack_level_max": said.stack_level_max,
        "periods_max": said.periods_max,
        "profiles_max": said.profiles_max,
        "smart_charging": said.smart_charging,
    }


def _declared(entry: Mapping[str, Any] | None) -> Declared | None:
    if entry is None:
        return None
    return Declared(**{**entry, "units": tuple(RateUnit(unit) for unit in entry["units"])})
