"""Experiment 2.1 of ACN-Sim: a month of real sessions at a garage whose transformer is too small, cars unknown until
they plug in.

Input: `shared/data/acn` beside the repository, or the folder that ACN_DATA names (Z. J. Lee, T. Li, S. H. Low,
"ACN-Data", ACM e-Energy 2019). The optimum knows all sessions in advance. On three phases the stations sit in turn
between the conductors 1-2, 2-3 and 3-1 of 208 V behind a delta-wye transformer from 480 V, as papers describe that
site; which station is on which pair they do not say, so published figures are of another wiring.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from optimizer import Conductors, CurrentLimit, EvSession, Problem, deliverable
from optimizer.arrays import FloatArray
from optimizer.deliverable import Deliverable
from optimizer.most_energy import least_laxity_now, share_now

SLOT_H, POWER_KW = 1 / 12, 6.6
SECONDARY_V, PRIMARY_V = 120.0, 277.0
PAIRS = ("1-2", "2-3", "1-3")
DONE_KWH = 1e-9
FILE = "acnsim_caltech_2019-03_5min_sessions.csv"
Rule = Callable[[Problem, bool], FloatArray]


def folder() -> Path:
    """Where recorded sessions are looked for: the folder that ACN_DATA names, else beside the repository."""
    beside = _repository().parent / "shared" / "data" / "acn"
    return Path(os.environ.get("ACN_DATA") or beside)


def _repository() -> Path:
    """This checkout, or the one that it is a worktree of: there `.git` is a file that says where."""
    root = Path(__file__).resolve().parents[1]
    link = root / ".git"
    if not link.is_file():
        return root
    git = Path(link.read_text("utf-8").removeprefix("gitdir:").strip())
    return git.parents[2] if git.parts[-3:-1] == (".git", "worktrees") else root


def data() -> Path:
    """The file of sessions, which need not exist."""
    return folder() / FILE


def sessions(until_slot: int = 10**9) -> tuple[EvSession, ...]:
    """All sessions that leave by then."""
    with data().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stations = sorted({row["station_id"] for row in rows})
    return tuple(
        EvSession(
            id=row["session_id"],
            arrival_slot=int(row["arrival_5min"]),
            departure_slot=int(row["departure_5min"]),
            power_max_kw=POWER_KW,
            energy_kwh=float(row["requested_kwh"]),
            lines=PAIRS[stations.index(row["station_id"]) % 3],
        )
        for row in rows
        if int(row["departure_5min"]) <= until_slot
    )


@dataclass(frozen=True, slots=True)
class Garage:
    """A transformer of so many kW, seen as one cap or in all its conductors."""

    cap_kw: float
    three_phase: bool = False

    def problem(self, cars: Sequence[EvSession], slots: int) -> Problem:
        """These cars behind it."""
        none = np.zeros(slots)
        if not self.three_phase:
            return Problem(SLOT_H, none, np.full(slots, self.cap_kw), tuple(cars))
        return Problem(
            SLOT_H,
            none,
            np.full(slots, np.inf),
            tuple(cars),
            conductors=Conductors(cap_a=self.cap_kw * 1000 / (3 * SECONDARY_V), neutral_v=SECONDARY_V),
            current_limits=self._primary(),
        )

    def _primary(self) -> tuple[CurrentLimit, ...]:
        """I_A = (I_a − I_b) / 4 and so on round: 480 V across a winding against 120 V."""
        turn = np.exp(1j * np.pi / 6 * np.array([1, -3, 5]))
        lines = [turn[0] * np.eye(3)[0] - turn[2] * np.eye(3)[2]]
        lines += [turn[1] * np.eye(3)[1] - turn[0] * np.eye(3)[0], turn[2] * np.eye(3)[2] - turn[1] * np.eye(3)[1]]
        limit = self.cap_kw * 1000 / (3 * PRIMARY_V)
        return tuple(
            CurrentLimit(
                f"primary {n + 1}",
                limit,
                dict(zip(PAIRS, (lines[n] - lines[(n + 1) % 3]) / 4, strict=True)),
                neutral_v=SECONDARY_V,
            )
            for n in range(3)
        )


def online(garage: Garage, cars: Sequence[EvSession], rule: Rule) -> float:
    """Energy delivered (kWh) when every slot is decided knowing only who is there."""
    order = sorted(range(len(cars)), key=lambda i: (cars[i].arrival_slot, i))
    left = np.array([car.energy_kwh for car in cars])
    here: list[int] = []
    known: list[int] = []
    for now in range(max(car.departure_slot for car in cars)):
        while order and cars[order[0]].arrival_slot <= now:
            here.append(order.pop(0))
        here = [i for i in here if cars[i].departure_slot > now and left[i] > DONE_KWH]
        if here:
            present = [
                replace(cars[i], arrival_slot=0, departure_slot=cars[i].departure_slot - now, energy_kwh=float(left[i]))
                for i in here
            ]
            slots = max(car.departure_slot for car in present)
            power = np.minimum(POWER_KW, left[here] / SLOT_H)
            if garage.three_phase or power.sum() > garage.cap_kw:
                power = rule(garage.problem(present, slots), here != known)
            left[here] -= np.minimum(power * SLOT_H, left[here])
            known = list(here)
    return float(sum(car.energy_kwh for car in cars) - left.sum())


class MostEnergy:
    """`share_now` whenever who is there changes; in between rule or plan go on."""

    def __init__(self) -> None:
        self.plan: Deliverable | None = None
        self.age = 0

    def __call__(self, problem: Problem, changed: bool) -> FloatArray:
        """Power now."""
        self.age += 1
        if changed or (self.plan is not None and self.age >= self.plan.borders[-1]):
            shares = share_now(problem)
            self.plan, self.age = shares.plan, 0
            return shares.power_kw
        if self.plan is None:
            return least_laxity_now(problem)
        stretch = int(np.searchsorted(self.plan.borders, self.age, side="right")) - 1
        return least_laxity_now(problem, self.plan.power_kw[:, stretch])


def least_laxity(problem: Problem, _: bool) -> FloatArray:
    """The rule to beat."""
    return least_laxity_now(problem)


def optimum(garage: Garage, cars: Sequence[EvSession]) -> float:
    """Energy (kWh) with perfect foresight."""
    return deliverable(garage.problem(cars, max(car.departure_slot for car in cars))).energy_kwh
