"""OCPP 2.0.1 block A: certificates of stations, security events, passwords (TC_A_11 to TC_A_14)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from csms.security.passwords import matches
from csms.store.security_tables import StationCredential
from tests.support.scripted_firmware import central
from tests.support.signing import signing_request

pytestmark = pytest.mark.conformance

V201 = "ocpp2.0.1"
HOUSE = {"organization": "Charging Ltd"}


@pytest.mark.octt("TC_A_11_CSMS", "TC_A_12_CSMS", "TC_A_13_CSMS")
@pytest.mark.req("A02.FR.11", "A02.FR.14", "A03.FR.11", "A03.FR.14")
@pytest.mark.parametrize(
    ("trigger", "use", "common_name", "authority"),
    [
        ("SignChargingStationCertificate", "ChargingStationCertificate", "SN-1", "station"),
        ("SignV2GCertificate", "V2GCertificate", "SECC-0815", "v2g"),
        ("SignCombinedCertificate", None, "SN-1", "station"),
    ],
)
async def test_certificates_are_renewed(
    tmp_path: Path, trigger: str, use: str | None, common_name: str, authority: str
) -> None:
    kind = {"certificateType": use} if use else {}
    async with central(tmp_path, certificates=HOUSE) as csms:
        station = await csms.station("CS-1", V201)
        assert (await csms.operator("CS-1", "trigger", message=trigger))["accepted"]
        assert (await station.expected("TriggerMessage"))["requestedMessage"] == trigger
        answer = await station.call("SignCertificate", {"csr": signing_request(common_name), **kind})
        assert answer == {"status": "Accepted"}
        signed = await station.expected("CertificateSigned")
        assert {key: signed[key] for key in signed if key != "certificateChain"} == kind
        given = x509.load_pem_x509_certificate(signed["certificateChain"].encode())
        root_file = tmp_path / "data" / "pki" / f"{authority}-ca.pem"
        given.verify_directly_issued_by(x509.load_pem_x509_certificate(root_file.read_bytes()))


@pytest.mark.req("A03.FR.11")
async def test_a_station_that_asks_again_gets_its_certificate_and_the_old_one_is_forgotten(tmp_path: Path) -> None:
    async with central(tmp_path, certificates=HOUSE) as csms:
        station = await csms.station("CS-1", V201)
        for _ in range(2):
            await station.call("SignCertificate", {"csr": signing_request(), "certificateType": "V2GCertificate"})
            await station.expected("CertificateSigned")

        async def given() -> list[object]:
            rows = (await csms.shown("/operations?kind=sign_certificate&open=false"))["operations"]
            return rows if len(rows) == 2 else []

        await csms.until(given)
        assert len((await csms.shown("/certificates"))["certificates"]) == 1


@pytest.mark.octt("TC_A_14_CSMS")
async def test_a_certificate_that_the_station_refuses(tmp_path: Path) -> None:
    async with central(tmp_path, certificates=HOUSE) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("CertificateSigned", {"status": "Rejected"})
        request = {"csr": signing_request(), "certificateType": "ChargingStationCertificate"}
        assert await station.call("SignCertificate", request) == {"status": "Accepted"}
        await station.expected("CertificateSigned")
        event = {"type": "InvalidChargingStationCertificate", "timestamp": "2026-03-01T12:00:00Z"}
        assert await station.call("SecurityEventNotification", event) == {}

        async def ended() -> list[object]:
            return list((await csms.shown("/operations?kind=sign_certificate&open=false"))["operations"])

        (operation,) = await csms.until(ended)
        assert operation["status"] == "certificate Rejected"
        assert station.unasked("CertificateSigned"), "it is not sent again by itself"


@pytest.mark.req("A02.FR.12", "A03.FR.12")
async def test_a_request_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    async with central(tmp_path, certificates=HOUSE) as csms:
        station = await csms.station("CS-1", V201)
        request = {"csr": signing_request("SN-1", "Somebody else"), "certificateType": "V2GCertificate"}
        assert await station.call("SignCertificate", request) == {"status": "Rejected"}


@pytest.mark.req("A01.FR.02", "A01.FR.08")
async def test_a_password_is_set(tmp_path: Path) -> None:
    """The command part of TC_A_09; who may connect with which password is the gateway's business."""
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("SetVariables", lambda asked: answer_set(asked, "Accepted"))
        told = await csms.operator("CS-1", "set_password", password="a-password-of-forty-characters-in-length")
        assert (told["status"], told["payload"], told["values"], told["data"]) == ("Accepted", {}, {}, "")
        (one,) = (await station.expected("SetVariables"))["setVariableData"]
        assert (one["component"]["name"], one["variable"]["name"]) == ("SecurityCtrlr", "BasicAuthPassword")
        (kept,) = await csms.rooms.store.reader.find(StationCredential)
        assert matches(one["attributeValue"].encode(), kept.wanted)


async def test_a_password_is_refused(tmp_path: Path) -> None:
    """The command part of TC_A_10."""
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("SetVariables", lambda asked: answer_set(asked, "Rejected"))
        told = await csms.operator("CS-1", "set_password")
        assert (told["status"], told["accepted"]) == ("Rejected", False)
        (kept,) = await csms.rooms.store.reader.find(StationCredential)
        assert (kept.wanted, kept.in_force) == ("", "")


async def answer_set(asked: dict[str, list[dict[str, object]]], status: str) -> dict[str, object]:
    """The answer to SetVariables for every variable in it."""
    results = [
        {"attributeStatus": status, "component": one["component"], "variable": one["variable"]}
        for one in asked["setVariableData"]
    ]
    return {"setVariableResult": results}
