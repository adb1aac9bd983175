"""Attack class 8: man in the middle and downgrade (A05.FR.09, A00.FR.313 to 322).

Profiles never fall, versions and suites of TLS are enforced, and nobody is sent to a port without it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from csms.app.tls import ServerTls
from csms.model.access import Role
from tests.security.conftest import OpenSite
from tests.support.access import bearer, token_for
from tests.support.certificates import self_signed
from tests.support.proof import Site, status, trusting

MANDATORY = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)


def scan(port: int, context: ssl.SSLContext) -> tuple[str, str]:
    """TLS version and suite that are agreed on. Raises what the handshake raises."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as shaken,
    ):
        suite = shaken.cipher()
        return str(shaken.version()), suite[0] if suite else ""


def port(site: Site, profile: int) -> int:
    return {int(served): number for served, number in site.csms.rooms.gateway.ports.items()}[profile]


@pytest.mark.req("A00.FR.318", "A00.FR.421", "1.6S:A00.FR.317", "1.6S:A00.FR.421", "A00.FR.321", "A00.FR.424")
@pytest.mark.octt("TC_086_CSMS", "TC_A_04_CSMS")
@pytest.mark.parametrize("profile", [2, 3])
@pytest.mark.parametrize("suite", MANDATORY)
async def test_the_four_suites_are_offered(site: Site, profile: int, suite: str) -> None:
    context = site.tls(site.operator.issue("SN-1"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    assert await asyncio.to_thread(scan, port(site, profile), context) == ("TLSv1.2", suite)


@pytest.mark.parametrize("profile", [2, 3])
async def test_newer_stations_get_tls_1_3(site: Site, profile: int) -> None:
    version, _ = await asyncio.to_thread(scan, port(site, profile), site.tls(site.operator.issue("SN-1")))
    assert version == "TLSv1.3"


@pytest.mark.req("A00.FR.313", "A00.FR.314", "A00.FR.315", "A00.FR.416", "A00.FR.417", "A00.FR.418")
@pytest.mark.req("1.6S:A00.FR.312", "1.6S:A00.FR.313", "1.6S:A00.FR.314", "1.6S:A00.FR.418")
@pytest.mark.octt("TC_086_CSMS", "TC_A_06_CSMS")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.parametrize("profile", [2, 3])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_older_tls_is_refused(site: Site, profile: int, version: ssl.TLSVersion) -> None:
    context = site.tls(site.operator.issue("SN-1"))
    context.minimum_version, context.maximum_version = version, version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(scan, port(site, profile), context)
    event = await site.event("InvalidTLSVersion")
    assert (event["station_id"], event["critical"]) == ("", True)
    assert site.csms.rooms.gateway.counters()["handshakes_tls_version"] == 1


@pytest.mark.req("A00.FR.320", "A00.FR.322", "A00.FR.423", "A00.FR.425", "1.6S:A00.FR.319", "1.6S:A00.FR.321")
@pytest.mark.parametrize("suite", ["AES128-SHA", "AES256-SHA256", "ECDHE-RSA-AES128-SHA", "NULL-SHA256"])
async def test_weak_suites_are_refused(site: Site, suite: str) -> None:
    context = site.tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(scan, port(site, 2), context)
    assert (await site.event("InvalidTLSCipherSuite"))["critical"]


async def test_a_station_that_expects_another_server_is_told_of_none(site: Site, tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(scan, port(site, 2), trusting(certificate))


@pytest.mark.parametrize("profile", [2, 3])
async def test_whoever_speaks_no_tls_gets_no_answer_and_no_redirect(site: Site, profile: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(site, profile))
    writer.write(b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        heard = await reader.read()
    writer.close()
    assert b"HTTP" not in heard
    assert b"ocation" not in heard


@pytest.mark.req("A00.FR.002", "A05.FR.07", "1.6S:A00.FR.002", "1.6S:A05.FR.09")
async def test_after_the_first_success_on_a_higher_profile_no_lower_one_is_let_in(
    open_site: OpenSite, tmp_path: Path
) -> None:
    async with open_site(security_profiles=[0, 1, 2, 3]) as site:
        cp = await site.csms.station("CP-1", evses=1)
        await cp.boot()
        await site.set_password("CP-1")
        await site.demand("CP-1", serial="SN-1")
        for profile, proof in enumerate((None, site.proof(1, "CP-1"), site.proof(2, "CP-1"))):
            if proof is not None:
                await cp.connect(**proof)
                assert (await cp.boot())["status"] == "Accepted"
            for lower in range(profile):
                refused = {"profile": 0} if lower == 0 else site.proof(lower, "CP-1")
                assert await status(cp.connect(**refused)) in (401, 404)
        await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
        for lower in (1, 2):
            assert await status(cp.connect(**site.proof(lower, "CP-1"))) == 401
        assert (await site.event("SecurityProfileDowngrade"))["station_id"] == "CP-1"
    async with open_site(security_profiles=[0, 1, 2, 3]) as again:
        cp = await again.csms.station("CP-1", connected=False)
        assert await status(cp.connect(profile=0)) == 404, "a restart forgets nothing"
        assert await status(cp.connect(**again.proof(2, "CP-1"))) == 401


async def test_a_failed_try_raises_nothing(open_site: OpenSite) -> None:
    async with open_site(security_profiles=[0, 2]) as site:
        cp = await site.csms.station("CP-1")
        with pytest.raises(InvalidStatus):
            await cp.connect(**site.proof(2, "CP-1", "a-wrong-password"))
        await cp.connect(profile=0)


@pytest.mark.req("A00.FR.005", "1.6S:A00.FR.005")
async def test_a_profile_falls_only_by_an_operators_hand(site: Site) -> None:
    await site.station("CP-1", security_profile=3)
    assert (await site.demand("CP-1", security_profile=2))["code"] == "proof_refused"
    assert (await site.demand("CP-1", security_profile=2, lower=True))["security_profile"] == 2
    assert (await site.event("SecurityProfileLowered"))["station_id"] == "CP-1"


@pytest.mark.req("A00.FR.005", "1.6S:A00.FR.005", "1.6S:A05.FR.02", "1.6S:A05.FR.03", "1.6S:A05.FR.04")
async def test_ocpp_is_not_used_to_lower_a_profile_nor_to_lock_a_station_out(site: Site) -> None:
    cp = await site.csms.station("CP-1", connected=False)
    await site.set_password("CP-1")
    await cp.connect(**site.proof(1, "CP-1"))
    await cp.boot()
    for value, missing in {
        "0": "lower",
        "1": "lower",
        "2": "root certificate",
        "3": "serial number",
        "9": "0 to 3",
    }.items():
        told = await site.csms.operator("CP-1", "set_variables", values={"SecurityProfile": value})
        assert (told["code"], missing in told["detail"]) == ("proof_refused", True), told
    assert cp.unasked("ChangeConfiguration")


PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"


SPELLINGS = [PRIORITY, PRIORITY.lower(), f"{PRIORITY}#Actual", f"{PRIORITY}@", PRIORITY.replace("O", "%4F")]


@pytest.mark.parametrize("written", SPELLINGS)
async def test_no_spelling_of_a_setting_is_a_way_around(site: Site, written: str) -> None:
    cp = await site.station("CP-1", "ocpp2.0.1")
    await cp.connect(**site.proof(1, "CP-1"))
    await cp.boot()
    slot = {"slot": 2, "url": site.csms.url(2), "security_profile": 2}
    assert (await site.csms.operator("CP-1", "set_network_profile", **slot))["accepted"]
    await cp.expected("SetNetworkProfile")
    told = await site.csms.operator("CP-1", "set_variables", values={written: "2,1"})
    assert told["code"] == "proof_refused", "it could not come back"
    assert cp.unasked("SetVariables")


async def test_where_a_station_connects_to_is_an_administrators_word(site: Site) -> None:
    """Of 2.1, whose ways to connect are variables; and never one of a lower profile."""
    csms = site.csms
    cp = await site.station("CP-1", "ocpp2.1", security_profile=2)
    await cp.connect(**site.proof(2, "CP-1"))
    await cp.boot()
    technician = bearer(await token_for(csms.rooms.guard, Role.TECHNICIAN))
    for name, value in (
        ("NetworkConfiguration@1.OcppCsmsUrl", "ws://evil"),
        ("%4EetworkConfiguration@1.OcppCsmsUrl", "x"),
    ):
        url = "/api/v1/stations/CP-1/commands/set_variables"
        answer = await csms.http.post(url, json={"values": {name: value}}, headers=technician)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_authorised")
    told = await csms.operator("CP-1", "set_variables", values={"NetworkConfiguration@1.SecurityProfile": "1"})
    assert told["code"] == "proof_refused"
    assert cp.unasked("SetVariables")


async def test_certificates_are_changed_while_stations_stay(open_site: OpenSite, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    async with open_site(tls_certificate=[certificate], tls_key=[key]) as site:
        cp = await site.station("CP-1")
        context = trusting(certificate)
        await cp.connect(**site.proof(2, "CP-1") | {"ssl": context})
        before = certificate.read_bytes()
        self_signed(tmp_path)
        assert certificate.read_bytes() != before
        tls: ServerTls = site.csms.rooms.tls
        await tls.renew(site.csms.rooms.gateway)
        assert (await cp.boot())["status"] == "Accepted", "who is there stays"
        other = await site.station("CP-2")
        with pytest.raises(ssl.SSLCertVerificationError):
            await other.connect(**site.proof(2, "CP-2") | {"ssl": context})
        await other.connect(**site.proof(2, "CP-2") | {"ssl": trusting(certificate)})
        good = certificate.read_bytes()
        certificate.write_text("broken")
        site.csms.expected_faults.add("certificates_not_renewed")
        await tls.renew(site.csms.rooms.gateway)
        certificate.write_bytes(good)
        await other.connect(**site.proof(2, "CP-2") | {"ssl": trusting(certificate)})
