"""Planted defects, counted: recall and precision of every check. `python -m tests.quality.corpus` prints the table.

Each data set is a day of an operator with one defect of every kind that fits, each in a session or station of its own,
so that one kind may be taken for another. A finding that nobody planted counts against the check that made it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from monitor.quality.judge import judge_day
from tests.quality import field_plants, order_plants, power_plants, session_plants, station_plants
from tests.quality.plant import PLANTS, Plant, Planting, possible
from tests.quality.world import World

SIZES = (1.1, 1.5, 3.0, 10.0)
WITHIN = 0.8
PROFILES = ("tcec102-2016", "shandong")
KINDS = len({item.check for item in PLANTS})
PLANTED_BY = (order_plants, session_plants, power_plants, station_plants, field_plants)
STATIONS = [item for item in PLANTS if item.check.startswith(("station.", "connector."))]
SESSIONS = [item for item in PLANTS if item not in STATIONS]


@dataclass
class Counts:
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)

    def recall(self, check: str) -> float:
        return self.found[check] / self.planted[check] if self.planted[check] else 1.0

    def precision(self, check: str) -> float:
        told = self.found[check] + self.false[check]
        return self.found[check] / told if told else 1.0


def planted(
    seed: int, profile: str, size: float, items: Sequence[Plant], stations: int = 3
) -> tuple[World, Counter[tuple[str, str]]]:
    """A world with one defect of each item (as far as there is room), and what must be found."""
    world = World(seed, profile, stations)
    planting = Planting(world, size)
    expected: Counter[tuple[str, str]] = Counter()
    order = list(items)
    world.rng.shuffle(order)
    for item in order:
        if not possible(world, item) or (size < 1 and not item.sized):
            continue
        try:
            subjects = item.apply(planting)
        except LookupError:
            continue
        if size > 1:
            expected.update((item.check, subject) for subject in subjects)
    return world, expected


def count(counts: Counts, seed: int, profile: str, size: float, items: Sequence[Plant], stations: int = 3) -> None:
    """Judge one data set and count."""
    world, expected = planted(seed, profile, size, items, stations)
    found = Counter((finding.check, finding.subject) for finding in judge_day(world.inputs()).findings)
    for key, number in expected.items():
        counts.planted[key[0]] += number
        counts.found[key[0]] += min(number, found[key])
        if found[key] < number:
            counts.unexpected.append(f"seed {seed} {profile} x{size}: not found {key}")
    for key, number in found.items():
        extra = number - expected[key]
        if extra > 0:
            counts.false[key[0]] += extra
            counts.unexpected.append(f"seed {seed} {profile} x{size}: nobody planted {key} x{extra}")


def run(seeds: Iterable[int], profiles: Sequence[str] = PROFILES, sizes: Sequence[float] = (*SIZES, WITHIN)) -> Counts:
    """Count over all combinations."""
    counts = Counts()
    for seed in seeds:
        for profile in profiles:
            for size in sizes:
                for items in (SESSIONS, STATIONS):
                    count(counts, seed, profile, size, items)
    return counts


def table(counts: Counts) -> str:
    """One line for each kind."""
    lines = [f"{'check':34} planted  found  false  recall  precision"]
    for check in sorted(counts.planted | counts.false):
        row = (counts.planted[check], counts.found[check], counts.false[check])
        lines.append(
            f"{check:34} {row[0]:7} {row[1]:6} {row[2]:6} {counts.recall(check):7.3f} {counts.precision(check):10.3f}"
        )
    total = (sum(counts.planted.values()), sum(counts.found.values()), sum(counts.false.values()))
    lines.append(f"{len(counts.planted)} kinds, {total[0]} planted, {total[1]} found, {total[2]} that nobody planted")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--profile", action="append")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    counts = run(range(chosen.first, chosen.first + chosen.seeds), chosen.profile or PROFILES)
    sys.stdout.write(table(counts) + "\n")
    if chosen.verbose:
        sys.stdout.write("\n".join(counts.unexpected) + "\n")
    poor = [c for c in counts.planted | counts.false if min(counts.recall(c), counts.precision(c)) < 0.98]
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
