"""Stored and live frames over the real application, with a real recorder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.app.http import HttpServer
from csms.trace import live
from csms.trace.notes import IN_CLEAN, OUT_CLEAN, Kind
from csms.trace.service import Traces, TraceSettings
from tests.support.operations import Operations

TIMES = 3


@pytest.fixture
async def traces(at: Operations, tmp_path: Path) -> AsyncIterator[Traces]:
    made = Traces(TraceSettings(tmp_path / "traces"), at.clock)
    made.start()
    for number in range(TIMES):
        time = at.clock.unix_s() + 60 * number
        made.note("CP-1", IN_CLEAN, "Heartbeat", f'[2,"{number}","Heartbeat",{{}}]', time)
        made.note("CP-1", OUT_CLEAN, "Heartbeat", f'[3,"{number}",{{}}]', time)
        made.note("CP 2", Kind.OUT, "Reset", f'[4,"{number}","NotSupported","",{{}}]', time)
    yield made
    await made.close()


@pytest.fixture
async def http(at: Operations, traces: Traces) -> AsyncIterator[httpx.AsyncClient]:
    """Over a real port: streams must flow."""
    server = HttpServer(
        create_api(ApiDeps(at.clock, at.service, at.store.reader, traces=traces, guard=at.guard)), "127.0.0.1", 0
    )
    port = await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10, headers=at.http.headers
    ) as client:
        yield client
    traces.hang_up()
    await server.stop()


async def get(http: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await http.get("/api/v1" + path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_frames_of_a_station_newest_first(http, at) -> None:
    view = await get(http, "/stations/CP-1/frames")
    assert [frame["text"][:5] for frame in view["frames"]] == ['[3,"2', '[2,"2', '[3,"1', '[2,"1', '[3,"0', '[2,"0']
    assert (view["next"], view["damaged"]) == (None, 0)
    first = view["frames"][-1]
    assert first == {
        "at": at.clock.now().isoformat().replace("+00:00", "Z"),
        "station_id": "CP-1",
        "kind": "frame",
        "direction": "in",
        "message": "call",
        "action": "Heartbeat",
        "text": '[2,"0","Heartbeat",{}]',
    }


async def test_filters_and_pages(http, at) -> None:
    path = "/stations/CP-1/frames"
    since = (at.clock.now() + timedelta(minutes=1)).isoformat()
    assert len((await get(http, path, since=since))["frames"]) == 4
    assert len((await get(http, path, until=since, direction="out"))["frames"]) == 1
    assert len((await get(http, path, action=["reset", "heartbeat"]))["frames"]) == 6
    assert len((await get(http, path, text='"HEARTBEAT"'))["frames"]) == 3
    assert len((await get(http, "/frames", errors=True))["frames"]) == 3
    assert len((await get(http, "/frames", station=["CP 2", "CP-1"], limit=1000))["frames"]) == 9
    seen, cursor = [], None
    while True:
        page = await get(http, "/frames", limit=2, order="oldest", **({"cursor": cursor} if cursor else {}))
        seen += page["frames"]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 9
    assert [frame["at"] for frame in seen] == sorted(frame["at"] for frame in seen)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"cursor": "x"}, "invalid_cursor"),
        ({"limit": 0}, "invalid_request"),
        ({"since": "yesterday"}, "invalid_request"),
    ],
)
async def test_wrong_questions(http, params, code) -> None:
    answer = await http.get("/api/v1/frames", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_without_traces(at) -> None:
    for path in ("/frames", "/stations/CP-1/frames", "/frames/live"):
        answer = await at.http.get("/api/v1" + path)
        assert (answer.status_code, answer.json()["code"]) == (409, "traces_off")
    assert (await at.http.get("/healthz")).json()["traces"] == "off"


async def test_health_and_overview_tell_of_traces(http, traces, monkeypatch) -> None:
    assert (await http.get("/healthz")).json()["traces"] == "ok"
    await get(http, "/frames")
    assert (await get(http, "/overview"))["gateway"]["traces_written"] == 9
    monkeypatch.setattr(traces._recorder, "fault", "trace_disk_full")
    health = (await http.get("/healthz")).json()
    assert (health["status"], health["traces"]) == ("degraded", "trace_disk_full")


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    """Server-sent events; a comment as ("", its words)."""
    name = ""
    async for line in lines:
        kind, _, rest = line.partition(":")
        if kind == "event":
            name = rest.strip()
        elif kind == "data":
            yield name, json.loads(rest)
        elif line.startswith(":"):
            yield "", rest.strip()


async def test_frames_as_they_pass(http, traces, at) -> None:
    await get(http, "/stations/CP-1/frames")  # what was noted before is written
    async with http.stream("GET", "/api/v1/stations/CP-1/frames/live", params={"action": "heartbeat"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = events(answer.aiter_lines())
        assert await anext(stream) == ("", "welcome")
        for station, action in (("CP-1", "StatusNotification"), ("CP 2", "Heartbeat"), ("CP-1", "Heartbeat")):
            traces.note(station, IN_CLEAN, action, '[2,"n","x",{}]', at.clock.unix_s())
        name, frame = await anext(stream)
        assert (name, frame["station_id"], frame["action"]) == ("frame", "CP-1", "Heartbeat")
        traces.hang_up()
        assert [event async for event in stream] == []


async def test_a_slow_client_is_told_what_it_missed(http, traces, at, monkeypatch) -> None:
    monkeypatch.setattr(live, "QUEUE_MAX", 5)
    await get(http, "/stations/CP-1/frames")  # what was noted before is written
    async with http.stream("GET", "/api/v1/frames/live") as answer:
        stream = events(answer.aiter_lines())
        await anext(stream)
        for number in range(20):
            traces.note("CP-1", IN_CLEAN, "Heartbeat", f"[{number}]", at.clock.unix_s())
        async with asyncio.timeout(30):
            assert await anext(stream) == ("missed", {"count": 15})
            assert [(await anext(stream))[1]["text"] for _ in range(5)] == [f"[{n}]" for n in range(15, 20)]


async def test_a_silent_stream_is_kept_alive(http, traces, monkeypatch) -> None:
    monkeypatch.setattr("csms.api.frames.KEEP_ALIVE_S", 0.05)
    await get(http, "/stations/CP-1/frames")  # what was noted before is written
    async with http.stream("GET", "/api/v1/frames/live") as answer:
        stream = events(answer.aiter_lines())
        assert [await anext(stream) for _ in range(3)] == [("", "welcome"), ("", "nothing new"), ("", "nothing new")]


async def test_who_leaves_is_forgotten_and_too_many_are_refused(http, traces, monkeypatch) -> None:
    monkeypatch.setattr(live, "LISTENERS_MAX", 1)
    async with http.stream("GET", "/api/v1/frames/live") as answer:
        await anext(answer.aiter_lines())
        refused = await http.get("/api/v1/frames/live")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_listeners")
    async with asyncio.timeout(30):
        while traces.crowded:  # noqa: ASYNC110 - the server notices when it likes
            await asyncio.sleep(0.01)
