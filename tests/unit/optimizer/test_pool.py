"""Many problems in processes of this machine: the same answers, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimizer import Plan, Problem, solve
from optimizer.pool import Pool
from tests.support import pool_tasks
from tests.support.pool_tasks import problems, same


@pytest.fixture(scope="module")
def asked() -> list[Problem]:
    return problems(12)


@pytest.fixture(scope="module")
def here(asked: list[Problem]) -> list[Plan]:
    return [solve(problem) for problem in asked]


@pytest.fixture(scope="module")
def two() -> Iterator[Pool]:
    with Pool(2, tell=lambda *_: None) as pool:
        yield pool


def test_without_processes_everything_is_done_here(asked: list[Problem], here: list[Plan]) -> None:
    with Pool() as pool:
        assert not pool.places
        assert same(pool.solve(asked), here)


def test_processes_give_the_same_bits_in_the_same_order(two: Pool, asked: list[Problem], here: list[Plan]) -> None:
    assert same(two.solve(asked), here)
    assert same(two.solve(asked[::-1]), here[::-1])
    assert os.getpid() not in two.map(pool_tasks.process_id, range(8))


def test_a_worker_that_dies_is_told_and_its_work_done_here(here: list[Plan]) -> None:
    told: list[tuple[str, str]] = []
    with Pool(2, tell=lambda *what: told.append(what)) as pool:
        assert same(pool.map(pool_tasks.solve_or_die, problems(12, deadly=5)), here)
        assert [place for place, _ in told] == ["2 processes"]
        assert os.getpid() not in pool.map(pool_tasks.process_id, range(4))
    assert len(told) == 1


def test_a_worker_that_hangs_is_told_and_its_work_done_here() -> None:
    told: list[tuple[str, str]] = []
    pool = Pool(2, tell=lambda *what: told.append(what), patience_s=1.0)
    assert pool.map(pool_tasks.hang_elsewhere, range(3)) == [0, 1, 2]
    assert told == [("2 processes", "no answer in 1 s")]


def test_what_a_task_raises_reaches_the_caller(two: Pool) -> None:
    with pytest.raises(LookupError, match="odd"):
        two.map(pool_tasks.refuse, range(4))


def test_a_loss_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Pool(2) as pool:
        pool.map(pool_tasks.solve_or_die, problems(3, deadly=1))
    assert [record.message for record in caplog.records] == ["solvers_lost"]


WAITING = """
import sys, time
from optimizer.pool import Pool
from tests.support.pool_tasks import process_id
if __name__ == "__main__":
    pool = Pool(2)
    print(*sorted(set(pool.map(process_id, range(16)))), flush=True)
    time.sleep(60)
"""


def test_processes_end_with_the_one_they_belong_to(tmp_path: Path) -> None:
    script = tmp_path / "waiting.py"
    script.write_text(WAITING, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while any(_alive(worker) for worker in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_alive(worker) for worker in workers)


def _alive(process: int) -> bool:
    """A process that ended but that nobody waited for does not count."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
