"""What is asked of a solver, and what it answers: plain data, checked when made.

A problem is a row of equal slots with a base load, a site cap and the charging sessions present; a plan gives every
session a power per slot together with a certified lower bound on the best possible objective. Solvers are
interchangeable behind `Solver`. Powers are kW, energies kWh, slots are counted from 0; a session may charge in the
slots [arrival_slot, departure_slot).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.conductors import CONNECTIONS, Conductors, CurrentLimit, ShortfallReason
from optimizer.fairness import FAIRNESS, Fairness, classes, with_equal_share
from optimizer.instance import Instance, make_instance
from optimizer.slot_cost import Quadratic

# Far above any site; keeps squares and products of the solver inside the range of a double.
MAGNITUDE_MAX = 1e9


def _vector(name: str, values: Sequence[float] | FloatArray, infinite: bool = False) -> FloatArray:
    """A read-only copy as doubles; raises ValueError for NaN, wrong shape or absurd size."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not a list of numbers") from error
    if array.ndim != 1:
        raise ValueError(f"{name}: one number per slot expected")
    known = array[~np.isposinf(array)] if infinite else array
    bad = ~np.isfinite(known) | (np.abs(known) > MAGNITUDE_MAX)
    if bad.any():
        raise ValueError(f"{name}: every value must be a number within ±{MAGNITUDE_MAX:g}, got {known[bad][0]:g}")
    array.setflags(write=False)
    return array


def _check_amount(name: str, value: float) -> None:
    if not 0.0 <= value <= MAGNITUDE_MAX:
        raise ValueError(f"{name}: must lie between 0 and {MAGNITUDE_MAX:g}, got {value}")


@dataclass(frozen=True, slots=True)
class EvSession:
    """One vehicle: its window of slots, largest power (kW, constant over the window) and energy still wanted (kWh).

    `feeder`: id of the feeder below the site that the pile hangs on, empty for the site itself.
    `priority`: when the cap is too low for all, higher numbers are served first.
    `power_min_kw`: least power other than 0 that the pile can give; rounding uses it, a continuous plan does not.
    `lines`: the site's conductors that it draws from (`optimizer.conductors`), "123" all three evenly.
    """

    id: str
    arrival_slot: int
    departure_slot: int
    power_max_kw: float
    energy_kwh: float
    priority: int = 0
    power_min_kw: float = 0.0
    feeder: str = ""
    lines: str = "123"

    def __post_init__(self) -> None:
        """Raises ValueError naming the session and the field."""
        if not 0 <= self.arrival_slot < self.departure_slot:
            raise ValueError(
                f"session {self.id}: arrival_slot must be >= 0 and before departure_slot, "
                f"got {self.arrival_slot} and {self.departure_slot}"
            )
        _check_amount(f"session {self.id}: power_max_kw", self.power_max_kw)
        _check_amount(f"session {self.id}: energy_kwh", self.energy_kwh)
        _check_amount(f"session {self.id}: power_min_kw", self.power_min_kw)
        if self.power_min_kw > self.power_max_kw:
            raise ValueError(f"session {self.id}: power_min_kw is above power_max_kw")
        if self.lines not in CONNECTIONS:
            raise ValueError(f"session {self.id}: lines must be one of {', '.join(CONNECTIONS)}, got {self.lines}")


@dataclass(frozen=True, eq=False, slots=True)
class Feeder:
    """A part of the site with a cap of its own (kW per slot, infinite for none).

    `parent`: the feeder it hangs on, empty for the site. `base_load_kw` is the base load under it, its children's
    included, and part of the site's. `conductors`: limits in ampere beside that of power.
    """

    id: str
    cap_kw: FloatArray
    parent: str = ""
    base_load_kw: FloatArray | None = None
    conductors: Conductors | None = None

    def __post_init__(self) -> None:
        """Copies the arrays, makes them read-only and checks them."""
        object.__setattr__(self, "cap_kw", _vector(f"feeder {self.id}: cap_kw", self.cap_kw, infinite=True))
        if self.base_load_kw is not None:
            values = _vector(f"feeder {self.id}: base_load_kw", self.base_load_kw)
            object.__setattr__(self, "base_load_kw", values)


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Minimise sum over slots of ½ w L² + π L, with L = base load + charging, in kWh per slot.

    `cap_kw` may hold infinity (no cap in that slot). `weight` w >= 0 defaults to 1 per slot, `price` π (money per
    kWh) to 0. `feeders` below the site in any order. `conductors`: the site's own limits in ampere; `current_limits`:
    any others on sums of currents. `fairness`: who goes short within a class of priority. Raises ValueError when
    lengths differ, a value is not a number, an id repeats, a window leaves the horizon or the feeders are no tree.
    """

    slot_h: float
    base_load_kw: FloatArray
    cap_kw: FloatArray
    sessions: tuple[EvSession, ...]
    weight: FloatArray | None = None
    price: FloatArray | None = None
    feeders: tuple[Feeder, ...] = ()
    conductors: Conductors | None = None
    current_limits: tuple[CurrentLimit, ...] = ()
    fairness: Fairness = "priority"

    def __post_init__(self) -> None:
        """Copies the arrays, makes them read-only and checks them."""
        if not 0.0 < self.slot_h <= 8760.0:
            raise ValueError(f"slot_h: hours per slot must lie above 0 and within a year, got {self.slot_h}")
        for name in ("base_load_kw", "cap_kw", "weight", "price"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _vector(name, values, infinite=name == "cap_kw"))
        object.__setattr__(self, "sessions", tuple(self.sessions))
        object.__setattr__(self, "feeders", _parents_first(tuple(self.feeders)))
        object.__setattr__(self, "current_limits", tuple(self.current_limits))
        self._check_lengths()
        self._check_sessions()
        self._check_currents()
        if self.fairness not in FAIRNESS:
            raise ValueError(f"fairness: one of {', '.join(FAIRNESS)} expected, got {self.fairness}")

    def _check_lengths(self) -> None:
        if self.slots == 0:
            raise ValueError("base_load_kw: at least one slot is needed")
        for name in ("cap_kw", "weight", "price"):
            values = getattr(self, name)
            if values is not None and len(values) != self.slots:
                raise ValueError(f"{name}: {len(values)} values for {self.slots} slots of base_load_kw")
        for feeder in self.feeders:
            for values in (feeder.cap_kw, feeder.base_load_kw):
                if values is not None and len(values) != self.slots:
                    raise ValueError(f"feeder {feeder.id}: {len(values)} values for {self.slots} slots")
        if self.weight is not None and (self.weight < 0).any():
            raise ValueError("weight: must not be negative (the cost would not be convex)")

    def _check_sessions(self) -> None:
        seen: set[str] = set()
        feeders = {"", *(feeder.id for feeder in self.feeders)}
        for session in self.sessions:
            if session.id in seen:
                raise ValueError(f"session {session.id}: this id is given twice")
            seen.add(session.id)
            if session.feeder not in feeders:
                raise ValueError(f"session {session.id}: there is no feeder {session.feeder}")
            if session.departure_slot > self.slots:
                raise ValueError(
                    f"session {session.id}: departure_slot {session.departure_slot} lies after the last of "
                    f"{self.slots} slots"
                )

    def _check_currents(self) -> None:
        for conductors in self.conductors_by_node():
            if conductors is not None:
                conductors.check(self.slots)
        known = set(self.node_ids())
        for limit in self.current_limits:
            limit.check(self.slots)
            if limit.feeder not in known:
                raise ValueError(f"current limit {limit.id}: there is no feeder {limit.feeder}")

    @property
    def wired(self) -> bool:
        """Whether anything limits currents."""
        return bool(self.current_limits) or any(given is not None for given in self.conductors_by_node())

    def conductors_by_node(self) -> list[Conductors | None]:
        """The limits in ampere of the site and the feeders."""
        return [self.conductors, *(feeder.conductors for feeder in self.feeders)]

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return len(self.base_load_kw)

    def load_kw(self, power_kw: FloatArray) -> FloatArray:
        """Total load per slot (kW) when the sessions draw `power_kw` [N, T]."""
        return np.asarray(self.base_load_kw + power_kw.sum(axis=0), dtype=np.float64)

    def node_ids(self) -> list[str]:
        """The site (empty id), then the feeders, parents first."""
        return ["", *(feeder.id for feeder in self.feeders)]

    def caps_kw(self) -> FloatArray:
        """Caps [K, T] of the site and the feeders."""
        return np.stack([self.cap_kw, *(feeder.cap_kw for feeder in self.feeders)])

    def base_loads_kw(self) -> FloatArray:
        """Base loads [K, T] under the site and the feeders."""
        none = np.zeros(self.slots)
        below = [none if feeder.base_load_kw is None else feeder.base_load_kw for feeder in self.feeders]
        return np.stack([self.base_load_kw, *below])

    def instance(self) -> Instance:
        """The same in arrays, in kWh per slot."""
        ids, hours, sessions = self.node_ids(), self.slot_h, self.sessions
        weight = np.ones(self.slots) if self.weight is None else self.weight
        tariff = np.zeros(self.slots) if self.price is None else self.price
        instance = make_instance(
            base=self.base_load_kw * hours,
            cost=Quadratic(weight, tariff),
            arrive=np.array([s.arrival_slot for s in sessions], dtype=np.int64),
            depart=np.array([s.departure_slot for s in sessions], dtype=np.int64),
            rate=np.array([s.power_max_kw for s in sessions], dtype=np.float64) * hours,
            energy=np.array([s.energy_kwh for s in sessions], dtype=np.float64),
            cap=self.caps_kw() * hours,
            priority=self.classes(),
            node=np.array([ids.index(s.feeder) for s in sessions], dtype=np.int64),
            parent=np.array([-1, *(ids.index(feeder.parent) for feeder in self.feeders)], dtype=np.int64),
            node_base=self.base_loads_kw() * hours,
        )
        return with_equal_share(instance, self.classes()) if self.fairness == "equal share" else instance

    def classes(self) -> IntArray:
        """Class of every session [N]: higher ones are served first."""
        priority = np.array([s.priority for s in self.sessions], dtype=np.int64)
        depart = np.array([s.departure_slot for s in self.sessions], dtype=np.int64)
        return classes(priority, depart, self.fairness)


def _parents_first(feeders: tuple[Feeder, ...]) -> tuple[Feeder, ...]:
    """Raises ValueError when an id repeats or is empty, or a parent is unknown or its own descendant."""
    ids = [feeder.id for feeder in feeders]
    if len({"", *ids}) <= len(ids):
        raise ValueError("feeders: every feeder needs an id of its own")
    placed, left = {"": None}, list(feeders)
    ordered: list[Feeder] = []
    while left:
        ready = [feeder for feeder in left if feeder.parent in placed]
        if not ready:
            raise ValueError(f"feeder {left[0].id}: its parent {left[0].parent} is unknown or below it")
        ordered += ready
        placed |= dict.fromkeys(feeder.id for feeder in ready)
        left = [feeder for feeder in left if feeder.id not in placed]
    return tuple(ordered)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Energy (kWh) that a session asked for and does not get, and why; `feeder` names the one whose cap is to blame,
    `line` which conductor, which pair of them for an unbalance, or the id of a current limit.
    """

    session_id: str
    energy_kwh: float
    reason: ShortfallReason
    feeder: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class CapSoft:
    """A slot in which the base load alone stands above a cap of the site or a feeder, and by how much: kW, or ampere on
    a `line` (on a pair, apart from each other).
    """

    slot: int
    excess_kw: float
    feeder: str = ""
    line: str = ""
    excess_a: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A feasible plan with its proof.

    `power_kw` [N, T] in the order of the sessions; `served_kwh` [N]; `objective`: cost of the load and price of the
    unserved energy; `gap` = (objective − lower_bound) / max(1, |objective|); `slot_price` and `cap_price` [T] are
    marginal costs per kWh at the site, `feeder_price` [F, T] the slot prices at the feeders. `limit_price` [rows, T]:
    cost per ampere (kW) of every row of `optimizer.limit_rows`, where currents are limited.
    """

    power_kw: FloatArray
    served_kwh: FloatArray
    objective: float
    lower_bound: float
    gap: float
    slot_price: FloatArray
    cap_price: FloatArray
    feeder_price: FloatArray
    shortfalls: tuple[Shortfall, ...] = ()
    cap_soft: tuple[CapSoft, ...] = ()
    method: str = ""
    iterations: int = field(default=0)
    limit_price: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))


Solver: TypeAlias = Callable[[Problem], Plan]
