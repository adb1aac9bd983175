"""Channels of limits from the settings: what is made of them, what is refused, and a server that has them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from csms.app.limit_channels import limit_channels
from csms.app.section import SettingsInvalid
from csms.app.settings import Settings, load_settings
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.peer import Peer
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.station.bus import EventBus
from csms.store.engine import open_store
from tests.support.certificates import self_signed
from tests.support.limits import limits_over
from tests.support.running import SETTINGS, Server, running
from tests.support.vtn_twin import CLIENT, SECRET, VtnTwin

TREE = FeederTree([Feeder("T1", 400_000), Feeder("T2", 300_000)])
VTN = {
    "name": "utility",
    "url": "https://127.0.0.1:1/x",
    "client_id": "me",
    "client_secret": "psst",
    "feeders": ["T1"],
    "targets": {"g": "T2"},
    "levels": {"1": 0.5},
    "emergency_kw": {"T1": 40},
}
OLD = {"name": "utility", "url": "https://127.0.0.1:1/x", "feeders": ["T1"]}
FILE = {"name": "gateway", "path": "limits.json", "feeders": ["T1"]}


class Nothing:
    """A channel that does nothing."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    async def run(self, desk: object) -> None:
        """At once at its end."""


PLUG = {"name": "own", "plug": f"{__name__}:Nothing", "feeders": ["T2"]}


@pytest.fixture
async def limits(tmp_path: Path) -> AsyncIterator[LimitService]:
    clock = ManualClock()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    yield limits_over(clock, store, TREE, EventBus())
    await store.close()


def made(limits: LimitService, **sections: Any) -> list[str]:
    settings = Settings(**sections)
    return [name for name, _ in limit_channels(settings, ManualClock(), limits, lambda feeder_id: 0)]


async def test_every_channel_is_work_of_its_own(limits: LimitService) -> None:
    assert made(limits) == []
    names = made(limits, openadr=[VTN], limit_files=[FILE], limit_plugs=[PLUG])
    assert names == ["openadr:utility", "limit-file:gateway", "limit-plug:own"]
    pytest.importorskip("openleadr", reason="needs openleadr: pip install 'csms[openadr2]'")
    assert made(limits, openadr2=[OLD]) == ["openadr2:utility"]
    bound = [{"name": "gateway", "feeders": ["T1"]}]
    assert made(limits, limit_sources=bound, limit_files=[{**FILE, "feeders": []}]) == ["limit-file:gateway"]


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"openadr": [VTN, VTN]}, "same name"),
        ({"openadr": [{**VTN, "feeders": ["T9"]}]}, "T9"),
        ({"openadr": [{**VTN, "emergency_kw": {"T8": 5}}]}, "T8"),
        ({"openadr": [{**VTN, "feeders": [], "targets": {}}]}, "names no feeder"),
        ({"openadr": [{**VTN, "ca": "missing.pem"}]}, "utility"),
        ({"limit_files": [{**FILE, "feeders": []}]}, "names no feeder"),
        ({"limit_plugs": [{**PLUG, "plug": "no.such:Thing"}]}, r"no\.such"),
        ({"limit_plugs": [{**PLUG, "options": {"more": 1}}]}, "own"),
    ],
)
async def test_what_does_not_fit_the_house(limits: LimitService, sections: Any, told: str) -> None:
    with pytest.raises(SettingsInvalid, match=told):
        made(limits, **sections)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://127.0.0.1"},
        {"token_url": "http://127.0.0.1"},
        {"levels": {"4": 0.5}},
        {"levels": {"1": 1.5}},
        {"certificate": "a.pem"},
        {"poll_s": 1},
        {"version": "2.0b"},
        {"secret": "x"},
    ],
)
def test_what_a_section_refuses(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsInvalid, match=r"openadr\.0"):
        load_settings(openadr=[VTN | wrong])


async def test_a_channel_that_is_not_installed(limits: LimitService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openleadr", None)
    with pytest.raises(SettingsInvalid, match=r"csms\[openadr2\]"):
        made(limits, openadr2=[OLD])


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    ca, key = self_signed(tmp_path)
    settings = Settings(openadr=[{**VTN, "ca": str(ca), "certificate": str(ca), "key": str(key)}])
    assert "psst" not in repr(settings)


def test_a_server_takes_limits_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    path.write_text(json.dumps({"limits": [{"feeder": "T1", "id": "cap", "value_w": 42_000}]}))
    section = f'\n[[limit_files]]\nname = "gateway"\npath = "{path.as_posix()}"\nfeeders = ["T1"]\npoll_s = 0.1\n'
    with running(tmp_path / "data", settings=SETTINGS + section) as server:
        assert cap_of(server, 42_000)
        path.write_text('{"limits": []}')
        assert cap_of(server, 100_000)


async def test_a_server_takes_limits_from_a_vtn(tmp_path: Path) -> None:
    async with VtnTwin(tmp_path) as vtn:
        vtn.limit("e1", 42)
        section = f"""
[[limit_sources]]
name = "utility"
heartbeat_s = 30
failsafe_kw = {{ T1 = 20 }}

[[openadr]]
name = "utility"
url = "{vtn.url}"
ca = "{vtn.ca.as_posix()}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
feeders = ["T1"]
"""

        def served() -> bool:
            with running(tmp_path / "data", settings=SETTINGS + section) as server:
                return cap_of(server, 42_000) and soon(lambda: bool(vtn.states()))

        assert await asyncio.to_thread(served)
        assert vtn.states() == [{"event": "e1", "T1": "accepted"}]


def cap_of(server: Server, cap_w: int) -> bool:
    """Whether the cap becomes this within some seconds."""
    return soon(lambda: server.api.get("/api/v1/feeders/T1/state").json()["cap_w"] == cap_w)


def soon(done: Callable[[], bool]) -> bool:
    """Whether it happens within some seconds."""
    for _ in range(200):
        if done():
            return True
        time.sleep(0.05)
    return False
