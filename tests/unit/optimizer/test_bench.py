"""`csms optimize bench`, and many files at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from optimizer import bench, examples
from optimizer.console import build
from optimizer.pool import SCHEDULER_VARIABLE
from tests.support.optimizer_commands import run, words


@pytest.fixture(params=["en", "zh"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(bench, "SECONDS_PER_SIZE", 0.0)
    monkeypatch.delenv(SCHEDULER_VARIABLE, raising=False)
    return build(words(request.param))


def test_days_are_the_same_every_time_and_their_cap_binds() -> None:
    day, again = examples.day(50), examples.day(50)
    assert all(np.array_equal(day[name], again[name]) for name in day)
    unmanaged = day["base_load_w"].copy()
    for first, last, power in zip(day["arrive"], day["depart"], day["power_max_w"], strict=True):
        unmanaged[first:last] += power
    assert (unmanaged > day["cap_w"]).any()
    assert examples.day(5, slots=24)["slot_h"] == 1.0


def test_every_size_is_timed_and_proven(app: typer.Typer) -> None:
    shown = run(app, "bench", "--cars", 20, "--cars", 40)
    assert shown.exit_code == 0
    assert "interior point" in shown.stdout
    assert "benchmarks" in shown.stdout
    told = json.loads(run(app, "bench", "--cars", 20, "--json").stdout)
    (fleet,) = told["fleets"]
    assert (fleet["cars"], fleet["over_cap_kw"], told["pool"]) == (20, 0.0, None)
    assert 0 < fleet["seconds"] < 60
    assert -1e-9 <= fleet["gap"] <= 1e-6


def test_the_pool_is_timed_beside_one_process() -> None:
    timing = bench.many_sites(1, sites=3, cars=5)
    assert timing.same
    assert timing.lost == ()
    assert min(timing.seconds_here, timing.seconds_pool) > 0


def test_a_wrong_number_of_cars_ends_with_2(app: typer.Typer) -> None:
    assert run(app, "bench", "--cars", 0).exit_code == 2


@pytest.fixture
def files(app: typer.Typer, tmp_path: Path) -> list[Path]:
    problem, site = tmp_path / "problem.json", tmp_path / "site.json"
    assert run(app, "example", "--out", problem).exit_code == 0
    assert run(app, "example", "--whole-site", "--out", site).exit_code == 0
    return [problem, site]


def test_many_files_are_solved_in_their_order(app: typer.Typer, files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shown = run(app, "solve", *files, "--out", folder)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert [name in line for name, line in zip(("problem", "site"), lines[1:], strict=True)] == [True, True]
    told = json.loads(run(app, "solve", *files, "--json").stdout)
    assert [row["file"] for row in told] == [str(file) for file in files]
    for file, row in zip(files, told, strict=True):
        kept = json.loads((folder / file.name).read_text(encoding="utf-8"))
        assert kept == {key: value for key, value in row.items() if key != "file"}
        assert kept["gap"] <= 1e-6


def test_a_place_that_is_lost_is_said_beside_the_result(
    app: typer.Typer, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SCHEDULER_VARIABLE, "nowhere")
    shown = run(app, "solve", *files, "--json")
    assert shown.exit_code == 0
    assert "nowhere" in shown.stderr
    assert len(json.loads(shown.stdout)) == 2


def test_what_cannot_be_done_with_many_files_is_refused(app: typer.Typer, files: list[Path], tmp_path: Path) -> None:
    assert run(app, "solve", *files, "--plot", tmp_path / "a.svg").exit_code == 2
    assert run(app, "solve", *files, "--site", "north").exit_code == 2
    assert run(app, "solve", files[0], files[0], "--out", tmp_path / "plans").exit_code == 2
    assert run(app, "solve", *files, "--out", files[0]).exit_code == 1
    assert run(app, "solve", *files, tmp_path / "missing.json").exit_code == 2
