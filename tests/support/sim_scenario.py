"""What happens in one run, all of it drawn from its seed before it begins: piles, cars, caps, base loads, mishaps."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from csms.model.station import CurrentKind, EvseRating
from tests.support.sim_network import CALM, COMMISSIONED_S, ROUGH, STORM, Weather
from tests.support.sim_piles import AC7, AC11, AC22, DC60, KINDS, PLAIN, VOLT, Kind

DURATION_S, BRIEF_S = 900, 240
LEASES_S = (60.0, 60.0, 90.0, 120.0)
ORDINARY, GREEDY, ONE_PHASE = 0.75, 0.8, 0.1
"""Shares of piles without oddities, of cars that take all that the pile gives, of cars on one phase: with few of the
others what is counted is drawn, and a watt too much shows."""
TIGHT = 0.4
"""Share of runs in which all piles are ordinary and all cars take all they are given, under caps that bind."""
ENDLESS = ("one period", "bad clock")
"""Kinds whose limits end by nobody's clock; while such a pile is away what it was told last stays."""


@dataclass(frozen=True)
class PilePlan:
    """One pile: its make and plate, where it hangs, how quickly its car comes down, how far its clock is behind, and
    the cars that come: (plugs in at, ready after, stays, power, phases)."""

    kind: Kind
    rating: EvseRating
    feeder: str
    ramp_s: float
    clock_s: float
    cars: tuple[tuple[float, float, float, float, int], ...]


@dataclass(frozen=True)
class Scenario:
    """One run. `caps`: by feeder, (from, W, said how long before); `bases`: by feeder, (from, W). `crash_at`: before
    or after which commit or frame the server dies; `restart_s` None: nobody starts it again. `full`: when the disk
    takes nothing, (from, to). `steps`: (when, by how much) somebody sets the clock of the server's machine; the machine
    starts anew with the server if it `machine_restarts`."""

    seed: int
    level: str
    piles: tuple[PilePlan, ...]
    caps: dict[str, tuple[tuple[float, int, float], ...]]
    bases: dict[str, tuple[tuple[float, int], ...]]
    lowest_w: dict[str, int]
    weather: Weather = CALM
    lease_s: float = 60.0
    replan_s: float = 25.0
    planner: str = "shares"
    crash_at: int | None = None
    restart_s: float | None = 20.0
    full: tuple[float, float] | None = None
    mishaps: tuple[tuple[float, int, str, float], ...] = ()
    steps: tuple[tuple[float, float], ...] = ()
    machine_restarts: bool = False
    duration_s: int = DURATION_S
    meter_s: float = 60.0
    phases_metered: bool = True

    @property
    def faulty(self) -> bool:
        """Whether anything goes wrong."""
        return self.level != "calm"


LEVELS = ("calm", "rough", "crash", "storm")
"""What befalls a run, by its seed."""
CLOCK = "clock"
"""A storm in which the server's own clock is set."""
STEPS_S = (2.0, 20.0, 90.0, 400.0, 3600.0, 72_000.0)


def scenario(
    seed: int, level: str | None = None, *, steady: bool = False, moving: bool = False, brief: bool = False
) -> Scenario:
    """The run of a seed. `steady`: ordinary piles only, whose cars stay, and caps that do, unless they are `moving`;
    `brief`: four minutes, with as much going wrong in it."""
    chance, level = random.Random(seed), level or LEVELS[seed % len(LEVELS)]
    lasts_s = BRIEF_S if brief else DURATION_S
    weather = {"calm": CALM, "rough": ROUGH, "crash": ROUGH, "storm": STORM, CLOCK: STORM}[level]
    tight = not steady and chance.random() < TIGHT
    piles = tuple(_pile(chance, steady, tight, lasts_s) for _ in range(chance.randint(8, 12)))
    bases = {feeder: _bases(chance, steady, lasts_s) for feeder in ("T", "A", "B")}
    lowest_w, caps = _caps(chance, piles, bases, steady, moving, tight, lasts_s)
    crashes = level in ("crash", "storm", CLOCK)
    full_s = chance.uniform(100, 0.8 * lasts_s) if level in ("storm", CLOCK) and chance.random() < 0.5 else None
    return Scenario(
        seed,
        level,
        piles,
        caps,
        bases,
        lowest_w,
        weather,
        lease_s=300.0 if steady else 60.0 if brief else chance.choice(LEASES_S),
        replan_s=chance.choice((20.0, 25.0, 30.0)) if not steady else 300.0,
        planner="fair" if steady else chance.choice(("shares", "shares", "all", "fair")),
        crash_at=chance.randint(1, 800 if not brief else 300) if crashes else None,
        restart_s=chance.choice((20.0, 20.0, 120.0, None)),
        full=(full_s, full_s + chance.uniform(10, 60)) if full_s is not None else None,
        mishaps=_mishaps(chance, weather, piles, lasts_s),
        duration_s=lasts_s,
        meter_s=chance.choice((30.0, 60.0)),
        phases_metered=steady or chance.random() < 0.7,
        **(_clock(random.Random(seed * 104_729 + 5), lasts_s) if level == CLOCK else {}),
    )


def _clock(chance: random.Random, lasts_s: int) -> dict[str, Any]:
    times_s = sorted(chance.uniform(COMMISSIONED_S, lasts_s - 30) for _ in range(chance.choice((1, 1, 2, 3))))
    steps: list[tuple[float, float]] = []
    for at_s in times_s:
        undone = bool(steps) and chance.random() < 0.5
        steps.append((at_s, -steps[-1][1] if undone else chance.choice((-1, 1)) * chance.choice(STEPS_S)))
    return {"steps": tuple(steps), "machine_restarts": chance.random() < 0.5}


def _pile(chance: random.Random, steady: bool, tight: bool, lasts_s: int) -> PilePlan:
    kind = PLAIN if steady or tight or chance.random() < ORDINARY else KINDS[chance.choice(sorted(KINDS))]
    rating = chance.choice((AC22, AC7) if tight else (AC22, AC22, AC11, AC7, AC7, DC60))
    if kind.steps_up or (not kind.tame and rating is DC60):
        rating = AC22
    clock_s = chance.choice((-1, 1)) * kind.clock_s if kind.clock_s > 5 else chance.uniform(-kind.clock_s, kind.clock_s)
    cars, at_s = [], chance.uniform(COMMISSIONED_S - 20, COMMISSIONED_S + 40)
    while at_s < lasts_s - 60:
        one_phase = rating.phases == 3 and rating.kind is CurrentKind.AC and not tight and chance.random() < ONE_PHASE
        phases = 1 if one_phase else rating.phases
        share = 1.0 if tight or chance.random() < GREEDY else chance.uniform(0.5, 1.0)
        power_w = rating.power_max_w * share * (phases / rating.phases)
        stays_s = lasts_s * 2 if steady else chance.uniform(150, 0.9 * lasts_s)
        cars.append((at_s, chance.uniform(20, 45), stays_s, power_w, phases))
        at_s += stays_s + chance.uniform(20, 120)
    return PilePlan(kind, rating, chance.choice(("A", "B")), chance.uniform(5, 12), clock_s, tuple(cars))


def _bases(chance: random.Random, steady: bool, lasts_s: int) -> tuple[tuple[float, int], ...]:
    at_s, found = 0.0, []
    while at_s < lasts_s:
        found.append((float(round(at_s)), chance.randint(0, 6_000)))
        at_s += chance.uniform(120, 400) if not steady else lasts_s
    return tuple(found)


def _caps(
    chance: random.Random,
    piles: tuple[PilePlan, ...],
    bases: dict[str, tuple[tuple[float, int], ...]],
    steady: bool,
    moving: bool,
    tight: bool,
    lasts_s: int,
) -> tuple[dict[str, int], dict[str, tuple[tuple[float, int, float], ...]]]:
    """Caps that leave room for what cannot be limited, and never for all that is wanted."""
    lowest_w, caps = {}, {}
    for feeder in ("A", "B", "T"):
        under = [pile for pile in piles if feeder in ("T", pile.feeder)]
        base_w = sum(max(w for _, w in bases[id_]) for id_ in bases if feeder in ("T", id_))
        wild_w = sum(_counted_w(pile) for pile in under if not pile.kind.tame or pile.kind.name in ENDLESS)
        tame_w = sum(_counted_w(pile) for pile in under) - wild_w
        low_w = round((base_w + max(wild_w / 0.7, wild_w + 0.15 * tame_w)) / 0.97) + 2_000
        if feeder == "T":
            low_w = max(low_w, round(0.8 * (lowest_w["A"] + lowest_w["B"])))
        lowest_w[feeder] = low_w
        changes = 0 if steady and not moving else 3 if feeder == "T" else 2
        times_s = [0.0, *sorted(float(round(chance.uniform(60, lasts_s - 40))) for _ in range(changes))]
        share = (0.5, 0.8) if steady else (0.1, 0.4) if tight else (0.2, 0.7) if feeder == "T" else (0.3, 1.0)
        caps[feeder] = tuple(
            (
                at_s,
                round(low_w + chance.uniform(*share) * chance.choice((1,) if steady else (0, 1, 1)) * tame_w),
                _notice_s(chance),
            )
            for at_s in times_s
        )
    return lowest_w, caps


def _counted_w(pile: PilePlan) -> int:
    return max(pile.rating.power_max_w, round(pile.rating.current_max_a * VOLT * pile.rating.phases))


def _notice_s(chance: random.Random) -> float:
    return chance.choice((0.0, 0.0, 60.0, 300.0))


def _mishaps(
    chance: random.Random, weather: Weather, piles: tuple[PilePlan, ...], lasts_s: int
) -> tuple[tuple[float, int, str, float], ...]:
    """(when, pile, what, for how long) of everything that befalls a line or a pile beside lost frames."""
    found = []
    for number, pile in enumerate(piles):
        for what in ("drops", "half_open", "held", "reboots"):
            often: float = getattr(weather, what)
            count = int(often) + (chance.random() < often % 1)
            for _ in range(count):
                long_s = chance.uniform(10, 45) if what == "held" else chance.choice(weather.away_s)
                found.append((chance.uniform(COMMISSIONED_S + 20, lasts_s - 30), number, what, long_s))
        if weather is not CALM and pile.kind.clock_jumps:
            found.append((chance.uniform(60, lasts_s - 30), number, "jumps", chance.uniform(-300, 300)))
    return tuple(sorted(found))
