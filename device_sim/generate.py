"""A day of made-up sessions, the same for the same seed: office cars in the morning, home-comers in the evening, and
short stops in between that want power. Three stays for every two piles.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

import numpy as np

from device_sim.pile import PROTOCOLS, PileSpec
from device_sim.sessions import Session

SESSIONS_PER_PILE = 1.5
SHARES = (0.55, 0.25, 0.20)  # morning, evening, short
ARRIVAL_H = ((8.7, 0.9), (18.0, 1.0), (13.5, 2.8))  # mean and spread, hours of the local day
STAY_H = ((7.5, 1.8), (4.6, 1.0), (0.85, 0.2))
STAY_MIN_H = 0.4
ENERGY_KWH = ((14.0, 6.0), (12.0, 5.0), (22.0, 7.0))
POWER_MAX_KW = (9.5, 9.5, 45.0)  # nobody wishes what the stay cannot give
ENERGY_MIN_KWH = 1.5
DAY_END_H = 23.9
MODELS = (("ac", 1, 32.0, 7_360.0), ("ac", 3, 16.0, 11_040.0), ("ac", 3, 32.0, 22_080.0), ("dc", 3, 100.0, 60_000.0))
MIX = (0, 1, 0, 2, 1, 3)  # indices of MODELS, repeated over the site


def generate_piles(count: int, protocol: str | None = None) -> list[PileSpec]:
    """A site of `count` piles: mostly AC of three sizes, every sixth DC; all of one version, or 1.6 and 2.0.1 in each
    kind.
    """
    made = []
    for number in range(count):
        kind, phases, current_a, power_w = MODELS[MIX[number % len(MIX)]]
        spoken = protocol or PROTOCOLS[(number + number // len(MIX)) % 2]
        made.append(PileSpec(f"SIM{number + 1:04d}", kind, phases, current_a, power_w, spoken))
    return made


def generate_sessions(seed: int, day: date, zone: tzinfo, piles: int) -> list[Session]:
    """Sessions of the local `day` at `piles` piles; all end before midnight. Raises ValueError below 1 pile."""
    if piles < 1:
        raise ValueError(f"a site has at least 1 pile, not {piles}")
    rng = np.random.default_rng(seed)
    midnight = datetime.combine(day, time(), zone)
    made = [_one(rng, midnight, number) for number in range(max(1, round(SESSIONS_PER_PILE * piles)))]
    return sorted(made, key=lambda session: (session.arrival, session.session_id))


def _one(rng: np.random.Generator, midnight: datetime, number: int) -> Session:
    kind = int(rng.choice(len(SHARES), p=SHARES))
    arrival_h = float(np.clip(rng.normal(*ARRIVAL_H[kind]), 0.1, DAY_END_H - 2 * STAY_MIN_H))
    stay_h = float(np.clip(rng.normal(*STAY_H[kind]), STAY_MIN_H, DAY_END_H - arrival_h))
    energy_kwh = max(ENERGY_MIN_KWH, float(rng.normal(*ENERGY_KWH[kind])))
    energy_kwh = min(energy_kwh, POWER_MAX_KW[kind] * stay_h * 0.9)
    arrival = (midnight + timedelta(seconds=round(arrival_h * 3600))).astimezone(UTC)
    departure = arrival + timedelta(seconds=round(stay_h * 3600))
    energy_wh = float(round(energy_kwh * 1000))
    return Session(f"gen-{number:04d}", arrival, departure, energy_wh, departure, energy_wh)
