"""Valley filling with plain arrays: the least ½ Σ L² of a load under a cap, for any number of cars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray, IntArray
from optimizer.certificate import relative_gap
from optimizer.conductors import CONNECTIONS, Conductors
from optimizer.instance import make_instance
from optimizer.limit_rows import Nodes, rows_of
from optimizer.phased import Wired, feeder_price, keep_limits, solve_wired, wired_up
from optimizer.repair import keep_caps
from optimizer.slot_cost import Quadratic, SlotCost
from optimizer.solver import MethodName, solve_instance

MAGNITUDE_MAX = 1e15


@dataclass(frozen=True, eq=False, slots=True)
class Feeders:
    """Parts of the site with caps of their own on the charging under them: `cap_w` [F, T], infinite for none.

    `of` [N]: the feeder each car hangs on, −1 for the site itself; `parent` [F] of each feeder, before it in the
    list, −1 for the site (all of them when left out). `conductors` [F]: limits in ampere, None for none; without
    `base_a` they carry charging only.
    """

    cap_w: ArrayLike
    of: ArrayLike
    parent: ArrayLike | None = None
    conductors: Sequence[Conductors | None] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Filled:
    """A feasible plan `power_w` [N, T] with its proof.

    `objective`, `lower_bound`: the slot cost of the load in kWh per slot (½ Σ L² unless another cost was given) plus
    the price of unserved energy; `gap` = (objective − lower_bound) / max(1, |objective|). `unserved_wh` [N]: what no
    plan can serve, because the window is too short or the cap too low; the solver never answers "infeasible".
    `price` [1 + F, T], at the site and the feeders, proves the bound (`optimizer.certificate`); where currents are
    limited, together with `limit_price`: the cost per ampere (kW) of every row of `optimizer.limit_rows`.
    """

    power_w: FloatArray
    objective: float
    lower_bound: float
    gap: float
    unserved_wh: FloatArray
    price: FloatArray
    method: str
    rounds: int
    limit_price: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))


def fill(
    base_load_w: ArrayLike,
    energy_wh: ArrayLike,
    power_max_w: ArrayLike,
    arrive: ArrayLike,
    depart: ArrayLike,
    cap_w: ArrayLike,
    slot_h: float,
    *,
    cost: SlotCost | None = None,
    priority: ArrayLike | None = None,
    feeders: Feeders | None = None,
    conductors: Conductors | None = None,
    lines: Sequence[str] | None = None,
    method: MethodName | None = None,
) -> Filled:
    """The plan that fills the valleys of `base_load_w` [T], total load at most `cap_w` [T] (infinite for no cap).

    Car i [N] wants `energy_wh`, draws at most `power_max_w` and may charge in the slots [arrive, depart). Where the
    caps are too low for all, higher `priority` is served first. `cost` replaces ½ L² (L in kWh per slot). `conductors`
    limit the currents of the site, and `lines` [N] say which of them a car is on (`optimizer.conductors`; all three
    when left out). `method` forces one; by default the number of cars decides, and currents always take the interior
    point. Raises ValueError for shapes or numbers that make no sense.
    """
    base, cap = _amounts("base_load_w", base_load_w, signed=True), _amounts("cap_w", cap_w, signed=True, infinite=True)
    energy, power = _amounts("energy_wh", energy_wh), _amounts("power_max_w", power_max_w)
    first, last = _slots("arrive", arrive), _slots("depart", depart)
    classes = None if priority is None else _slots("priority", priority)
    _check(base, cap, energy, power, first, last, classes, slot_h)
    caps, node, parent = _tree(cap, len(energy), feeders)
    unit = slot_h / 1000.0
    instance = make_instance(
        base * unit,
        cost or Quadratic(np.ones(len(base)), np.zeros(len(base))),
        first,
        last,
        power * unit,
        energy / 1000.0,
        caps * unit,
        classes,
        node,
        parent,
    )
    below = np.zeros_like(caps)
    below[0] = base
    limited = _conductors(conductors, feeders, len(caps), len(base))
    if any(given is not None for given in limited):
        rows = rows_of(Nodes(caps / 1000.0, below / 1000.0, limited), _lines(lines, len(energy)))
        return _under_rows(wired_up(instance, rows, _lines(lines, len(energy)), slot_h, classes), energy)
    answer = solve_instance(instance, method)
    table = answer.energy
    table /= unit
    keep_caps(instance, table, caps, below)
    served_wh = table.sum(axis=1) * slot_h
    objective = instance.objective(table.sum(axis=0) * unit, served_wh / 1000.0)
    return Filled(
        power_w=table,
        objective=objective,
        lower_bound=answer.lower_bound,
        gap=relative_gap(objective, answer.lower_bound),
        unserved_wh=np.maximum(energy - served_wh, 0.0),
        price=answer.price,
        method=answer.method,
        rounds=answer.rounds,
    )


def _under_rows(w: Wired, energy_wh: FloatArray) -> Filled:
    """The same where currents are limited."""
    found = solve_wired(w)
    power_kw = found.energy / w.slot_h
    keep_limits(w, power_kw)
    served = power_kw.sum(axis=1) * w.slot_h
    objective = w.instance.objective(power_kw.sum(axis=0) * w.slot_h, served)
    return Filled(
        power_w=power_kw * 1000.0,
        objective=objective,
        lower_bound=found.lower_bound,
        gap=relative_gap(objective, found.lower_bound),
        unserved_wh=np.maximum(energy_wh - served * 1000.0, 0.0),
        price=np.concatenate([found.price[:1], feeder_price(w.instance.parent, w.wiring, found.price)]),
        method="interior point",
        rounds=found.iterations,
        limit_price=w.limit_price(found.price),
    )


def _conductors(site: Conductors | None, feeders: Feeders | None, nodes: int, slots: int) -> list[Conductors | None]:
    below = [None] * (nodes - 1) if feeders is None or feeders.conductors is None else list(feeders.conductors)
    if len(below) != nodes - 1:
        raise ValueError(f"feeders.conductors: one per feeder, {nodes - 1}, or None expected")
    for given in (site, *below):
        if given is not None:
            given.check(slots)
    return [site, *below]


def _lines(lines: Sequence[str] | None, cars: int) -> list[str]:
    found = ["123"] * cars if lines is None else list(lines)
    if len(found) != cars or not set(found) <= set(CONNECTIONS):
        raise ValueError(f"lines: one of {', '.join(CONNECTIONS)} per car expected")
    return found


def _tree(cap: FloatArray, cars: int, feeders: Feeders | None) -> tuple[FloatArray, IntArray, IntArray]:
    """Caps of all nodes, the node of every car and the parent of every node; node 0 is the site."""
    if feeders is None:
        return cap[None], np.zeros(cars, dtype=np.int64), np.full(1, -1)
    below = np.asarray(feeders.cap_w, dtype=np.float64)
    if below.ndim != 2 or below.shape[1] != len(cap):
        raise ValueError(f"feeders.cap_w: one row of {len(cap)} values per feeder expected")
    _amounts("feeders.cap_w", below.ravel(), infinite=True)
    node = _slots("feeders.of", feeders.of) + 1
    above = np.full(len(below), -1) if feeders.parent is None else _slots("feeders.parent", feeders.parent)
    if len(node) != cars or (node < 0).any() or (node > len(below)).any():
        raise ValueError(f"feeders.of: one number from -1 to {len(below) - 1} per car expected")
    if len(above) != len(below) or (above < -1).any() or (above >= np.arange(len(below))).any():
        raise ValueError("feeders.parent: every parent stands before its feeder, -1 for the site")
    return np.concatenate([cap[None], below]), node, np.append(-1, above + 1)


def _amounts(name: str, values: ArrayLike, signed: bool = False, infinite: bool = False) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    low = -MAGNITUDE_MAX if signed else 0.0
    known = array <= MAGNITUDE_MAX
    if infinite:
        known |= array == np.inf
    if array.ndim != 1 or not (known & (array >= low)).all():
        raise ValueError(f"{name}: a row of numbers between {low:g} and {MAGNITUDE_MAX:g} expected")
    return array


def _slots(name: str, values: ArrayLike) -> IntArray:
    array = np.asarray(values)
    whole = array.astype(np.int64) if array.size else np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or (whole != array).any():
        raise ValueError(f"{name}: a row of whole numbers expected")
    return whole


def _check(
    base: FloatArray,
    cap: FloatArray,
    energy: FloatArray,
    power: FloatArray,
    first: IntArray,
    last: IntArray,
    classes: IntArray | None,
    slot_h: float,
) -> None:
    if not 0.0 < slot_h <= 8760.0:
        raise ValueError(f"slot_h: hours per slot must lie above 0 and within a year, got {slot_h}")
    if len(cap) != len(base) or len(base) == 0:
        raise ValueError(f"cap_w: {len(cap)} values for {len(base)} slots")
    cars = [power, first, last] if classes is None else [power, first, last, classes]
    if any(len(values) != len(energy) for values in cars):
        raise ValueError("energy_wh, power_max_w, arrive, depart and priority: one value per car expected")
    bad = np.flatnonzero((first < 0) | (first >= last) | (last > len(base)))
    if len(bad):
        raise ValueError(
            f"car {bad[0]}: 0 <= arrive < depart <= {len(base)} expected, got {first[bad[0]]}, {last[bad[0]]}"
        )
