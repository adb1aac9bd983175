"""Attack class 1: central systems that let anyone connect as any charger.

CVE-2026-20781, CVE-2026-24731, CVE-2026-27772, CVE-2026-22552 and the advisories beside them (CVSS 9.4, 2026).
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from csms.app.settings import Settings
from tests.security.conftest import OpenSite
from tests.support.proof import PASSWORD, Site, basic, status, trusting
from tests.support.running import SETTINGS, Server, running

NO_PROOF = [
    {},
    {"Authorization": "Bearer " + base64.b64encode(b"CP-1:" + PASSWORD.encode()).decode()},
    {"Authorization": "Basic"},
    {"Authorization": "Basic !!!!"},
    {"Authorization": "Basic " + base64.b64encode(PASSWORD.encode()).decode()},
    basic("CP-1", ""),
    basic("CP-1", PASSWORD[:-1]),
    basic("CP-1", PASSWORD + " "),
    basic("CP-1", PASSWORD.upper()),
    basic("CP-2", PASSWORD),
    basic("", PASSWORD),
    basic("CP-1", b"x" * 5000),
]
AS_IT_COMES = SETTINGS.replace("security_profiles = [0]\n", "")


def test_nobody_is_let_in_unproven_unless_somebody_says_so() -> None:
    assert Settings().security_profiles == [2, 3]


@pytest.mark.req("A00.FR.202", "A00.FR.203", "A00.FR.207", "1.6S:A00.FR.202", "1.6S:A00.FR.203")
@pytest.mark.parametrize("profile", [1, 2])
async def test_without_its_password_no_station_is_let_in(
    site: Site, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.station.authentication.REFUSED_AFTER_S", 0.0)
    cp = await site.station("CP-1")
    for header in NO_PROOF:
        assert await status(cp.connect(**site.proof(profile, "CP-1") | {"additional_headers": header})) == 401, header
    await cp.connect(**site.proof(profile, "CP-1"))
    assert (await cp.boot())["status"] == "Accepted"


async def test_two_headers_are_none(site: Site) -> None:
    cp = await site.station("CP-1")
    twice = [("Authorization", basic("CP-1", PASSWORD)["Authorization"])] * 2
    assert await status(cp.connect(profile=1, additional_headers=twice)) == 401


async def test_a_station_without_a_password_is_not_let_in_with_an_empty_one(site: Site) -> None:
    cp = await site.csms.station("CP-9", connected=False)
    for password in ("", "None", "null", PASSWORD):
        assert await status(cp.connect(**site.proof(1, "CP-9", password))) == 401


async def test_strangers_are_not_let_in_where_a_password_is_asked_for(open_site: OpenSite) -> None:
    async with open_site(accept_unknown=True) as site:
        cp = await site.station("CP-1")
        cp.station_id = "STRANGER"
        for profile in (1, 2):
            assert await status(cp.connect(**site.proof(profile, "STRANGER"))) == 401
        assert "STRANGER" not in site.csms.rooms.stations.stations


async def test_what_was_refused_is_counted_and_kept_as_an_event(site: Site) -> None:
    cp = await site.station("CP-1")
    assert await status(cp.connect(**site.proof(2, "CP-1", "a-wrong-password"))) == 401
    event = await site.event("FailedToAuthenticateAtCsms")
    assert (event["station_id"], event["critical"]) == ("CP-1", False)
    assert "wrong_password at security profile 2" in event["info"]
    assert "127.0.0.1" in event["info"]
    assert "a-wrong" not in event["info"]
    assert site.csms.rooms.gateway.counters()["handshakes_wrong_password"] == 1


async def test_passwords_that_are_tried_one_after_another_leave_one_event_a_minute(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.station.authentication.REFUSED_AFTER_S", 0.0)
    async with open_site(admission={"failures_free": 100}) as site:
        cp = await site.station("CP-1")
        for number in range(20):
            assert await status(cp.connect(**site.proof(1, "CP-1", f"wrong-password-{number:03}"))) == 401
        assert len(await site.events("FailedToAuthenticateAtCsms")) == 1
        assert site.csms.rooms.gateway.counters()["handshakes_wrong_password"] == 20


async def test_a_server_as_it_comes_speaks_tls_only_and_refuses_whoever_has_no_password(tmp_path: Path) -> None:
    with running(tmp_path, settings=AS_IT_COMES) as server:
        assert set(server.ports) == {2, 3}
        for station_id in ("CP-1", "NOBODY"):
            with pytest.raises(InvalidStatus) as refused:
                await _connect(server, station_id)
            assert refused.value.response.status_code == 401
            assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic")


async def _connect(server: Server, station_id: str) -> None:
    tls = trusting(server.folder / "pki" / "server-ca.pem")
    url, versions = f"{server.url(2)}/{station_id}", [Subprotocol("ocpp1.6")]
    async with connect(url, ssl=tls, proxy=None, subprotocols=versions):
        pass
