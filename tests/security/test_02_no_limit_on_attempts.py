"""Attack class 2: central systems that let anybody try as often as he likes (CVE-2026-24445, CVE-2026-25945; CWE-307).

Who fails waits, and nobody else: neither the real pile that comes from elsewhere nor its neighbours behind one address.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from csms.station.credentials import CredentialBook
from tests.security.conftest import OpenSite
from tests.support.proof import PASSWORD, Site, status
from tests.support.raw_socket import REQUEST, raw_link

ELSEWHERE = {"local_addr": ("127.0.0.2", 0)}
WRONG = (f"wrong-password-{number:05}" for number in itertools.count())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.station.authentication.REFUSED_AFTER_S", 0.0)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids that a password hash was computed for."""
    ids: list[str] = []
    real = CredentialBook.matching

    async def noted(self: CredentialBook, station_id: str, password: bytes) -> str:
        ids.append(station_id)
        return await real(self, station_id, password)

    monkeypatch.setattr(CredentialBook, "matching", noted)
    return ids


@pytest.fixture
async def strict(open_site: OpenSite) -> AsyncIterator[Site]:
    """Two failures are enough to wait for a minute."""
    async with open_site(admission={"failures_free": 2, "failures_wait_s": 60}) as site:
        yield site


async def guess(site: Site, station: Any, profile: int = 1, **more: Any) -> int:
    return await status(station.connect(**site.proof(profile, station.station_id, next(WRONG)) | more))


async def lock(site: Site, station: Any, **more: Any) -> None:
    while await guess(site, station, **more) != 429:
        pass


async def comes(site: Site, station: Any, profile: int = 1, **more: Any) -> None:
    await station.connect(**site.proof(profile, station.station_id) | more)
    assert (await station.boot())["status"] == "Accepted"


def count(site: Site, name: str) -> int:
    return int(site.csms.rooms.gateway.counters().get(name, 0))


@pytest.mark.parametrize("profile", [1, 2])
async def test_after_some_failures_nothing_is_computed_any_more(site: Site, computed: list[str], profile: int) -> None:
    cp = await site.station("CP-1")
    told = [await guess(site, cp, profile) for _ in range(8)]
    assert told == [401] * 5 + [429] * 3 or told == [401] * 6 + [429] * 2
    assert len(computed) == told.count(401)
    assert count(site, "handshakes_throttled") == told.count(429)
    event = await site.event("AuthenticationThrottled")
    assert event["station_id"] == "CP-1"
    assert "127.0.0.1" in event["info"]


async def test_the_wait_is_told_and_grows(open_site: OpenSite) -> None:
    async with open_site(admission={"failures_free": 1, "failures_wait_s": 0.2}) as site:
        cp = await site.station("CP-1")

        async def looked_at() -> bool:
            return await guess(site, cp) != 429

        waits, time_s = [], asyncio.get_running_loop().time
        for _ in range(5):
            began_s = time_s()
            await site.csms.until(looked_at)
            waits.append(time_s() - began_s)
        assert waits[4] > 0.7
        with pytest.raises(InvalidStatus) as refused:
            await cp.connect(**site.proof(1, "CP-1"))
        assert refused.value.response.headers["Retry-After"] == "2"


async def test_who_fails_with_one_id_locks_out_neither_it_elsewhere_nor_others_here(strict: Site) -> None:
    site = strict
    cp, neighbour = await site.station("CP-1"), await site.station("CP-2")
    await lock(site, cp)
    assert await status(cp.connect(**site.proof(1, "CP-1"))) == 429, "the pair waits, also with the right password"
    await comes(site, neighbour)
    await comes(site, cp, **ELSEWHERE)


async def test_a_pile_that_was_let_in_before_is_never_kept_waiting(strict: Site) -> None:
    site = strict
    cp = await site.station("CP-1")
    await comes(site, cp)
    await lock(site, cp)
    await comes(site, cp)


async def test_unknown_ids_wait_like_known_ones(site: Site) -> None:
    cp = await site.station("CP-1")
    nobody = await site.csms.station("CP-5", connected=False)
    nobody.station_id = "NOBODY"
    assert [await guess(site, cp) for _ in range(7)] == [await guess(site, nobody) for _ in range(7)]


async def test_many_at_once_are_no_way_around(site: Site, computed: list[str]) -> None:
    cp = await site.station("CP-1")
    told = await asyncio.gather(*(guess(site, cp) for _ in range(30)))
    assert told.count(429) >= 23
    assert len(computed) == told.count(401) <= 7


async def test_an_address_that_tries_many_ids_gets_one_try_with_each_and_its_good_piles_come_in(
    open_site: OpenSite, computed: list[str]
) -> None:
    async with open_site(admission={"address_failures_burst": 10, "address_failures_per_s": 0.01}) as site:
        cp = await site.station("CP-1")
        ghost = await site.csms.station("CP-9", connected=False)
        for number in range(30):
            ghost.station_id = f"GHOST-{number}"
            assert await guess(site, ghost) == 401, "nobody learns from the answer that ids are tried in vain"
        assert len(computed) == 30, "nor from its time, however many proofs wait: it is the same work"
        await comes(site, cp)
        other = await site.station("CP-2")
        assert await guess(site, other) == 401
        assert await guess(site, other) == 429, "here one failure is enough"


async def test_a_new_password_ends_the_waiting(strict: Site) -> None:
    site = strict
    cp = await site.station("CP-1")
    await lock(site, cp)
    await site.set_password("CP-1", "another-password-1")
    await cp.connect(**site.proof(1, "CP-1", "another-password-1"))


async def test_certificates_of_others_do_not_lock_out_the_pile_behind_the_same_address(open_site: OpenSite) -> None:
    async with open_site(admission={"failures_free": 2, "failures_wait_s": 60}) as site:
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        thief = site.tls(site.operator.issue("SN-THIEF"))
        told = [await status(cp.connect(profile=3, ssl=thief)) for _ in range(4)]
        assert told == [403, 403, 403, 429]
        await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))


async def test_behind_a_trusted_proxy_the_address_that_it_tells_counts(open_site: OpenSite) -> None:
    async with open_site(admission={"trusted_proxies": ["127.0.0.1"], "failures_free": 2}) as site:
        cp = await site.station("CP-1")

        def behind(address: str, password: str = PASSWORD) -> dict[str, Any]:
            proof = site.proof(1, "CP-1", password)
            proof["additional_headers"] |= {"X-Forwarded-For": address}
            return proof

        while await status(cp.connect(**behind("203.0.113.5", next(WRONG)))) != 429:
            pass
        assert await status(cp.connect(**behind("198.51.100.1, 203.0.113.5"))) == 429, "the last is the proxy's"
        await cp.connect(**behind("203.0.113.6"))


async def test_nobody_else_is_believed_whom_he_speaks_for(site: Site) -> None:
    cp = await site.station("CP-1")
    for number in range(7):
        proof = site.proof(1, "CP-1", next(WRONG))
        proof["additional_headers"] |= {"X-Forwarded-For": f"203.0.113.{number}"}
        told = await status(cp.connect(**proof))
    assert told == 429


def ports(site: Site) -> dict[int, int]:
    return {int(profile): port for profile, port in site.csms.rooms.gateway.ports.items()}


@pytest.mark.parametrize("profile", [1, 2])
async def test_handshakes_of_one_address_are_capped_and_another_one_comes_in(open_site: OpenSite, profile: int) -> None:
    async with open_site(admission={"handshakes_per_address_max": 20}) as site:
        cp, neighbour = await site.station("CP-1"), await site.station("CP-2")
        port = ports(site)[profile]
        hanging = [await raw_link(port) for _ in range(60)]
        await site.csms.until(lambda: count(site, "handshakes_crowded") >= 40)
        assert count(site, "handshakes_in_progress") <= 20
        await comes(site, cp, profile, **ELSEWHERE)
        await asyncio.sleep(1.1)
        await comes(site, neighbour, profile)
        assert (await site.event("HandshakesCrowded"))["info"].endswith("from 127.0.0.1")
        await asyncio.gather(*(peer.gone() for peer in hanging))


async def test_who_was_refused_and_stays_makes_room(open_site: OpenSite) -> None:
    async with open_site(admission={"handshakes_per_address_max": 20}) as site:
        cp = await site.station("CP-1")
        staying = [await raw_link(ports(site)[1]) for _ in range(20)]
        for peer in staying:
            peer.send(REQUEST)
        await asyncio.sleep(1.1)
        assert count(site, "handshakes_in_progress") == 20, "none of them has hung up"
        await comes(site, cp)
        await asyncio.gather(*(peer.gone() for peer in staying))


@pytest.mark.parametrize("profile", [1, 2])
async def test_a_handshake_that_does_not_end_is_dropped(open_site: OpenSite, profile: int) -> None:
    async with open_site(admission={"handshake_s": 0.4}) as site:
        port = ports(site)[profile]
        silent, slow = await raw_link(port), await raw_link(port, _blind() if profile > 1 else None)
        for byte in b"GET /ocpp":
            slow.send(bytes([byte]))
            await asyncio.sleep(0.03)
        assert await slow.end() == b""
        assert await silent.end() == b""
        await site.csms.until(lambda: count(site, "handshakes_in_progress") == 0)
        await asyncio.gather(silent.gone(), slow.gone())


async def test_tls_handshakes_that_fail_are_told_with_their_address(site: Site) -> None:
    old = _blind()
    old.set_ciphers("ECDHE-RSA-AES256-SHA384:@SECLEVEL=0")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, OSError)):
        await raw_link(ports(site)[2], old)
    event = await site.event("InvalidTLSCipherSuite")
    assert event["info"].endswith("from 127.0.0.1")


def _blind() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
