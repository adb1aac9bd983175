"""Where to build in an area: candidates, what speaks against each, the choice, and how firm it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.siting import covering, huff, sizing
from monitor.siting.area import Area, AreaBroken, Spots
from monitor.siting.bounds import KNOWN_KM
from monitor.siting.cells import middles
from monitor.siting.market import Market, market_of
from monitor.siting.plane import Array, Bools, Ints, distances_km
from monitor.siting.value import Kind, kinds, site_model, values
from monitor.siting.wishes import Wishes

BUSIEST_SHARE = 0.1
"""Of a day's energy in its busiest hour where no hours are known: a flat day has 0.042, a sharp evening 0.15."""
SESSION_KWH = 25.0
"""Of one charging where no single one is known."""
RIVALS = 3
NEIGHBOUR_KM = 2.0
"""So near another site is in the same neighbourhood: two or three cells away."""
REASONS = ("too_close", "unknown_ground", "no_room", "below_break_even", "others_reach_more")
RADII = (0.5, 2.0)
DECAYS = (1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Rival:
    """An existing site near a candidate; its energy is None where too few users are known for it to be told."""

    name: str
    away_km: float
    kwh_per_day: float | None


@dataclass(frozen=True)
class Proposal:
    """A chosen candidate. Energies kWh a day, beside the other chosen ones: median, 5 and 95 %, mean of the draws;
    `alone_kwh`: the median without them; `adds_kwh`: unmet demand in reach that no earlier one reaches."""

    name: str
    longitude: float
    latitude: float
    median_kwh: float
    low_kwh: float
    high_kwh: float
    mean_kwh: float
    alone_kwh: float
    adds_kwh: float
    captured_kwh: float
    chance: float
    chance_of_top: float
    kind: Kind
    size: sizing.Size
    size_high: sizing.Size
    room_kw: float | None
    rivals: tuple[Rival, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that is not proposed, why (one of REASONS), and the figure that speaks against it."""

    name: str
    longitude: float
    latitude: float
    reason: str
    figure: float


@dataclass(frozen=True, slots=True)
class Variant:
    """The choice with another radius or decay: how many of the chosen stay, how many have one of its sites within
    NEIGHBOUR_KM, share of unmet demand in reach, and the share of its own capture that a chosen site keeps beside the
    others."""

    cover_km: float
    decay: float
    same: int
    near: int
    reached: float
    kept: float


@dataclass(frozen=True)
class Plan:
    """All of it. `unmet_kwh`: a day in the whole area, of which the choice reaches the share `reached`."""

    wishes: Wishes
    market: Market
    piles: float
    break_even_kwh: float
    busiest_share: float
    session_kwh: float
    candidates: int
    proposals: tuple[Proposal, ...]
    rejected: tuple[Rejected, ...]
    variants: tuple[Variant, ...]
    unmet_kwh: float
    reached: float
    gap: float
    greedy_share: float
    field: bool


def plan_of(area: Area, wishes: Wishes) -> Plan:
    """The plan of an area; raises AreaBroken or ValueError where there is too little to go by."""
    return _Planner(area, wishes).plan()


class _Planner:
    """Holds what all steps look at."""

    def __init__(self, area: Area, wishes: Wishes) -> None:
        self.area, self.wishes = area.plannable, wishes
        area = self.area
        used = area.used.sites
        if not len(used):
            raise AreaBroken("no site of the area gave any energy")
        self.piles = float(wishes.piles or np.median(used.piles))
        self.session_kwh = wishes.session_kwh or area.session_kwh or SESSION_KWH
        self.market = market_of(area, self.session_kwh)
        self.spots = area.candidates or self._middles()
        self.places = area.plane.km(self.spots.longitude, self.spots.latitude)
        self.sites = area.plane.km(area.sites.longitude, area.sites.latitude)
        self.away = distances_km(self.places, self.sites)
        counted = None if area.sites.around is None else self.spots.around
        self.values = values(area, site_model(area), self.places, self.piles, wishes.seed, counted)
        self.per_day = area.sites.energy_kwh * 24.0 / area.span_h
        self.break_even = wishes.break_even_kwh or float(np.median(self.per_day[self.per_day > 0]))
        measured = float(area.hourly.max()) if area.hourly is not None else BUSIEST_SHARE
        self.busiest = wishes.busiest_share or measured
        self.kinds = kinds(area, self.places)
        self.transformer = np.full(len(self.spots), -1, dtype=np.int64)
        self.rooms = self._rooms()

    def _middles(self) -> Spots:
        """Without candidates of the planner: the middle of every cell that somebody is in."""
        cells = [cell for cell, there in zip(self.market.cells, self.market.presence, strict=True) if there > 0]
        longitude, latitude = middles(cells)
        return Spots(cells, longitude, latitude, np.full(len(cells), np.nan))

    def _rooms(self) -> Array:
        """Free power for each candidate: as said of it, else of the nearest transformer within reach, NaN unknown."""
        rooms = self.spots.room_kw.copy()
        transformers = self.area.transformers
        if transformers is None or not len(transformers):
            return rooms
        away = distances_km(self.places, self.area.plane.km(transformers.longitude, transformers.latitude))
        nearest = away.argmin(axis=1)
        near = away[np.arange(len(away)), nearest] <= self.wishes.transformer_km
        self.transformer = np.where(near & ~np.isfinite(rooms), nearest, -1)
        return np.where(np.isfinite(rooms), rooms, np.where(near, transformers.room_kw[nearest], np.nan))

    def plan(self) -> Plan:
        wishes, market = self.wishes, self.market
        reasons = self._reasons()
        free = np.array([number for number, reason in enumerate(reasons) if reason is None], dtype=np.int64)
        reach = self._reach(wishes.cover_km)
        free, choice, crowded = self._best(free, reach)
        quick = covering.greedy(reach[:, free], market.unmet, wishes.sites)
        chosen = [int(free[row]) for row in choice.chosen]
        reasons = [crowded.get(number, reason) for number, reason in enumerate(reasons)]
        total = float(market.unmet.sum())
        rejected = [
            self._rejected(number, *(reason or ("others_reach_more", float(market.unmet[reach[:, number]].sum()))))
            for number, reason in enumerate(reasons)
            if number not in set(chosen)
        ]
        return Plan(
            wishes, market, self.piles, self.break_even, self.busiest, self.session_kwh, len(self.spots),
            self._proposals(chosen, reach),
            tuple(rejected), tuple(self._variants(free, chosen)), total, choice.covered / total if total else 0.0,
            choice.gap, quick.covered / choice.covered if choice.covered else 1.0, self.values.field,
        )  # fmt: skip

    def _best(self, free: Ints, reach: Bools) -> tuple[Ints, covering.Choice, dict[int, tuple[str, float]]]:
        """The choice among `free`; who finds the room of its transformer taken by others is left out, and why."""
        crowded: dict[int, tuple[str, float]] = {}
        while True:
            choice = covering.best(reach[:, free], self.market.unmet, self.wishes.sites)
            left = self._shared([int(free[row]) for row in choice.chosen])
            out = {number: ("no_room", room) for number, room in left.items() if room < self.kinds[number].power_kw}
            if not out:
                return free, choice, crowded
            crowded |= out
            free = free[~np.isin(free, list(out))]

    def _shared(self, chosen: list[int]) -> dict[int, float]:
        """Room for each of the chosen at a transformer that several hang on: the best ones take theirs first."""
        taken: dict[int, float] = {}
        found: dict[int, float] = {}
        medians = self.values.quantile(0.5)
        for number in sorted(chosen, key=lambda one: -medians[one]):
            place = int(self.transformer[number])
            room = float(self.rooms[number]) - taken.get(place, 0.0)
            found[number] = room
            kind = self.kinds[number]
            if place >= 0 and room >= kind.power_kw:
                taken[place] = taken.get(place, 0.0) + self._size(float(medians[number]), kind, room).load_kw
        return found

    def _reach(self, radius_km: float) -> Bools:
        return distances_km(self.market.places, self.places) <= radius_km

    def _reasons(self) -> list[tuple[str, float] | None]:
        """For each candidate what forbids it, with the figure that does."""
        nearest = self.away.min(axis=1)
        chances = self.values.chance(self.break_even)
        found: list[tuple[str, float] | None] = []
        for number, kind in enumerate(self.kinds):
            if nearest[number] < self.wishes.apart_km:
                found.append(("too_close", float(nearest[number])))
            elif nearest[number] > KNOWN_KM:
                found.append(("unknown_ground", float(nearest[number])))
            elif self.rooms[number] < kind.power_kw:
                found.append(("no_room", float(self.rooms[number])))
            elif chances[number] < self.wishes.chance_min:
                found.append(("below_break_even", float(chances[number])))
            else:
                found.append(None)
        return found

    def _rejected(self, number: int, reason: str, figure: float) -> Rejected:
        spots = self.spots
        place = (float(spots.longitude[number]), float(spots.latitude[number]))
        return Rejected(spots.names[number], *place, reason, figure)

    def _pulls(self, chosen: list[int], decay: float) -> tuple[Array, Array]:
        """[cells, chosen] attraction of the chosen, [cells, 1] of all that is there."""
        new = huff.pulls(self.market.places, self.places[chosen], np.full(len(chosen), self.piles), decay)
        there = huff.pulls(self.market.places, self.sites, self.area.sites.piles, decay)
        return new, there.sum(axis=1, keepdims=True)

    def _proposals(self, chosen: list[int], reach: Bools) -> tuple[Proposal, ...]:
        if not chosen:
            return ()
        new, there = self._pulls(chosen, self.wishes.decay)
        kept = huff.kept(self.market.demand, new, there)
        captured = huff.captured(self.market.demand[None], new, there + new.sum(axis=1, keepdims=True) - new)[0]
        top = self.values.chance_of_top(self.wishes.sites)
        left, found, rooms = self.market.unmet.copy(), [], self._shared(chosen)
        for place, number in enumerate(chosen):
            adds = float(left[reach[:, number]].sum())
            left[reach[:, number]] = 0.0
            draws = self.values.draws[:, number] * kept[place]
            found.append(self._proposal(number, draws, rooms[number], adds, float(captured[place]), float(top[number])))
        return tuple(sorted(found, key=lambda one: -one.median_kwh))

    def _proposal(self, number: int, draws: Array, room: float, adds: float, captured: float, top: float) -> Proposal:
        low, median, high = (float(value) for value in np.quantile(draws, (0.05, 0.5, 0.95)))
        kind = self.kinds[number]
        known = room if np.isfinite(room) else None
        sizes = [self._size(energy, kind, known) for energy in (median, high)]
        near = np.argsort(self.away[number])[:RIVALS]
        names = self.area.sites.names
        rivals = tuple(Rival(names[row], float(self.away[number, row]), self._told_kwh(row)) for row in near)
        return Proposal(
            self.spots.names[number], float(self.spots.longitude[number]), float(self.spots.latitude[number]),
            median, low, high, float(draws.mean()), float(np.median(self.values.draws[:, number])), adds, captured,
            float((draws > self.break_even).mean()), top, kind, sizes[0], sizes[1], known, rivals,
        )  # fmt: skip

    def _near(self, chosen: list[int], rows: list[int]) -> int:
        """How many of the chosen have one of these candidates within NEIGHBOUR_KM."""
        if not chosen or not rows:
            return 0
        away = distances_km(self.places[chosen], self.places[rows]).min(axis=1)
        return int((away <= NEIGHBOUR_KM).sum())

    def _told_kwh(self, row: int) -> float | None:
        withheld = self.area.sites.withheld
        return None if withheld is not None and withheld[row] else float(self.per_day[row])

    def _size(self, energy: float, kind: Kind, room: float | None) -> sizing.Size:
        wait_h = self.wishes.wait_min / 60.0
        found = sizing.size_of(energy, kind.name, kind.power_kw, self.session_kwh, self.busiest, wait_h, room)
        assert found is not None, "a candidate without room for one plug was rejected"
        return found

    def _variants(self, free: Ints, chosen: list[int]) -> list[Variant]:
        """The choice with half and twice the radius, with less and more decay."""
        wishes, unmet, total = self.wishes, self.market.unmet, float(self.market.unmet.sum())
        asked = [(wishes.cover_km * factor, wishes.decay) for factor in (1.0, *RADII)]
        asked += [(wishes.cover_km, decay) for decay in DECAYS if decay != wishes.decay]
        found = []
        for radius, decay in asked:
            reach = self._reach(radius)
            choice = covering.greedy(reach[:, free], unmet, wishes.sites)
            rows = [int(free[row]) for row in choice.chosen] if radius != wishes.cover_km else chosen
            covered = covering.covered(reach, unmet, rows)
            kept = float(huff.kept(self.market.demand, *self._pulls(rows, decay)).mean()) if rows else 1.0
            same = len(set(rows) & set(chosen))
            found.append(
                Variant(radius, decay, same, self._near(chosen, rows), covered / total if total else 0.0, kept)
            )
        return found
