"""Which car stands at which pile, and what car it is.

In the order of arrival each session takes the free pile that fits best: the weakest one that still brings the energy
within the stay, else the strongest. Where none is free the car is turned away. Cars follow from the seed and the
session alone, so a car stays the same whatever else changes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from device_sim.battery import Battery
from device_sim.car import Car
from device_sim.pile import PileSpec
from device_sim.sessions import Session, Visit

GAP = timedelta(seconds=60)
MARGIN = 1.15  # over the mean power: ramp, taper and messages take their time
AC_CARS = ((1, 7_360.0), (3, 11_040.0), (3, 22_080.0))  # phases and on-board charger
AC_BATTERY_W = 100_000.0
END_POWER_SHARE = 0.05
SOC_END_MAX = 0.88


@dataclass(frozen=True, slots=True)
class Assignment:
    """Visits by station in order of arrival, and the sessions that found no pile."""

    visits: dict[str, tuple[Visit, ...]]
    turned_away: tuple[Session, ...]

    @property
    def end(self) -> datetime | None:
        """When the last car leaves; None without cars."""
        return max((v.session.departure for visits in self.visits.values() for v in visits), default=None)


def assign(sessions: Iterable[Session], piles: Sequence[PileSpec], seed: int = 0) -> Assignment:
    """Give every session a pile and a car, or turn it away."""
    visits: dict[str, list[Visit]] = {pile.station_id: [] for pile in piles}
    away: list[Session] = []
    for session in sorted(sessions, key=lambda s: (s.arrival, s.session_id)):
        pile = _best(session, [pile for pile in piles if _is_free(visits[pile.station_id], session)])
        if pile is None:
            away.append(session)
        else:
            visits[pile.station_id].append(_visit(session, pile, seed))
    return Assignment({name: tuple(found) for name, found in visits.items()}, tuple(away))


def _is_free(visits: Sequence[Visit], session: Session) -> bool:
    return not visits or visits[-1].session.departure + GAP <= session.arrival


def _best(session: Session, free: Sequence[PileSpec]) -> PileSpec | None:
    if not free:
        return None
    enough = [pile for pile in free if pile.rated_w >= session.mean_power_w * MARGIN]
    if enough:
        return min(enough, key=lambda pile: pile.rated_w)
    return max(free, key=lambda pile: pile.rated_w)


def _visit(session: Session, pile: PileSpec, seed: int) -> Visit:
    rng = random.Random(f"{seed}:{session.session_id}")
    return Visit(session, build_car(session, pile, rng), f"SIM{rng.getrandbits(40):010X}")


def build_car(session: Session, pile: PileSpec, rng: random.Random) -> Car:
    """A car whose battery has room for the session's energy; its charger is fast enough if the pile allows it."""
    capacity_wh = max(rng.uniform(40_000.0, 85_000.0), session.energy_wh / 0.8)
    share = session.energy_wh / capacity_wh
    soc_start = rng.uniform(0.05, max(0.06, SOC_END_MAX - share))
    knee_soc = rng.uniform(0.8, 0.9)
    if pile.kind == "dc":
        return _dc_car(session, rng, capacity_wh, soc_start, knee_soc)
    phases, power_w = _ac_charger(session, pile, rng)
    battery = Battery(capacity_wh, AC_BATTERY_W, knee_soc, END_POWER_SHARE * AC_BATTERY_W)
    return Car(battery, session.energy_wh, soc_start, phases, power_w, ramp_w_per_s=power_w / rng.uniform(8.0, 15.0))


def _dc_car(session: Session, rng: random.Random, capacity_wh: float, soc_start: float, knee_soc: float) -> Car:
    power_w = max(rng.uniform(50_000.0, 150_000.0), session.mean_power_w * MARGIN)
    battery = Battery(capacity_wh, power_w, knee_soc, END_POWER_SHARE * power_w)
    ramp_w_per_s = power_w / rng.uniform(10.0, 20.0)
    return Car(battery, session.energy_wh, soc_start, dc_power_w=power_w, ramp_w_per_s=ramp_w_per_s)


def _ac_charger(session: Session, pile: PileSpec, rng: random.Random) -> tuple[int, float]:
    def reach_w(charger: tuple[int, float]) -> float:
        phases, power_w = charger
        return min(power_w, pile.supply.current_max_a * min(phases, pile.phases) * pile.voltage_v)

    enough = [charger for charger in AC_CARS if reach_w(charger) >= session.mean_power_w * MARGIN]
    return rng.choice(enough) if enough else max(AC_CARS, key=reach_w)
