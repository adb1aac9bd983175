"""Mishaps to order: drop the connection, lose the mains, say a message twice.

One mishap is written `KIND:RATE/h` (so many per pile and hour, by the seed) or `KIND@SECONDS[:STATION]` (once, so many
simulated seconds after the start, at one station or all). KIND is `drop`, `power` or `repeat`; `power` takes `=SECONDS`
without mains at its end: `drop:0.5/h`, `power:0.1/h=300`, `repeat@600:AC01`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KINDS = ("drop", "power", "repeat")
DOWN_S = 120.0
RATE_MAX_PER_H = 3_600.0
GRAMMAR = re.compile(
    r"(?P<kind>\w+)(?::(?P<rate>[\d.]+)/h|@(?P<at>[\d.]+)(?::(?P<station>[^=]+))?)(?:=(?P<down>[\d.]+))?"
)


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """Either `rate_per_h` or `at_s` is set."""

    kind: str
    rate_per_h: float | None = None
    at_s: float | None = None
    station_id: str | None = None
    down_s: float = DOWN_S


@dataclass(frozen=True, slots=True, order=True)
class Mishap:
    """One that will happen, `at_s` seconds since 1970."""

    at_s: float
    station_id: str
    kind: str
    down_s: float


def parse_fault(text: str) -> FaultSpec:
    """Read one mishap. Raises ValueError saying how it is written."""
    match = GRAMMAR.fullmatch(text)
    if match is None or match["kind"] not in KINDS or (match["down"] and match["kind"] != "power"):
        raise ValueError(f"{text!r} is no fault; write drop:0.5/h, power:0.1/h=300 or repeat@600:STATION")
    try:
        rate = float(match["rate"]) if match["rate"] else None
        at_s = float(match["at"]) if match["at"] else None
        down_s = float(match["down"]) if match["down"] else DOWN_S
    except ValueError:
        raise ValueError(f"{text!r}: there is a number that is none") from None
    if rate is not None and not 0 < rate <= RATE_MAX_PER_H:
        raise ValueError(f"{text!r}: the rate must lie between 0 and {RATE_MAX_PER_H:g} per hour")
    return FaultSpec(match["kind"], rate, at_s, match["station"], down_s)


def plan_faults(
    specs: Iterable[FaultSpec], stations: Sequence[str], start_s: float, hours: float, seed: int
) -> list[Mishap]:
    """All mishaps of a run in order of time; the same for the same seed. Raises ValueError for an unknown station."""
    planned: list[Mishap] = []
    for number, spec in enumerate(specs):
        if spec.station_id is not None and spec.station_id not in stations:
            raise ValueError(f"there is no station {spec.station_id!r} to which {spec.kind} could happen")
        for station in [spec.station_id] if spec.station_id else stations:
            rng = random.Random(f"{seed}:{number}:{station}")
            planned += [Mishap(start_s + s, station, spec.kind, spec.down_s) for s in _moments(spec, hours, rng)]
    return sorted(planned)


def _moments(spec: FaultSpec, hours: float, rng: random.Random) -> list[float]:
    if spec.at_s is not None or spec.rate_per_h is None:
        return [spec.at_s or 0.0]
    moments: list[float] = []
    next_s = rng.expovariate(spec.rate_per_h) * 3600.0
    while next_s < hours * 3600.0:
        moments.append(next_s)
        next_s += rng.expovariate(spec.rate_per_h) * 3600.0
    return moments
