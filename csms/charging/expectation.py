"""What a forecast tells the planner: loads beside the stations, and cars that are still to come. Pure.

A forecast may keep room free and say when load is low; it never makes room. At every feeder and in every slot the load
that counts against a cap is the higher one of what is expected and of what counts without a forecast, and the slot that
is carried out, the first, stays as it would be. Cars that are to come go after all that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms.charging.account import Draw
from csms.charging.feeder import QUARTER_HOUR, FeederTree
from csms.charging.lines import ALL, on_lines
from csms.model.outlook import ComingCars, Outlook
from optimizer.problem import EvSession

SCENARIOS_MAX = 200
"""Kinds of cars to come that a plan is told about: those with the most energy; each costs the solver a car's work."""
LEAST = 1.0
"""W and Wh: less is no car, and numbers next to nothing cost the solver its accuracy."""
PREFIX = "expected:"
THERE, TO_COME = 1, 0
"""Priorities: whoever is there is served before those who are only expected."""

Loads = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Coming:
    """Cars of one kind together, of one feeder: slots of a plan, W and Wh of all of them."""

    feeder_id: str
    arrival_slot: int
    departure_slot: int
    power_w: float
    energy_wh: float

    def session(self, number: int, feeder: str) -> EvSession:
        """As the solver sees it, at a feeder of the problem."""
        return EvSession(
            id=f"{PREFIX}{number}",
            arrival_slot=self.arrival_slot,
            departure_slot=self.departure_slot,
            power_max_kw=self.power_w / 1000,
            energy_kwh=self.energy_wh / 1000,
            priority=TO_COME,
            feeder=feeder,
        )

    def draw(self) -> Draw:
        """The most that they may take; nobody knows their phases, so they count on all of them."""
        most_w = round(self.power_w)
        return Draw(most_w, on_lines(most_w, 3, ALL))


def is_expected(session_id: str) -> bool:
    """Whether a session of a problem is no session, but cars to come: outlets have a slash in their names."""
    return session_id.startswith(PREFIX) and "/" not in session_id


def likely_loads_w(
    outlook: Outlook, tree: FeederTree, below: Sequence[str], slots: Sequence[datetime], loads_w: Sequence[Loads]
) -> list[Loads]:
    """Base loads through the feeders `below` a root by slot, where nothing is expected those of `loads_w`, W."""
    return [loads_w[0], *(_likely_w(outlook, tree, below, at) for at in slots[1:])]


def _likely_w(outlook: Outlook, tree: FeederTree, below: Sequence[str], at: datetime) -> Loads:
    def own_w(feeder_id: str) -> int:
        expected_w = outlook.load_w(feeder_id, at)
        if expected_w is None:
            return tree.own_load_w(feeder_id, at)
        return round(min(max(expected_w, 0.0), tree.feeder(feeder_id).rating_w))

    return tree.through_w(below, at, own_w)


def counted_w(loads_w: Sequence[Loads], likely_w: Sequence[Loads]) -> list[Loads]:
    """The higher ones: what is kept free of a cap."""
    return [
        {id_: max(w, likely[id_]) for id_, w in known.items()} for known, likely in zip(loads_w, likely_w, strict=True)
    ]


def coming(outlook: Outlook, tree: FeederTree, root: str, now: datetime, slots: int) -> list[Coming]:
    """Cars to come under a root, from the second slot on; those of one feeder and one window together.

    An unknown feeder counts as the first one, as it does for stations.
    """
    found: dict[tuple[str, int, int], list[float]] = {}
    for cars in outlook.cars:
        path, window = tree.place(cars.feeder_id), _window(cars, now, slots)
        if path[-1] != root or window is None:
            continue
        begin, end, share = window
        sums = found.setdefault((path[0], begin, end), [0.0, 0.0])
        sums[0] += cars.count * cars.power_w
        sums[1] += cars.count * cars.energy_wh * share
    every = [_coming(window, sums[0], sums[1], tree) for window, sums in found.items()]
    real = (one for one in every if one.power_w >= LEAST and one.energy_wh >= LEAST)
    kept = sorted(real, key=_most_energy)[:SCENARIOS_MAX]
    return sorted(kept, key=lambda one: (one.arrival_slot, one.departure_slot, one.feeder_id))


def _most_energy(one: Coming) -> tuple[float, int, int, str]:
    return -one.energy_wh, one.arrival_slot, one.departure_slot, one.feeder_id


def _window(cars: ComingCars, now: datetime, slots: int) -> tuple[int, int, float] | None:
    """The slots of a stay and the share of its energy that falls into the horizon; None if it lies outside of it."""
    begin = -((now - cars.arrives_at) // QUARTER_HOUR)
    stay = max(int(cars.stay_s // QUARTER_HOUR.total_seconds()), 1)
    end = min(begin + stay, slots)
    return (begin, end, (end - begin) / stay) if 0 < begin < end else None


def _coming(window: tuple[str, int, int], power_w: float, energy_wh: float, tree: FeederTree) -> Coming:
    """Never more than the feeder carries, nor more than fits into the window."""
    feeder_id, begin, end = window
    power_w = min(power_w, float(tree.feeder(feeder_id).rating_w))
    hours = (end - begin) * QUARTER_HOUR.total_seconds() / 3600
    return Coming(feeder_id, begin, end, power_w, min(energy_wh, power_w * hours))


def as_sessions(coming_cars: Iterable[Coming], place: Callable[[str], str]) -> tuple[EvSession, ...]:
    """For the solver; `place`: the nearest feeder of the problem."""
    return tuple(one.session(number, place(one.feeder_id)) for number, one in enumerate(coming_cars))
