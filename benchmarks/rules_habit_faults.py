"""Faults that no single order shows: states that cannot follow, claims that signs of life deny, days without orders,
and meters that drift. Written from what goes wrong in the field and not from the rules' code.

Each planter tells what it planted and the effect in thresholds of the specification (1.0 is at the threshold), `SURE`
where a fault has no size. Leads (R01 to R03) have no threshold in the specification: their size is told instead.
"""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.rules_faults import SURE
from benchmarks.rules_world import BEGIN_S, DAY_S, Session
from monitor.governance.facts import Claims, Heartbeats, Status, table

LOCAL_S = 28_800.0
BEAT_S = 300.0
"""Between heartbeats; a platform that misses two and a half says that the station is offline."""
DayCode = tuple[int, int]
"""Station and local day since 1970."""


def local_day(at_s: float) -> int:
    """The day of a moment in China."""
    return int((at_s + LOCAL_S) // DAY_S)


def states(rng: Generator, sessions: list[Session], each: int) -> set[tuple[int, float]]:
    """Connector and time of told states that cannot follow: late, repeated out of turn, or lost ones between them."""
    planted = set()
    for row in map(int, rng.permutation(len(sessions))[: 3 * each]):
        session = sessions[row]
        end_s = session.end_s
        kind = len(planted) % 3
        if kind == 0:  # the end is told again after the connector was free
            session.states = [*session.states, (end_s + 60, Status.FINISHING), (end_s + 90, Status.AVAILABLE)]
            planted.add((session.pile.connector, end_s + 60))
        elif kind == 1:  # a station that says Preparing in the midst of a charge
            session.states = sorted([*session.states, (end_s - 120, Status.PREPARING), (end_s - 60, Status.CHARGING)])
            planted.add((session.pile.connector, end_s - 120))
        else:  # the end is told, and then a charge that goes on
            session.states = [(at_s, state) for at_s, state in session.states if state != Status.AVAILABLE]
            session.states += [(end_s + 20, Status.CHARGING), (end_s + 50, Status.AVAILABLE)]
            planted.add((session.pile.connector, end_s + 20))
    return planted


@dataclass(frozen=True, slots=True)
class Lives:
    """Claims and heartbeats, and of each claim the effect of what was planted (0: it is true)."""

    claims: Claims
    heartbeats: Heartbeats
    effects: list[float]


def lives(rng: Generator, stations: int, days: int, each: int, sizes: tuple[float, ...]) -> Lives:
    """Stations that are away from time to time, and a platform that says so; planted: claims of the other kind.

    `sizes`: for how many parts of two hours an outage was not told.
    """
    claims: list[tuple[int, float, float, int]] = []
    beats: list[tuple[int, float]] = []
    effects: list[float] = []
    hidden = [7200 * size for size in sizes for _ in range(each)]
    invented = [0.0] * each
    for station in range(stations):
        at_s = BEGIN_S
        while at_s < BEGIN_S + days * DAY_S:
            online_s = float(rng.uniform(6 * 3600, 30 * 3600))
            own = at_s + np.arange(0, online_s, BEAT_S) + rng.uniform(-5, 5, int(np.ceil(online_s / BEAT_S)))
            own[0] = at_s
            effect = 0.0
            if hidden and rng.random() < 0.5:
                silent_s = hidden.pop()
                begin_s = at_s + float(rng.uniform(0.1, 0.6)) * online_s
                own = own[(own < begin_s) | (own > begin_s + silent_s)]
                effect = float(np.diff(own).max()) / 900.0
            last_s = float(own[-1])
            lost_s = last_s + 2.5 * BEAT_S
            claims.append((station, at_s, lost_s, 1))
            effects.append(effect)
            beats += [(station, float(moment)) for moment in own]
            away_s = lost_s + float(rng.uniform(600, 4 * 3600))
            claims.append((station, lost_s, away_s, 0))
            effects.append(SURE if invented and rng.random() < 0.5 else 0.0)
            if effects[-1]:
                invented.pop()
                beats.append((station, float(rng.uniform(lost_s + 1, away_s - 1))))
            at_s = away_s
    told = zip(*claims, strict=True)
    station_of, beat_s = zip(*beats, strict=True)
    return Lives(
        table(Claims, **dict(zip(("station", "from_s", "to_s", "online"), told, strict=True))),
        table(Heartbeats, station=station_of, at_s=beat_s),
        effects,
    )


def counts(
    rng: Generator, sessions: list[Session], sizes: tuple[float, ...], each: int
) -> tuple[list[Session], dict[DayCode, tuple[float, float]]]:
    """Days of stations whose orders were lost by a share below 1, or told several times over by a factor above 1.

    Each with its size and its effect: the square root of a count scatters by one half (Poisson), six of which are the
    threshold.
    """
    by_day: dict[DayCode, list[int]] = defaultdict(list)
    for row, session in enumerate(sessions):
        by_day[session.pile.station, local_day(session.start_s)].append(row)
    usual: dict[int, float] = {}
    for station in {code for code, _ in by_day}:
        usual[station] = float(np.median([len(rows) for (code, _), rows in by_day.items() if code == station]))
    first, last = min(day for _, day in by_day), max(day for _, day in by_day)
    inner = [code for code in by_day if first < code[1] < last]
    places = map(int, rng.permutation(len(inner)))
    gone: set[int] = set()
    more: list[Session] = []
    planted: dict[DayCode, tuple[float, float]] = {}
    for size in sizes:
        for _ in range(each):
            code = inner[next(places)]
            rows = by_day[code]
            after = round(size * len(rows))
            gone |= set(rows[after:])
            for number in range(len(rows), after):
                twin = copy(sessions[rows[number % len(rows)]])
                twin.key, twin.states = 10_000_000 + len(more), []
                more.append(twin)
            planted[code] = size, abs(after**0.5 - usual[code[0]] ** 0.5) / 0.5 / 6
    return [session for row, session in enumerate(sessions) if row not in gone] + more, planted


def hours(rng: Generator, sessions: list[Session], factors: tuple[float, ...], each: int) -> dict[int, float]:
    """Sessions whose power is told a multiple of what it was, with the register going on as before; row -> factor."""
    planted = {}
    rows = map(int, rng.permutation(len(sessions)))
    for factor in factors:
        for row in (next(rows) for _ in range(each)):
            sessions[row].power_w = sessions[row].power_w * factor
            planted[row] = factor
    return planted


def meters(
    rng: Generator, sessions: list[Session], connectors: list[int], sizes: tuple[float, ...], *, slow: bool
) -> dict[int, float]:
    """Power sensors that are off by a share: from the first day on, or reached in a line over the later two thirds.

    Connector -> size; the connectors are shared out among the sizes.
    """
    planted = {connector: sizes[place % len(sizes)] for place, connector in enumerate(connectors)}
    sign = {connector: float(rng.choice([-1, 1])) for connector in connectors}
    first_s, last_s = (pick(session.start_s for session in sessions) for pick in (min, max))
    for session in sessions:
        size = planted.get(session.pile.connector)
        if size is not None:
            part = (session.start_s - first_s) / (last_s - first_s)
            share = max(0.0, (part - 1 / 3) * 1.5) if slow else 1.0
            session.power_w = session.power_w * (1 + sign[session.pile.connector] * size * share)
    return planted
