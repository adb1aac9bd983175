"""Many runs side by side: by seeds, in processes, with progress; what they add up to, as a table."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.sim_controls import ALL_ON, CONTROLS, Control
from tests.support.sim_journal import Journal
from tests.support.sim_scenario import CLOCK, LEVELS, scenario
from tests.support.sim_world import Report, simulate

SEEDS_FILE = Path(__file__).parents[1] / "sim" / "seeds.txt"
PAGE = Path(__file__).parents[2] / "docs" / "topics" / "grid-limits-proof.md"
BEGIN, END = "<!-- from python -m tests.sim --page -->", "<!-- end -->"
CONTROL_NAMES = {control.name: control for control in (ALL_ON, *CONTROLS)}
STEADY_SEEDS = 40
CLOCK_ROW = "storm, and the server's clock is set"


@dataclass(frozen=True)
class Job:
    """One run: `level` None for that of the seed."""

    seed: int
    level: str | None = None
    control: str = ALL_ON.name
    steady: bool = False
    moving: bool = False
    brief: bool = False

    def run(self) -> Report:
        """Whether this process has done it before or not: the same."""
        control = CONTROL_NAMES[self.control]
        with control.off():
            plan = scenario(self.seed, self.level, steady=self.steady, moving=self.moving, brief=self.brief)
            return simulate(plan, control.flags_known)


def broken(report: Report) -> bool:
    """Whether anything was as it must never be."""
    wrong = (report.over, report.uncovered, report.unwritten, report.lasting, report.above_floor)
    return any(wrong) or report.clashes > 0


@dataclass
class Sum:
    """What several runs add up to."""

    name: str
    runs: int = 0
    runs_over: int = 0
    over_s: int = 0
    runs_uncovered: int = 0
    uses: list[float] = field(default_factory=list)
    messages: int = 0

    def add(self, report: Report, settled: bool = False) -> None:
        """One more."""
        self.runs += 1
        self.runs_over += bool(report.over)
        self.over_s += report.over_s
        self.runs_uncovered += bool(report.uncovered)
        self.messages += report.messages
        use = report.settled_use if settled else report.use
        if use is not None:
            self.uses.append(use)

    @property
    def use(self) -> float:
        """Mean share of the usable cap that was drawn."""
        return sum(self.uses) / max(len(self.uses), 1)

    def row(self) -> str:
        """Of the table."""
        each, runs = max(self.runs, 1), f"{self.runs_over:,} of {self.runs:,}"
        return (
            f"| {self.name} | {runs} | {self.over_s:,} | {self.over_s / each:.2f} | {self.runs_uncovered:,} "
            f"| {self.use:.2f} | {self.messages / each:.0f} |"
        )


HEAD = (
    "| runs | above a cap after the grace | s above, all runs | s above, each run | drew more than counted, runs | use "
    "| messages |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def seeds_kept(path: Path = SEEDS_FILE) -> list[Job]:
    """The regression list: `seed level [brief]`, and why after a #."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words:
            found.append(Job(int(words[0]), words[1], brief="brief" in words))
    return found


def keep(report: Report, path: Path = SEEDS_FILE) -> None:
    """Add a seed that failed to the regression list."""
    line = f"{report.seed} {report.level}"
    known = {f"{job.seed} {job.level}" for job in seeds_kept(path)}
    if line not in known:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}  # {what_broke(report)}\n")


def what_broke(report: Report) -> str:
    """In a few words."""
    found = [
        (f"{report.over_s} s above a cap", report.over),
        ("drew more than counted", report.uncovered),
        ("left before it was written", report.unwritten),
        ("does not end at the floor", report.lasting),
        ("above its floor without a server", report.above_floor),
        ("two profiles at one place", report.clashes),
    ]
    return ", ".join(f"{words} at {there[0] if isinstance(there, list) else there}" for words, there in found if there)


@dataclass(frozen=True)
class Runner:
    """`processes` at work side by side; with a `journal`, what that knows is not run again."""

    processes: int
    journal: Journal | None = None

    def run_all(self, jobs: Sequence[Job], told: Callable[[str], None] | None = None) -> Iterator[Report]:
        """Every job's report: first those known, then in order."""
        missing = []
        for job in jobs:
            known = self.journal.known(repr(job)) if self.journal else None
            if known is None:
                missing.append(job)
            else:
                yield known
        begun_s, step = time.monotonic(), max(len(missing) // 20, 1)
        with ProcessPoolExecutor(self.processes, initializer=gc.freeze) as pool:
            for number, report in enumerate(pool.map(Job.run, missing, chunksize=8), 1):
                if self.journal:
                    self.journal.add(repr(missing[number - 1]), report)
                yield report
                if told is not None and number % step == 0:
                    left_s = (time.monotonic() - begun_s) / number * (len(missing) - number)
                    told(f"{number} of {len(missing)}, {left_s:.0f} s to go")


def proof(
    seeds: int, runner: Runner, first: int = 0, control_seeds: int | None = None
) -> tuple[list[str], list[Report]]:
    """The table of the page, and the runs that broke a rule. `control_seeds`: of each control, a tenth of all when
    nothing is said."""
    rows, failed = [HEAD], []
    jobs = [Job(seed) for seed in range(first, first + seeds)]
    sums = {level: Sum(level) for level in LEVELS}
    for report in runner.run_all(jobs, progress):
        sums[report.level].add(report)
        if broken(report):
            failed.append(report)
            progress(f"seed {report.seed} ({report.level}): {what_broke(report)}")
    rows += [found.row() for found in sums.values()]
    clock = Sum(CLOCK_ROW)
    for report in runner.run_all([Job(seed, CLOCK) for seed in range(first, first + max(seeds // 10, 60))], progress):
        clock.add(report)
        if broken(report):
            failed.append(report)
            progress(f"seed {report.seed} ({report.level}): {what_broke(report)}")
    rows.append(clock.row())
    rows += [_steady(level, moving, runner).row() for level in ("calm", "rough") for moving in (False, True)]
    rows += [found.row() for found in controls(control_seeds or max(seeds // 10, 60), runner, first)]
    return rows, failed


def write_page(rows: Sequence[str], said: str, path: Path = PAGE) -> None:
    """Put the table, and how it was made, into the page."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(rows)
    path.write_text(f"{before}{BEGIN}\n{said}\n\n{table}\n{END}{after}", "utf-8")


def _steady(level: str, moving: bool, runner: Runner) -> Sum:
    """How much of a cap is used by ordinary piles whose cars stay; without faults and changes once all is settled."""
    settled = level == "calm" and not moving
    caps = "caps that change" if moving else "a cap that stays"
    found = Sum(f"{level}, ordinary piles under {caps}" + ", settled" * settled)
    jobs = [Job(seed, level, steady=True, moving=moving) for seed in range(STEADY_SEEDS)]
    for report in runner.run_all(jobs):
        found.add(report, settled)
    return found


def controls(seeds: int, runner: Runner, first: int = 0) -> Iterable[Sum]:
    """The same runs, in each of which the server dies, with everything on, then with each protection off."""
    for control in (ALL_ON, *CONTROLS):
        yield _control(control, seeds, runner, first)


def _control(control: Control, seeds: int, runner: Runner, first: int) -> Sum:
    found = Sum(control.name)
    levels = (control.level, control.level) if control.level else ("crash", "storm")
    jobs = [Job(seed, levels[seed % 2], control.name) for seed in range(first, first + seeds)]
    for report in runner.run_all(jobs):
        found.add(report)
    progress(found.row())
    return found


def progress(text: str) -> None:
    """For whoever waits."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
