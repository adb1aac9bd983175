"""A pile and the car at its plug, as physics: what flows, what the meter counts. No network, no messages, no clock.

`advance(to_s)` moves on exactly, in steps of at most STEP_S that never cross a change of the limit. A command acts
after the pile's reaction time. Times are seconds since 1970 UTC.

A file of piles is a JSON list of objects with the fields of `PileSpec`; `id` is allowed for `station_id`, and only
`station_id` must be there.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from device_sim.car import CURRENT_MIN_A, NOTHING, Car, CarState, Offer, cut, is_satisfied, soc, step
from device_sim.smart_charging import Limit, Profile, Supply, limit_at

STEP_S = 5.0
LIMIT_EPSILON_W = 1.0
DC_OUTPUT_V = 400.0
PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")


@dataclass(frozen=True, slots=True)
class PileSpec:
    """What stands on the type plate. `phases`, `max_current_a` per phase and `voltage_v` are those of the grid side;
    `profile`: the firmware profile that it behaves as. `ca`, `certificate` and `key` are PEM files: the root that it
    trusts, and what it proves itself with (security profile 3).
    """

    station_id: str
    kind: str = "ac"
    phases: int = 3
    max_current_a: float = 16.0
    max_power_w: float = 11_040.0
    protocol: str = "ocpp1.6"
    voltage_v: float = 230.0
    password: str | None = None
    profile: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that cannot be."""
        checks = {
            "station_id": bool(self.station_id),
            "kind": self.kind in ("ac", "dc"),
            "phases": self.phases in (1, 3),
            "max_current_a": self.max_current_a > 0,
            "max_power_w": self.max_power_w > 0,
            "protocol": self.protocol in PROTOCOLS,
            "voltage_v": self.voltage_v > 0,
        }
        for name, good in checks.items():
            if not good:
                raise ValueError(f"pile {self.station_id!r}: {name} cannot be {getattr(self, name)!r}")

    @property
    def rated_w(self) -> float:
        """The most it can give."""
        return min(self.max_power_w, self.max_current_a * self.phases * self.voltage_v)

    @property
    def supply(self) -> Supply:
        """Its side of the limit sum; a power rating below current x phases x voltage counts as current."""
        return Supply(self.phases, self.rated_w / (self.phases * self.voltage_v), self.voltage_v)


def read_piles(path: Path) -> list[PileSpec]:
    """The piles of a JSON file. Raises OSError, or ValueError naming the entry and what is wrong."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not entries:
        raise ValueError("a file of piles is a JSON list with at least one object")
    specs = [_spec(number, entry) for number, entry in enumerate(entries, 1)]
    if len({spec.station_id for spec in specs}) < len(specs):
        raise ValueError("two piles have the same station_id")
    return specs


def _spec(number: int, entry: Any) -> PileSpec:
    if not isinstance(entry, dict):
        raise ValueError(f"entry {number} is not an object")
    values = dict(entry)
    if "id" in values:
        values.setdefault("station_id", values.pop("id"))
    unknown = values.keys() - {f.name for f in fields(PileSpec)}
    if unknown:
        raise ValueError(f"entry {number} has unknown fields: {', '.join(sorted(unknown))}")
    try:
        return PileSpec(**values)
    except TypeError as fault:
        raise ValueError(f"entry {number}: {fault}") from fault


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter shows. Currents and voltages are per phase of the output; DC has one of each and the car's SOC."""

    at_s: float
    register_wh: float
    power_w: float
    currents_a: tuple[float, ...]
    voltages_v: tuple[float, ...]
    soc_percent: float | None = None


@dataclass(slots=True)
class Pile:
    """State of one pile with one outlet; `closed` means that energy may flow; `felt`: what it makes of a limit."""

    spec: PileSpec
    at_s: float
    register_wh: float = 0.0
    reaction_s: float = 2.0
    car: Car | None = None
    state: CarState = field(default_factory=CarState)
    closed: bool = False
    powered: bool = True
    tx_start_s: float | None = None
    felt: Callable[[Limit], Limit] | None = None
    _profiles: tuple[Profile, ...] = ()
    _coming: deque[tuple[float, tuple[Profile, ...]]] = field(default_factory=deque)
    _limit: Limit | None = None

    @property
    def power_w(self) -> float:
        """What it draws at this moment."""
        return self.state.power_w

    @property
    def suspended_by_pile(self) -> bool:
        """Whether the limit leaves the car nothing: below 6 A on AC, nothing on DC."""
        offer = self._offer()
        return offer.current_a < CURRENT_MIN_A - 1e-6 if offer.is_ac else offer.power_w < LIMIT_EPSILON_W

    @property
    def satisfied(self) -> bool:
        """Whether the car has stopped by itself."""
        return self.car is not None and is_satisfied(self.car, self.state)

    def plug(self, car: Car) -> None:
        """A car comes."""
        self.car, self.state = car, CarState()

    def unplug(self) -> None:
        """It goes."""
        self.car, self.state = None, CarState()

    def close(self, tx_start_s: float) -> None:
        """Let energy flow: a transaction began."""
        self.closed, self.tx_start_s, self._limit = True, tx_start_s, None

    def open(self) -> None:
        """Cut the energy: the transaction is over."""
        self.closed, self.tx_start_s, self._limit = False, None, None
        self.state = cut(self.state)

    def set_powered(self, powered: bool) -> None:
        """Mains lost or back; without mains nothing flows at once."""
        self.powered = powered
        if not powered:
            self.state = cut(self.state)

    def obey(self, profiles: Sequence[Profile]) -> None:
        """From the reaction time on, these profiles rule."""
        self._coming.append((self.at_s + self.reaction_s, tuple(profiles)))

    def advance(self, to_s: float) -> None:
        """Move on to `to_s`; an earlier time changes nothing."""
        while self.at_s < to_s:
            self._apply_coming()
            offer = self._offer()
            end_s = min(to_s, self.at_s + STEP_S, self._next_change_s())
            self._flow(end_s - self.at_s, offer)
            self.at_s = end_s
        self._apply_coming()

    def _apply_coming(self) -> None:
        while self._coming and self._coming[0][0] <= self.at_s:
            self._profiles = self._coming.popleft()[1]
            self._limit = None

    def _next_change_s(self) -> float:
        limit_s = self._limit.until_s if self._limit is not None and self._limit.until_s > self.at_s else float("inf")
        return min(limit_s, self._coming[0][0]) if self._coming else limit_s

    def _flow(self, dt_s: float, offer: Offer) -> None:
        if self.car is None:
            return
        before_wh = self.state.taken_wh
        self.state = step(self.car, self.state, dt_s, offer)
        self.register_wh += self.state.taken_wh - before_wh

    def limit(self) -> Limit:
        """The limit that rules now."""
        if self._limit is None or self.at_s >= self._limit.until_s:
            told = limit_at(self._profiles, self.spec.supply, self.tx_start_s, self.at_s)
            self._limit = told if self.felt is None else self.felt(told)
        return self._limit

    def _offer(self) -> Offer:
        if not (self.closed and self.powered):
            return NOTHING
        limit = self.limit()
        power_w = limit.current_a * limit.phases * self.spec.voltage_v
        if self.spec.kind == "dc":
            return Offer(power_w)
        return Offer(power_w, limit.current_a, limit.phases, self.spec.voltage_v)

    def read(self) -> Reading:
        """The meter now."""
        power_w = self.power_w
        if self.spec.kind == "dc":
            percent = None if self.car is None else 100.0 * soc(self.car, self.state)
            return Reading(self.at_s, self.register_wh, power_w, (power_w / DC_OUTPUT_V,), (DC_OUTPUT_V,), percent)
        used = self.spec.phases if self.car is None else min(self.car.phases, self.spec.phases)
        if self.closed:
            used = min(used, self.limit().phases)
        each_a = power_w / (used * self.spec.voltage_v)
        currents = tuple(each_a if n < used else 0.0 for n in range(self.spec.phases))
        return Reading(self.at_s, self.register_wh, power_w, currents, (self.spec.voltage_v,) * self.spec.phases)
