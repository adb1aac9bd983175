"""Set-points of batteries and of cars that feed back: in device steps, nothing below the least power, what they hold
kept, and no cap exceeded together with the piles beside them.

What gives comes first, in the order of what is planned: only as much as is in it, rounded up where it can, for others
count on the room that it makes. What it gives is room on its path, less what rounding leaves out. Then piles and what
takes share the rooms by `optimizer.rounding`; batteries can wait longest. Remainders are carried to the next step.

Currents that come back keep every conductor's cap too, and never set two conductors further apart than may be, whatever
piles draw beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from optimizer.conductors import VOLTAGE_V, ampere_per_kw, known_lines
from optimizer.line_rooms import PAIRS, LineRoom, Triple, parts
from optimizer.models.storage import Storage
from optimizer.models.vehicle import V2gSession
from optimizer.rounding import REMAINDER_MIN, Grant, Levels, Request, round_targets, watt_levels

ROUND_WH = 1e-6
"""Energies this near to a limit are at it."""


@dataclass(frozen=True, slots=True)
class BatteryRequest:
    """One battery in one control step: `target_w` and `carry_w` above 0 charge, below 0 feed back.

    `charge` and `discharge`: levels in watts (`watt_levels`); `stored_wh` now, between `least_wh` and `most_wh`
    afterwards, or no further outside. `path`, `lines` and `neutral_v` as in `optimizer.rounding.Request`.
    """

    id: str
    target_w: float
    path: tuple[str, ...]
    charge: Levels
    discharge: Levels
    stored_wh: float
    least_wh: float
    most_wh: float
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    carry_w: float = 0.0
    lines: str = "123"
    neutral_v: float = VOLTAGE_V

    def __post_init__(self) -> None:
        """Raises ValueError for what is no number, levels not in watts, or lines that nobody knows."""
        known = (self.target_w, self.carry_w, self.stored_wh, self.least_wh, self.most_wh)
        if not all(math.isfinite(value) for value in known) or not self.path:
            raise ValueError(f"battery {self.id}: finite numbers and at least one node are needed")
        if any((levels.units_per_target, levels.milliwatt) != (1, 1000) for levels in (self.charge, self.discharge)):
            raise ValueError(f"battery {self.id}: levels in watts are needed")
        known_lines(f"battery {self.id}", self.lines)

    @property
    def wished_w(self) -> float:
        """With what was carried, as long as that does not turn it round."""
        wished = self.target_w + self.carry_w
        return wished if wished * self.target_w > 0 else 0.0

    def takes_w(self, hours: float) -> float:
        """The most that it can take through the whole step."""
        return max(self.most_wh - self.stored_wh + ROUND_WH, 0.0) / (self.charge_efficiency * hours)

    def gives_w(self, hours: float) -> float:
        """The most that it can give through the whole step."""
        return max(self.stored_wh - self.least_wh + ROUND_WH, 0.0) * self.discharge_efficiency / hours

    def on_ma(self, power_w: int) -> Triple:
        """On the three conductors, rounded up."""
        current = math.ceil(power_w * ampere_per_kw(self.lines, self.neutral_v) - 1e-9)
        first, second, third = (current if part else 0 for part in parts(self.lines)[0])
        return first, second, third


@dataclass(frozen=True, slots=True)
class BatteryGrant:
    """What a battery is told in whole watts (above 0: charge), what it holds after the step, what is carried."""

    id: str
    setpoint_w: int
    stored_wh: float
    carry_w: float


def battery_request(
    unit: Storage | V2gSession, target_kw: float, stored_kwh: float, path: tuple[str, ...], carry_w: float = 0.0
) -> BatteryRequest:
    """A battery of a site as a request; its steps are those of the model."""
    step_kw = unit.power_step_kw if isinstance(unit, Storage) else 0.0
    floor = unit.energy_min_kwh if isinstance(unit, Storage) else unit.floor_kwh
    step, least = max(round(1000 * step_kw), 1), round(1000 * unit.power_min_kw)
    return BatteryRequest(
        id=unit.id,
        target_w=1000.0 * target_kw,
        path=path,
        charge=watt_levels(math.floor(1000 * unit.charge_max_kw + 1e-6), least, step),
        discharge=watt_levels(math.floor(1000 * unit.discharge_max_kw + 1e-6), least, step),
        stored_wh=1000.0 * stored_kwh,
        least_wh=1000.0 * floor,
        most_wh=1000.0 * unit.energy_max_kwh,
        charge_efficiency=unit.charge_efficiency,
        discharge_efficiency=unit.discharge_efficiency,
        carry_w=carry_w,
        lines=unit.lines,
    )


def round_all(
    requests: Sequence[Request],
    batteries: Sequence[BatteryRequest],
    room_w: Mapping[str, int],
    hours: float,
    lines: Mapping[str, LineRoom] | None = None,
    feed_w: Mapping[str, int] | None = None,
) -> tuple[tuple[Grant, ...], tuple[BatteryGrant, ...]]:
    """Grants of piles and batteries in their orders, for a step of `hours`.

    `room_w`: what all of them may draw at each node, net; `feed_w`: what may come back there, where that is limited.
    `lines` as in `round_targets`; a conductor carries as much back as it carries forth. Raises ValueError for ids that
    repeat and as `round_targets`.
    """
    ids = [asked.id for asked in requests] + [asked.id for asked in batteries]
    if len(set(ids)) < len(ids):
        raise ValueError("requests and batteries: every id may be given once")
    rooms = _Rooms(dict(room_w), dict(lines or {}), dict(feed_w or {}))
    gives = {b.id: rooms.give(b, hours) for b in sorted(batteries, key=lambda b: (b.target_w, b.id)) if b.wished_w < 0}
    taking = [_as_request(b, hours) for b in batteries if b.wished_w > 0]
    grants = {g.id: g for g in round_targets([*requests, *taking], rooms.room_w, rooms.lines)}
    setpoints = {b.id: grants[b.id].power_w if b.id in grants else -gives.get(b.id, 0) for b in batteries}
    return tuple(grants[r.id] for r in requests), tuple(_granted(b, setpoints[b.id], hours) for b in batteries)


def _as_request(battery: BatteryRequest, hours: float) -> Request:
    """A battery that takes, as a pile that can wait, with the levels that still fit into it."""
    fits = battery.charge.index_at_most(battery.takes_w(hours))
    levels = replace(battery.charge, values=battery.charge.values[: fits + 1])
    return Request(battery.id, battery.wished_w, levels, battery.path, lines=battery.lines, neutral_v=battery.neutral_v)


def _granted(battery: BatteryRequest, setpoint_w: int, hours: float) -> BatteryGrant:
    into = battery.charge_efficiency if setpoint_w > 0 else 1.0 / battery.discharge_efficiency
    bound = (battery.charge if battery.target_w > 0 else battery.discharge).carry_max
    left = battery.target_w + battery.carry_w - setpoint_w
    return BatteryGrant(
        battery.id, setpoint_w, battery.stored_wh + setpoint_w * into * hours, min(max(left, -bound), bound)
    )


@dataclass(slots=True)
class _Rooms:
    """What is left while batteries give, in watts and on conductors."""

    room_w: dict[str, int]
    lines: dict[str, LineRoom]
    feed_w: dict[str, int]

    def give(self, battery: BatteryRequest, hours: float) -> int:
        """Watts that a battery gives: the wish, a level more for what is left of it; all limits kept."""
        levels, wish = battery.discharge, -battery.wished_w
        index = levels.index_at_most(wish + 1e-6)
        if index + 1 < len(levels.values) and wish - levels.values[index] > REMAINDER_MIN:
            index += 1
        index = min(index, levels.index_at_most(battery.gives_w(hours)))
        while index and not self._carries(battery, levels.values[index]):
            index -= 1
        self._take(battery, levels.values[index])
        return levels.values[index]

    def _carries(self, battery: BatteryRequest, power_w: int) -> bool:
        """Whether so much may come back on the whole path."""
        if any(self.feed_w.get(node, power_w) < power_w for node in battery.path):
            return False
        back = battery.on_ma(power_w)
        return all(_may_return(self.lines[node], back) for node in battery.path if node in self.lines)

    def _take(self, battery: BatteryRequest, power_w: int) -> None:
        """It is room now."""
        for node in battery.path:
            if node in self.room_w:
                self.room_w[node] += power_w
            if node in self.feed_w:
                self.feed_w[node] -= power_w
            if node in self.lines:
                self.lines[node] = _relieved(self.lines[node], battery.on_ma(power_w))


def _may_return(room: LineRoom, back_ma: Triple) -> bool:
    """Caps hold both ways: left + 2·base is what may come back. Conductors may not end up further apart than the limit
    or than they are.
    """
    caps = all(back <= left + 2 * base for back, left, base in zip(back_ma, room.left_ma, room.base_ma, strict=True))
    if room.apart_ma is None or not caps:
        return caps
    after = [base - back for base, back in zip(room.base_ma, back_ma, strict=True)]
    return all(after[m] - after[n] <= room.allowed(m, n) for m, n in PAIRS)


def _relieved(room: LineRoom, back_ma: Triple) -> LineRoom:
    """The room with a base load that is lower by a current that comes back, which was rounded up by less than 1 mA."""
    sure = [max(back - 1, 0) for back in back_ma]
    left = (room.left_ma[0] + sure[0], room.left_ma[1] + sure[1], room.left_ma[2] + sure[2])
    base = (room.base_ma[0] - sure[0], room.base_ma[1] - sure[1], room.base_ma[2] - sure[2])
    apart = None if room.apart_ma is None else max(room.apart_ma - 1, 0) if any(back_ma) else room.apart_ma
    return LineRoom(left, apart, base)
