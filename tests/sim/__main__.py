"""Replay one run, or prove that no run breaks a rule.

python -m tests.sim 1234             one seed, told second by second (--level, --brief, --control, --flags-unknown)
python -m tests.sim --seeds 20000    all of them and the controls; --page puts the table into
                                     docs/topics/grid-limits-proof.md; --journal FILE keeps every run, so that what is
                                     broken off goes on where it was
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.support.sim_controls import ALL_ON
from tests.support.sim_journal import Journal, OtherCode, code_of
from tests.support.sim_runs import CONTROL_NAMES, Runner, broken, keep, proof, what_broke, write_page
from tests.support.sim_scenario import CLOCK, LEVELS, Scenario, scenario
from tests.support.sim_world import simulate


def main(arguments: list[str] | None = None) -> int:
    """0: no rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seed", type=int, nargs="?", help="replay this one")
    parser.add_argument("--level", choices=(*LEVELS, CLOCK), help="instead of the seed's own")
    parser.add_argument("--brief", action="store_true", help="four minutes")
    parser.add_argument("--control", choices=sorted(CONTROL_NAMES), default=ALL_ON.name, help="with a protection off")
    parser.add_argument("--seeds", type=int, help="run so many")
    parser.add_argument("--first", type=int, default=0, help="beginning with this one")
    parser.add_argument("--control-seeds", type=int, help="so many with each protection off (a tenth of --seeds)")
    parser.add_argument("--page", action="store_true", help="write the table into the page")
    parser.add_argument("--journal", type=Path, help="keep the runs in this file, and do not run again what is there")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if asked.seeds is not None:
        try:
            journal = Journal(asked.journal, code_of()) if asked.journal else None
        except OtherCode as fault:
            parser.error(str(fault))
        return prove(asked.seeds, Runner(asked.processes, journal), asked.first, asked.page, asked.control_seeds)
    if asked.seed is None:
        parser.error("a seed, or --seeds")
    return replay(scenario(asked.seed, asked.level, brief=asked.brief), asked.control)


def replay(plan: Scenario, control: str) -> int:
    """One run as a trace."""
    trace: list[str] = []
    protection = CONTROL_NAMES[control]
    with protection.off():
        report = simulate(plan, protection.flags_known, trace, thorough=True)
    print("\n".join([*described(plan), *trace]))  # noqa: T201
    print(f"{what_broke(report) or 'no rule was broken'}; {report.messages} messages; {report.digest}")  # noqa: T201
    return int(broken(report))


def described(plan: Scenario) -> list[str]:
    """What is there before it begins."""
    lines = [f"seed {plan.seed}, {plan.level}, lease {plan.lease_s:g} s, plans by {plan.planner}"]
    lines += [
        f"  pile {n:02} {p.kind.name:16} {p.rating.power_max_w / 1000:g} kW at {p.feeder},"
        f" comes down in {p.ramp_s:.0f} s, clock {-p.clock_s:+.0f} s"
        for n, p in enumerate(plan.piles)
    ]
    for feeder, caps in plan.caps.items():
        told = "; ".join(f"{at:.0f} s {w / 1000:.1f} kW (said {early:.0f} s before)" for at, w, early in caps)
        bases = "; ".join(f"{at:.0f} s {w / 1000:.1f} kW" for at, w in plan.bases[feeder])
        lines += [f"  cap of {feeder}: {told}", f"  base load at {feeder}: {bases}"]
    return lines


def prove(seeds: int, runner: Runner, first: int, page: bool, control_seeds: int | None) -> int:
    """Many runs, and the table."""
    rows, failed = proof(seeds, runner, first, control_seeds)
    print("\n".join(rows))  # noqa: T201
    if page:
        last = first + seeds - 1
        write_page(rows, f"`python -m tests.sim --first {first} --seeds {seeds} --page`: seeds {first:,} to {last:,}.")
    for report in failed:
        keep(report)
        print(f"{report.seed} {report.level}: {what_broke(report)}", file=sys.stderr)  # noqa: T201
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
