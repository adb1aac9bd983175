"""What is asked of a solver, and what it answers: plain data, checked when made.

A problem is a row of equal slots with a base load, a site cap and the charging sessions present; a plan gives every
session a power per slot together with a certified lower bound on the best possible objective. Solvers are
interchangeable behind `Solver`. Powers are kW, energies kWh, slots are counted from 0; a session may charge in the
slots [arrival_slot, departure_slot).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
ShortfallReason: TypeAlias = Literal["window too short", "site cap"]

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

    `priority`: when the cap is too low for all, higher numbers are served first.
    `power_min_kw`: least power other than 0 that the pile can give; rounding uses it, a continuous plan does not.
    """

    id: str
    arrival_slot: int
    departure_slot: int
    power_max_kw: float
    energy_kwh: float
    priority: int = 0
    power_min_kw: float = 0.0

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


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Minimise sum over slots of ½ w L² + π L, with L = base load + charging, in kWh per slot.

    `cap_kw` may hold infinity (no cap in that slot). `weight` w >= 0 defaults to 1 per slot, `price` π (money per
    kWh) to 0. Raises ValueError when lengths differ, a value is not a number, an id repeats or a window leaves the
    horizon.
    """

    slot_h: float
    base_load_kw: FloatArray
    cap_kw: FloatArray
    sessions: tuple[EvSession, ...]
    weight: FloatArray | None = None
    price: FloatArray | None = None

    def __post_init__(self) -> None:
        """Copies the arrays, makes them read-only and checks them."""
        if not 0.0 < self.slot_h <= 8760.0:
            raise ValueError(f"slot_h: hours per slot must lie above 0 and within a year, got {self.slot_h}")
        for name in ("base_load_kw", "cap_kw", "weight", "price"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _vector(name, values, infinite=name == "cap_kw"))
        object.__setattr__(self, "sessions", tuple(self.sessions))
        self._check_lengths()
        self._check_sessions()

    def _check_lengths(self) -> None:
        if self.slots == 0:
            raise ValueError("base_load_kw: at least one slot is needed")
        for name in ("cap_kw", "weight", "price"):
            values = getattr(self, name)
            if values is not None and len(values) != self.slots:
                raise ValueError(f"{name}: {len(values)} values for {self.slots} slots of base_load_kw")
        if self.weight is not None and (self.weight < 0).any():
            raise ValueError("weight: must not be negative (the cost would not be convex)")

    def _check_sessions(self) -> None:
        seen: set[str] = set()
        for session in self.sessions:
            if session.id in seen:
                raise ValueError(f"session {session.id}: this id is given twice")
            seen.add(session.id)
            if session.departure_slot > self.slots:
                raise ValueError(
                    f"session {session.id}: departure_slot {session.departure_slot} lies after the last of "
                    f"{self.slots} slots"
                )

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return len(self.base_load_kw)

    def load_kw(self, power_kw: FloatArray) -> FloatArray:
        """Total load per slot (kW) when the sessions draw `power_kw` [N, T]."""
        return np.asarray(self.base_load_kw + power_kw.sum(axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Energy (kWh) that a session asked for and does not get, and why."""

    session_id: str
    energy_kwh: float
    reason: ShortfallReason


@dataclass(frozen=True, slots=True)
class CapSoft:
    """A slot in which the base load alone stands above the cap, and by how much (kW)."""

    slot: int
    excess_kw: float


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A feasible plan with its proof.

    `power_kw` [N, T] in the order of the sessions; `served_kwh` [N]; `objective` and `lower_bound` as defined in
    `optimizer.objective`; `gap` = (objective − lower_bound) / max(1, |objective|); `slot_price` and `cap_price` [T]
    are marginal costs per kWh.
    """

    power_kw: FloatArray
    served_kwh: FloatArray
    objective: float
    lower_bound: float
    gap: float
    slot_price: FloatArray
    cap_price: FloatArray
    shortfalls: tuple[Shortfall, ...] = ()
    cap_soft: tuple[CapSoft, ...] = ()
    method: str = ""
    iterations: int = field(default=0)


Solver: TypeAlias = Callable[[Problem], Plan]
