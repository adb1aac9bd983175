"""OCPP 1.6 security extension: certificates, security events, passwords, by the OCA cases (073 to 078, 083)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from csms.security.passwords import matches
from csms.store.security_tables import StationCredential
from tests.support.scripted_firmware import Central, central
from tests.support.signing import allowing, certificate, pem, rsa_key, signing_request

pytestmark = pytest.mark.conformance

TIME = "2026-03-01T12:00:00Z"
HASHES = {"issuerNameHash": "AB" * 32, "issuerKeyHash": "CD" * 32}


async def signings(csms: Central) -> list[dict[str, object]]:
    """Operations that end with the station's answer to its certificate, once none goes on."""

    async def ended() -> list[dict[str, object]]:
        found = (await csms.shown("/operations?kind=sign_certificate"))["operations"]
        return found if found and all(row["ended_at"] for row in found) else []

    return list(await csms.until(ended))


@pytest.mark.octt("TC_074_CSMS")
@pytest.mark.req("1.6S:A02.FR.11")
async def test_a_station_gets_a_new_certificate(tmp_path: Path) -> None:
    async with central(tmp_path, certificates={"organization": "Charging Ltd"}) as csms:
        station = await csms.station("CP-1")
        asked = await csms.operator("CP-1", "trigger", message="SignChargePointCertificate")
        assert asked["accepted"]
        assert await station.expected("ExtendedTriggerMessage") == {"requestedMessage": "SignChargePointCertificate"}
        assert await station.call("SignCertificate", {"csr": signing_request()}) == {"status": "Accepted"}
        chain = (await station.expected("CertificateSigned"))["certificateChain"]

        given = x509.load_pem_x509_certificate(chain.encode())
        root_file = tmp_path / "data" / "pki" / "station-ca.pem"
        root = x509.load_pem_x509_certificate(root_file.read_bytes())
        given.verify_directly_issued_by(root)
        assert given.subject.rfc4514_string() == "O=Charging Ltd,CN=SN-1"
        (operation,) = await signings(csms)
        assert operation["status"] == "certificate Accepted"
        (known,) = (await csms.shown("/certificates?expiring_within_days=400"))["certificates"]
        assert (known["station_id"], known["use"]) == ("CP-1", "ChargingStationCertificate")
        assert (await csms.shown("/certificates?expiring_within_days=300"))["certificates"] == []


@pytest.mark.octt("TC_077_CSMS")
@pytest.mark.req("1.6S:A04.FR.03")
async def test_a_certificate_that_the_station_refuses(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("CertificateSigned", {"status": "Rejected"})
        await station.call("SignCertificate", {"csr": signing_request()})
        await station.expected("CertificateSigned")
        await station.call("SecurityEventNotification", {"type": "InvalidChargePointCertificate", "timestamp": TIME})
        (operation,) = await signings(csms)
        assert operation["status"] == "certificate Rejected"
        (event,) = (await csms.shown("/stations/CP-1/security-events"))["events"]
        assert (event["kind"], event["critical"]) == ("InvalidChargePointCertificate", True)
        assert (await csms.shown("/certificates"))["certificates"] == []


@pytest.mark.req("1.6S:A02.FR.12", "1.6S:A00.FR.501", "1.6S:A00.FR.502", "1.6S:A00.FR.509")
@pytest.mark.parametrize(
    ("request_pem", "why"),
    [
        ("-----BEGIN CERTIFICATE REQUEST-----", "cannot be read"),
        (signing_request("SN-2"), "common name"),
        (signing_request(organization="Others"), "organisation"),
        (signing_request(organization=""), "organizationName"),
        (signing_request(key=rsa_key(1024)), "RSA keys"),
        (signing_request(extension=x509.BasicConstraints(ca=True, path_length=None)), "authority"),
        (signing_request(extension=x509.SubjectAlternativeName([x509.DNSName("csms.example")])), "subjectAltName"),
        (signing_request("127.0.0.1"), "no address"),
    ],
)
async def test_requests_that_do_not_fit_are_refused(tmp_path: Path, request_pem: str, why: str) -> None:
    async with central(tmp_path, certificates={"organization": "Charging Ltd"}) as csms:
        station = await csms.station("CP-1")
        assert await station.call("SignCertificate", {"csr": request_pem}) == {"status": "Rejected"}
        (operation,) = await signings(csms)
        assert operation["status"] == "Rejected"
        assert why in operation["detail"]["fault"]
        assert station.unasked("CertificateSigned")


async def test_no_station_gets_a_certificate_in_the_name_of_another(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        await csms.station("CP-1", serial="SN-1")
        liar = await csms.station("CP-2", serial="SN-1")
        assert await liar.call("SignCertificate", {"csr": signing_request("SN-1")}) == {"status": "Rejected"}


@pytest.mark.octt("TC_075_1_CSMS", "TC_075_2_CSMS")
@pytest.mark.parametrize(
    ("use", "written"),
    [
        ("ManufacturerRootCertificate", "ManufacturerRootCertificate"),
        ("CSMSRootCertificate", "CentralSystemRootCertificate"),
    ],
)
async def test_a_root_is_installed(tmp_path: Path, use: str, written: str) -> None:
    root = certificate(rsa_key(), "Root")
    async with central(tmp_path, certificates=allowing(tmp_path, pem(root))) as csms:
        station = await csms.station("CP-1")
        told = await csms.operator("CP-1", "install_certificate", use=use, certificate=pem(root))
        assert told["status"] == "Accepted"
        asked = await station.expected("InstallCertificate")
        assert asked == {"certificateType": written, "certificate": pem(root)}

        entry = {"hashAlgorithm": "SHA384", **HASHES, "serialNumber": f"{root.serial_number:040X}"}
        station.answers("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashData": [entry]})
        told = await csms.operator("CP-1", "get_installed_certificates", uses=[use])
        assert told["status"] == "Accepted"
        assert await station.expected("GetInstalledCertificateIds") == {"certificateType": written}
        (known,) = (await csms.shown("/certificates?station_id=CP-1"))["certificates"]
        assert (known["algorithm"], known["serial_number"]) == ("SHA384", entry["serialNumber"])
        assert known["subject"] == "O=Charging Ltd,CN=Root", "what we installed is known again by its number"
        assert known["expires_at"]


async def test_roots_that_are_not_installed(tmp_path: Path) -> None:
    root = pem(certificate(rsa_key(), "Root"))
    async with central(tmp_path, certificates=allowing(tmp_path, root)) as csms:
        station = await csms.station("CP-1")
        station.answers("InstallCertificate", {"status": "Rejected"})
        told = await csms.operator("CP-1", "install_certificate", use="CSMSRootCertificate", certificate=root)
        assert (told["status"], told["accepted"]) == ("Rejected", False)
        told = await csms.operator("CP-1", "install_certificate", use="V2GRootCertificate", certificate=root)
        assert told["code"] == "not_in_this_version"
        told = await csms.operator("CP-1", "install_certificate", use="CSMSRootCertificate", certificate="no PEM")
        assert told["code"] == "certificate_unreadable"
        station.answers("GetInstalledCertificateIds", {"status": "NotFound"})
        assert (await csms.operator("CP-1", "get_installed_certificates"))["status"] == "NotFound"
        assert (await csms.shown("/certificates"))["certificates"] == []


@pytest.mark.octt("TC_076_CSMS")
@pytest.mark.req("1.6S:M04.FR.07")
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_certificate_is_deleted_by_the_station_s_own_name_for_it(tmp_path: Path, algorithm: str) -> None:
    entry = {"hashAlgorithm": algorithm, **HASHES, "serialNumber": "0A1B"}
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashData": [entry]})
        await csms.operator("CP-1", "get_installed_certificates", uses=["CSMSRootCertificate"])
        (known,) = (await csms.shown("/certificates"))["certificates"]
        named = {key: known[key] for key in ("algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number")}
        assert (await csms.operator("CP-1", "delete_certificate", **named))["status"] == "Accepted"
        assert await station.expected("DeleteCertificate") == {"certificateHashData": entry}
        assert (await csms.shown("/certificates"))["certificates"] == []


@pytest.mark.parametrize(("status", "left"), [("Failed", 1), ("NotFound", 0)])
async def test_a_certificate_that_is_not_deleted(tmp_path: Path, status: str, left: int) -> None:
    entry = {"hashAlgorithm": "SHA256", **HASHES, "serialNumber": "7"}
    named = {"algorithm": "SHA256", "issuer_name_hash": "a", "issuer_key_hash": "b", "serial_number": "7"}
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashData": [entry]})
        await csms.operator("CP-1", "get_installed_certificates", uses=["CSMSRootCertificate"])
        station.answers("DeleteCertificate", {"status": status})
        told = await csms.operator("CP-1", "delete_certificate", **named)
        assert (told["status"], told["accepted"]) == (status, False)
        assert len((await csms.shown("/certificates"))["certificates"]) == left


@pytest.mark.octt("TC_078_CSMS")
@pytest.mark.req("1.6S:A04.FR.03")
async def test_security_events_are_kept(tmp_path: Path) -> None:
    """Also those that nobody knows, without a time that can be read, and in pages."""
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1", strict=False)
        told = [("InvalidCentralSystemCertificate", TIME), ("InvalidMessages", "yesterday"), ("MadeUp", TIME)]
        for kind, time in told:
            assert await station.call("SecurityEventNotification", {"type": kind, "timestamp": time}) == {}
        events = (await csms.shown("/stations/CP-1/security-events"))["events"]
        assert [(event["kind"], event["time"], event["critical"]) for event in reversed(events)] == [
            ("InvalidCentralSystemCertificate", TIME, True),
            ("InvalidMessages", None, False),
            ("MadeUp", TIME, False),
        ]
        page = await csms.shown("/stations/CP-1/security-events?limit=2")
        assert page["next_before_id"] == page["events"][-1]["event_id"]
        rest = await csms.shown(f"/stations/CP-1/security-events?before_id={page['next_before_id']}")
        assert [event["kind"] for event in rest["events"]] == ["InvalidCentralSystemCertificate"]
        assert (await csms.api("GET", "/api/v1/stations/CP-9/security-events")).status_code == 404


@pytest.mark.req("1.6S:A01.FR.02", "1.6S:A01.FR.07", "1.6S:A01.FR.08", "1.6S:A01.FR.09")
async def test_a_password_is_set_as_hexadecimal_digits_and_kept_as_a_hash(tmp_path: Path) -> None:
    """The command part of TC_073; who may connect with which password is the gateway's business."""
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        told = await csms.operator("CP-1", "set_password")
        assert (told["status"], told["payload"], told["values"]) == ("Accepted", {}, {})
        asked = await station.expected("ChangeConfiguration")
        assert asked["key"] == "AuthorizationKey"
        key = bytes.fromhex(asked["value"])
        assert 16 <= len(key) <= 20
        (kept,) = await csms.rooms.store.reader.find(StationCredential)
        assert (kept.status, kept.in_force) == ("Accepted", "")
        assert matches(key, kept.wanted)

        told = await csms.operator("CP-1", "set_password", password="x" * 21)
        assert told["code"] == "not_in_this_version"


async def test_a_refused_password_changes_nothing(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        await csms.operator("CP-1", "set_password", password="first-password-16")
        station.answers("ChangeConfiguration", {"status": "Rejected"})
        told = await csms.operator("CP-1", "set_password", password="second-password-2")
        assert (told["status"], told["accepted"]) == ("Rejected", False)
        (kept,) = await csms.rooms.store.reader.find(StationCredential)
        assert (kept.status, kept.wanted) == ("Rejected", "")
        assert matches(b"first-password-16", kept.in_force)


async def test_a_security_profile_is_raised(tmp_path: Path) -> None:
    """The command part of TC_083."""
    async with central(tmp_path, security_profiles=[0, 1]) as csms:
        station = await csms.station("CP-1")
        await csms.operator("CP-1", "set_password")
        await station.expected("ChangeConfiguration")
        told = await csms.operator("CP-1", "set_variables", values={"SecurityProfile": "1"})
        assert told["values"] == {"SecurityProfile": "Accepted"}
        assert await station.expected("ChangeConfiguration") == {"key": "SecurityProfile", "value": "1"}
