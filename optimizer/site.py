"""A whole site as plain data: cars, batteries, sun, generators, flexible loads, prices, scenarios; and its plan.

Powers kW (per slot where they are arrays [T]), energies kWh, money in the currency of the prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray
from optimizer.conductors import Conductors, CurrentLimit
from optimizer.limit_rows import Rows, nodes_of, rows_of
from optimizer.models.availability import Availability, Car
from optimizer.models.flexible_load import FlexibleLoad
from optimizer.models.generator import Generator
from optimizer.models.scenarios import ScenarioSet
from optimizer.models.storage import Storage
from optimizer.models.vehicle import V2gSession
from optimizer.problem import CapSoft, EvSession, Feeder, Problem, Shortfall


@dataclass(frozen=True, eq=False, slots=True)
class Site:
    """What is to be planned together. One number stands for all slots wherever an array is expected.

    `base_load_kw` [T]: uncontrolled load without the sun that may be turned down, `pv_kw`. `price` of a kWh bought,
    `sell_price` of one sold (never above; None: as bought). `weight`: ½ w n² of the grid's kWh per slot n, to flatten
    it. `import_max_kw`, `export_max_kw`: limits of the grid connection. `peak_price` per kW of the highest import
    above `peak_so_far_kw`, with scenarios of the highest in any of them. `scenarios`: deviations of the net load in kW
    with weights; grid, generators, flexible loads and sun then react to each, cars and batteries have one plan, and the
    import limit holds with probability `confidence`. `availability` by the id of a car: it is planned in the part of
    its window in which it is there with that probability. `conductors`, `current_limits`: in ampere, of what feeds the
    base load, cars and batteries; sun and generators stand on the other side of it, so nobody counts on their relief.
    """

    slot_h: float
    base_load_kw: FloatArray
    sessions: tuple[EvSession, ...] = ()
    cars: tuple[V2gSession, ...] = ()
    storages: tuple[Storage, ...] = ()
    generators: tuple[Generator, ...] = ()
    flexible_loads: tuple[FlexibleLoad, ...] = ()
    feeders: tuple[Feeder, ...] = ()
    pv_kw: ArrayLike = 0.0
    price: ArrayLike = 0.0
    sell_price: ArrayLike | None = None
    weight: ArrayLike = 0.0
    import_max_kw: ArrayLike = np.inf
    export_max_kw: ArrayLike = np.inf
    peak_price: float = 0.0
    peak_so_far_kw: float = 0.0
    scenarios: ScenarioSet | None = None
    confidence: float = 1.0
    availability: Mapping[str, Availability] = field(default_factory=dict)
    conductors: Conductors | None = None
    current_limits: tuple[CurrentLimit, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError when lengths differ, a price of sale lies above that of purchase, an id repeats or a window
        leaves the horizon.
        """
        base = np.array(self.base_load_kw, dtype=np.float64)
        object.__setattr__(self, "base_load_kw", base)
        for name in ("pv_kw", "price", "weight", "import_max_kw", "export_max_kw"):
            object.__setattr__(self, name, self._row(name, getattr(self, name)))
        sell = self.price if self.sell_price is None else self._row("sell_price", self.sell_price)
        object.__setattr__(self, "sell_price", sell)
        for name in ("sessions", "cars", "storages", "generators", "flexible_loads", "feeders", "current_limits"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        known = {session.id for session in self.sessions} | {car.id for car in self.cars}
        for name in self.availability:
            if name not in known:
                raise ValueError(f"availability: there is no car {name}")
        object.__setattr__(self, "sessions", tuple(self._sure(session) for session in self.sessions))
        object.__setattr__(self, "cars", tuple(self._sure(car) for car in self.cars))
        self._check()

    def _sure(self, car: Car) -> Car:
        """The car when it is there with the probability wanted."""
        some = self.availability.get(car.id)
        return car if some is None else some.narrowed(car, self.confidence)

    def _row(self, name: str, value: ArrayLike) -> FloatArray:
        try:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), self.base_load_kw.shape)
        except ValueError as fault:
            raise ValueError(f"{name}: one number, or one for each of {len(self.base_load_kw)} slots") from fault

    def _check(self) -> None:
        if (np.asarray(self.sell_price) > np.asarray(self.price)).any():
            raise ValueError("sell_price: selling dearer than buying has no optimum")
        if (np.asarray(self.weight) < 0).any() or (np.asarray(self.pv_kw) < 0).any() or self.peak_price < 0:
            raise ValueError("weight, pv_kw and peak_price must not be negative")
        if not 0.0 < self.confidence <= 1.0:
            raise ValueError(f"confidence: must lie above 0 and at most at 1, got {self.confidence}")
        if self.scenarios is not None and self.scenarios.values.shape[1] != self.slots:
            raise ValueError(f"scenarios: {self.slots} slots expected")
        users: list[V2gSession | Storage] = [*self.cars, *self.storages]
        ids = [session.id for session in self.sessions] + [user.id for user in users]
        if len(set(ids)) < len(ids):
            raise ValueError("sessions, cars and storages: every id may be given once")
        known = {"", *(feeder.id for feeder in self.feeders)}
        for user in users:
            if user.feeder not in known:
                raise ValueError(f"{user.id}: there is no feeder {user.feeder}")
        for car in self.cars:
            if car.departure_slot > self.slots:
                raise ValueError(f"car {car.id}: it leaves after the last of {self.slots} slots")
        self.problem()

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return len(self.base_load_kw)

    def problem(self) -> Problem:
        """The part that concerns cars which only charge."""
        return Problem(
            slot_h=self.slot_h,
            base_load_kw=self.base_load_kw,
            cap_kw=np.full(self.slots, np.inf),
            sessions=self.sessions,
            feeders=self.feeders,
            conductors=self.conductors,
            current_limits=self.current_limits,
        )

    @property
    def batteries(self) -> tuple[Storage | V2gSession, ...]:
        """Storages, then cars that feed back."""
        return (*self.storages, *self.cars)

    @property
    def wired(self) -> bool:
        """Whether anything limits currents of somebody."""
        return self.problem().wired and bool(self.sessions or self.batteries)

    def rows(self) -> Rows:
        """All limits as rows; scenarios raise the base load of the site's conductors as far as the limit of the
        connection has to hold for them.
        """
        nodes = nodes_of(self.problem())
        if self.conductors is not None and self.scenarios is not None:
            more = self.scenarios.quantile(self.confidence)
            raised = self.conductors.raised(self.base_load_kw, more)
            nodes = replace(nodes, conductors=[raised, *nodes.conductors[1:]])
        lines = [session.lines for session in self.sessions] + [battery.lines for battery in self.batteries]
        return rows_of(nodes, lines, feeds=bool(self.batteries))


@dataclass(frozen=True, eq=False, slots=True)
class SitePlan:
    """A feasible plan with its proof.

    `power_kw` [N, T] of the sessions; `charge_kw`, `discharge_kw`, `stored_kwh` [S, T] of the storages, then the cars
    that feed back. `source_kw`: what grid, sale, sun, generators and (negative) flexible loads give, the mean over
    scenarios. `objective` counts the cost of the load, of wear, the peak and what is not served; `cost` is the money in
    it: without the flattening and what is not served. `value` proves the bound together with the prices;
    `limit_price`: cost per ampere (kW) of every row of `Site.rows`, where currents are limited.
    """

    power_kw: FloatArray
    served_kwh: FloatArray
    charge_kw: FloatArray
    discharge_kw: FloatArray
    stored_kwh: FloatArray
    source_kw: dict[str, FloatArray]
    load_kw: FloatArray
    objective: float
    lower_bound: float
    gap: float
    cost: float
    slot_price: FloatArray
    feeder_price: FloatArray
    value: FloatArray
    peak_kw: float
    shortfalls: tuple[Shortfall, ...] = ()
    cap_soft: tuple[CapSoft, ...] = ()
    iterations: int = field(default=0)
    limit_price: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def grid_kw(self) -> FloatArray:
        """Import (negative: export)."""
        return np.asarray(sum(power for name, power in self.source_kw.items() if name in GRID))


GRID = ("buy", "sell", "beyond", "spill")
"""Sources that are the grid: what is bought, sold, drawn above the limit of the connection, fed in above it."""
