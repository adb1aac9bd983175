"""`csms pki`, `csms alert` and `csms doctor` against a real server: from the authority to the revoked certificate."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.support.running import SETTINGS, Server, csms
from tests.support.signing import certificate, pem, signing_request

ORGANIZATION = "Charging Ltd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = SETTINGS.replace("security_profiles = [0]", "security_profiles = [2, 3]")
    settings += f'\n[certificates]\norganization = "{ORGANIZATION}"\n'
    running = Server(tmp_path_factory.mktemp("pki"), settings=settings)
    made = csms("pki", "init", "--json", CSMS_CONFIG=str(running.file))
    assert made.returncode == 0, made.stderr
    running.start()
    yield running
    running.stop()


def told(server: Server, *arguments: str, code: int = 0, **environment: str) -> Any:
    """What a command says with --json."""
    done = csms(*arguments, "--json", "--url", server.api_url, **environment)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout if code == 0 else done.stderr)


def local(server: Server, *arguments: str) -> Any:
    """The same on the data folder."""
    done = csms(*arguments, "--local", "--json", CSMS_CONFIG=str(server.file))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_authority_is_shown(server: Server) -> None:
    document = told(server, "pki", "show")
    names = {(row["role"], row["name"]) for row in document["certificates"]}
    assert {("authority", "server"), ("authority", "station"), ("server", "rsa"), ("server", "ecdsa")} <= names
    assert all(row["key_private"] for row in document["certificates"])
    assert local(server, "pki", "show")["certificates"] == [
        row
        | {"begins_at": row["begins_at"].replace("Z", "+00:00"), "expires_at": row["expires_at"].replace("Z", "+00:00")}
        for row in document["certificates"]
    ]
    people = csms("pki", "show", "--url", server.api_url).stdout
    fingerprint = document["certificates"][0]["fingerprint"]
    assert fingerprint in people
    assert ORGANIZATION in people


def test_a_key_that_others_can_read_is_told(server: Server) -> None:
    key = server.folder / "pki" / "v2g-ca.key"
    key.chmod(0o640)
    try:
        answer = csms("doctor", "--url", server.api_url)
        assert answer.returncode == 1
        assert "key_readable" in answer.stdout
    finally:
        key.chmod(0o600)
    codes = {row["code"] for row in told(server, "doctor")["findings"]}
    assert "key_readable" not in codes


async def test_a_station_is_commissioned_renewed_by_hand_and_revoked(server: Server, tmp_path: Path) -> None:
    refused = told(server, "pki", "issue", "CP-1", "--out", str(tmp_path), code=1)
    assert refused["code"] == "no_serial"
    told(server, "station", "security", "CP-1", "--serial", "SN-1", "--profile", "3")
    made = told(server, "pki", "issue", "CP-1", "--out", str(tmp_path))
    files = [Path(file) for file in made["files"]]
    assert [file.name for file in files] == ["CP-1.pem", "CP-1.key"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert told(server, "pki", "issue", "CP-1", "--out", str(tmp_path), code=1)["code"] == "file_exists"

    root = tmp_path / "root.pem"
    told(server, "pki", "export-root", "server", "--out", str(root))
    context = ssl.create_default_context(cafile=str(root))
    context.load_cert_chain(*files)
    options: dict[str, Any] = {"ssl": context, "subprotocols": [Subprotocol("ocpp1.6")], "proxy": None}
    async with connect(f"{server.url(3)}/CP-1", **options) as socket:
        (row,) = told(server, "pki", "list")["stations"]
        assert (row["station_id"], row["state"], row["serial_number"]) == ("CP-1", "good", made["serial_number"])
        assert row["shown_at"]
        gone = told(server, "pki", "revoke", "--station", "CP-1", "--reason", "key_compromise")
        assert gone == {"serial_number": made["serial_number"], "closed": ["CP-1"]}
        await socket.wait_closed()
    with pytest.raises(InvalidStatus, match="403"):
        await connect(f"{server.url(3)}/CP-1", **options)
    crl = tmp_path / "stations.crl.pem"
    told(server, "pki", "crl", "--out", str(crl))
    listed = x509.load_pem_x509_crl(crl.read_bytes())
    assert listed.get_revoked_certificate_by_serial_number(int(made["serial_number"], 16)) is not None
    assert csms("pki", "revoke", "--url", server.api_url).returncode == 2
    assert told(server, "pki", "revoke", "--station", "CP-2", code=1)["code"] == "unknown_certificate"

    opened = told(server, "alert", "list", "--station", "CP-1")["alerts"]
    assert {row["kind"] for row in opened} == {"InvalidChargingStationCertificate"}
    number = str(opened[0]["alert_id"])
    closed = told(server, "alert", "acknowledge", number, "--note", "board replaced")["alerts"]
    assert closed[0]["note"] == "board replaced"
    assert told(server, "alert", "list", "--station", "CP-1")["alerts"] == []
    assert "board" not in csms("alert", "list", "--url", server.api_url).stdout
    assert csms("alert", "acknowledge", "x", "--url", server.api_url).returncode == 2


def test_without_a_server(server: Server, tmp_path: Path) -> None:
    request = tmp_path / "CP-9.csr"
    request.write_text(signing_request("SN-9", ORGANIZATION, key=ec.generate_private_key(ec.SECP256R1())))
    made = local(server, "pki", "issue", "CP-9", "--serial", "SN-9", "--request", str(request), "--out", str(tmp_path))
    assert [Path(file).name for file in made["files"]] == ["CP-9.pem"], "no key was made here"
    assert made["subject"] == f"O={ORGANIZATION},CN=SN-9"
    wanted = csms("pki", "issue", "CP-9", "--local", CSMS_CONFIG=str(server.file))
    assert wanted.returncode == 2
    unreachable = csms("pki", "list", "--url", "http://127.0.0.1:9")
    assert unreachable.returncode == 4


def test_a_foreign_root_takes_two(server: Server, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.pem"
    foreign.write_text(pem(certificate(ec.generate_private_key(ec.SECP256R1()), "Foreign")))
    given = told(server, "token", "create", "second", "--role", "administrator")["token"]
    second = told(server, "token", "rotate", "second", CSMS_TOKEN=given)["token"]
    arguments = ("pki", "install-root", "CP-2", "--file", str(foreign))
    asked = told(server, *arguments, code=1)
    assert asked["code"] == "needs_second_person"
    fingerprint = asked["fingerprint"]
    written = ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    assert told(server, "pki", "approve-root", written, code=1)["code"] == "same_person"
    agreed = told(server, "pki", "approve-root", written, CSMS_TOKEN=second)
    assert (agreed["approved_by"], agreed["proposed_by"]) == ("second", "administrator")
    offline = csms(*arguments, "--url", server.api_url)
    assert offline.returncode == 4, "now it is the station that is missing"
    assert fingerprint in csms("pki", "roots", "--url", server.api_url).stdout
    told(server, "pki", "withdraw-root", fingerprint)
    assert told(server, "pki", "roots")["proposed"] == []
