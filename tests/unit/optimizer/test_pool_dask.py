"""The same over a real Dask cluster: what dies there is done here, and said."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from optimizer import Plan, solve
from optimizer.pool import CONNECT_S, SCHEDULER_VARIABLE, SKIPPED, Pool
from tests.support import pool_tasks
from tests.support.dask_cluster import DaskCluster
from tests.support.pool_tasks import problems, same

NOWHERE = "tcp://127.0.0.1:9"


@pytest.fixture(scope="module")
def here() -> list[Plan]:
    return [solve(problem) for problem in problems(12)]


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    pytest.importorskip("distributed", reason="the package distributed is missing: pip install 'csms[dask]'")
    running = DaskCluster(tmp_path_factory.mktemp("dask"))
    yield running
    running.close()


@pytest.mark.slow
def test_a_cluster_gives_the_same_bits_in_the_same_order(
    cluster: DaskCluster, here: list[Plan], told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SCHEDULER_VARIABLE, cluster.address)
    with Pool.here_or_there(0, tell=lambda *what: told.append(what)) as pool:
        assert same(pool.solve(problems(12)), here)
        assert same(pool.solve(problems(12)[::-1]), here[::-1])
        assert os.getpid() not in pool.map(pool_tasks.process_id, range(8))
    assert told == []


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_dies_costs_nothing(
    cluster: DaskCluster, here: list[Plan], told: list[tuple[str, str]]
) -> None:
    """Dask tries a few more workers; a problem that kills them all is solved here."""
    with Pool(0, cluster.address, tell=lambda *what: told.append(what)) as pool:
        assert same(pool.map(pool_tasks.solve_or_die, problems(12, deadly=5)), here)
    assert [place for place, _ in told] == [cluster.address]


@pytest.mark.slow
def test_a_scheduler_that_goes_away_in_the_middle_is_told_and_its_work_done_here(
    here: list[Plan], told: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("distributed", reason="the package distributed is missing: pip install 'csms[dask]'")
    running = DaskCluster(tmp_path_factory.mktemp("dask"), workers=1)
    try:
        with Pool(0, running.address, tell=lambda *what: told.append(what)) as pool:
            assert os.getpid() not in pool.map(pool_tasks.process_id, range(2))
            threading.Timer(1.0, running.kill_scheduler).start()
            assert pool.map(pool_tasks.hang_elsewhere, range(3)) == [0, 1, 2]
            assert same(pool.solve(problems(12)), here)
        assert [place for place, _ in told] == [running.address]
    finally:
        running.close()


def test_a_scheduler_that_is_not_there_is_told_once_in_a_while(here: list[Plan], told: list[tuple[str, str]]) -> None:
    pytest.importorskip("distributed", reason="the package distributed is missing: pip install 'csms[dask]'")
    with Pool(0, NOWHERE, tell=lambda *what: told.append(what)) as pool:
        assert same(pool.solve(problems(12)), here)
        assert [place for place, _ in told] == [NOWHERE]
        for _ in range(SKIPPED):
            assert pool.map(pool_tasks.refuse, [0]) == [0]
        assert len(told) == 1
        pool.map(pool_tasks.refuse, [0])
    assert len(told) == 2
    assert CONNECT_S <= 2.0


def test_processes_take_over_from_a_scheduler_that_is_not_there(told: list[tuple[str, str]]) -> None:
    pytest.importorskip("distributed", reason="the package distributed is missing: pip install 'csms[dask]'")
    with Pool(2, NOWHERE, tell=lambda *what: told.append(what)) as pool:
        assert os.getpid() not in pool.map(pool_tasks.process_id, range(4))
    assert [place for place, _ in told] == [NOWHERE]


def test_the_missing_package_is_named(
    here: list[Plan], told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with Pool(0, NOWHERE, tell=lambda *what: told.append(what)) as pool:
        assert same(pool.solve(problems(12)), here)
    assert "csms[dask]" in told[0][1]
