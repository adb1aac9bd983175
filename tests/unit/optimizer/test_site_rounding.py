"""A site's plan as set-points, slot after slot: energy, cost, caps, what batteries hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer import Conductors, EvSession, Feeder
from optimizer.cooptimise import solve_site
from optimizer.models import Storage, V2gSession
from optimizer.site import Site
from optimizer.site_rounding import set_points

SLOTS, H = 16, 0.5


def site() -> Site:
    rng = np.random.default_rng(3)
    cars = tuple(
        EvSession(f"s{n}", int(a), int(a) + 6, 3.68 * len(lines), 4.0 * len(lines), feeder="hall", lines=lines)
        for n, (a, lines) in enumerate(zip(rng.integers(0, 10, 10), ["1", "2", "3", "123", "23"] * 2, strict=True))
    )
    free = np.full(SLOTS, np.inf)
    return Site(
        H, 10.0 + np.sin(np.arange(SLOTS)), cars,
        storages=(Storage("bat", 20.0, 10.0, 6.0, 6.0, power_step_kw=0.1, power_min_kw=0.5),),
        cars=(V2gSession("v2g", 0, 14, 15.0, 25.0, 40.0, 3.68, 3.68, phases=1, lines="2", feeder="hall"),),
        feeders=(Feeder("hall", free, conductors=Conductors(cap_a=40.0, unbalance_a=25.0)),),
        pv_kw=6.0, price=np.where(np.arange(SLOTS) < 8, 0.4, 1.0), import_max_kw=38.0, weight=0.002,
        conductors=Conductors(cap_a=60.0),
    )  # fmt: skip


def moved_on(now: Site, plan_kw: np.ndarray, stored: dict[str, float]) -> Site:
    """One slot later, with what was really moved; the horizon is one slot shorter."""
    cars = []
    for car, kw in zip(now.sessions, plan_kw, strict=True):
        left = max(car.energy_kwh - kw * H, 0.0)
        if car.departure_slot > 1 and left > 1e-6:
            cars.append(replace(car, arrival_slot=max(car.arrival_slot - 1, 0), departure_slot=car.departure_slot - 1,
                                energy_kwh=left))  # fmt: skip
    storages = tuple(
        replace(s, energy_start_kwh=float(np.clip(stored[s.id], 0.0, s.energy_max_kwh)), energy_end_kwh=s.end_kwh)
        for s in now.storages
    )
    feeding = tuple(
        replace(c, departure_slot=c.departure_slot - 1, energy_start_kwh=stored[c.id])
        for c in now.cars
        if c.departure_slot > 1
    )
    rows = {name: np.asarray(getattr(now, name))[1:] for name in ("base_load_kw", "pv_kw", "price", "import_max_kw")}
    rows |= {name: np.asarray(getattr(now, name))[1:] for name in ("sell_price", "weight")}
    feeders = tuple(replace(f, cap_kw=f.cap_kw[1:]) for f in now.feeders)
    parts = {"sessions": tuple(cars), "storages": storages, "cars": feeding, "feeders": feeders}
    return replace(now, export_max_kw=np.inf, **parts, **rows)


def test_a_day_of_set_points() -> None:
    now, carries, served = site(), {}, 0.0
    wanted = sum(car.energy_kwh for car in now.sessions)
    for slot in range(SLOTS):
        plan = solve_site(now)
        told = set_points(now, plan, carries)
        carries = told.carries
        amps = {grant.id: grant.setpoint for grant in told.cars}
        kw = np.array([amps.get(car.id, 0.0) * 0.23 * len(car.lines) for car in now.sessions])
        assert all(a == 0 or a >= 6 for a in amps.values())
        assert all(b.setpoint_w == 0 or abs(b.setpoint_w) >= 500 for b in told.batteries if b.id == "bat")
        assert all(b.setpoint_w % 100 == 0 for b in told.batteries if b.id == "bat")
        battery = {b.id: b.setpoint_w / 1000 for b in told.batteries}
        kept(now, kw, battery)
        real = np.minimum(kw * H, [car.energy_kwh for car in now.sessions])
        served += float(real.sum())
        stored = {b.id: b.stored_wh / 1000 for b in told.batteries}
        assert 0 <= stored["bat"] <= 20.0
        assert stored.get("v2g", 0.0) <= 40.0
        if slot < SLOTS - 1:
            now = moved_on(now, real / H, stored)
    assert served >= 0.995 * wanted


def kept(now: Site, kw: np.ndarray, battery: dict[str, float]) -> None:
    """Caps, in kW and ampere."""
    on = np.zeros(3)
    for car, power in zip(now.sessions, kw, strict=True):
        on += [power * (line in car.lines) / len(car.lines) / 0.23 for line in "123"]
    on[1] += battery.get("v2g", 0.0) / 0.23
    assert on.max() <= 40.0 + 1e-9
    assert on.max() - on.min() <= 25.0 + 1e-3
    whole = on + (battery["bat"] + now.base_load_kw[0]) / 0.69
    assert whole.max() <= 60.0 + 1e-9
    net = now.base_load_kw[0] + kw.sum() + sum(battery.values()) - np.asarray(now.pv_kw)[0]
    assert net <= 38.0 + 1e-9


def test_who_is_not_there_yet_is_told_nothing() -> None:
    later = replace(site(), cars=(replace(site().cars[0], arrival_slot=3),))
    told = set_points(later, solve_site(later))
    assert [b.id for b in told.batteries] == ["bat"]
    assert {grant.id for grant in told.cars} == {car.id for car in later.sessions if car.arrival_slot == 0}


def test_no_limits_at_all() -> None:
    alone = Site(1.0, np.zeros(2), (EvSession("a", 0, 2, 7.36, 3.0, lines="1"),), price=[1.0, 2.0])
    (grant,) = set_points(alone, solve_site(alone)).cars
    assert grant.setpoint == pytest.approx(13.0, abs=1.0)
