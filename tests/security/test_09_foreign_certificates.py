"""Attack class 9: a client certificate that is not bound to the station that shows it (A00.FR.404, A00.FR.405).

A central system with its check of the common name commented out shipped for years; here each rule has its test.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed, InvalidMessage

from tests.security.conftest import OpenSite
from tests.support.proof import Operator, Site, status
from tests.support.signing import certificate, name, signing_request

TURNED_AWAY = (ssl.SSLError, ConnectionError, InvalidMessage, EOFError, ConnectionClosed)
"""TLS 1.3 tells a client that its certificate was refused only with the first bytes that it reads."""


@pytest.mark.req("A00.FR.401", "A00.FR.402", "A00.FR.403", "A00.FR.404", "A00.FR.405", "A00.FR.415")
@pytest.mark.req("1.6S:A00.FR.401", "1.6S:A00.FR.402", "1.6S:A00.FR.403", "1.6S:A00.FR.404", "1.6S:A00.FR.405")
@pytest.mark.octt("TC_087_CSMS", "TC_A_07_CSMS")
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_station_comes_with_its_own_certificate(site: Site, protocol: str) -> None:
    cp = await site.station("CP-1", protocol, serial="SN-1", security_profile=3)
    await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
    assert (await cp.boot())["status"] == "Accepted"


@pytest.mark.req("A00.FR.405", "A00.FR.427", "1.6S:A00.FR.405", "1.6S:A00.FR.427")
async def test_the_certificate_of_pile_a_on_the_url_of_pile_b_is_refused(site: Site) -> None:
    await site.station("CP-A", serial="SN-A", security_profile=3)
    b = await site.station("CP-B", serial="SN-B", security_profile=3)
    assert await status(b.connect(profile=3, ssl=site.tls(site.operator.issue("SN-A")))) == 403
    event = await site.event("InvalidChargingStationCertificate")
    assert (event["station_id"], event["critical"]) == ("CP-B", True)
    assert "certificate of SN-A" in event["info"]
    await b.connect(profile=3, ssl=site.tls(site.operator.issue("SN-B")))


@pytest.mark.req("B01.FR.11", "B01.FR.12")
async def test_a_boot_with_the_serial_number_of_another_certificate_ends_the_connection(site: Site) -> None:
    cp = await site.station("CP-1", "ocpp2.0.1", serial="SN-1", security_profile=3)
    await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
    told = {"vendorName": "V", "model": "M"}
    boot = {"reason": "PowerUp", "chargingStation": told | {"serialNumber": "SN-2"}}
    assert (await cp.call("BootNotification", boot))["status"] == "Rejected"
    assert await cp.closed() == 1008
    event = await site.event("InvalidChargingStationCertificate")
    assert "SN-2" in event["info"]
    await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
    for number in ("SN-1", ""):
        boot["chargingStation"] = told | ({"serialNumber": number} if number else {})
        assert (await cp.call("BootNotification", boot))["status"] == "Accepted"


@pytest.mark.req("A00.FR.404", "A00.FR.407", "A00.FR.408", "1.6S:A00.FR.404", "1.6S:A00.FR.407", "1.6S:A00.FR.408")
@pytest.mark.octt("TC_087_CSMS", "TC_A_08_CSMS")
async def test_another_name_or_another_operator_is_refused(site: Site) -> None:
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    others = [(name, "Charging Ltd") for name in ("SN-2", "CP-1", "sn-1", "SN-1 ", "")]
    for serial, organization in [*others, ("SN-1", "Another Ltd"), ("SN-1", "")]:
        pair = site.operator.issue(serial, organization)
        assert await status(cp.connect(profile=3, ssl=site.tls(pair))) == 403, (serial, organization)
    assert await site.event("InvalidChargingStationCertificate")


async def test_a_name_that_stands_twice_counts_as_none(site: Site) -> None:
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    twice = x509.Name([*name("SN-1"), *name("SN-2")])
    key = ec.generate_private_key(ec.SECP256R1())
    pair = site.operator.write(site.operator._signed(key, twice), key)
    assert await status(cp.connect(profile=3, ssl=site.tls(pair))) == 403


async def test_a_station_whose_serial_number_nobody_registered_is_refused(site: Site) -> None:
    """Not trust on first use: whoever came first would own the id."""
    cp = await site.station("CP-1")
    assert await status(cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))) == 403
    event = await site.event("InvalidChargingStationCertificate")
    assert "no_serial_registered" in event["info"]
    await site.demand("CP-1", serial="SN-1")
    await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))


async def test_one_serial_number_belongs_to_one_station(site: Site) -> None:
    await site.station("CP-1", serial="SN-1")
    await site.station("CP-2")
    assert (await site.demand("CP-2", serial="SN-1"))["code"] == "proof_refused"


@pytest.mark.req("A00.FR.403", "A00.FR.407", "1.6S:A00.FR.403", "1.6S:A00.FR.407")
@pytest.mark.octt("TC_A_08_CSMS")
async def test_certificates_of_strangers_end_in_the_tls_handshake(site: Site, tmp_path: Path) -> None:
    cp = await site.station("CP-1", serial="SN-1", security_profile=3)
    key = ec.generate_private_key(ec.SECP256R1())
    others = [
        Operator(tmp_path / "other").issue("SN-1"),
        site.operator.write(certificate(key, "SN-1"), key),
        site.operator.issue("SN-1", days=-1, begun_days_ago=30),
        site.operator.issue("SN-1", days=30, begun_days_ago=-2),
        None,
    ]
    for pair in others:
        with pytest.raises(TURNED_AWAY):
            await cp.connect(profile=3, ssl=site.tls(pair))
    await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
    counters = site.csms.rooms.gateway.counters()
    assert (counters["handshakes_tls_client_certificate"], counters["handshakes_tls_no_client_certificate"]) == (4, 1)
    assert (await site.event("InvalidChargingStationCertificate"))["station_id"] == ""


async def test_a_password_opens_no_door_for_certificates(site: Site) -> None:
    cp = await site.station("CP-1", serial="SN-1")
    with pytest.raises(TURNED_AWAY):
        await cp.connect(**site.proof(3, "CP-1"))


@pytest.mark.req("A00.FR.702", "A00.FR.704", "A00.FR.705", "1.6S:A00.FR.702", "1.6S:A00.FR.704")
async def test_revoked_certificates_are_refused(open_site: OpenSite, operator: Operator) -> None:
    good, bad = operator.issue("SN-1"), operator.issue("SN-1")
    async with open_site(certificates={"revoked": [operator.revoke(bad[0])]}) as site:
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        with pytest.raises(TURNED_AWAY):
            await cp.connect(profile=3, ssl=site.tls(bad))
        await cp.connect(profile=3, ssl=site.tls(good))
        operator.revoke(bad[0], good[0])
        await site.csms.rooms.tls.renew(site.csms.rooms.gateway)
        with pytest.raises(TURNED_AWAY):
            await cp.connect(profile=3, ssl=site.tls(good))


@pytest.mark.req("A00.FR.429")
async def test_an_ended_certificate_lets_a_named_station_in_and_has_it_renew_at_once(open_site: OpenSite) -> None:
    async with open_site(certificates={"expired_accepted": ["CP-1"]}) as site:
        ended = site.operator.issue("SN-1", days=-1, begun_days_ago=30)
        cp = await site.station("CP-1", "ocpp2.0.1", serial="SN-1", security_profile=3)
        cp.answers("TriggerMessage", {"status": "Accepted"})
        await cp.connect(profile=3, ssl=site.tls(ended))
        assert (await cp.boot())["status"] == "Pending"
        asked = await cp.expected("TriggerMessage")
        assert asked["requestedMessage"] == "SignChargingStationCertificate"
        told = await cp.call("SignCertificate", {"csr": signing_request("SN-1")})
        assert told == {"status": "Accepted"}
        assert "BEGIN CERTIFICATE" in (await cp.expected("CertificateSigned"))["certificateChain"]
        await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1")))
        assert (await cp.boot())["status"] == "Accepted"
        other = await site.station("CP-2", serial="SN-2", security_profile=3)
        pair = site.operator.issue("SN-2", days=-1, begun_days_ago=30)
        assert await status(other.connect(profile=3, ssl=site.tls(pair))) == 403, "only who is named"


async def test_a_stranger_with_a_certificate_waits_for_approval(open_site: OpenSite) -> None:
    async with open_site(accept_unknown=True) as site:
        pair = site.operator.issue("SN-9")
        cp = await site.csms.station("CP-X", connected=False)
        cp.station_id = "NEW-9"
        await cp.connect(profile=3, ssl=site.tls(pair))
        assert (await cp.boot())["status"] == "Pending"
        shown = (await site.csms.api("GET", "/api/v1/stations/NEW-9/security")).json()
        assert (shown["serial"], shown["claimed_serial"]) == ("", "SN-9")
        assert await status(cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-8")))) == 403
        await site.csms.api("PUT", "/api/v1/stations/NEW-9/registration", {"stage": "commissioned"})
        shown = (await site.csms.api("GET", "/api/v1/stations/NEW-9/security")).json()
        assert (shown["serial"], shown["claimed_serial"]) == ("SN-9", "")
        await cp.connect(profile=3, ssl=site.tls(pair))
        assert (await cp.boot())["status"] == "Accepted"
