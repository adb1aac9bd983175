"""Problems to try things with: one to read, a whole site, and days of any size for measuring."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.models.tariff import shipped_tariff
from optimizer.problem import EvSession, Problem

DAY_SLOTS = 96


def example_problem() -> Problem:
    """A day of quarter-hours: an evening peak, a lower cap from 18:00 to 21:00, six cars."""
    hour = np.arange(96) / 4.0
    base = 20.0 + 16.0 * np.exp(-(((hour - 19.0) / 2.5) ** 2)) + 5.0 * np.exp(-(((hour - 9.0) / 2.0) ** 2))
    stays = [(32, 68, 7.0, 20.0), (34, 70, 11.0, 30.0), (40, 44, 22.0, 12.0)]
    nights = [(68, 96, 7.0, 25.0), (72, 96, 11.0, 40.0), (74, 92, 3.7, 10.0)]
    return Problem(
        slot_h=0.25,
        base_load_kw=np.round(base, 2),
        cap_kw=np.where((hour >= 18) & (hour < 21), 38.0, 50.0),
        sessions=tuple(EvSession(f"car-{i}", *stay) for i, stay in enumerate(stays + nights, 1)),
    )


def example_site(problem: dict[str, Any]) -> dict[str, Any]:
    """The example with winter prices, sale, sun, a battery, a generator and a car that feeds back."""
    hour = np.arange(96) / 4.0
    tariff = shipped_tariff("shandong-2026")
    price = [tariff.price_of(letter) for letter in tariff.hours[1] for _ in range(4)]
    return {
        "slot_h": problem["slot_h"],
        "base_load_kw": problem["base_load_kw"],
        "import_max_kw": problem["cap_kw"],
        "sessions": problem["sessions"],
        "price": price,
        "sell_price": 0.1,
        "pv_kw": np.round(30.0 * np.maximum(0.0, np.sin((hour - 7.0) / 10.0 * np.pi)) * (hour < 17), 2).tolist(),
        "storages": [
            {"id": "battery", "energy_max_kwh": 60, "energy_start_kwh": 20, "charge_max_kw": 20, "discharge_max_kw": 20}
        ],
        "generators": [{"id": "unit", "a": 0.02, "b": 0.9, "energy_min_kwh": 0, "energy_max_kwh": 2.5}],
        "cars": [
            {
                "id": "v2g",
                "arrival_slot": 66,
                "departure_slot": 96,
                "energy_start_kwh": 40,
                "energy_wanted_kwh": 50,
                "energy_max_kwh": 60,
                "charge_max_kw": 11,
                "discharge_max_kw": 11,
                "energy_floor_kwh": 20,
            }
        ],
    }


def day(count: int, seed: int = 0, slots: int = DAY_SLOTS) -> dict[str, Any]:
    """Arguments of `optimizer.valley.fill` for a day of `count` cars, of quarter-hours unless told otherwise: random
    stays (8 h on average), an evening peak, an evening cap that binds. Drawn by the seed, so it is the same everywhere.
    """
    rng = np.random.default_rng(seed)
    fine, slot_h = slots / DAY_SLOTS, 24.0 / slots
    arrive = rng.integers(0, slots - round(8 * fine), count)
    stay = np.clip(np.round((rng.exponential(28, count) + 8) * fine), max(4 * fine, 1), slots).astype(np.int64)
    depart = np.minimum(arrive + stay, slots)
    power = rng.choice([3700.0, 7000.0, 11000.0, 22000.0], count)
    energy = rng.uniform(0.1, 0.8, count) * power * (depart - arrive) * slot_h
    hour = np.arange(slots) * slot_h
    evening, morning = np.exp(-(((hour - 19) / 2.5) ** 2)), np.exp(-(((hour - 9) / 2) ** 2))
    base = count * 1000.0 * (1 + 0.8 * evening + 0.3 * morning)
    mean = energy.sum() / 24
    cap = np.full(slots, base.max() + 2.5 * mean)
    binding = (hour >= 17) & (hour < 20)
    cap[binding] = base[binding] + 0.5 * mean
    return {
        "base_load_w": base,
        "energy_wh": energy,
        "power_max_w": power,
        "arrive": arrive,
        "depart": depart,
        "cap_w": cap,
        "slot_h": slot_h,
    }
