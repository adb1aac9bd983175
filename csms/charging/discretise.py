"""From planned power to what a pile accepts: 0 or at least 6 A per phase in whole amperes, or watts for DC (B8).

What an outlet's floor takes is spent already, so the rounding shares out what lies above the floors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from csms.charging.floors import AC_MINIMUM_A
from csms.charging.lines import ALL, NOMINAL_V, LinesOf, Triple, connection_of, minus, on_lines, spare_ma
from csms.model.charging_profile import RateUnit
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating
from optimizer.line_rooms import LineRoom
from optimizer.rounding import Levels, Request, amp_levels, round_targets, watt_levels

DC_STEP_W = 100


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What one outlet is told: `limit_a` per phase (AC) or `value_w` (DC). `value_w` is the most it can mean.

    `phases` is told to the pile, so that a car on one phase is counted on one.
    """

    kind: CurrentKind
    value_w: int
    limit_a: float
    phases: int

    @property
    def drawn_on(self) -> int:
        """On how many phases of the feeder: a DC outlet draws from all three."""
        return 3 if self.kind is CurrentKind.DC else self.phases

    def limit(self, unit: RateUnit) -> float:
        """The number that stands in a schedule of this unit, rounded down to 0.1."""
        return math.floor((self.value_w if unit is RateUnit.W else self.limit_a) * 10) / 10


@dataclass(frozen=True)
class Outlet:
    """An outlet as rounding sees it; `phases` that the car uses (all of the outlet when unknown).

    Currents are whole amperes or coarser: `step_a`, or the table `steps_a`. Under `minimum_a` or `minimum_w` the
    station stops, so nothing between that and 0 is told. What follows from this is worked out once.
    """

    rating: EvseRating
    phases: int
    floor_w: int = 0
    dc_minimum_w: int = 2_000
    step_a: float = 1.0
    steps_a: tuple[float, ...] = ()
    minimum_a: float = AC_MINIMUM_A
    minimum_w: int = 0

    @property
    def drawn_on(self) -> int:
        """On how many phases of the feeder: a DC outlet draws from all three."""
        return 3 if self.rating.kind is CurrentKind.DC else self.phases

    @property
    def lines(self) -> str:
        """The conductors of the feeder that it draws from, as the optimiser writes them."""
        return connection_of(self.rating, self.phases)

    def on_lines(self, value_w: int) -> Triple:
        """What a power puts on each conductor."""
        return on_lines(value_w, self.drawn_on, self.lines)

    @cached_property
    def watts_per_unit(self) -> float:
        """Power of one ampere per phase; 1 for DC outlets, which take watts."""
        return 1.0 if self.rating.kind is CurrentKind.DC else float(NOMINAL_V * self.phases)

    @cached_property
    def most_w(self) -> int:
        """The most that can be granted, in whole steps."""
        step = self.step_w
        if self.rating.kind is CurrentKind.DC:
            return self.rating.power_max_w // step * step
        by_power_a = math.floor(self.rating.power_max_w / (NOMINAL_V * self.rating.phases) + 0.01)
        most_w = min(math.floor(self.rating.current_max_a), by_power_a) * NOMINAL_V * self.phases
        return most_w // step * step

    @cached_property
    def least_w(self) -> int:
        """The least power other than 0."""
        if self.rating.kind is CurrentKind.DC:
            return max(self.dc_minimum_w, self.minimum_w)
        minimum_a = max(AC_MINIMUM_A, self.minimum_a, min(self.steps_a, default=0.0))
        return self._whole_w(max(round(minimum_a * self.watts_per_unit), self.minimum_w))

    @cached_property
    def step_w(self) -> int:
        """One step: an ampere per phase or the station's coarser one, or 100 W."""
        coarse = max(1.0, self.step_a)
        return DC_STEP_W if self.rating.kind is CurrentKind.DC else round(coarse * NOMINAL_V * self.phases)

    def _whole_w(self, value_w: int) -> int:
        """The least whole step that is not below `value_w`."""
        if not self.steps_a:
            return -(-value_w // self.step_w) * self.step_w
        reached = [round(a * self.watts_per_unit) for a in self.steps_a if a * self.watts_per_unit >= value_w - 1e-6]
        return min(reached, default=value_w)

    def at_least(self, value_w: float) -> Setpoint:
        """The smallest allowed setpoint that is not below `value_w`; the most that can be told if there is none."""
        return self.at_most(max(self._whole_w(math.ceil(value_w - 1e-6)), self.least_w))

    def at_most(self, value_w: float) -> Setpoint:
        """The largest allowed setpoint that does not exceed `value_w`; 0 below the minimum."""
        watts = min(math.floor(value_w + 1e-6), self.most_w)
        if self.steps_a and self.rating.kind is CurrentKind.AC:
            table_w = (round(a * self.watts_per_unit) for a in self.steps_a)
            watts = max((step_w for step_w in table_w if step_w <= watts), default=0)
        else:
            watts = watts // self.step_w * self.step_w
        return self.setpoint(watts if watts >= self.least_w else 0)

    def setpoint(self, value_w: int) -> Setpoint:
        """`value_w` in both units; amperes of a DC outlet are meant at its input, and never more than its share."""
        if self.rating.kind is CurrentKind.DC:
            share_a = self.rating.current_max_a * value_w / self.rating.power_max_w
            limit_a = min(share_a, value_w / (NOMINAL_V * self.rating.phases))
        else:
            limit_a = value_w / self.watts_per_unit
        return Setpoint(self.rating.kind, value_w, limit_a, self.phases)


@dataclass(frozen=True, slots=True)
class Ask:
    """One session in one control step: the planned power, its carried remainder in watts, its urgency.

    `power_max_w`: what the car is known to take at the most. `idle`: the car has not drawn anything for a while.
    """

    ref: EvseRef
    outlet: Outlet
    path: tuple[str, ...]
    planned_w: float
    power_max_w: float
    must_run: bool = False
    laxity_h: float = math.inf
    carry_w: float = 0.0
    wants: bool = True
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome for one outlet: what it is told, and the remainder to carry to the next step in watts."""

    setpoint: Setpoint
    carry_w: float


@dataclass(slots=True)
class _Left:
    """What is left at every feeder, in W and on its conductors."""

    room_w: dict[str, int]
    lines_ma: dict[str, Triple]

    def take(self, ask: Ask, above_w: int) -> None:
        """It takes so much more."""
        current_ma = ask.outlet.on_lines(above_w)
        for id_ in ask.path:
            self.room_w[id_] -= above_w
            if id_ in self.lines_ma:
                self.lines_ma[id_] = minus(self.lines_ma[id_], current_ma)

    def fits(self, ask: Ask, above_w: int) -> bool:
        """Whether so much more has room."""
        spare = spare_ma(ask.outlet.lines, ask.path, self.lines_ma)
        light = spare is None or on_lines(above_w, ask.outlet.drawn_on, ALL)[0] <= spare
        return light and all(self.room_w[id_] >= above_w for id_ in ask.path)


def discretise(asks: Sequence[Ask], room_w: Mapping[str, int], lines_ma: LinesOf | None = None) -> dict[EvseRef, Step]:
    """Setpoints for all asks; the sum of max(setpoint, floor) exceeds no feeder's `room_w` unless floors alone do, nor
    what `lines_ma` leaves on its conductors.

    `room_w`: what these outlets together may draw. Idle cars get the least power where room is left, so that one that
    wakes up shows itself. Sessions that want nothing more get 0.
    """
    above = _Left(dict(room_w), dict(lines_ma or {}))
    for ask in asks:
        above.take(ask, ask.outlet.floor_w)
    active = [ask for ask in asks if ask.wants and not ask.idle]
    steps = _rounded(active, above)
    for ask in active:
        above.take(ask, max(steps[ask.ref].setpoint.value_w - ask.outlet.floor_w, 0))
    for ask in asks:
        if ask.ref not in steps:
            steps[ask.ref] = Step(_kept_awake(ask, above) if ask.wants else ask.outlet.setpoint(0), 0.0)
    return steps


def steady(
    steps: Mapping[EvseRef, Step],
    before: Mapping[EvseRef, Setpoint],
    asks: Sequence[Ask],
    room_w: Mapping[str, int],
    lines_ma: LinesOf | None = None,
) -> dict[EvseRef, Step]:
    """Leave setpoints as they are where the change is small: every move of power idles it for a round trip and a ramp.

    Small raises are left out; small decreases are, as long as `room_w` and `lines_ma` hold for all.
    """
    kept = dict(steps)
    left = _Left(dict(room_w), dict(lines_ma or {}))
    near = {ask.ref for ask in asks if ask.ref in before and _is_near(ask.outlet, before[ask.ref], steps[ask.ref])}
    for ask in asks:
        old = before.get(ask.ref)
        if old is not None and ask.ref in near and old.value_w < steps[ask.ref].setpoint.value_w:
            kept[ask.ref] = Step(old, steps[ask.ref].carry_w)
        left.take(ask, max(kept[ask.ref].setpoint.value_w, ask.outlet.floor_w))
    for ask in asks:
        old, now_w = before.get(ask.ref), kept[ask.ref].setpoint.value_w
        if old is None or ask.ref not in near or old.value_w <= now_w:
            continue
        more_w = old.value_w - max(now_w, ask.outlet.floor_w)
        if left.fits(ask, more_w):
            kept[ask.ref] = Step(old, steps[ask.ref].carry_w)
            left.take(ask, max(more_w, 0))
    return kept


SMALL_SHARE = 0.10


def _is_near(outlet: Outlet, old: Setpoint, new: Step) -> bool:
    """Both run, on the same phases, and differ by one step or a tenth at most."""
    low_w, high_w = sorted((old.value_w, new.setpoint.value_w))
    small_w = max(outlet.step_w, SMALL_SHARE * high_w)
    return low_w > 0 and old.phases == new.setpoint.phases and high_w - low_w <= small_w


def _rounded(asks: Sequence[Ask], above: _Left) -> dict[EvseRef, Step]:
    requests = [_request(ask) for ask in asks]
    used = {id_ for request in requests for id_ in request.path}
    lines = {id_: LineRoom(left_ma) for id_, left_ma in above.lines_ma.items() if id_ in used}
    grants = round_targets(requests, {id_: room for id_, room in above.room_w.items() if id_ in used}, lines)
    return {
        ask.ref: Step(
            ask.outlet.at_most(ask.outlet.floor_w + round(grant.setpoint * ask.outlet.watts_per_unit)),
            grant.carry * ask.outlet.watts_per_unit,
        )
        for ask, grant in zip(asks, grants, strict=True)
    }


def _request(ask: Ask) -> Request:
    outlet = ask.outlet
    per_unit = outlet.watts_per_unit
    wanted_w = min(ask.planned_w, ask.power_max_w) - outlet.floor_w
    return Request(
        id=f"{ask.ref.station_id}/{ask.ref.evse_id:03d}",
        target=max(wanted_w, 0.0) / per_unit,
        levels=_levels(ask),
        path=ask.path,
        must_run=ask.must_run,
        laxity_h=ask.laxity_h,
        carry=ask.carry_w / per_unit,
        lines=outlet.lines,
        neutral_v=float(NOMINAL_V),
    )


def _levels(ask: Ask) -> Levels:
    """Steps above the floor, up to what the car can take (rounded up: a car's own maximum is seldom whole)."""
    outlet = ask.outlet
    useful_w = math.ceil(ask.power_max_w / outlet.step_w) * outlet.step_w
    most_w = max(min(outlet.most_w, useful_w), outlet.least_w) - outlet.floor_w
    least_w = outlet.step_w if outlet.floor_w >= outlet.least_w else outlet.least_w
    if outlet.rating.kind is CurrentKind.DC:
        return watt_levels(most_w, least_w, DC_STEP_W)
    return amp_levels(most_w / outlet.watts_per_unit, outlet.watts_per_unit, least_w / outlet.watts_per_unit)


def _kept_awake(ask: Ask, above: _Left) -> Setpoint:
    outlet = ask.outlet
    if outlet.floor_w >= outlet.least_w:
        return outlet.at_most(outlet.floor_w)
    if not above.fits(ask, outlet.least_w):
        return outlet.setpoint(0)
    above.take(ask, outlet.least_w)
    return outlet.setpoint(outlet.least_w)
