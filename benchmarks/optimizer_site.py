"""A whole site, cars, battery, sun, generator and scenarios, beside Clarabel fed the same program directly.

The rival gets the extensive form: the cars' slots, the battery, and for every scenario grid, generator and sun of
every slot. Only its set-up and solving is timed; ours is from the site as data to the plan with its proof.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.optimizer_rivals import Case
from optimizer.models import Generator, ScenarioSet, Storage
from optimizer.models.tariff import shipped_tariff
from optimizer.problem import EvSession
from optimizer.site import Site

SCENARIOS = 50


def flat_site(case: Case) -> Site:
    """Flattening the grid (½ n²) with a battery, the sun and a generator."""
    count, slots, hours = len(case.energy_wh), len(case.base_load_w), case.slot_h
    sessions = tuple(
        EvSession(f"{i}", int(a), int(d), float(p) / 1000, float(e) / 1000)
        for i, (a, d, p, e) in enumerate(zip(case.arrive, case.depart, case.power_max_w, case.energy_wh, strict=True))
    )
    hour = np.arange(slots) * hours
    usual = float(case.base_load_w.mean()) / 1000 * hours
    return Site(
        slot_h=hours,
        base_load_kw=case.base_load_w / 1000,
        sessions=sessions,
        storages=(Storage("battery", 2.0 * count, 0.5 * count, 0.5 * count, 0.5 * count),),
        generators=(Generator("unit", 0.5, 1.5 * usual, 0.0, 0.3 * usual),),
        pv_kw=1.5 * count * np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)),
        weight=1.0,
        import_max_kw=case.cap_w / 1000,
    )


def priced_site(case: Case) -> Site:
    """The same under the time-of-use tariff, sale for less than purchase, and little flattening."""
    count, tariff = len(case.energy_wh), shipped_tariff("shandong-2026")
    price = np.array([tariff.price_of(letter) for letter in tariff.hours[1]])
    each = np.repeat(price, len(case.base_load_w) // 24)
    unit = Generator("unit", 0.5 / count, 0.4, 0.0, 0.1 * count)
    return replace(flat_site(case), price=each, sell_price=0.1, weight=0.01 / count, generators=(unit,))


def with_scenarios(site: Site, seed: int = 0) -> Site:
    """Fifty deviations of the net load, a sixth of it; the connection is strong enough for all of them."""
    deviation = float(site.base_load_kw.mean()) / 6
    some = ScenarioSet.around(np.zeros(site.slots), deviation, SCENARIOS, seed)
    return replace(site, scenarios=some, import_max_kw=np.inf)


def clarabel(site: Site) -> tuple[float, float]:
    """CPU seconds and objective of Clarabel on the extensive form; one storage, one generator."""
    import clarabel as package

    parts = _extensive(site)
    settings = package.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    low, high = np.flatnonzero(np.isfinite(parts["low"])), np.flatnonzero(np.isfinite(parts["high"]))
    unit = sp.eye_array(len(parts["low"]), format="csr")
    stacked = sp.csc_matrix(sp.vstack([parts["equal"], -unit[low], unit[high]], format="csc"))
    side = np.concatenate([parts["side"], -parts["low"][low], parts["high"][high]])
    cones = [package.ZeroConeT(len(parts["side"])), package.NonnegativeConeT(len(low) + len(high))]
    began = time.process_time()
    solver = package.DefaultSolver(
        sp.csc_matrix(sp.diags_array(parts["square"])), parts["linear"], stacked, side, cones, settings
    )
    x = np.asarray(solver.solve().x)
    spent = time.process_time() - began
    return spent, float(0.5 * x @ (parts["square"] * x) + parts["linear"] @ x)


def _extensive(site: Site) -> dict[str, Any]:
    """½ x'Qx + c'x with A x = b and bounds: cars, battery (charge, discharge, energy), then bought, sold, sun and
    generator of each scenario.
    """
    t, h = site.slots, site.slot_h
    arrive = np.array([s.arrival_slot for s in site.sessions])
    length = np.array([s.departure_slot for s in site.sessions]) - arrive
    car = np.repeat(np.arange(len(arrive)), length)
    slot = np.arange(len(car)) - np.repeat(np.cumsum(length) - length - arrive, length)
    cars = len(car)
    own = sp.csc_array((np.ones(cars), (car, np.arange(cars))), shape=(len(arrive), cars))
    drawn = sp.csc_array((np.ones(cars), (slot, np.arange(cars))), shape=(t, cars))
    b, (unit,) = site.storages[0], site.generators
    eye = sp.eye_array(t)
    keeps = sp.hstack([-b.charge_efficiency * eye, eye / b.discharge_efficiency, eye - sp.eye_array(t, k=-1)])
    extra = np.zeros((1, t)) if site.scenarios is None else site.scenarios.values * h
    count = len(extra)
    given = sp.kron(sp.eye_array(count), sp.hstack([eye, eye, eye, eye]))

    def none_of(width: int) -> Any:
        return sp.csc_array((t, width))

    equal = sp.block_array(
        [
            [sp.hstack([own, sp.csc_array((len(arrive), 4 * t))]), sp.csc_array((len(arrive), given.shape[1]))],
            [sp.hstack([none_of(cars), keeps, none_of(t)]), none_of(given.shape[1])],
            [sp.hstack([-drawn, -eye, eye, none_of(t), eye]), none_of(given.shape[1])],
            [sp.kron(np.ones((count, 1)), sp.hstack([none_of(cars + 3 * t), eye])), -given],
        ],
        format="csc",
    )
    start = np.zeros(t)
    start[0] = b.energy_start_kwh
    side = np.concatenate([[s.energy_kwh for s in site.sessions], start, site.base_load_kw * h, -extra.ravel()])
    power = np.array([s.power_max_kw for s in site.sessions])
    least = np.zeros(t)
    least[-1] = b.end_kwh
    ones, none = np.ones(t), np.zeros(t)
    buy, sell = np.asarray(site.price), np.asarray(site.sell_price)
    apart = bool((sell < buy).any())
    low = [np.zeros(cars + 2 * t), least, ones * -np.inf]
    high = [
        power[car] * h,
        ones * b.charge_max_kw * h,
        ones * b.discharge_max_kw * h,
        ones * b.energy_max_kwh,
        ones * np.inf,
    ]
    square, linear = [np.zeros(cars + 4 * t)], [np.zeros(cars + 4 * t)]
    for _ in range(count):
        low += [none if apart else ones * -np.inf, ones * -np.inf if apart else none, none, none]
        high += [
            np.asarray(site.import_max_kw) * h,
            none,
            np.asarray(site.pv_kw) * h,
            ones * np.max(unit.energy_max_kwh),
        ]
        weight = np.asarray(site.weight)
        square += [weight / count, weight / count if apart else none, none, ones * 2 * unit.a / count]
        linear += [buy / count, sell / count, none, ones * unit.b / count]
    return {
        "equal": equal,
        "side": side,
        "low": np.concatenate(low),
        "high": np.concatenate(high),
        "square": np.concatenate(square),
        "linear": np.concatenate(linear),
    }
