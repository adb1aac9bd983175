"""OCPP 2.0.1 block M: roots in stations, certificate status, contract certificates (TC_M_*)."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from tests.support.responders import answering, contract_answer, ocsp_answer
from tests.support.scripted_firmware import central
from tests.support.signing import allowing, certificate, pem

pytestmark = pytest.mark.conformance

V201 = "ocpp2.0.1"
KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = certificate(KEY, "Root")
USES = ["CSMSRootCertificate", "ManufacturerRootCertificate", "V2GRootCertificate", "MORootCertificate"]


def name_of(serial_number: str = "0A1B", algorithm: str = "SHA256") -> dict[str, str]:
    size = {"SHA256": 64, "SHA384": 96, "SHA512": 128}[algorithm]
    hashes = {"issuerNameHash": "A" * size, "issuerKeyHash": "b" * size}
    return {"hashAlgorithm": algorithm, **hashes, "serialNumber": serial_number}


@pytest.mark.octt("TC_M_01_CSMS", "TC_M_02_CSMS", "TC_M_03_CSMS", "TC_M_04_CSMS")
@pytest.mark.parametrize("use", USES)
async def test_a_root_is_installed(tmp_path: Path, use: str) -> None:
    async with central(tmp_path, certificates=allowing(tmp_path, pem(ROOT))) as csms:
        station = await csms.station("CS-1", V201)
        told = await csms.operator("CS-1", "install_certificate", use=use, certificate=pem(ROOT))
        assert told["status"] == "Accepted"
        assert await station.expected("InstallCertificate") == {"certificateType": use, "certificate": pem(ROOT)}
        (known,) = (await csms.shown("/certificates"))["certificates"]
        key_bits = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert known["issuer_name_hash"] == hashlib.sha256(ROOT.subject.public_bytes()).hexdigest()
        assert known["issuer_key_hash"] == hashlib.sha256(key_bits).hexdigest()
        assert known["expires_at"].removesuffix("Z") == ROOT.not_valid_after_utc.isoformat().removesuffix("+00:00")


@pytest.mark.octt("TC_M_05_CSMS")
@pytest.mark.parametrize("status", ["Failed", "Rejected"])
async def test_a_root_is_not_installed(tmp_path: Path, status: str) -> None:
    async with central(tmp_path, certificates=allowing(tmp_path, pem(ROOT))) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("InstallCertificate", {"status": status})
        told = await csms.operator("CS-1", "install_certificate", use=USES[0], certificate=pem(ROOT))
        assert (told["status"], told["accepted"]) == (status, False)
        assert (await csms.shown("/certificates"))["certificates"] == []


@pytest.mark.octt("TC_M_12_CSMS", "TC_M_13_CSMS", "TC_M_14_CSMS", "TC_M_16_CSMS")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_installed_roots_are_read(tmp_path: Path, use: str, algorithm: str) -> None:
    entry = {"certificateType": use, "certificateHashData": name_of(algorithm=algorithm)}
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        found = {"status": "Accepted", "certificateHashDataChain": [entry]}
        station.answers("GetInstalledCertificateIds", found)
        assert (await csms.operator("CS-1", "get_installed_certificates", uses=[use]))["payload"] == found
        assert await station.expected("GetInstalledCertificateIds") == {"certificateType": [use]}
        (known,) = (await csms.shown("/certificates"))["certificates"]
        assert (known["use"], known["algorithm"], known["serial_number"]) == (use, algorithm, "0A1B")


@pytest.mark.octt("TC_M_15_CSMS", "TC_M_17_CSMS", "TC_M_18_CSMS")
@pytest.mark.parametrize("uses", [["V2GCertificateChain"], USES[:2], []], ids=["chain", "two", "all"])
async def test_several_kinds_and_chains_are_read(tmp_path: Path, uses: list[str]) -> None:
    chain = {
        "certificateType": "V2GCertificateChain",
        "certificateHashData": name_of("1"),
        "childCertificateHashData": [name_of("2"), name_of("3")],
    }
    roots = [{"certificateType": use, "certificateHashData": name_of("4")} for use in USES[:2]]
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers(
            "GetInstalledCertificateIds", {"status": "Accepted", "certificateHashDataChain": [chain, *roots]}
        )
        await csms.operator("CS-1", "get_installed_certificates", uses=uses)
        asked = await station.expected("GetInstalledCertificateIds")
        assert asked == ({"certificateType": uses} if uses else {})
        known = (await csms.shown("/certificates"))["certificates"]
        assert sorted((row["use"], row["serial_number"]) for row in known) == [
            ("CSMSRootCertificate", "4"),
            ("ManufacturerRootCertificate", "4"),
            ("V2GCertificateChain", "1"),
            ("V2GCertificateChain", "2"),
            ("V2GCertificateChain", "3"),
        ]


@pytest.mark.octt("TC_M_19_CSMS")
async def test_what_is_no_longer_installed_is_forgotten(tmp_path: Path) -> None:
    """Only of the kind that was asked for."""
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        roots = [{"certificateType": use, "certificateHashData": name_of()} for use in USES[:2]]
        station.answers("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashDataChain": roots})
        await csms.operator("CS-1", "get_installed_certificates")
        station.answers("GetInstalledCertificateIds", {"status": "NotFound"})
        told = await csms.operator("CS-1", "get_installed_certificates", uses=["ManufacturerRootCertificate"])
        assert (told["status"], told["accepted"]) == ("NotFound", False)
        (left,) = (await csms.shown("/certificates"))["certificates"]
        assert left["use"] == "CSMSRootCertificate"


@pytest.mark.octt("TC_M_20_CSMS", "TC_M_21_CSMS")
@pytest.mark.req("M04.FR.07")
@pytest.mark.parametrize(("status", "left"), [("Accepted", 0), ("Failed", 1)])
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_certificate_is_deleted(tmp_path: Path, status: str, left: int, algorithm: str) -> None:
    entry = {"certificateType": "CSMSRootCertificate", "certificateHashData": name_of(algorithm=algorithm)}
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashDataChain": [entry]})
        await csms.operator("CS-1", "get_installed_certificates")
        (known,) = (await csms.shown("/certificates"))["certificates"]
        named = {key: known[key] for key in ("algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number")}
        station.answers("DeleteCertificate", {"status": status})
        assert (await csms.operator("CS-1", "delete_certificate", **named))["status"] == status
        assert await station.expected("DeleteCertificate") == {"certificateHashData": name_of(algorithm=algorithm)}
        assert len((await csms.shown("/certificates"))["certificates"]) == left


@pytest.mark.octt("TC_M_24_CSMS")
@pytest.mark.req("M06.FR.01", "M06.FR.02", "M06.FR.03", "M06.FR.08", "M06.FR.09")
async def test_the_status_of_a_certificate_is_asked_for(tmp_path: Path) -> None:
    with answering(ocsp_answer(ROOT, KEY)) as responder:
        async with central(tmp_path, certificates={"ocsp_responders": [responder]}) as csms:
            station = await csms.station("CS-1", V201)
            asked = {"ocspRequestData": {**name_of("2F"), "responderURL": f"http://{responder}/"}}
            answer = await station.call("GetCertificateStatus", asked)
            assert answer["status"] == "Accepted"
            response = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
            assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
            assert response.serial_number == 0x2F


@pytest.mark.req("M06.FR.04")
@pytest.mark.parametrize("fault", ["not allowed", "gone", "not http", "error", "no answer", "malformed", "bad hash"])
async def test_a_status_that_cannot_be_had_is_failed(tmp_path: Path, fault: str) -> None:
    refused = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)
    answers = {"error": (500, b""), "no answer": (200, b"hello"), "malformed": (200, refused)}
    with answering(lambda body: answers.get(fault, (200, b""))) as responder:
        allowed = [] if fault == "not allowed" else [responder, "127.0.0.1:9"]
        async with central(tmp_path, certificates={"ocsp_responders": allowed}) as csms:
            station = await csms.station("CS-1", V201)
            url = {"gone": "http://127.0.0.1:9/", "not http": f"file://{responder}/"}.get(fault, f"http://{responder}/")
            name = name_of("nothing" if fault == "bad hash" else "2F")
            answer = await station.call("GetCertificateStatus", {"ocspRequestData": {**name, "responderURL": url}})
            assert answer == {"status": "Failed"}
            (notice,) = await csms.rooms.store.reader.notices("CS-1", "certificate_status_unavailable")
            assert notice.detail["fault"]


@pytest.mark.octt("TC_M_26_CSMS", "TC_M_28_CSMS")
@pytest.mark.parametrize("action", ["Install", "Update"])
async def test_a_car_s_request_goes_to_the_provider_and_its_answer_back(tmp_path: Path, action: str) -> None:
    exi = base64.b64encode(b"CertificateInstallationReq").decode()
    request = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": action, "exiRequest": exi}
    with answering(contract_answer) as provider:
        async with central(tmp_path, certificates={"contract_url": f"http://{provider}/requests"}) as csms:
            station = await csms.station("CS-1", V201)
            answer = await station.call("Get15118EVCertificate", request)
            assert answer["status"] == "Accepted"
            assert base64.b64decode(answer["exiResponse"]) == b"res:CertificateInstallationReq"


@pytest.mark.parametrize("answer", [None, (503, b""), (200, b"no json"), (200, b"[]"), (200, b'{"exiResponse":""}')])
async def test_without_a_provider_s_answer_it_is_failed(tmp_path: Path, answer: tuple[int, bytes] | None) -> None:
    request = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AAAA"}
    with answering(lambda body: answer or (500, b"")) as provider:
        url = f"http://{provider}/" if answer else ""
        async with central(tmp_path, certificates={"contract_url": url}) as csms:
            station = await csms.station("CS-1", V201)
            assert await station.call("Get15118EVCertificate", request) == {"status": "Failed", "exiResponse": ""}
