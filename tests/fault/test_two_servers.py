"""Two real servers on one PostgreSQL: what is changed or stated at one holds at the other, and after its death."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.access import bearer
from tests.support.postgres import PostgresServer
from tests.support.running import Server

PATIENCE_S = 20.0


@pytest.fixture
def pair(tmp_path: Path, postgres: PostgresServer) -> Iterator[tuple[Server, Server]]:
    url = postgres.new()
    one, other = Server(tmp_path / "one"), Server(tmp_path / "other")
    one.start(CSMS_DATABASE_URL=url)
    other.start_with(one.token, CSMS_DATABASE_URL=url)
    yield one, other
    for server in (other, one):
        server.stop()
    postgres.give_back(url)


def api(server: Server, token: str) -> httpx.Client:
    return httpx.Client(base_url=f"{server.api_url}/api/v1", headers=bearer(token), trust_env=False)


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_two_servers_see_each_other_s_tree_and_limits(pair: tuple[Server, Server]) -> None:
    one, other = pair
    with api(one, one.token) as first, api(other, one.token) as second:
        body = {"parent_id": "T1", "rating_w": 50_000, "lowest_cap_w": 10_000}
        made = first.put("/feeders/T1b", json=body)
        assert made.status_code in (200, 201), made.text
        until(lambda: second.get("/feeders/T1b").status_code == 200)
        circle = second.put("/feeders/T1", json={"parent_id": "T1b", "rating_w": 40_000})
        assert circle.status_code in (409, 422), circle.text
        limit = second.put("/feeders/T1b/limits/evening", json={"version": 1, "value_w": 20_000})
        assert limit.status_code == 202, limit.text
        until(lambda: first.get("/feeders/T1b/state").json()["cap_w"] == 20_000)
        stale = first.put("/feeders/T1b/limits/evening", json={"version": 1, "value_w": 30_000})
        assert stale.json()["code"] == "stale_version"
        other.stop(signal.SIGKILL)
        assert first.get("/feeders/T1b/state").json()["cap_w"] == 20_000
