"""Limits from a file, and from a channel that a house writes itself."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.file_plug import FilePlug, FileUnreadable, read_file
from csms.grid.peer import Peer, SourceRule
from csms.grid.plug import LimitDesk, load_plug
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import limits_over

TREE = FeederTree([Feeder("T1", 400_000), Feeder("T2", 300_000)])
PEER = Peer("grid:gateway", "file", "gateway", feeders=frozenset({"T1"}))
WATCHED = SourceRule("grid:gateway", frozenset({"T1"}), heartbeat_s=10, failsafe_w={"T1": 80_000})


class Desk:
    """A file, its plug, and the limits it states."""

    def __init__(self, clock: ManualClock, store: Store, path: Path, watch: bool = False) -> None:
        self.clock, self.store, self.path = clock, store, path
        self.limits = limits_over(clock, store, TREE, EventBus(), [WATCHED] if watch else [])
        self.plug = FilePlug(path, PEER, clock)

    def cap(self) -> int | None:
        return self.limits.cap_w("T1", self.clock.now())

    async def write(self, *listed: dict[str, Any]) -> None:
        """As it should be done: beside it, then renamed."""
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"limits": [{"feeder": "T1", "id": "cap"} | one for one in listed]}))
        beside.replace(self.path)
        await self.look()

    async def look(self) -> None:
        await self.plug.look(self.limits)

    async def codes(self) -> list[str]:
        rows = [json.loads(row.text) for row in await self.store.reader.audit_page(1000, kind="limit")]
        return [row["result"]["code"] for row in rows if row["action"] != "watch source"][::-1]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    yield store
    await store.close()


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(ManualClock(), store, tmp_path / "limits.json")


async def test_a_file_is_the_whole_list(desk: Desk) -> None:
    await desk.look()
    assert desk.cap() is None
    await desk.write({"value_w": 120_000}, {"id": "night", "value_w": 90_000, "valid_from": "2026-01-01T20:00:00Z"})
    await desk.look()
    assert desk.cap() == 120_000
    await desk.write({"value_w": 110_000})
    assert desk.cap() == 110_000
    assert [limit.limit_id for limit in desk.limits.known("T1")] == ["file:cap"]
    await desk.write({"value_w": 110_000})
    await desk.write()
    assert desk.cap() is None
    await desk.write({"value_w": 110_000})
    assert desk.cap() == 110_000
    assert await desk.codes() == [""] * 6


async def test_an_end_that_is_taken_away_counts(desk: Desk) -> None:
    await desk.write({"value_w": 120_000, "valid_to": "2026-01-01T01:00:00Z"})
    await desk.write({"value_w": 120_000})
    desk.clock.advance(7200)
    assert desk.cap() == 120_000


async def test_what_is_over_is_no_disagreement(store: Store, tmp_path: Path) -> None:
    desk = Desk(ManualClock(), store, tmp_path / "limits.json", watch=True)
    over = {"id": "over", "value_w": 5, "valid_from": "2025-01-01T00:00:00Z", "valid_to": "2025-01-01T01:00:00Z"}
    await desk.write(over)
    await desk.write(over)
    assert desk.cap() is None


async def test_versions_of_the_writer_are_kept_and_older_ones_refused(desk: Desk) -> None:
    await desk.write({"value_w": 120_000, "version": 7})
    await desk.write({"value_w": 200_000, "version": 6})
    assert desk.cap() == 120_000
    assert await desk.codes() == ["", "stale_version"]


async def test_a_limit_that_cannot_be_does_not_keep_the_others_out(desk: Desk) -> None:
    """The end of the calendar, reckoned with, once ended the whole list at that row."""
    end = "9999-12-31T23:59:59Z"
    await desk.write(
        {"id": "a", "value_w": 9, "valid_from": end}, {"id": "b", "value_w": 8, "valid_to": end}, {"value_w": 7}
    )
    assert desk.cap() == 7
    assert await desk.codes() == ["beyond_horizon", "beyond_horizon", ""]


async def test_a_half_written_file_and_one_that_is_gone_change_nothing(desk: Desk) -> None:
    await desk.write({"value_w": 120_000})
    whole = desk.path.read_text()
    for half in (whole[:20], "", whole + "x", '{"limits": [{}]}', '{"limit": []}'):
        desk.path.write_text(half)
        await desk.look()
        assert desk.cap() == 120_000
    desk.path.unlink()
    await desk.look()
    assert desk.cap() == 120_000
    desk.path.mkdir()
    await desk.look()
    assert desk.cap() == 120_000


async def test_what_is_written_while_it_is_read_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.write({"value_w": 120_000})
    desk.path.write_text('{"limits": []}')
    real, count = os.fstat, iter(range(2))

    def moving(fd: int) -> os.stat_result:
        stat = real(fd)
        return os.stat_result((*stat[:6], stat.st_size + next(count, 0), *stat[7:]))

    with monkeypatch.context() as patch:
        patch.setattr("csms.grid.file_plug.os.fstat", moving)
        await desk.look()
    assert desk.cap() == 120_000
    await desk.look()
    assert desk.cap() is None


@pytest.mark.req("GL-A4")
async def test_a_file_that_nobody_writes_any_more_is_silence(store: Store, tmp_path: Path) -> None:
    desk = Desk(ManualClock(), store, tmp_path / "limits.json", watch=True)
    await desk.write({"value_w": 120_000})
    assert desk.cap() == 80_000, "it may have lain there for long"
    await desk.write({"value_w": 120_000})
    assert desk.cap() == 120_000
    desk.clock.advance(41)
    await desk.look()
    await desk.limits.look()
    assert desk.cap() == 80_000
    await desk.write({"value_w": 120_000})
    assert desk.cap() == 120_000


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"value_w": -1}, "bad_sign"),
        ({"value_w": "5"}, "bad_unit"),
        ({"value_w": 1e300}, "not_finite"),
        ({"value_w": 5, "valid_too": "2026-01-01T01:00:00Z"}, "malformed"),
        ({"value_w": 5, "valid_from": "2025-01-01T00:00:00Z", "valid_to": "2025-01-01T01:00:00Z"}, "window_past"),
        ({"value_w": 5, "feeder": "T2"}, "not_authorised"),
        ({"value_w": 5, "feeder": "T7"}, "not_authorised"),
    ],
)
async def test_a_limit_that_is_wrong_is_refused_once_beside_the_others(desk: Desk, entry: Any, code: str) -> None:
    await desk.write({"id": "wrong"} | entry, {"value_w": 120_000})
    desk.clock.advance(20)
    await desk.look()
    assert desk.cap() == 120_000
    assert await desk.codes() == [code, ""]
    desk.clock.advance(3600)
    await desk.look()
    assert await desk.codes() == [code, "", code]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"limits": {}}',
        b'{"limits": [5]}',
        b'{"limits": [{"feeder": "T1"}]}',
        b'{"limits": [NaN]}',
        b"\xff",
    ],
)
def test_what_is_no_list(raw: bytes) -> None:
    with pytest.raises(FileUnreadable):
        read_file(raw)
    with pytest.raises(FileUnreadable):
        read_file(json.dumps({"limits": [{"feeder": "T1", "id": "a", "version": -1}]}).encode())
    with pytest.raises(FileUnreadable, match="twice"):
        read_file(json.dumps({"limits": [{"feeder": "T1", "id": "a"}] * 2}).encode())


async def test_metered_base_loads_count_as_of_their_writing(desk: Desk) -> None:
    def base_w() -> int:
        return desk.limits.feeders.base_load_w("T1", desk.clock.now())

    async def say(**said: Any) -> None:
        desk.path.write_text(json.dumps(said))
        await desk.look()

    await say(base_load_w={"T1": 55_000})
    assert base_w() == 0, "a file that lay there before may be old"
    desk.clock.advance(5)
    await say(base_load_w={"T1": 60_000.4}, limits=[{"feeder": "T1", "id": "cap", "value_w": 120_000}])
    assert (base_w(), desk.cap()) == (60_000, 120_000)
    for wrong in ({"T1": "5"}, {"T1": True}, {"T1": 1e300}, [5], {"T2": 5}, {"T7": 5}):
        desk.clock.advance(5)
        await say(base_load_w=wrong, limits=[{"feeder": "T1", "id": "cap", "value_w": 120_000}])
        assert (base_w(), desk.cap()) == (60_000, 120_000)
    desk.clock.advance(400)
    assert base_w() == 0, "nobody metered it lately"


class Steady:
    """A channel as a house would write it."""

    def __init__(self, peer: Peer, value_w: int) -> None:
        self.peer, self.value_w = peer, value_w

    async def run(self, desk: LimitDesk) -> None:
        await desk.submit(json.dumps({"version": 1, "value_w": self.value_w}).encode(), self.peer, "T1", "steady")


async def test_a_channel_of_ones_own(desk: Desk) -> None:
    limits: LimitService = desk.limits
    await load_plug(f"{__name__}:Steady", PEER, {"value_w": 70_000}).run(limits)
    assert desk.cap() == 70_000
    for path in (f"{__name__}:Nobody", "no.such.module:Plug"):
        with pytest.raises(ValueError, match=path.partition(":")[0]):
            load_plug(path, PEER, {})
    with pytest.raises(ValueError, match="Steady"):
        load_plug(f"{__name__}:Steady", PEER, {"watts": 5})
