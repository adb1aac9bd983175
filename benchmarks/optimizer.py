"""The optimiser beside the solvers that people use for the same problem: one thread, the same instances, one run.

Every row runs in a process of its own with one BLAS thread; CPU seconds count. Ours begin at plain arrays and end at
the plan with its proof; for the rivals only set-up and solving count, unless it says otherwise. `python -m benchmarks
optimizer` prints every figure with its bar and whether it is met, `python -m benchmarks optimizer-rounding` one row; so
do `python -m benchmarks.optimizer` and `python -m benchmarks.optimizer rounding acn`. Rivals: `pip install .[bench]`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import optimizer_acn, optimizer_lines, optimizer_rounding, optimizer_site
from benchmarks.optimizer_rivals import Case, highs, timed
from benchmarks.plot import log_plot
from benchmarks.tables import table
from optimizer import bench, examples, valley
from optimizer.cooptimise import solve_site
from optimizer.instance import make_instance
from optimizer.models.tariff import shipped_tariff
from optimizer.online import Running
from optimizer.site import Site
from optimizer.slot_cost import Quadratic
from optimizer.solver import MethodName

SLOTS, SLOT_H = 96, 0.25
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
GROWN_CARS: dict[MethodName, tuple[int, ...]] = {
    "interior point": (30, 100, 300, 1000, 3000, 10_000),
    "levels": (300, 1000, 3000, 10_000, 30_000, 100_000),
}
GROWN_SLOTS: dict[MethodName, tuple[int, ...]] = {"interior point": (24, 48, 96, 192, 288), "levels": (24, 48, 96, 192)}
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
PACKAGES = {"PIQP": "piqp", "Clarabel": "clarabel", "OSQP": "osqp", "cvxpy": "cvxpy", "HiGHS": "highspy"}
ACN_KNOWN_KW, ACN_OPTIMUM, ACN_ONLINE = 10, 59.105, 58.80
ACN_SAME = 1e-3
"""Per cent of the month's demand (90 Wh) that count as the same."""
Row = dict[str, Any]


def run(quick: bool = False) -> list[Row]:
    """All rows; `quick` leaves out what takes minutes in a rival."""
    names = [name for name in ROWS if not quick or name not in SLOW]
    return [row for name in names for row in in_child(name)]


def in_child(name: str) -> list[Row]:
    """One row, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.optimizer", name, "--json"],
        env=os.environ | ONE_THREAD,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows: list[Row] = json.loads(done.stdout.splitlines()[-1])  # HiGHS greets before
    return rows


def figure(name: str, value: float | str | None, unit: str = "", bar: str = "", met: bool | None = None) -> Row:
    """One line of the table."""
    return {"figure": name, "value": value, "unit": unit, "bar": bar, "met": met}


def day(count: int, seed: int = 0, slots: int = SLOTS) -> Case:
    """The day of `csms optimize bench`."""
    return Case(**examples.day(count, seed, slots))


def spent_on(work: Callable[[], Any]) -> float:
    """CPU seconds of one run."""
    began = time.process_time()
    work()
    return time.process_time() - began


def proof(label: str, case: Case, plan: valley.Filled) -> Iterable[Row]:
    """What every plan must keep."""
    load = plan.power_w.sum(axis=0) + case.base_load_w
    over = float(np.max(load / case.cap_w - 1.0))
    missed = float(np.max(np.abs(plan.power_w.sum(axis=1) * case.slot_h / case.energy_wh - 1.0)))
    slot = np.arange(len(load))
    inside = (slot >= case.arrive[:, None]) & (slot < case.depart[:, None])
    outside = float(np.max(np.abs(plan.power_w), initial=0.0, where=~inside))
    yield figure(f"{label}: certified gap", plan.gap, "", "<= 1e-6", -1e-9 <= plan.gap <= 1e-6)
    yield figure(f"{label}: over the cap, relative", max(over, 0.0), "", "<= 1e-9", over <= 1e-9)
    yield figure(f"{label}: energy missed, relative", missed, "", "<= 1e-9", missed <= 1e-9)
    yield figure(f"{label}: energy outside the windows", outside, "W", "0", outside == 0)


def against(
    label: str, case: Case, work: Callable[[], valley.Filled], bars: dict[str, float], rounds: int
) -> Iterable[Row]:
    """Ours and the rivals in turns, the best of `rounds` for each: the machine is not always equally fast. A rival
    that is not installed is named.
    """
    here = [name for name in bars if find_spec(PACKAGES[name]) is not None]
    plan = work()
    best, runs = spent_on(work), {name: [timed(name, case)] for name in here}
    for _ in range(rounds - 1):
        best = min(best, spent_on(work), spent_on(work))
        for name in here:
            runs[name].append(timed(name, case))
    yield figure(f"{label}: ours ({plan.method})", best, "CPU s")
    for name, bar in bars.items():
        if name in here:
            yield from ratio(label, name, best, plan.objective, bar, runs[name])
        else:
            yield figure(f"{label}: {name}", "not installed")


def ratio(
    label: str, name: str, spent: float, value: float, bar: float, runs: list[tuple[float, float, float]]
) -> Iterable[Row]:
    """One rival: seconds, how much faster ours is, and whether it agrees."""
    theirs, building, objective = min(run[0] for run in runs), min(run[1] for run in runs), runs[0][2]
    yield figure(f"{label}: {name}", theirs, "CPU s")
    if bar:
        yield figure(f"{label}: faster than {name}", theirs / spent, "x", f">= {bar:g}x", theirs >= bar * spent)
    else:
        yield figure(f"{label}: faster than {name}", theirs / spent, "x")
    if building:
        yield figure(f"{label}: faster than {name}, its matrices counted", (theirs + building) / spent, "x")
    if name in ("PIQP", "Clarabel"):
        off = abs(objective - value) / objective
        yield figure(f"{label}: objective beside {name}, relative", off, "", "<= 1e-6", off <= 1e-6)


def fleet(count: int, bars: dict[str, float], rounds: int) -> list[Row]:
    """One size of fleet."""
    label, case = f"N = {count:,}", day(count)

    def work() -> valley.Filled:
        return valley.fill(**case.arguments())

    return [*against(label, case, work, bars, rounds), *proof(label, case, work())]


def fleet_10_000() -> list[Row]:
    """With the peak of memory, in sizes of the plan."""
    rows = fleet(10_000, {"PIQP": 8.0, "Clarabel": 30.0}, 1)
    case = day(10_000)
    tracemalloc.start()
    plan = valley.fill(**case.arguments())
    peak = tracemalloc.get_traced_memory()[1] / plan.power_w.nbytes
    tracemalloc.stop()
    return [*rows, figure("N = 10,000: peak of memory", peak, "plans", "<= 3", peak <= 3.0)]


def fleet_100_000() -> list[Row]:
    """No rival finishes; the yardstick is filling an array of the plan's size."""
    count = 100_000
    case, label = day(count), "N = 100,000"
    plan, array = valley.fill(**case.arguments()), np.zeros((count, SLOTS))
    best, fill = np.inf, np.inf
    for number in range(4):
        best = min(best, spent_on(lambda: valley.fill(**case.arguments())))
        fill = min(fill, *(spent_on(lambda: array.fill(float(number))) for _ in range(5)))  # noqa: B023  # called at once
    return [
        figure(f"{label}: ours ({plan.method})", best, "CPU s"),
        figure(f"{label}: fills of an N x T array", best / fill, "", "<= 150", best <= 150 * fill),
        *proof(label, case, plan),
    ]


def tree(count: int, feeders: int, seed: int = 0) -> Case:
    """The day on feeders, every other one with a cap that binds in the evening."""
    case = day(count, seed)
    rng = np.random.default_rng(seed + 1)
    of = rng.integers(0, feeders, count)
    slot = np.arange(SLOTS)
    present = (slot >= case.arrive[:, None]) & (slot < case.depart[:, None])
    mean = (case.energy_wh / ((case.depart - case.arrive) * SLOT_H))[:, None] * present
    cap = np.full((feeders, SLOTS), np.inf)
    for feeder in range(feeders):
        usual = mean[of == feeder].sum(axis=0)
        cap[feeder] = 2.0 * usual.max()
        if feeder % 2 == 0:
            # Charging evenly all the stay always fits.
            cap[feeder] = np.maximum(0.55 * usual.max(), usual)
    site = np.full(SLOTS, np.inf)
    site[:] = case.base_load_w.max() + 2.5 * mean.sum(axis=0).max()
    return replace(case, cap_w=site, node=of + 1, node_cap_w=cap)


def feeders(count: int, number: int, rounds: int) -> list[Row]:
    """A tree of feeders, half of them binding, against Clarabel fed directly."""
    label, case = f"N = {count:,}, {number} feeders", tree(count, number)
    caps, of = np.asarray(case.node_cap_w), np.asarray(case.node) - 1

    def work() -> valley.Filled:
        return valley.fill(**case.arguments(), feeders=valley.Feeders(caps, of))

    plan, flow = work(), np.zeros_like(caps)
    np.add.at(flow, of, plan.power_w)
    over = float(np.max(flow / caps - 1.0))
    binding = int((flow > caps * (1 - 1e-6)).any(axis=1).sum())
    return [
        *against(label, case, work, {"Clarabel": 3.0}, rounds),
        figure(f"{label}: feeders at their cap", binding),
        figure(f"{label}: over a feeder's cap, relative", max(over, 0.0), "", "<= 1e-9", over <= 1e-9),
        *proof(label, case, plan),
    ]


def tariff(count: int, rounds: int) -> list[Row]:
    """Cost alone, two tariffs and a cap: a linear program, for HiGHS too."""
    label, case = f"tariff, N = {count:,}", day(count)
    shipped = shipped_tariff("shandong-2026")
    price = np.repeat([shipped.price_of(letter) for letter in shipped.hours[1]], SLOTS // 24)
    cost = Quadratic(np.zeros(SLOTS), price)

    def work() -> valley.Filled:
        return valley.fill(**case.arguments(), cost=cost)

    plan, best = work(), min(spent_on(work) for _ in range(2 * rounds))
    rows = [figure(f"{label}: ours ({plan.method})", best, "CPU s"), *proof(label, case, plan)]
    if find_spec(PACKAGES["HiGHS"]) is None:
        return [*rows, figure(f"{label}: HiGHS", "not installed")]
    theirs, objective = min(highs(case, price) for _ in range(rounds))
    off = abs(objective / plan.objective - 1.0)
    return [
        *rows,
        figure(f"{label}: HiGHS", theirs, "CPU s"),
        figure(f"{label}: faster than HiGHS", theirs / best, "x"),
        figure(f"{label}: objective beside HiGHS, relative", off, "", "<= 1e-6", off <= 1e-6),
    ]


def pool(processes: int = 2) -> list[Row]:
    """Many sites at once: the same plans, in less time where there are processors for it."""
    timing = bench.many_sites(processes)
    label = f"{timing.sites} sites of {timing.cars} cars"
    return [
        figure(f"{label}: one after the other", timing.seconds_here, "s"),
        figure(f"{label}: in {processes} processes", timing.seconds_pool, "s"),
        figure(f"{label}: the same plans to the last bit", float(timing.same), "", "1", timing.same),
    ]


def arrivals(count: int = 1000, number: int = 200) -> list[Row]:
    """Newcomers one after the other, each placed and the plan brought to a gap of 1e-4."""
    case, more, unit = day(count), day(number, seed=7), SLOT_H / 1000
    weight, tariff = np.ones(SLOTS), np.zeros(SLOTS)
    running = Running(
        make_instance(
            case.base_load_w * unit, Quadratic(weight, tariff), case.arrive, case.depart, case.power_max_w * unit,
            case.energy_wh / 1000, case.cap_w[None] * unit,
        )
    )  # fmt: skip
    placed, proven, gaps = [], [], []
    for car in range(number):
        began = time.process_time()
        running.arrive(
            int(more.arrive[car]), int(more.depart[car]), more.power_max_w[car] * unit, more.energy_wh[car] / 1000
        )
        placed.append(time.process_time() - began)
        gaps.append(running.improve(1e-4))
        proven.append(time.process_time() - began)
    first, all_of_it = 1000 * float(np.median(placed)), 1000 * float(np.quantile(proven, 0.95))
    label = f"arrivals at N = {count:,}"
    return [
        figure(f"{label}: first safe set-point, median", first, "ms CPU", "<= 1 ms", first <= 1.0),
        figure(f"{label}: first safe set-point, p95", 1000 * float(np.quantile(placed, 0.95)), "ms CPU"),
        figure(f"{label}: to a gap of 1e-4, median", 1000 * float(np.median(proven)), "ms CPU"),
        figure(f"{label}: to a gap of 1e-4, p95", all_of_it, "ms CPU", "<= 5 ms", all_of_it <= 5.0),
        figure(f"{label}: largest gap", max(gaps), "", "<= 1e-4", max(gaps) <= 1e-4),
    ]


def rounding(cases: int = 10_000) -> list[Row]:
    """Whole amperes: caps in random cases, energy and cost over a day."""
    worst = optimizer_rounding.worst_excess_w(cases)
    lines = optimizer_rounding.worst_on_lines_ma(cases)
    mixed = cases * 3 // 10
    net, back, stored = optimizer_rounding.worst_with_batteries(mixed)
    beside = f"rounding, {mixed:,} random cases with batteries"
    served, cost, over = optimizer_rounding.closed_loop(day(200))
    return [
        figure(f"rounding, {cases:,} random cases: over a cap", max(worst, 0), "W", "0", worst <= 0),
        figure(f"rounding, {cases:,} random cases on conductors: over a limit", max(lines, 0), "mA", "0", lines <= 0),
        figure(f"{beside}: over a cap, net", max(net, 0), "W", "0", net <= 0),
        figure(f"{beside}: over a conductor, forth or back", max(back, 0.0), "mA", "0", back <= 0),
        figure(f"{beside}: outside of what they hold", stored, "Wh", "<= 1e-5", stored <= 1e-5),
        figure("rounding, a day of 200 cars: over the cap", max(over, 0.0), "W", "0", over <= 0),
        figure("rounding, a day of 200 cars: energy", served, "", ">= 0.9985", served >= 0.9985),
        figure("rounding, a day of 200 cars: cost beside continuous", cost, "", "<= 1.003", cost <= 1.003),
    ]


def conductors(count: int, halls: int) -> list[Row]:
    """Cars on one, two and three phases in halls with caps and unbalance limits, behind a transformer with its own."""
    label, case = f"conductors, N = {count:,} in {halls} halls", day(count)
    lines, feeders, given = optimizer_lines.wired(case, halls)

    def work() -> valley.Filled:
        return valley.fill(**case.arguments(), feeders=feeders, conductors=given, lines=lines)

    plan, best = work(), min(spent_on(work) for _ in range(2))
    over, apart = optimizer_lines.excess_a(case, lines, feeders, given, plan.power_w)
    return [
        figure(f"{label}: ours", best, "CPU s"),
        figure(f"{label}: certified gap", plan.gap, "", "<= 1e-6", -1e-9 <= plan.gap <= 1e-6),
        figure(f"{label}: over a conductor", max(over, 0.0), "A", "<= 1e-6", over <= 1e-6),
        figure(f"{label}: further apart than may be", max(apart, 0.0), "A", "<= 1e-6", apart <= 1e-6),
        figure(f"{label}: unserved", float(plan.unserved_wh.sum() / case.energy_wh.sum()), ""),
    ]


def acn(capacities_kw: Sequence[float] = (10, 15, 20, 25, 30, 40, 60, 80, 125)) -> list[Row]:
    """Experiment 2.1 of ACN-Sim, on one phase: online beside the optimum and least laxity first."""
    if not optimizer_acn.data().exists():
        return [figure("ACN-Sim 2.1", "its data is not there")]
    cars, rows = optimizer_acn.sessions(), []
    wanted = sum(car.energy_kwh for car in cars)
    for cap in capacities_kw:
        garage, label = optimizer_acn.Garage(cap), f"ACN-Sim 2.1, {cap:g} kW"
        best = 100 * optimizer_acn.optimum(garage, cars) / wanted
        online = 100 * optimizer_acn.online(garage, cars, optimizer_acn.MostEnergy()) / wanted
        rule = 100 * optimizer_acn.online(garage, cars, optimizer_acn.least_laxity) / wanted
        rows += [
            figure(f"{label}: optimum", best, "% of demand"),
            figure(f"{label}: least laxity first", rule, "% of demand"),
            figure(f"{label}: online", online, "% of demand", ">= least laxity", online >= rule - ACN_SAME),
            figure(f"{label}: online beside the optimum", online / best, "", ">= 0.995", online >= 0.995 * best),
        ]
        if cap == ACN_KNOWN_KW:
            off = abs(best - ACN_OPTIMUM)
            rows += [
                figure(f"{label}: online", online, "% of demand", ">= 58.80", online >= ACN_ONLINE),
                figure(f"{label}: optimum beside the published one", off, "points", "<= 0.001", off <= ACN_SAME),
            ]
    return [*rows, *acn_three_phase()]


def acn_three_phase(cap_kw: float = 10.0) -> list[Row]:
    """The same on three phases."""
    cars, garage = optimizer_acn.sessions(), optimizer_acn.Garage(cap_kw, three_phase=True)
    wanted, label = sum(car.energy_kwh for car in cars), f"ACN-Sim 2.1, three phases, {cap_kw:g} kW"
    online = 100 * optimizer_acn.online(garage, cars, optimizer_acn.MostEnergy()) / wanted
    rule = 100 * optimizer_acn.online(garage, cars, optimizer_acn.least_laxity) / wanted
    best = 100 * optimizer_acn.optimum(garage, cars) / wanted
    return [
        figure(f"{label}: optimum", best, "% of demand"),
        figure(f"{label}: least laxity first", rule, "% of demand"),
        figure(f"{label}: online", online, "% of demand", ">= 51.4", online >= 51.4),
    ]


def growth() -> list[Row]:
    """How the cost grows with the cars and with the slots, by both methods; draws docs/images/optimizer_growth*.svg."""
    cars = {method: {n: grown(n, SLOTS, method) for n in numbers} for method, numbers in GROWN_CARS.items()}
    slots = {method: {t: grown(1000, t, method) for t in numbers} for method, numbers in GROWN_SLOTS.items()}
    by_cars, by_slots = (IMAGES / name for name in ("optimizer_growth_cars.svg", "optimizer_growth_slots.svg"))
    by_cars.write_text(log_plot(cars, "CPU seconds, 96 slots", "cars"), "utf-8")
    by_slots.write_text(log_plot(slots, "CPU seconds, 1,000 cars", "slots"), "utf-8")
    return [
        figure(f"growth, {method}: {count:,} {what}", spent, "CPU s")
        for what, lines in (("cars", cars), ("slots", slots))
        for method, points in lines.items()
        for count, spent in points.items()
    ]


def grown(count: int, slots: int, method: MethodName) -> float:
    """CPU seconds for a day cut into `slots`."""
    case = day(count, slots=slots)
    return min(spent_on(lambda: valley.fill(**case.arguments(), method=method)) for _ in range(2))


def whole_site(count: int, rounds: int) -> list[Row]:
    """Storage, sun and generator with the cars, one net load and fifty, against Clarabel on the extensive form."""
    return [
        *_one_site(f"site, N = {count:,}", optimizer_site.flat_site(day(count)), 1.5, rounds),
        *_one_site(f"site with tariff and sale, N = {count:,}", optimizer_site.priced_site(day(count)), None, rounds),
    ]


def _one_site(label: str, site: Site, bar: float | None, rounds: int) -> Iterable[Row]:
    many = optimizer_site.with_scenarios(site)
    alone = replace(many, scenarios=None)
    rival = find_spec(PACKAGES["Clarabel"]) is not None
    for name, one, known in ((label, site, 3.0), (f"{label}, 50 scenarios", many, 7.0)):
        plan, best = solve_site(one), min(spent_on(lambda one=one: solve_site(one)) for _ in range(rounds))
        yield figure(f"{name}: ours", best, "CPU s")
        yield figure(f"{name}: certified gap", plan.gap, "", "<= 1e-6", -1e-9 <= plan.gap <= 1e-6)
        if rival:
            theirs, objective = min(optimizer_site.clarabel(one) for _ in range(rounds))
            off = abs(objective / plan.objective - 1.0)
            yield figure(f"{name}: Clarabel", theirs, "CPU s")
            yield figure(f"{name}: faster than Clarabel", theirs / best, "x", f">= {known:g}x", theirs >= known * best)
            yield figure(f"{name}: objective beside Clarabel, relative", off, "", "<= 1e-6", off <= 1e-6)
    one_by_one = [(spent_on(lambda: solve_site(many)), spent_on(lambda: solve_site(alone))) for _ in range(rounds)]
    ratio = min(pair[0] for pair in one_by_one) / min(pair[1] for pair in one_by_one)
    met = None if bar is None else ratio <= bar
    yield figure(f"{label}: 50 scenarios beside one", ratio, "x", "" if bar is None else f"<= {bar:g}x", met)


ROWS: dict[str, Callable[[], list[Row]]] = {
    "100": lambda: fleet(100, {"PIQP": 1.5, "cvxpy": 30.0, "OSQP": 0.0}, 15),
    "1000": lambda: fleet(1000, {"PIQP": 3.0, "Clarabel": 10.0, "cvxpy": 120.0}, 5),
    "10000": fleet_10_000,
    "100000": fleet_100_000,
    "arrivals": lambda: [*arrivals(), *arrivals(100)],
    "acn": acn,
    "rounding": rounding,
    "growth": growth,
    "site-1000": lambda: whole_site(1000, 2),
    "tariff-1000": lambda: tariff(1000, 2),
    "pool": pool,
    "feeders-1000": lambda: feeders(1000, 10, 4),
    "feeders-10000": lambda: feeders(10_000, 20, 1),
    "conductors": lambda: [*conductors(200, 1), *conductors(1000, 1), *conductors(1000, 10)],
}
SLOW = frozenset({"10000", "feeders-10000", "acn"})


def main(arguments: Sequence[str]) -> int:
    """The rows that are named, or all; `--json` those of one row in this process, for the one that asks."""
    names = [name for name in arguments if name != "--json"]
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"no row {', '.join(unknown)}; there are: {', '.join(ROWS)}", file=sys.stderr)  # noqa: T201
        return 2
    if "--json" in arguments:
        print(json.dumps([row for name in names for row in ROWS[name]()]))  # noqa: T201  # the parent process reads it
        return 0
    console = Console()
    console.print(table("optimizer", [row for name in names or ROWS for row in in_child(name)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
