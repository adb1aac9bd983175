"""Attack class 15: malicious firmware and certificates: unsigned or foreign firmware, roots that the house does not
know, signing requests in another name, keys that others can read.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from csms.app.section import SettingsInvalid
from csms.app.settings import Settings
from csms.app.tls import ServerTls
from csms.security.tls import CertificateUnusable
from tests.security.conftest import OpenSite
from tests.support.access import bearer, token_for
from tests.support.proof import OPERATOR, Operator, Site, status
from tests.support.scripted import Central
from tests.support.signing import Maker, allowing, certificate, pem, rsa_key, signing_request

FIRMWARE = b"firmware of a pile " * 100
SIGNED_ONLY: dict[str, Any] = {"firmware": {"unsigned_for": []}}
ROOT = pem(certificate(ec.generate_private_key(ec.SECP256R1()), "Foreign root"))
PROTOCOLS = ["ocpp1.6", "ocpp2.0.1"]
ASKED = {"ocpp1.6": "SignedUpdateFirmware", "ocpp2.0.1": "UpdateFirmware"}


async def pile(site: Site, protocol: str = "ocpp1.6", station_id: str = "CP-1", serial: str = "SN-1") -> Any:
    """A station that is in, by its password."""
    cp = await site.station(station_id, protocol, serial=serial)
    await cp.connect(**site.proof(2, station_id))
    assert (await cp.boot())["status"] == "Accepted"
    return cp


async def upload(csms: Central, name: str = "pile.bin", content: bytes = FIRMWARE) -> None:
    answer = await csms.http.put(f"/api/v1/firmware/{name}", content=content)
    assert answer.status_code == 200, answer.text


async def sign(csms: Central, maker: Maker, content: bytes = FIRMWARE, name: str = "pile.bin") -> httpx.Response:
    body = {"signing_certificate": maker.certificate, "signature": maker.sign(content)}
    return await csms.api("PUT", f"/api/v1/firmware/{name}/signature", body)


def untouched(cp: Any) -> bool:
    """The station was asked for no update and given no root."""
    return all(cp.unasked(action) for action in ("UpdateFirmware", "SignedUpdateFirmware", "InstallCertificate"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_unsigned_firmware_is_not_offered(open_site: OpenSite, protocol: str) -> None:
    async with open_site(**SIGNED_ONLY) as site:
        cp = await pile(site, protocol)
        await upload(site.csms)
        for source in ({"firmware": "pile.bin"}, {"location": "https://files.example/pile.bin"}):
            told = await site.csms.operator("CP-1", "update_firmware", **source)
            assert (told["status"], told["code"]) == (409, "firmware_unsigned")
        for action in ("UpdateFirmware", "SignedUpdateFirmware"):
            told = await site.csms.operator("CP-1", "call", action=action, payload={"location": "http://evil.example"})
            assert told["code"] == "raw_call_refused", "nor past the command"
        assert untouched(cp)
        assert (await site.event("FirmwareNotAllowed"))["critical"]


async def test_a_named_station_may_have_unsigned_firmware(open_site: OpenSite) -> None:
    async with open_site(firmware={"unsigned_for": ["OLD-*"]}, public_url="http://csms.example") as site:
        old, new = await pile(site, station_id="OLD-1"), await pile(site, serial="SN-2")
        await upload(site.csms)
        assert (await site.csms.operator("OLD-1", "update_firmware", firmware="pile.bin"))["operation_id"]
        await old.expected("UpdateFirmware")
        assert (await site.csms.operator("CP-1", "update_firmware", firmware="pile.bin"))["code"] == "firmware_unsigned"
        assert untouched(new)


@pytest.mark.req("L01.FR.11", "1.6S:L01.FR.11")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_signature_and_signer_are_checked_before_a_station_hears_of_it(
    open_site: OpenSite, tmp_path: Path, protocol: str
) -> None:
    known, foreign, ended = Maker(), Maker(), Maker(days=-1, begun_days_ago=30)
    (root,) = allowing(tmp_path, known.certificate)["allowed_roots"]
    settings = {"firmware": {"unsigned_for": [], "maker_roots": [root]}, "public_url": "http://csms.example"}
    async with open_site(**settings) as site:
        cp = await pile(site, protocol)
        await upload(site.csms)
        for maker, content in ((foreign, FIRMWARE), (ended, FIRMWARE), (known, b"other firmware")):
            assert (await sign(site.csms, maker, content)).json()["code"] == "firmware_signature_invalid"
            given = {"signing_certificate": maker.certificate, "signature": maker.sign(content)}
            told = await site.csms.operator("CP-1", "update_firmware", firmware="pile.bin", **given)
            assert told["code"] == "firmware_signature_invalid"
        elsewhere = {"location": "https://files.example/f", "signing_certificate": foreign.certificate}
        told = await site.csms.operator("CP-1", "update_firmware", **elsewhere, signature=foreign.sign(FIRMWARE))
        assert told["code"] == "firmware_signature_invalid", "a foreign maker of a file that lies elsewhere, too"
        assert untouched(cp)

        assert (await sign(site.csms, known)).status_code == 200
        assert (await site.csms.operator("CP-1", "update_firmware", firmware="pile.bin"))["operation_id"]
        asked = await cp.expected(ASKED[protocol])
        assert asked["firmware"]["signingCertificate"] == known.certificate


async def test_firmware_that_was_changed_on_the_disk_is_not_offered(open_site: OpenSite) -> None:
    async with open_site(**SIGNED_ONLY, public_url="http://csms.example") as site:
        cp = await pile(site)
        await upload(site.csms)
        assert (await sign(site.csms, Maker())).status_code == 200
        (site.folder / "files" / "firmware" / "pile.bin").write_bytes(b"something else")
        told = await site.csms.operator("CP-1", "update_firmware", firmware="pile.bin")
        assert told["code"] == "firmware_signature_invalid"
        assert untouched(cp)


@pytest.mark.parametrize("use", ["CSMSRootCertificate", "ManufacturerRootCertificate"])
async def test_a_root_outside_the_list_needs_two_people(site: Site, use: str) -> None:
    cp, csms = await pile(site), site.csms
    body = {"use": use, "certificate": ROOT}
    told = await csms.operator("CP-1", "install_certificate", **body)
    assert (told["status"], told["code"]) == (409, "root_not_allowed")
    told = await csms.operator("CP-1", "call", action="InstallCertificate", payload={"certificate": ROOT})
    assert told["code"] == "raw_call_refused"
    assert untouched(cp)
    assert (await site.event("RootNotAllowed"))["station_id"] == "CP-1"

    second = bearer(await token_for(csms.rooms.guard, name="second"))
    proposed = (await csms.api("POST", "/api/v1/pki/roots", {"certificate": ROOT})).json()
    approve = f"/api/v1/pki/roots/{proposed['fingerprint']}/approve"
    assert (await csms.api("POST", approve)).json()["code"] == "same_person"
    late = bearer(await token_for(csms.rooms.guard, name="late"))
    assert (await csms.http.post(approve, headers=late)).json()["code"] == "same_person", "a name made for it"
    assert (await csms.operator("CP-1", "install_certificate", **body))["code"] == "root_not_allowed"
    agreed = (await csms.http.post(approve, headers=second)).json()
    assert (agreed["approved_by"], agreed["proposed_by"]) == ("second", proposed["proposed_by"])
    assert (await csms.operator("CP-1", "install_certificate", **body))["accepted"]
    await cp.expected("InstallCertificate")

    assert (await csms.http.delete(f"/api/v1/pki/roots/{proposed['fingerprint']}")).status_code == 204
    assert (await csms.operator("CP-1", "install_certificate", **body))["code"] == "root_not_allowed"


async def test_one_administrator_with_two_tokens_is_one_person(site: Site) -> None:
    """A second name of one's own, made before; the token of another one, made anew; and both the other way round."""
    csms = site.csms
    eve = bearer(await token_for(csms.rooms.guard, name="eve"))
    await token_for(csms.rooms.guard, name="bob")

    async def made(path: str, as_: dict[str, str], **body: Any) -> dict[str, str]:
        answer = await csms.http.post(f"/api/v1/access-tokens{path}", json=body, headers=as_)
        return bearer(answer.json()["token"])

    alias = await made("", eve, name="alias", role="administrator")
    taken = await made("/bob/rotate", eve)
    told = (await csms.api("GET", "/api/v1/alerts?kind=AdministratorTokenMade")).json()["alerts"]
    assert [(row["info"], row["count"]) for row in told] == [("bob, by eve", 2)]
    for first, then in ((eve, alias), (eve, taken), (alias, eve), (taken, eve)):
        proposed = (await csms.http.post("/api/v1/pki/roots", json={"certificate": ROOT}, headers=first)).json()
        place = f"/api/v1/pki/roots/{proposed['fingerprint']}"
        assert (await csms.http.post(f"{place}/approve", headers=then)).json()["code"] == "same_person"
        await csms.http.delete(place)

    own = await made("/alias/rotate", alias)
    proposed = (await csms.http.post("/api/v1/pki/roots", json={"certificate": ROOT}, headers=eve)).json()
    agreed = await csms.http.post(f"/api/v1/pki/roots/{proposed['fingerprint']}/approve", headers=own)
    assert agreed.json()["approved_by"] == "alias", "who has replaced what was handed over is a person again"


async def test_a_token_made_anew_after_the_proposal_agrees_to_nothing(site: Site) -> None:
    csms = site.csms
    bob = bearer(await token_for(csms.rooms.guard, name="bob"))
    proposed = (await csms.api("POST", "/api/v1/pki/roots", {"certificate": ROOT})).json()
    approve = f"/api/v1/pki/roots/{proposed['fingerprint']}/approve"
    for step in ("by the proposer", "and with that by bob"):
        who = csms.http.headers if step == "by the proposer" else bearer(again)  # noqa: F821 - of the first turn
        again = (await csms.http.post("/api/v1/access-tokens/bob/rotate", json={}, headers=who)).json()["token"]
        assert (await csms.http.post(approve, headers=bearer(again))).json()["code"] == "same_person", step
    assert (await csms.http.post(approve, headers=bob)).json()["approved_by"] == "bob", "his own is good for an hour"


async def test_a_root_of_the_house_needs_nobody(open_site: OpenSite, tmp_path: Path) -> None:
    known = allowing(tmp_path, ROOT)
    async with open_site(certificates=known) as site:
        cp = await pile(site)
        for root in (ROOT, (site.folder / "pki" / "server-ca.pem").read_text()):
            body = {"use": "CSMSRootCertificate", "certificate": root}
            assert (await site.csms.operator("CP-1", "install_certificate", **body))["accepted"]
            assert (await cp.expected("InstallCertificate"))["certificate"] == root
        other = pem(certificate(ec.generate_private_key(ec.SECP256R1()), "Another root"))
        body = {"use": "CSMSRootCertificate", "certificate": ROOT + other}
        told = await site.csms.operator("CP-1", "install_certificate", **body)
        assert told["code"] == "certificate_unreadable", "a known root as a disguise for another one behind it"


BAD_REQUESTS = {
    "another name": signing_request("SN-2", OPERATOR),
    "the id in the URL": signing_request("CP-1", OPERATOR),
    "another operator": signing_request("SN-1", "Another Ltd"),
    "an authority": signing_request("SN-1", OPERATOR, extension=x509.BasicConstraints(ca=True, path_length=None)),
    "a weak RSA key": signing_request("SN-1", OPERATOR, key=rsa_key(1024)),
    "a weak curve": signing_request("SN-1", OPERATOR, key=ec.generate_private_key(ec.SECP192R1())),
    "the server's host name": signing_request(
        "SN-1", OPERATOR, extension=x509.SubjectAlternativeName([x509.DNSName("csms.example")])
    ),
    "an address": signing_request("10.0.0.1", OPERATOR),
    "no request": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
}


@pytest.mark.req("A02.FR.12", "A00.FR.501", "A00.FR.502", "A00.FR.509", "A00.FR.511")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_signing_requests_that_do_not_fit(site: Site, protocol: str) -> None:
    cp = await pile(site, protocol)
    for why, request in BAD_REQUESTS.items():
        assert await cp.call("SignCertificate", {"csr": request}) == {"status": "Rejected"}, why
    told = (await site.csms.api("GET", "/api/v1/operations?kind=sign_certificate")).json()["operations"]
    assert all(row["status"] == "Rejected" for row in told)
    assert cp.unasked("CertificateSigned")
    event = await site.event("SigningRequestRefused")
    assert (event["station_id"], event["critical"]) == ("CP-1", True)


async def test_a_broken_signature_of_a_request(site: Site) -> None:
    cp = await pile(site)
    good = x509.load_pem_x509_csr(signing_request("SN-1", OPERATOR).encode())
    der = bytearray(good.public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    request = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    assert await cp.call("SignCertificate", {"csr": request}) == {"status": "Rejected"}


async def test_nobody_asks_for_certificates_all_the_time(site: Site) -> None:
    cp = await pile(site)
    answers = [await cp.call("SignCertificate", {"csr": signing_request("SN-1", OPERATOR)}) for _ in range(12)]
    assert [answer["status"] for answer in answers] == ["Accepted"] * 10 + ["Rejected"] * 2
    assert (await site.event("SigningRequestsThrottled"))["station_id"] == "CP-1"
    told = (await site.csms.api("GET", "/api/v1/operations?kind=sign_certificate")).json()["operations"]
    assert len(told) == 10, "what is refused for its number leaves nothing behind"
    other = await pile(site, station_id="CP-2", serial="SN-2")
    assert await other.call("SignCertificate", {"csr": signing_request("SN-2", OPERATOR)}) == {"status": "Accepted"}


async def test_the_serial_number_of_another_pile(site: Site) -> None:
    """Also as what the boot says, and as the name of a car's side."""
    await site.station("CP-1", serial="SN-1")
    liar = await pile(site, "ocpp2.0.1", "CP-2", serial="SN-2")
    request = signing_request("SN-1", OPERATOR)
    for use in ("ChargingStationCertificate", "V2GCertificate"):
        told = await liar.call("SignCertificate", {"csr": request, "certificateType": use})
        assert told == {"status": "Rejected"}, use
    answer = await site.csms.api("POST", "/api/v1/stations/CP-2/certificate", {"request": request})
    assert answer.json()["code"] == "signing_request_refused"


async def test_a_serial_number_that_was_only_told_lets_nobody_in_as_its_owner(open_site: OpenSite) -> None:
    """A pile in wrong hands tells the number of one that is not there yet, and has a certificate made for it."""
    async with open_site(certificates={"client_roots": [], "organization": OPERATOR}) as site:
        liar = await site.station("CP-1", "ocpp2.0.1")
        await liar.connect(**site.proof(2, "CP-1"))
        boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "SN-2"}}
        await liar.call("BootNotification", boot)
        key = ec.generate_private_key(ec.SECP256R1())
        request = {"csr": signing_request("SN-2", OPERATOR, key=key), "certificateType": "ChargingStationCertificate"}
        await liar.call("SignCertificate", request)
        chain = (await liar.expected("CertificateSigned"))["certificateChain"]
        pair = Operator(site.folder / "own").write(x509.load_pem_x509_certificate(chain.encode()), key)

        owner = await site.station("CP-2", "ocpp2.0.1")
        told = await site.csms.api("PUT", "/api/v1/stations/CP-2/security", {"serial": "SN-2"})
        assert (told.status_code, told.json()["code"]) == (409, "proof_refused")
        assert "CP-1" in told.json()["detail"], "so somebody looks at CP-1"
        assert await status(owner.connect(profile=3, ssl=site.tls(pair))) == 403


async def test_a_first_certificate_and_its_end(open_site: OpenSite) -> None:
    """Made at commissioning for the registered serial number; revoked, it is refused and its station sent away."""
    certificates = {"client_roots": [], "organization": OPERATOR}
    async with open_site(certificates=certificates) as site:
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        key = ec.generate_private_key(ec.SECP256R1())
        body = {"request": signing_request("SN-1", OPERATOR, key=key)}
        told = (await site.csms.api("POST", "/api/v1/stations/CP-1/certificate", body)).json()
        leaf = x509.load_pem_x509_certificate(told["chain"].encode())
        assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        pair = Operator(site.folder / "own").write(leaf, key)
        await cp.connect(profile=3, ssl=site.tls(pair))
        assert (await cp.boot())["status"] == "Accepted"

        number = f"{leaf.serial_number:x}"
        revoked = {"serial_number": number, "reason": "key_compromise"}
        answer = await site.csms.api("POST", "/api/v1/pki/revocations", revoked)
        assert answer.json() == {"serial_number": number, "closed": ["CP-1"]}
        assert await cp.closed() == 1008
        assert await status(cp.connect(profile=3, ssl=site.tls(pair))) == 403
        assert "certificate_revoked" in (await site.event("InvalidChargingStationCertificate"))["info"]
        crl = x509.load_pem_x509_crl((await site.csms.api("GET", "/api/v1/pki/crl")).content)
        assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def test_keys_are_for_the_server_alone(keys: Path, tmp_path: Path) -> None:
    for file in keys.glob("*.key"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    folder = tmp_path / "pki"
    folder.mkdir()
    for file in keys.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o644)
    with pytest.raises(CertificateUnusable, match="chmod 600"):
        asyncio.run(ServerTls(Settings(data_dir=tmp_path)).contexts())


def test_an_outside_authority_needs_its_root() -> None:
    """Otherwise stations would be let in by another authority than the one that signs for them."""
    with pytest.raises((SettingsInvalid, ValueError), match="client_roots"):
        Settings(certificates={"authority_command": ["sign"]})  # type: ignore[arg-type]


async def test_refused_things_are_open_alerts(site: Site) -> None:
    cp = await pile(site)
    await cp.call("SignCertificate", {"csr": signing_request("SN-2", OPERATOR)})
    await site.csms.operator("CP-1", "install_certificate", use="CSMSRootCertificate", certificate=ROOT)

    async def opened() -> set[str]:
        told = (await site.csms.api("GET", "/api/v1/alerts?open=true")).json()["alerts"]
        found = {row["kind"] for row in told}
        return found if {"SigningRequestRefused", "RootNotAllowed"} <= found else set()

    assert await site.csms.until(opened)
    told = json.dumps((await site.csms.api("GET", "/api/v1/diagnosis")).json())
    assert "alerts_open" in told
