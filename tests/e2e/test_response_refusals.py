"""`csms response` when things go wrong: wrong words, refusals, nobody there, and a server that is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.test_response_commands import BEGIN, PILES, START, fill
from tests.support.databases import empty_database
from tests.support.running import SETTINGS, Server, csms

TIMES = ("--from", START.isoformat(), "--to", (START + timedelta(hours=1)).isoformat(), "--price", "1.5")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On an evening three weeks of which are known."""
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "csms.db").write_bytes(empty_database())
    asyncio.run(fill(folder))
    running = Server(folder, stations=[pile.station_id for pile in PILES], settings=SETTINGS)
    running.start(CSMS_CLOCK=clock())
    yield running
    running.stop()


def clock() -> str:
    return f"speed=1,wall={time.time()!r},time={BEGIN.isoformat()}"


def run(server: Server, *arguments: str, code: int = 0, **environment: str) -> Any:
    done = csms("response", *arguments, "--json", "--url", server.api_url, **environment)
    assert done.returncode == code, done.stderr + done.stdout
    words = done.stdout if code == 0 else done.stderr or done.stdout
    return json.loads(words) if words.startswith("{") else words


def test_nothing_yet(server: Server) -> None:
    assert run(server, "list")["events"] == []
    assert run(server, "show", "DR-9", code=1)["code"] == "unknown_event"
    assert "Nothing to show" in csms("response", "list", "--url", server.api_url).stdout


def test_wrong_words_are_usage_errors(server: Server) -> None:
    run(server, "bid", "DR-1", "--auto", "--kw", "5", "--price", "1", code=2)
    run(server, "bid", "DR-1", "--kw", "5", code=2)
    run(server, "invite", "DR-1", "T1", "--kw", "20", "--from", "soon", "--to", "+1h", "--price", "1", code=2)
    run(server, "appeal", "DR-1", "--reason", "4", code=2)


def test_refusals_have_codes(server: Server) -> None:
    assert run(server, "invite", "DR-1", "T9", "--kw", "20", *TIMES, code=1)["code"] == "unknown_feeder"
    run(server, "invite", "DR-1", "T1", "--kw", "20", *TIMES)
    assert run(server, "invite", "DR-1", "T1", "--kw", "21", *TIMES, code=1)["code"] == "event_known"
    assert run(server, "bid", "DR-1", "--kw", "50", "--price", "1", code=1)["code"] == "above_invited"
    assert run(server, "clear", "DR-1", code=1)["code"] == "no_bid"
    assert run(server, "evaluate", "DR-1", code=1)["code"] == "not_taken"
    refused = csms("response", "show", "DR-9", "--url", server.api_url, CSMS_LANG="zh")
    assert refused.returncode == 1
    assert "unknown_event" in refused.stderr
    run(server, "cancel", "DR-1")


def test_nobody_there() -> None:
    assert csms("response", "list", "--url", "http://127.0.0.1:9").returncode == 4


def test_times_from_now_on_mean_the_next_quarter_hour(server: Server) -> None:
    told = run(server, "invite", "DR-4", "T1", "--kw", "5", "--from", "+61min", "--to", "+3h", "--price", "1")
    assert (told["start"][11:19], told["end"][11:19]) == ("11:30:00", "13:30:00")
    odd = ("--from", "2026-07-14T11:05:00Z", "--to", "2026-07-14T12:00:00Z", "--price", "1")
    assert run(server, "invite", "DR-5", "T1", "--kw", "5", *odd, code=1)["code"] == "not_on_quarter_hour"


def test_a_baseline_that_cannot_be_made_is_a_failure(server: Server) -> None:
    late = START + timedelta(hours=12)
    times = ("--from", late.isoformat(), "--to", (late + timedelta(hours=1)).isoformat(), "--price", "1")
    run(server, "invite", "DR-2", "T1", "--kw", "20", *times, "--notice", "minute")
    found = run(server, "baseline", "DR-2", code=1)
    assert (found["known"], found["days_found"]) == (False, 0)
    assert run(server, "baseline", "DR-2", "--method", "mean5")["known"], "no car, and 10 kW of base load"


def test_a_kill_behind_the_result_loses_nothing(server: Server) -> None:
    run(server, "invite", "DR-3", "T1", "--kw", "20", *TIMES)
    run(server, "bid", "DR-3", "--kw", "20", "--price", "1.2")
    run(server, "clear", "DR-3")
    server.stop(signal.SIGKILL)
    server.start_with(server.token, CSMS_CLOCK=clock())
    shown = run(server, "show", "DR-3")
    assert (shown["status"], shown["dispatch"]["limit_id"]) == ("22", "response-DR-3")
    (limit,) = server.api.get("/api/v1/feeders/T1/limits").json()["limits"]
    assert (limit["source"], limit["value_w"]) == ("response", 34_160)
    assert run(server, "clear", "DR-3")["status"] == "22", "the same once more"
    verified = csms("limit", "verify", "--url", server.api_url)
    assert verified.returncode == 0, verified.stdout
