"""The rules that look at more than one order against planted faults: states, signs of life, daily counts, slow meters.

Written and settled on the seeds 301 and 302; `SEED` was first looked at after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import rules_habit_faults as faults
from benchmarks.rules_world import Session, packed, world
from monitor.governance.facts import Facts
from monitor.governance.rules.judge import Judgement, judge

SEED = 401
STATIONS, EACH_STATION, DAYS = 6, 8, 63
OUTAGES = (0.14, 0.17, 0.25, 0.5, 1.0)
COUNTS = (0.0, 0.1, 0.3, 0.5, 2.0, 3.0, 4.0)
FACTORS = (1.5, 3.0, 10.0)
OFF = (0.005, 0.01, 0.02, 0.04, 0.08)
ABOVE, RECALL_BAR, FALSE_BAR = 1.25, 0.98, 0.001
Row = dict[str, Any]
RowOf = Callable[..., Row]


def rows(row: RowOf, seed: int = SEED) -> list[Row]:
    """Figures of all of them, each made by `row` (figure, value, unit, bar, met)."""
    return [*_states(row, seed), *_signs(row, seed), *_counts(row, seed), *_leads(row, seed)]


def _sound(seed: int) -> list[Session]:
    return world(seed, STATIONS, EACH_STATION, DAYS)


def _barred(row: RowOf, rule: str, faulty: list[bool], sound: list[bool]) -> list[Row]:
    recall, wrong = float(np.mean(faulty)), float(np.mean(sound))
    return [
        row(f"recall {rule} ({len(faulty)} faults)", recall, "", f">= {RECALL_BAR}", recall >= RECALL_BAR),
        row(f"sound subjects flagged {rule} (of {len(sound)})", wrong, "", f"<= {FALSE_BAR}", wrong <= FALSE_BAR),
    ]


def _curve(row: RowOf, rule: str, found: Iterable[tuple[float, bool]]) -> list[Row]:
    by_size: dict[float, list[bool]] = {}
    for size, hit in found:
        by_size.setdefault(size, []).append(hit)
    return [
        row(f"{rule} found at {size:g} ({len(hits)})", float(np.mean(hits)), "", "", None)
        for size, hits in sorted(by_size.items())
    ]


def _states(row: RowOf, seed: int) -> list[Row]:
    sessions = _sound(seed)
    planted = faults.states(np.random.default_rng(seed + 1000), sessions, 50)
    told = packed(sessions).statuses
    broken = judge(replace(packed(sessions[:1]), statuses=told)).verdicts["Q11"].broken
    faulty = [place in planted for place in zip(told.connector.tolist(), told.at_s.tolist(), strict=True)]
    return _split(row, "Q11", broken.tolist(), faulty)


def _split(row: RowOf, rule: str, broken: list[bool], faulty: list[bool]) -> list[Row]:
    pairs = list(zip(broken, faulty, strict=True))
    return _barred(row, rule, [hit for hit, is_faulty in pairs if is_faulty], [hit for hit, is_ in pairs if not is_])


def _signs(row: RowOf, seed: int) -> list[Row]:
    lives = faults.lives(np.random.default_rng(seed + 2000), 40, DAYS, 20, OUTAGES)
    made = replace(packed(_sound(seed)[:1]), claims=lives.claims, heartbeats=lives.heartbeats)
    broken = judge(made).verdicts["Q17"].broken.tolist()
    pairs = list(zip(broken, lives.effects, strict=True))
    return _barred(row, "Q17", [hit for hit, e in pairs if e >= ABOVE], [hit for hit, e in pairs if not e])


def _counts(row: RowOf, seed: int) -> list[Row]:
    sessions, planted = faults.counts(np.random.default_rng(seed + 3000), _sound(seed), COUNTS, 6)
    judged = judge(packed(sessions))
    days, broken = judged.days, judged.verdicts["Q18"].broken
    hits = dict(zip(zip(days.station.tolist(), days.day.tolist(), strict=True), broken.tolist(), strict=True))
    faulty = [hits.get(code, False) for code, (_, effect) in planted.items() if effect >= ABOVE]
    sound = [hit for code, hit in hits.items() if code not in planted]
    curve = _curve(row, "Q18", ((size, hits.get(code, False)) for code, (size, _) in planted.items()))
    return [*_barred(row, "Q18", faulty, sound), *curve]


def _leads(row: RowOf, seed: int) -> list[Row]:
    """Leads have no bars: what they find by size, and how many sound subjects they point at."""
    rng = np.random.default_rng(seed + 4000)
    connectors = rng.permutation(STATIONS * EACH_STATION)
    drifting, off = _sound(seed), _sound(seed)
    slow = faults.meters(rng, drifting, connectors[::3].tolist(), OFF, slow=True)
    steady = faults.meters(rng, off, connectors[::5].tolist(), OFF, slow=False)
    high = _sound(seed)
    factors = faults.hours(rng, high, FACTORS, 30)
    return [
        *_hours(row, packed(high), factors),
        *_meters(row, "R02", judge(packed(drifting)), slow),
        *_meters(row, "R03", judge(packed(off)), steady),
    ]


def _meters(row: RowOf, rule: str, judged: Judgement, planted: dict[int, float]) -> list[Row]:
    connector = judged.cells[rule].connector
    pointed = set(connector[judged.verdicts[rule].broken].tolist())
    sound = [code in pointed for code in np.unique(connector).tolist() if code not in planted]
    wrong = row(f"sound connectors pointed at {rule} (of {len(sound)})", float(np.mean(sound)), "", "", None)
    return [*_curve(row, rule, ((size, code in pointed) for code, size in planted.items())), wrong]


def _hours(row: RowOf, made: Facts, planted: dict[int, float]) -> list[Row]:
    judged = judge(made)
    cells, broken = judged.cells["R01"], judged.verdicts["R01"].broken
    hits = dict(zip(zip(cells.connector.tolist(), cells.time.tolist(), strict=True), broken.tolist(), strict=True))
    touched: dict[tuple[int, int], int] = {}
    for order, connector, at_s in zip(
        made.samples.order.tolist(), made.samples.connector.tolist(), made.samples.at_s.tolist(), strict=True
    ):
        if order in planted:
            touched[connector, int((at_s + faults.LOCAL_S) // 3600)] = order
    by_order: dict[int, bool] = dict.fromkeys(planted, False)
    for cell, order in touched.items():
        by_order[order] |= hits.get(cell, False)
    sound = [hit for cell, hit in hits.items() if cell not in touched]
    wrong = row(f"sound hours pointed at R01 (of {len(sound)})", float(np.mean(sound)), "", "", None)
    return [*_curve(row, "R01", ((planted[order], hit) for order, hit in by_order.items())), wrong]
