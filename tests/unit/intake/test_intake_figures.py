"""The platform's own figures, what they say of its health, and who may see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from csms.model.clock import ManualClock, system_clock
from csms.texts import catalogue, entries
from monitor.intake import status_console
from monitor.intake.console import build
from monitor.intake.figures import Figures
from monitor.intake.health import DISK_FREE_MIN, own_signs, stalled
from monitor.intake.platform import create_platform
from monitor.intake.settings import settings_of
from monitor.store.intake import open_intake
from monitor.store.messages import Call

OPERATOR = "123456789"


def call(clock: ManualClock, ret: int | None = 0, status: int = 200, **more: Any) -> Call:
    return Call(clock.now(), "order", status, ret, **{"operator_id": OPERATOR, **more})


def test_calls_faults_and_times() -> None:
    clock = ManualClock()
    figures = Figures(clock)
    for spent_s in (0.001, 0.002, 0.1):
        with figures.call():
            assert figures.in_progress == 1
            clock.advance(spent_s)
    with pytest.raises(RuntimeError), figures.call():
        raise RuntimeError
    told = figures.as_document()
    assert (told["calls"], told["faults"], told["in_progress"]) == (4, 1, 0)
    assert told["p50_ms"] == pytest.approx(1.0, abs=0.01)
    assert told["p99_ms"] == pytest.approx(100, abs=0.01)


def test_refusals_have_names() -> None:
    clock = ManualClock()
    figures = Figures(clock)
    for made, name in (
        (call(clock), ""),
        (call(clock, 4015, duplicate=True), ""),
        (call(clock, -1, reason="too many calls"), "too_many_calls"),
        (call(clock, -1, reason="full"), "replay_store_full"),
        (call(clock, 4001, reason="signature"), "signature"),
        (call(clock, 4001, reason="replayed"), "replayed"),
        (call(clock, 4001, reason="outside"), "clock"),
        (call(clock, 4002, reason="token"), "token"),
        (call(clock, 4003, reason="missing Sig"), "envelope"),
        (call(clock, 4004, reason="the padding is wrong"), "content"),
        (call(clock, 4004, reason="interface not offered"), "interface"),
        (call(clock, 4004, reason="same business id, other content"), "conflict"),
        (call(clock, None, 401, operator_id=""), "unknown_operator"),
        (call(clock, None, 400, operator_id=""), "unreadable"),
    ):
        before = sum(figures.taken.values())
        figures.count(made)
        assert figures.refusals[made.operator_id, name] == 1 if name else sum(figures.taken.values()) == before + 1
    told = figures.as_document()["operators"]
    assert (told[OPERATOR]["taken"], len(told[OPERATOR]["refused"])) == (2, 10)
    assert told[""]["refused"] == {"unknown_operator": 1, "unreadable": 1}
    lines = figures.exposition({"stalled": 0.0}).splitlines()
    assert f'platform_refused_total{{operator="{OPERATOR}",why="too_many_calls"}} 1' in lines
    assert f'platform_taken_total{{operator="{OPERATOR}"}} 2' in lines
    assert "platform_stalled 0" in lines


def test_reasons_to_alarm_those_who_run_it() -> None:
    clock = ManualClock()
    figures = Figures(clock)

    def names(free: int = DISK_FREE_MIN) -> list[str]:
        found = [sign.name for sign in own_signs(figures, free)]
        assert {f"quality.alarm.{name}" for name in found} <= entries().keys()
        return found

    assert names() == []
    assert names(DISK_FREE_MIN - 1) == ["disk_low"]
    figures.worked("evidence", OSError("disk full"))
    assert names() == ["step_failed"]
    figures.worked("evidence", None)
    assert (names(), figures.steps["evidence"].failures) == ([], 1)
    with pytest.raises(ValueError, match="x"), figures.call():
        raise ValueError("x")
    assert names() == ["own_faults"]
    clock.advance(901)
    assert names() == []
    for _ in range(20):
        with figures.call():
            clock.advance(6)
    assert names() == ["own_slow"]


def test_regular_work_that_stopped_is_noticed() -> None:
    figures = Figures(system_clock())
    assert not stalled(figures)
    figures.started_at -= timedelta(seconds=601)
    assert stalled(figures)
    figures.round_at = figures.clock.now()
    assert not stalled(figures)


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = await open_intake(tmp_path)
    app = await create_platform(settings_of([{"operator_id": OPERATOR}]), ManualClock(), store)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await store.close()


async def test_figures_are_for_this_machine_alone(http: httpx.AsyncClient) -> None:
    for path in ("/summary", "/service", "/metrics"):
        assert (await http.get(path)).status_code == 200
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            assert (await http.get(path, headers={name: "203.0.113.7"})).status_code == 403, "a proxy speaks for others"
    assert (await http.get("/healthz", headers={"X-Forwarded-For": "203.0.113.7"})).status_code == 204
    told = (await http.get("/service")).json()
    assert (told["stalled"], told["profiles"]) == (False, {"tcec102-2016": "reconstructed"})
    assert "platform_calls_total 0" in (await http.get("/metrics")).text


def status(monkeypatch: pytest.MonkeyPatch, told: Any, *words: str, lang: str = "en") -> Any:
    def get(url: str, **_: Any) -> httpx.Response:
        if told is None:
            raise httpx.ConnectError("nobody")
        return httpx.Response(200, json=told, request=httpx.Request("GET", url))

    monkeypatch.setattr(status_console.httpx, "get", get)
    return CliRunner().invoke(build(catalogue(lang)), ["status", *words])


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    figures = Figures(clock)
    figures.count(call(clock))
    figures.count(call(clock, -1, reason="too many calls"))
    figures.count(call(clock, None, 401, operator_id=""))
    figures.worked("evidence", OSError("disk full"))
    told = figures.as_document() | {"disk_free_bytes": 5 << 30, "stalled": False, "profiles": {}}
    shown = status(monkeypatch, told)
    assert shown.exit_code == 0, shown.output
    for words in ("1 taken, refused too_many_calls 1", "(unknown)", "evidence: 1 times, 1 failed", "5120 MiB"):
        assert words in shown.output
    assert json.loads(status(monkeypatch, told, "--json").stdout)["operators"][OPERATOR]["taken"] == 1
    stopped = status(monkeypatch, told | {"stalled": True}, lang="zh")
    assert (stopped.exit_code, "定时任务已停滞" in stopped.output) == (1, True)
    lost = status(monkeypatch, None, "--json")
    assert (lost.exit_code, json.loads(lost.stderr)["code"]) == (4, "unreachable")
    assert status(monkeypatch, None, "--url", "127.0.0.1:1").exit_code == 2
