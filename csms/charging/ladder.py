"""The limit ladder of one station: in which forms a limit may be told, and which of them the station obeys.

A rung is one form: purpose x unit x kind x stack level x connector, or a configuration key. What is refused, stays
unanswered or is accepted and not obeyed costs its rung (ocpp-in-the-field 9): the unit changes first, then the kind,
the stack level, the connector, the purpose; the last rung is the key, and below it the station is uncontrollable.
Everything that moves a track stands in `TABLE`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from csms.charging.account import TX_RANK
from csms.model.charging_profile import ProfileKind, ProfilePurpose, RateUnit
from firmware_profiles.limits import PURPOSES, Limits

PURPOSE_ORDER = (ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT, ProfilePurpose.STATION_MAX)
"""The neutral order: a transaction's own profile leaves the lasting one below it as a floor."""
STACK_LEVEL_MAX = 1000
ORDERS_KEPT = 4096
"""Stations of a kind share an order, and every round asks for it."""
PER_AMPERE = {"A": 1, "dA": 10, "mA": 1000}
"""Units of configuration keys."""


class Role(StrEnum):
    """What a rung is wanted for: the lasting floor of an outlet, or the limit of the session that runs there."""

    FLOOR = "floor"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Rung:
    """One form of a limit. `station_wide`: on connector 0. `static_key` is set instead of a profile, purpose None."""

    purpose: ProfilePurpose | None
    unit: RateUnit
    kind: ProfileKind = ProfileKind.ABSOLUTE
    stack_level: int = 0
    station_wide: bool = False
    static_key: str = ""

    @property
    def lasting(self) -> bool:
        """Whether it holds without a transaction too, so that it is limit and floor in one."""
        return self.purpose is not ProfilePurpose.TX

    @property
    def rank(self) -> int | None:
        """Which of two profiles rules: a transaction's, then the higher stack level, then the one of the outlet; None:
        neither, as the lower value of both holds."""
        if self.purpose not in (ProfilePurpose.TX, ProfilePurpose.TX_DEFAULT):
            return None
        first = TX_RANK if self.purpose is ProfilePurpose.TX else 0
        return first + 2 * self.stack_level + (not self.station_wide)

    def __str__(self) -> str:
        if self.purpose is None:
            return f"{self.static_key} {self.unit.value}"
        place = "station" if self.station_wide else "outlet"
        return f"{self.purpose.value} {self.unit.value} {self.kind.value} stack {self.stack_level} {place}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a station says of itself: hints, not facts (ocpp-in-the-field 6.2). None and empty: nothing said."""

    units: tuple[RateUnit, ...] = ()
    stack_level_max: int | None = None
    periods_max: int | None = None
    profiles_max: int | None = None
    smart_charging: bool | None = None


@lru_cache(ORDERS_KEPT)
def rungs(role: Role, limits: Limits, declared: Declared, usual: RateUnit) -> tuple[Rung, ...]:
    """The rungs of a role, best first, each once. `usual`: the unit that most stations of the kind take.

    What the firmware profile knows leaves no choice; what the station declares only decides which comes first. A make
    that is known to obey no profile is told none.
    """
    if limits.ignores_accepted:
        return ()
    return tuple(
        dict.fromkeys(
            Rung(purpose, unit, kind, stack_level, wide)
            for purpose in _purposes(role, limits, declared)
            for wide in _places(purpose, limits)
            for stack_level in _stack_levels(limits, declared)
            for kind in _kinds(purpose, limits)
            for unit in _units(limits, declared, usual)
        )
    )


def obeys(limits: Limits) -> bool:
    """Whether a make may keep to a limit in some form."""
    return not limits.ignores_accepted or bool(static_rung(limits))


def static_rung(limits: Limits) -> tuple[Rung, ...]:
    """The configuration key, where one is known: it is written to flash memory, so it comes last."""
    if not limits.static_key:
        return ()
    unit = RateUnit.W if limits.static_unit == "W" else RateUnit.A
    return (Rung(None, unit, station_wide=True, static_key=limits.static_key),)


def static_value(limits: Limits, limit_a: float, limit_w: int) -> int:
    """A limit in whole units of the configuration key, rounded down."""
    return limit_w if limits.static_unit == "W" else int(limit_a * PER_AMPERE[limits.static_unit] + 1e-6)


def limit_order(limits: Limits, declared: Declared, usual: RateUnit, floor: Track) -> tuple[Rung, ...]:
    """The rungs for sessions, where the floor stands as it does.

    A floor on the whole station's profile caps every session under it, so it is the limit too. Otherwise the lasting
    purposes are tried as a floor first, and only what was taken there is worth a try here; the form that the floor
    was taken in comes first. The configuration key is for stations that take no lasting profile.
    """
    taken = floor.rung if floor.taken else None
    if taken is not None and taken.purpose is ProfilePurpose.STATION_MAX:
        return (taken,)
    found: list[Rung] = []
    for rung in rungs(Role.LIMIT, limits, declared, usual):
        if not rung.lasting:
            found.append(rung)
        elif taken is not None and taken.purpose is rung.purpose and taken not in found:
            found.append(taken)
    if taken is not None:
        found = first(replace(taken, purpose=ProfilePurpose.TX, station_wide=False), found)
    return (*found, *(static_rung(limits) if floor.over else ()))


def first(rung: Rung, order: Sequence[Rung]) -> list[Rung]:
    """`order` with this rung, if it is one of them, before the others of its purpose."""
    if rung not in order:
        return list(order)
    at = next(n for n, other in enumerate(order) if other.purpose is rung.purpose)
    rest = [other for other in order if other != rung]
    return [*rest[:at], rung, *rest[at:]]


def remembered_first(rung: Rung | None, order: Sequence[Rung]) -> tuple[Rung, ...]:
    """`order` with a remembered rung before all others: what worked before is tried first."""
    if rung is None or rung not in order:
        return tuple(order)
    return (rung, *(other for other in order if other != rung))


def _purposes(role: Role, limits: Limits, declared: Declared) -> list[ProfilePurpose]:
    """`purposes` of the firmware profile; all three in its usual order say nothing, so the neutral order rules.

    With room for a single profile the lasting one has to be limit and floor in one.
    """
    stated = [ProfilePurpose(purpose) for purpose in limits.purposes]
    known = list(PURPOSE_ORDER) if tuple(limits.purposes) == PURPOSES else stated
    lasting: list[ProfilePurpose] = [purpose for purpose in known if purpose is not ProfilePurpose.TX]
    if role is Role.FLOOR:
        return lasting
    single = 1 in (limits.profiles_max, declared.profiles_max)
    return lasting if single and lasting else known


def _places(purpose: ProfilePurpose, limits: Limits) -> tuple[bool, ...]:
    """A station's maximum stands on connector 0, a transaction's profile never does (1.6 section 3.13.1)."""
    allowed = {None: (False, True), "station": (True,), "outlet": (False,)}[limits.connector]
    possible = {ProfilePurpose.STATION_MAX: (True,), ProfilePurpose.TX: (False,)}.get(purpose, (False, True))
    return tuple(wide for wide in possible if wide in allowed)


def _stack_levels(limits: Limits, declared: Declared) -> tuple[int, ...]:
    """0 works where others do not, whatever is declared; the highest one wins over profiles that somebody else left."""
    if limits.stack_level is not None:
        return (limits.stack_level,)
    highest = declared.stack_level_max or 0
    return (0, highest) if 0 < highest <= STACK_LEVEL_MAX else (0,)


def _kinds(purpose: ProfilePurpose, limits: Limits) -> tuple[ProfileKind, ...]:
    """The station's maximum is never relative (K01.FR.38)."""
    known = (ProfileKind(limits.kind),) if limits.kind else (ProfileKind.ABSOLUTE, ProfileKind.RELATIVE)
    possible = known if purpose is not ProfilePurpose.STATION_MAX else (ProfileKind.ABSOLUTE,)
    return tuple(kind for kind in possible if kind in known)


def _units(limits: Limits, declared: Declared, usual: RateUnit) -> tuple[RateUnit, ...]:
    if limits.unit:
        return (RateUnit(limits.unit),)
    hinted = () if limits.unit_key_lies else declared.units
    leading = usual if usual in hinted or not hinted else hinted[0]
    return (leading, RateUnit.W if leading is RateUnit.A else RateUnit.A)


class State(StrEnum):
    """How far a track has come. Only in CONFIRMED a limit counts with its value, else with the outlet's rating."""

    UNTRIED = "untried"
    NEGOTIATING = "negotiating"
    CONFIRMED = "confirmed"
    DOUBTFUL = "doubtful"
    UNCONTROLLABLE = "uncontrollable"


class Happening(StrEnum):
    """What may happen to a rung. REFUSED: also an error answer, or a form that the OCPP version does not have."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    SILENT = "no reply"
    ABSENT = "action unknown"
    SHOWN = "seen to act"
    IGNORED = "two samples above the limit"
    UNMOVED = "power does not rise with the limit"
    NEW_FIRMWARE = "other firmware"
    AGAIN = "try again"


class Move(StrEnum):
    """Where a track stands afterwards: on the same rung, on the next one (with this one lost, or put off for another
    session), past all profiles, or at the top again."""

    STAY = "stay"
    STEP = "step"
    DEFER = "defer"
    SKIP = "skip"
    RESTART = "restart"


_U, _N, _C, _D, _X = State.UNTRIED, State.NEGOTIATING, State.CONFIRMED, State.DOUBTFUL, State.UNCONTROLLABLE
_ANEW = {Happening.NEW_FIRMWARE: (_U, Move.RESTART), Happening.AGAIN: (_U, Move.RESTART)}
_TRYING = {
    Happening.ACCEPTED: (_N, Move.STAY),
    Happening.REFUSED: (_N, Move.STEP),
    Happening.SILENT: (_N, Move.STEP),
    Happening.ABSENT: (_N, Move.SKIP),
    Happening.SHOWN: (_C, Move.STAY),
    Happening.IGNORED: (_N, Move.STEP),
    Happening.UNMOVED: (_N, Move.DEFER),
    **_ANEW,
}

TABLE: Mapping[State, Mapping[Happening, tuple[State, Move]]] = {
    _U: _TRYING,
    _N: _TRYING,
    _C: {
        Happening.ACCEPTED: (_C, Move.STAY),
        Happening.REFUSED: (_D, Move.STAY),
        Happening.SILENT: (_C, Move.STAY),  # the ledger counts what was not answered; the proof stands
        Happening.ABSENT: (_D, Move.STAY),
        Happening.SHOWN: (_C, Move.STAY),
        Happening.IGNORED: (_D, Move.STAY),  # told once more before the rung is given up
        Happening.UNMOVED: (_C, Move.STAY),  # a car that wants no more
        **_ANEW,
    },
    _D: {**_TRYING, Happening.ACCEPTED: (_D, Move.STAY), Happening.UNMOVED: (_D, Move.STAY)},
    _X: {**dict.fromkeys(Happening, (_X, Move.STAY)), **_ANEW},
}
"""(state, happening) -> (state, move). A step that finds no rung left ends in UNCONTROLLABLE, whatever stands here."""


@dataclass(frozen=True, slots=True)
class Track:
    """One role of one station. `rung` is tried or proven, None before the first try and when none is left.

    `lost`: the rungs that this firmware refused, did not answer or did not obey in this negotiation; `deferred`: those
    that showed nothing in this session. `remembered`: what worked before; `taken`: the station has accepted the rung;
    `proof`: what showed that it acts, or that it does not.
    """

    role: Role
    state: State = State.UNTRIED
    rung: Rung | None = None
    remembered: Rung | None = None
    lost: frozenset[Rung] = frozenset()
    deferred: frozenset[Rung] = frozenset()
    taken: bool = False
    proof: str = ""

    @property
    def proven(self) -> bool:
        """Whether limits told in this form are known to act."""
        return self.state is State.CONFIRMED

    @property
    def over(self) -> bool:
        """Whether no rung is left."""
        return self.state is State.UNCONTROLLABLE

    def at(self, order: Sequence[Rung], waits: bool = False) -> Track:
        """The track on the rung to use now: the present one once it is tried and while it is possible, else the next
        one of `order`.

        A track that has run out of rungs is over, until `order` offers a new one; where it `waits` for one, it only has
        no rung now.
        """
        settled = self.state in (State.CONFIRMED, State.DOUBTFUL)
        if self.rung is not None and (settled or (self.state is State.NEGOTIATING and self.rung in order)):
            return self
        rung = _next(remembered_first(self.remembered, order), self.lost | self.deferred)
        if rung is None:
            return replace(self, rung=None, taken=False, state=State.NEGOTIATING if waits else State.UNCONTROLLABLE)
        state = State.NEGOTIATING if self.lost or self.deferred else State.UNTRIED
        return replace(self, rung=rung, taken=False, state=state)


def after(track: Track, happening: Happening, order: Sequence[Rung], proof: str = "", waits: bool = False) -> Track:
    """The track after something happened to its rung; `proof` says by what it was shown or refuted."""
    state, move = TABLE[track.state][happening]
    moved = replace(track, state=state, proof=proof if proof and state is not track.state else track.proof)
    match move:
        case Move.STAY:
            shown = happening is Happening.SHOWN
            taken = track.taken or shown or happening is Happening.ACCEPTED
            return replace(moved, taken=taken, remembered=track.rung if shown else track.remembered)
        case Move.DEFER:
            put_off = replace(moved, rung=None, deferred=track.deferred | {rung for rung in (track.rung,) if rung})
            other = put_off.at(order)
            return moved if other.over else other
        case Move.STEP:
            return _stepped(moved, {track.rung}, order, waits)
        case Move.SKIP:
            return _stepped(moved, {track.rung, *(rung for rung in order if rung.purpose)}, order, waits)
        case Move.RESTART:
            return Track(track.role, remembered=track.remembered).at(order, waits)


def _stepped(track: Track, gone: Iterable[Rung | None], order: Sequence[Rung], waits: bool) -> Track:
    """On the next rung; what was lost is not remembered as working any more."""
    lost = track.lost | {rung for rung in gone if rung is not None}
    kept = None if track.remembered in lost else track.remembered
    return replace(track, rung=None, lost=lost, deferred=frozenset(), remembered=kept).at(order, waits)


def another_session(track: Track, order: Sequence[Rung]) -> Track:
    """What was put off is tried again with another car."""
    if not track.deferred or track.state is not State.NEGOTIATING:
        return track
    return replace(track, rung=None, deferred=frozenset()).at(order)


def _next(order: Sequence[Rung], lost: frozenset[Rung]) -> Rung | None:
    return next((rung for rung in order if rung not in lost), None)
