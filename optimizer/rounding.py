"""From continuous targets to what piles accept: 0 or 6…I_max ampere in steps (IEC 61851), or watts for piles that
take power.

Grants, their power (rounded up) and rooms are integers, deci-ampere and watt (milliampere on conductors), so no sum
over a feeder can drift over its room. What a pile gets too little or too much is carried to the next step (error
diffusion). Order of grants: must-run, least laxity, id. Where conductors would end up too far apart, the least urgent
of those that pull them apart go down again, level by level.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush

from optimizer.conductors import VOLTAGE_V, ampere_per_kw
from optimizer.line_rooms import Conducting, LineRoom

# Remainders below this many integer units (0.05 A, 0.5 W) are noise of the solver; they are carried, never rounded up.
REMAINDER_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Levels:
    """What a pile may be told: ascending integer `values` beginning with 0, `units_per_target` of them per ampere or
    watt.

    `milliwatt` is the power of one integer unit, rounded up (all phases together); `unit_ma` what it is on each
    conductor, 0 where that follows from the power.
    """

    values: tuple[int, ...]
    units_per_target: int
    milliwatt: int
    unit_ma: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError unless the values ascend from 0."""
        if (
            not self.values
            or self.values[0] != 0
            or any(b <= a for a, b in zip(self.values, self.values[1:], strict=False))
        ):
            raise ValueError("levels: ascending values beginning with 0 expected")
        if self.milliwatt <= 0:
            raise ValueError("levels: the power of one unit must be positive")

    @property
    def carry_max(self) -> int:
        """Bound of the carried remainder: the smallest grant other than 0."""
        return self.values[1] if len(self.values) > 1 else 0

    def power_w(self, index: int) -> int:
        """Power of the level at `index`, rounded up to whole watts."""
        return -(-self.values[index] * self.milliwatt // 1000)

    def index_at_most(self, units: float) -> int:
        """Index of the largest value <= units (0 below the minimum)."""
        return max(bisect_right(self.values, units) - 1, 0)


def _steps(minimum: int, maximum: int, step: int) -> tuple[int, ...]:
    if minimum < 0 or step <= 0:
        raise ValueError("levels: minimum must be >= 0 and step > 0")
    return (0, *range(minimum or step, maximum + 1, step))


@lru_cache(maxsize=1024)
def amp_levels(limit_a: float, watts_per_ampere: float, minimum_a: float = 6.0, step_a: float = 1.0) -> Levels:
    """0 or minimum_a … limit_a per phase in steps of step_a (multiples of 0.1 A); watts_per_ampere over all phases (3
    × 230 V: 690).
    """
    values = _steps(round(minimum_a * 10), math.floor(limit_a * 10 + 1e-6), round(step_a * 10))
    return Levels(values, 10, math.ceil(watts_per_ampere * 100 - 1e-6), 100)


def table_levels(amperes: Iterable[float], watts_per_ampere: float) -> Levels:
    """Levels of a pile with a fixed table such as 0, 8, 16, 24, 32 A."""
    values = tuple(sorted({0, *(round(a * 10) for a in amperes)}))
    return Levels(values, 10, math.ceil(watts_per_ampere * 100 - 1e-6), 100)


@lru_cache(maxsize=1024)
def watt_levels(limit_w: int, minimum_w: int, step_w: int) -> Levels:
    """0 or minimum_w … limit_w in steps of step_w, for piles that take watts."""
    return Levels(_steps(minimum_w, limit_w, step_w), 1, 1000)


@dataclass(frozen=True, slots=True)
class Request:
    """One pile in one control step.

    `target` and `carry` in A per phase (or W, as its levels); `path` names every node between pile and grid;
    `laxity_h` from `laxity_h()`. `lines`: the conductors it is on (`optimizer.conductors`), `neutral_v` their voltage,
    for piles that take watts.
    """

    id: str
    target: float
    levels: Levels
    path: tuple[str, ...]
    must_run: bool = False
    laxity_h: float = math.inf
    carry: float = 0.0
    lines: str = "123"
    neutral_v: float = VOLTAGE_V

    def current_ma(self, index: int) -> int:
        """On each of its conductors at the level at `index`, rounded up."""
        return math.ceil(self.levels.values[index] * self._unit_ma - 1e-9)

    def index_at_most_ma(self, current_ma: float) -> int:
        """Index of the largest level within a current."""
        index = self.levels.index_at_most(current_ma / self._unit_ma + 1e-9)
        while index and self.current_ma(index) > current_ma:
            index -= 1
        return index

    @property
    def _unit_ma(self) -> float:
        return self.levels.unit_ma or ampere_per_kw(self.lines, self.neutral_v)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a pile is told: `setpoint` in A per phase (or W), its power rounded up to watts, and the remainder for the
    next step.
    """

    id: str
    setpoint: float
    power_w: int
    carry: float


def laxity_h(remaining_h: float, remaining_kwh: float, power_max_kw: float) -> float:
    """Hours a session can still wait; below one control step it must run."""
    return remaining_h - remaining_kwh / power_max_kw if power_max_kw > 0 else math.inf


class _Rooms:
    """Watts left at every node, and its conductors."""

    def __init__(self, requests: Sequence[Request], room_w: Mapping[str, int], lines: Mapping[str, LineRoom]) -> None:
        self.requests, self.left, self.lines = requests, dict(room_w), Conducting(lines)
        self.chosen = [0] * len(requests)

    def most(self, i: int) -> int:
        """Index of the largest level that every node and conductor on the way can take."""
        request = self.requests[i]
        try:
            watts = max(min((self.left[node] for node in request.path), default=0), 0)
        except KeyError as error:
            raise ValueError(f"room_w: no room given for node {error.args[0]}") from error
        index = request.levels.index_at_most(watts * 1000 // request.levels.milliwatt)
        fits = self.lines.fits(request.path, request.lines)
        return index if math.isinf(fits) else min(index, request.index_at_most_ma(fits))

    def set(self, i: int, index: int) -> None:
        """Another level for a pile."""
        request, before = self.requests[i], self.chosen[i]
        more = request.levels.power_w(index) - request.levels.power_w(before)
        for node in request.path:
            self.left[node] -= more
        self.lines.take(request.path, request.lines, request.current_ma(before), request.current_ma(index))
        self.chosen[i] = index

    def raised(self, i: int) -> bool:
        """One level more, if every node and conductor has room for the difference and stays balanced."""
        request, before = self.requests[i], self.chosen[i]
        self.set(i, before + 1)
        kept = (
            all(self.left[node] >= 0 for node in request.path)
            and self.lines.within(request.path, request.lines)
            and self.lines.balanced(request.path)
        )
        if not kept:
            self.set(i, before)
        return kept


def _first_grants(rooms: _Rooms, wished: Sequence[float]) -> None:
    """The largest level not above the wish that every node can take, in order of urgency; then down again where
    conductors are too far apart, the least urgent first.
    """
    requests = rooms.requests
    urgency = sorted(
        range(len(requests)), key=lambda i: (not requests[i].must_run, requests[i].laxity_h, requests[i].id)
    )
    for i in urgency:
        rooms.set(i, min(requests[i].levels.index_at_most(wished[i]), rooms.most(i)))
    _level_out(rooms, urgency[::-1])


def _level_out(rooms: _Rooms, least_urgent: Sequence[int]) -> None:
    lines, at = rooms.lines, list(rooms.lines.rooms)
    while apart := next(((node, pair) for node in at if (pair := lines.over(node)) is not None), None):
        node, pair = apart
        i = next(
            i
            for i in least_urgent
            if rooms.chosen[i] and node in rooms.requests[i].path and lines.pulls_apart(rooms.requests[i].lines, pair)
        )
        rooms.set(i, rooms.chosen[i] - 1)


def _spend_rest(rooms: _Rooms, wished: Sequence[float]) -> None:
    """One level more at a time where most is missing (in watts), as long as every node on the path has room."""
    requests, chosen = rooms.requests, rooms.chosen

    def entry(i: int) -> tuple[float, str, int]:
        levels = requests[i].levels
        return -(wished[i] - levels.values[chosen[i]]) * levels.milliwatt, requests[i].id, i

    def missing(i: int) -> bool:
        values = requests[i].levels.values
        return chosen[i] + 1 < len(values) and wished[i] - values[chosen[i]] > REMAINDER_MIN

    queue = [entry(i) for i in range(len(requests)) if missing(i)]
    heapify(queue)
    while queue:
        i = heappop(queue)[2]
        if rooms.raised(i) and missing(i):
            heappush(queue, entry(i))


def _grant(request: Request, wished: float, index: int) -> Grant:
    levels = request.levels
    units = levels.values[index]
    carry = min(max(wished - units, -levels.carry_max), levels.carry_max)
    per = levels.units_per_target
    return Grant(request.id, units / per, levels.power_w(index), carry / per)


def round_targets(
    requests: Sequence[Request], room_w: Mapping[str, int], lines: Mapping[str, LineRoom] | None = None
) -> tuple[Grant, ...]:
    """Grants in the order of the requests; the sum of the grants' power never exceeds `room_w` (integer W) at any
    node, nor do their currents what `lines` says of its conductors, by node.

    Raises ValueError for a target that is not a number, an empty path or a node without room. A negative room grants
    nothing.
    """
    for request in requests:
        if not math.isfinite(request.target) or not math.isfinite(request.carry) or not request.path:
            raise ValueError(f"request {request.id}: a finite target and carry and at least one node are needed")
    wished = [(r.target + r.carry) * r.levels.units_per_target for r in requests]
    rooms = _Rooms(requests, room_w, lines or {})
    _first_grants(rooms, [w + 1e-6 for w in wished])
    _spend_rest(rooms, wished)
    return tuple(_grant(*parts) for parts in zip(requests, wished, rooms.chosen, strict=True))
