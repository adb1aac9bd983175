"""Currents on the three line conductors: what they may be at a node, and what a car puts on them.

A car's `lines` say between which conductors it sits: "1", "2", "3" (one phase to neutral), "12", "13", "23", "123"
(several phases to neutral), "1-2", "1-3", "2-3" (line to line, as at 208 V), "?" (one phase, nobody knows which: it
counts on all three). At V volts to neutral and unity power factor P kW are 1000 P / (n V) ampere per conductor of n
phases, 1000 P / (√3 V) line to line, the latter turned by ±30° against the conductor's own voltage.

Everything becomes linear rows Σ a·P <= limit. A circle |Σ w_k I_k| <= c is exact where all currents point one way;
else it becomes chords no wider than 4°, inside the circle by at most 0.06 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from math import sqrt
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray

ShortfallReason: TypeAlias = Literal[
    "window too short", "site cap", "feeder cap", "line cap", "unbalance", "current limit"
]
LINES = "123"
UNKNOWN = "?"
TO_NEUTRAL = ("1", "2", "3", "12", "13", "23", "123")
ACROSS = ("1-2", "1-3", "2-3")
CONNECTIONS = (*TO_NEUTRAL, *ACROSS, UNKNOWN)
VOLTAGE_V = 230.0
CHORD = np.pi / 48
"""A chord's arc, 3.75°: at most cos(1.875°) = 0.99946 of the circle is left."""
ROTATION = {"R": "1", "S": "2", "T": "3"}


def known_lines(name: str, lines: str) -> None:
    """Raises ValueError unless what may feed back is between known conductors and neutral: only there a current that
    turns round is the same one with the other sign.
    """
    if lines not in TO_NEUTRAL:
        raise ValueError(f"{name}: lines must be one of {', '.join(TO_NEUTRAL)}, got {lines}")


def lines_of(rotation: str, phases: int) -> str:
    """The site's conductors that a car of 1, 2 or 3 phases uses at a pile wired in `rotation` (OCPP: RST, STR …).

    A car of one phase uses the pile's first conductor. Raises ValueError for any other rotation or number.
    """
    if sorted(rotation.upper()) != ["R", "S", "T"] or phases not in (1, 2, 3):
        raise ValueError(f"lines_of: a rotation of R, S, T and 1 to 3 phases expected, got {rotation} and {phases}")
    return "".join(sorted(ROTATION[letter] for letter in rotation.upper()[:phases]))


@dataclass(frozen=True, eq=False, slots=True)
class Conductors:
    """Limits of the three conductors that feed a node, charging and base load together, in ampere.

    `cap_a`: one number, one per line [3] or per line and slot [3, T], infinite for none. `unbalance_a`: the largest
    difference between any two lines, one number or [T]. `base_a` [3] or [3, T]: the base load's own currents; left
    out, its power is spread evenly. `neutral_v`: volts between line and neutral.
    """

    cap_a: ArrayLike = np.inf
    unbalance_a: ArrayLike = np.inf
    base_a: ArrayLike | None = None
    neutral_v: float = VOLTAGE_V

    def __post_init__(self) -> None:
        """Raises ValueError for limits below 0, what is no number, or a voltage that makes no sense."""
        for name in ("cap_a", "unbalance_a"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if np.isnan(values).any() or (values < 0).any():
                raise ValueError(f"conductors: {name} must be numbers from 0 up")
        if self.base_a is not None and not np.isfinite(np.asarray(self.base_a, dtype=np.float64)).all():
            raise ValueError("conductors: base_a must be numbers")
        if not 1.0 <= self.neutral_v <= 100_000.0:
            raise ValueError(f"conductors: neutral_v must lie between 1 and 100,000, got {self.neutral_v}")

    def base(self, base_kw: FloatArray) -> FloatArray:
        """What a base load [T] puts on each [3, T]."""
        if self.base_a is not None:
            return per_line(self.base_a, len(base_kw), "base_a")
        return base_kw * ampere_per_kw("123", self.neutral_v) * np.ones((3, 1))

    def raised(self, base_kw: FloatArray, more_kw: FloatArray) -> Conductors:
        """The same with more base load, spread evenly."""
        return replace(self, base_a=self.base(base_kw) + more_kw * ampere_per_kw("123", self.neutral_v))

    def check(self, slots: int) -> None:
        """Raises ValueError when a shape does not fit `slots`."""
        per_line(self.cap_a, slots, "cap_a")
        per_slot(self.unbalance_a, slots, "unbalance_a")
        if self.base_a is not None:
            per_line(self.base_a, slots, "base_a")


@dataclass(frozen=True, eq=False, slots=True)
class CurrentLimit:
    """|Σ_k w_k I_k| <= `limit_a` (one number or [T]), I_k being the current of all cars of connection k under `feeder`.

    `weights`: complex numbers per connection, with angle and ratio, as in a network's matrix of currents (a
    transformer's primary, a sub-panel); what is left out does not count. `neutral_v` as in `Conductors`.
    """

    id: str
    limit_a: ArrayLike
    weights: Mapping[str, complex] = field(default_factory=dict)
    feeder: str = ""
    neutral_v: float = VOLTAGE_V

    def __post_init__(self) -> None:
        """Raises ValueError for a limit below 0 or an unknown connection."""
        limit = np.asarray(self.limit_a, dtype=np.float64)
        if np.isnan(limit).any() or (limit < 0).any():
            raise ValueError(f"current limit {self.id}: limit_a must be numbers from 0 up")
        unknown = set(self.weights) - set(CONNECTIONS)
        if unknown or not np.isfinite(np.array(list(self.weights.values()), dtype=np.complex128)).all():
            raise ValueError(f"current limit {self.id}: weights are finite numbers per {', '.join(CONNECTIONS)}")
        if not self.neutral_v > 0:
            raise ValueError(f"current limit {self.id}: neutral_v must be above 0")

    def check(self, slots: int) -> None:
        """Raises ValueError when the shape does not fit `slots`."""
        per_slot(self.limit_a, slots, f"current limit {self.id}")


def per_slot(values: ArrayLike, slots: int, name: str) -> FloatArray:
    """[T] of one number or [T]."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (slots,)):
        raise ValueError(f"{name}: one number or one for each of {slots} slots expected")
    return np.broadcast_to(array, (slots,))


def per_line(values: ArrayLike, slots: int, name: str) -> FloatArray:
    """[3, T] of one number, [3] or [3, T]."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((), (3,), (3, slots)):
        raise ValueError(f"{name}: one number, 3, or 3 rows of {slots} slots expected")
    return np.broadcast_to(array[:, None] if array.shape == (3,) else array, (3, slots))


def ampere_per_kw(connection: str, neutral_v: float) -> float:
    """RMS current on each conductor in use per kW."""
    phases = 1.0 if connection == UNKNOWN else sqrt(3.0) if connection in ACROSS else float(len(connection))
    return 1000.0 / (phases * neutral_v)


def on_line(connection: str, line: str) -> complex:
    """What one ampere of a connection is on a conductor, its own voltage being the real axis; 0 where it is not on it.

    V12 leads V1 by 30°, V2 by 150°; taken out of conductor 2 the current is 30° behind V2. The pair 1-3 is 3-1 turned.
    """
    if line not in connection and connection != UNKNOWN:
        return 0.0
    if connection not in ACROSS:
        return 1.0
    leads = line == {"1-2": "1", "2-3": "2", "1-3": "3"}[connection]
    return complex(np.exp(1j * np.pi / 6 * (1 if leads else -1)))


@dataclass(frozen=True, eq=False, slots=True)
class Sum:
    """Σ over connections of `per_kw`·kW + `base` [T] <= `limit` [T], in ampere (in kW for a cap of power).

    `per_kw` may be negative: a difference of two conductors. `line`: which one, a pair for an unbalance.
    """

    node: int
    reason: ShortfallReason
    line: str
    per_kw: Mapping[str, float]
    base: FloatArray
    limit: FloatArray


def line_sums(
    node: int, given: Conductors, base_kw: FloatArray, connections: Sequence[str], feeds: bool = False
) -> Iterator[Sum]:
    """Caps and unbalance limit of the conductors at a node with `base_kw` [T], for the connections in use; `feeds`:
    current may flow back, and the caps hold both ways.
    """
    slots = len(base_kw)
    cap, volts = per_line(given.cap_a, slots, "cap_a"), given.neutral_v
    base = given.base(base_kw)
    ampere = {c: ampere_per_kw(c, volts) for c in connections}
    for n, line in enumerate(LINES):
        if np.isfinite(cap[n]).any():
            weights = {c: ampere[c] * on_line(c, line) for c in connections}
            for turn, width in chords([*weights.values(), 1.0], feeds):
                parts = {c: _along(w, turn) for c, w in weights.items()}
                yield Sum(node, "line cap", line, parts, base[n] * _along(1.0, turn), cap[n] * width)
    apart = per_slot(given.unbalance_a, slots, "unbalance_a")
    if np.isfinite(apart).any():
        for (n, more), (m, less) in permutations(enumerate(LINES), 2):
            parts = {c: ampere[c] * (abs(on_line(c, more)) - _least(c, less)) for c in connections}
            yield Sum(node, "unbalance", f"{more}-{less}", parts, base[n] - base[m], apart)


def limit_sums(
    node: int, given: CurrentLimit, slots: int, connections: Sequence[str], feeds: bool = False
) -> Iterator[Sum]:
    """A limit of one's own, as rows."""
    weights = {c: ampere_per_kw(c, given.neutral_v) * given.weights.get(c, 0.0) for c in connections}
    none, limit = np.zeros(slots), per_slot(given.limit_a, slots, f"current limit {given.id}")
    for turn, width in chords(list(weights.values()), feeds):
        yield Sum(
            node, "current limit", given.id, {c: _along(w, turn) for c, w in weights.items()}, none, limit * width
        )


def _least(connection: str, line: str) -> float:
    """At least so much of an ampere is on a conductor, whatever else is: for differences that must not be missed."""
    return 0.0 if connection == UNKNOWN else float(np.real(on_line(connection, line)))


def _along(weight: complex, turn: float) -> float:
    return float(np.real(weight * np.exp(-1j * turn)))


def chords(weights: Sequence[complex], feeds: bool = False) -> list[tuple[float, float]]:
    """(angle of the normal, share of the radius) of chords inside the unit circle over the arc that sums of `weights`
    with factors >= 0 can point to; with factors of any sign where something `feeds` back.
    """
    angles = np.sort(np.angle([w for w in weights if abs(w) > 0]))
    if len(angles) == 0:
        return []
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    widest = int(np.argmax(gaps))
    first, arc = float(angles[(widest + 1) % len(angles)]), 2 * np.pi - float(gaps[widest])
    if arc < 1e-9:
        return [(first, 1.0), (first + np.pi, 1.0)] if feeds else [(first, 1.0)]
    if feeds or arc > np.pi - 1e-9:
        first, arc = 0.0, 2 * np.pi
    count = int(np.ceil(arc / CHORD - 1e-9))
    step = arc / count
    return [(first + step * (n + 0.5), float(np.cos(step / 2))) for n in range(count)]
