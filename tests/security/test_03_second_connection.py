"""Attack class 3: a second connection with the id of a pile (SaiFlow 2023; CVE-2026-24912, CWE-613).

Neither can it take over a pile that is there (hijack), nor keep out one that comes back (lock-out).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.model.command import Reset
from csms.model.errors import ConnectionLost
from tests.security.conftest import OpenSite
from tests.support.proof import PASSWORD, Site, status
from tests.support.raw_socket import REQUEST, RawPeer, raw_link
from tests.support.scripted import Central, central

ELSEWHERE = {"local_addr": ("127.0.0.2", 0)}


def count(csms: Central, name: str) -> int:
    return int(csms.rooms.gateway.counters().get(name, 0))


async def intruder(site: Site, profile: int) -> Any:
    """Somebody who knows everything that the station knows, elsewhere."""
    other = await site.csms.station("CP-1", connected=False)
    other.proof = ({"profile": 0} if profile == 0 else site.proof(profile, "CP-1")) | ELSEWHERE
    return other


@pytest.mark.parametrize("profile", [0, 1, 2])
async def test_a_pile_that_is_there_cannot_be_hijacked(open_site: OpenSite, profile: int) -> None:
    async with open_site(security_profiles=[0, 1, 2]) as site:
        cp = await site.csms.station("CP-1", connected=False)
        if profile:
            await site.set_password("CP-1")
        await cp.connect(**({"profile": 0} if profile == 0 else site.proof(profile, "CP-1")))
        await cp.boot()
        thief = await intruder(site, profile)
        assert await status(thief.connect(**thief.proof)) == 409
        assert (await cp.boot())["status"] == "Accepted", "the real one notices nothing"
        assert (await site.csms.operator("CP-1", "reset", hard=True))["status"] == "Accepted"
        assert await cp.expected("Reset")
        event = await site.event("DuplicateIdentity")
        assert (event["station_id"], event["critical"]) == ("CP-1", True)
        assert "127.0.0.1" in event["info"]
        assert "127.0.0.2" in event["info"]
        assert count(site.csms, "connections") == 1


async def test_whoever_proves_nothing_is_no_second_connection(site: Site) -> None:
    cp = await site.station("CP-1")
    await cp.connect(**site.proof(1, "CP-1"))
    thief = await intruder(site, 1)
    assert await status(thief.connect(**site.proof(1, "CP-1", "a-wrong-password") | ELSEWHERE)) == 401
    assert await site.events("DuplicateIdentity") == []


async def dead_connection(port: int) -> RawPeer:
    """A station that answers nothing any more, as one without power; TCP knows nothing of that."""
    peer = await raw_link(port)
    peer.send(REQUEST)
    assert b" 101 " in await peer.reader.readuntil(b"\r\n\r\n")
    return peer


async def test_a_pile_whose_old_connection_is_dead_comes_in_from_another_address(tmp_path: Any) -> None:
    async with central(tmp_path, admission={"duplicate_ping_s": 0.5}) as csms:
        cp = await csms.station("CP-1", connected=False)
        dead = await dead_connection(csms.port)
        await csms.until(lambda: csms.rooms.stations.stations["CP-1"].link is not None)
        began_s = asyncio.get_running_loop().time()
        await cp.connect(**ELSEWHERE)
        assert asyncio.get_running_loop().time() - began_s > 0.45
        assert (await cp.boot())["status"] == "Accepted"
        assert count(csms, "connections") == 1
        assert count(csms, "duplicates_replaced") == 1
        await dead.gone()


@pytest.mark.req("PAIN-01", "PAIN-02")
async def test_a_pile_that_comes_back_from_the_same_address_is_back_at_once(tmp_path: Any) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", connected=False)
        dead = await dead_connection(csms.port)
        await csms.until(lambda: csms.rooms.stations.stations["CP-1"].link is not None)
        began_s = asyncio.get_running_loop().time()
        await cp.connect()
        assert (await cp.boot())["status"] == "Accepted"
        assert asyncio.get_running_loop().time() - began_s < 3
        await dead.gone()


async def test_with_its_certificate_a_pile_takes_over_at_once_wherever_it_is(site: Site) -> None:
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    pair = site.operator.issue("SN-1")
    await cp.connect(profile=3, ssl=site.tls(pair))
    old = cp.socket
    await cp.connect(profile=3, ssl=site.tls(pair), **ELSEWHERE)
    await old.wait_closed()
    assert (await cp.boot())["status"] == "Accepted"
    assert count(site.csms, "connections") == 1


async def test_commands_go_to_whom_was_let_in_last_and_never_to_both(tmp_path: Any) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", connected=False)
        dead = await dead_connection(csms.port)
        station = csms.rooms.stations.stations["CP-1"]
        old = await csms.until(lambda: station.link)
        waiting = asyncio.create_task(old.send(Reset()))
        await cp.connect()
        await csms.until(lambda: station.link is not old)
        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await old.send(Reset())
        assert (await csms.operator("CP-1", "reset", hard=True))["status"] == "Accepted"
        dead.send(b"")
        await dead.gone()
        await asyncio.sleep(0.05)
        assert station.link is not None, "the late end of the old one changes nothing"


async def test_several_newcomers_at_once_leave_one_connection(open_site: OpenSite) -> None:
    async with open_site(admission={"duplicate_ping_s": 0.3}) as site:
        cp = await site.station("CP-1")
        await cp.connect(**site.proof(1, "CP-1", PASSWORD))
        others = [await site.csms.station("CP-1", connected=False) for _ in range(6)]
        tries = (
            one.connect(**site.proof(1, "CP-1") | {"local_addr": (f"127.0.0.{number + 2}", 0)})
            for number, one in enumerate(others)
        )
        told = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(one, Exception) for one in told)
        assert count(site.csms, "connections") == 1
        assert (await cp.boot())["status"] == "Accepted"
