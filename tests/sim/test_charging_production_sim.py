"""The production charging room before simulated fleets (grid-limits B, C): 500 seeds, what once failed, the control.

`make sim SEEDS=20000` runs more and longer ones; `python -m tests.sim SEED` tells one second by second.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sim.__main__ import main
from tests.support.sim_controls import ALL_ON, CONTROLS, Control
from tests.support.sim_runs import BEGIN, CLOCK_ROW, END, PAGE, Job, broken, keep, seeds_kept, what_broke, write_page
from tests.support.sim_scenario import CLOCK, LEVELS

SEEDS, GROUPS = 500, 10
CLOCK_SEEDS, CLOCK_GROUPS = 120, 4
CALM_SEEDS = 12
FAULTY_SEEDS = 16
SHOWING = {
    "no ramp hold": ("1 crash", "4 storm", "11 crash"),
    "ramp hold from the last acknowledged value": ("36 storm", "51 crash"),
    "no write-ahead": ("28 storm", "25 crash", "40 storm"),
    "no leases": ("1 crash", "2 storm", "4 storm"),
    "no floors": ("1 crash", "2 storm"),
    "raises without room": ("2 storm", "3 crash", "1 crash"),
    "unanswered values do not count": ("20 storm", "18 storm", "11 crash"),
    "the clock is believed when it is set": ("5 clock", "0 clock", "4 clock"),
    "firmware flags unknown": ("46 storm", "11 crash", "17 crash"),
    "no verification: accepted is believed": ("37 crash", "52 storm", "44 storm"),
}
"""Runs of which at least one shows it, for each control; with everything on none of them shows anything."""


def failures(jobs: list[Job]) -> list[str]:
    reports = [(job, job.run()) for job in jobs]
    return [f"{job}: {what_broke(report)}" for job, report in reports if broken(report)]


@pytest.mark.req("GL-I1", "GL-I2", "GL-I3", "GL-I4", "GL-I5", "GL-I6")
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_seed_breaks_a_rule(group: int) -> None:
    """Seconds above any cap after the grace: none, in every run."""
    assert failures([Job(seed, brief=True) for seed in range(group, SEEDS, GROUPS)]) == []


@pytest.mark.req("GL-I1", "GL-I2", "GL-I3")
@pytest.mark.parametrize("group", range(CLOCK_GROUPS))
def test_no_seed_breaks_a_rule_when_the_servers_clock_is_set(group: int) -> None:
    """By seconds or by an hour, on or back; stations follow, or don't; the server, or its machine, starts anew."""
    assert failures([Job(seed, CLOCK, brief=seed % 4 > 0) for seed in range(group, CLOCK_SEEDS, CLOCK_GROUPS)]) == []


def test_what_once_failed_does_not_fail_again() -> None:
    assert failures(seeds_kept()) == []


@pytest.mark.parametrize("level", [*LEVELS, CLOCK])
def test_a_seed_is_the_same_run_wherever_it_runs(level: str) -> None:
    here = Job(7, level, brief=True).run()
    assert Job(7, level, brief=True).run() == here
    told = f"from tests.support.sim_runs import Job; print(Job(7, {level!r}, brief=True).run())"
    environment = os.environ | {"PYTHONHASHSEED": "99"}
    there = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment)
    assert there.stdout.strip() == repr(here)


@pytest.mark.req("GL-B4.1", "GL-B4.2", "GL-B4.3", "GL-B4.4", "GL-B3", "GL-B2")
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_without_a_protection_the_same_runs_are_above_their_caps(control: Control) -> None:
    jobs = [Job(int(seed), level) for seed, level in (words.split() for words in SHOWING[control.name])]
    assert failures(jobs) == []
    assert any(replace(job, control=control.name).run().over_s for job in jobs)


@pytest.mark.req("GL-I9")
def test_most_of_the_cap_is_used_where_nothing_goes_wrong() -> None:
    uses = [Job(seed, "calm", steady=True).run().settled_use or 0.0 for seed in range(CALM_SEEDS)]
    assert sum(uses) / len(uses) >= 0.95
    assert min(uses) >= 0.9


def test_three_quarters_are_used_with_frames_lost_and_connections_dropped() -> None:
    uses = [Job(seed, "rough", steady=True).run().use or 0.0 for seed in range(FAULTY_SEEDS)]
    assert sum(uses) / len(uses) >= 0.75
    assert min(uses) >= 0.7


def test_a_failing_seed_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "seeds.txt"
    path.write_text("# seeds\n", "utf-8")
    report = Job(0, "storm", CONTROLS[4].name, brief=True).run()
    keep(report, path)
    keep(report, path)
    assert [(job.seed, job.level) for job in seeds_kept(path)] == [(0, "storm")]


def table() -> dict[str, list[str]]:
    """The rows of the page by their names."""
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|")
    return {cells[0]: cells[1:] for cells in lines}


def test_the_page_shows_no_second_above_a_cap_and_some_without_each_protection() -> None:
    rows = table()
    assert {rows[name][1] for name in (*LEVELS, CLOCK_ROW, ALL_ON.name)} == {"0"}
    assert [control.name for control in CONTROLS if rows[control.name][1] == "0"] == []


def test_the_table_of_the_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    write_page(["| new |"], "so many seeds", page)
    assert page.read_text("utf-8") == f"before\n{BEGIN}\nso many seeds\n\n| new |\n{END}\nafter\n"


def test_one_run_is_told_second_by_second(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["3", "--brief"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("seed 3, storm")
    assert "TxProfile" in told
    assert "no rule was broken" in told
