"""The local authority: its keys, its roots, what it signs; and requests that it never sees."""

from __future__ import annotations

import asyncio
import base64
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from csms.model.clock import ManualClock
from csms.model.security import SigningUse
from csms.security.authority import LocalAuthority
from csms.security.requests import RequestRefused, check_subject, read_request
from tests.support.signing import name, rsa_key, signing_request


def loaded(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


@pytest.mark.req("A00.FR.505", "A00.FR.506", "A00.FR.507", "A00.FR.508", "A00.FR.509", "A00.FR.512")
async def test_a_certificate_has_what_it_needs_and_nothing_that_was_asked_for(tmp_path: Path) -> None:
    clock = ManualClock()
    authority = LocalAuthority(tmp_path / "pki", clock, "Charging Ltd")
    wish = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    request = read_request(signing_request("SN-1", key=rsa_key(), extension=wish))
    given = loaded(await authority.sign(request, SigningUse.STATION))
    root = loaded(await authority.root_pem(SigningUse.STATION))
    given.verify_directly_issued_by(root)
    assert given.subject == name("SN-1")
    assert given.public_key() == rsa_key().public_key()
    assert isinstance(given.signature_hash_algorithm, hashes.SHA256)
    assert given.not_valid_before_utc < clock.now() < given.not_valid_after_utc - timedelta(days=300)
    of = given.extensions.get_extension_for_class
    assert of(x509.BasicConstraints).value.ca is False
    assert of(x509.KeyUsage).value.digital_signature
    assert ExtendedKeyUsageOID.CODE_SIGNING not in of(x509.ExtendedKeyUsage).value
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    second = loaded(await authority.sign(request, SigningUse.STATION))
    assert second.serial_number != given.serial_number


async def test_keys_are_the_server_s_alone_and_outlive_it(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    first = LocalAuthority(folder, ManualClock(), "")
    roots = await asyncio.gather(*(first.root_pem(SigningUse.STATION) for _ in range(5)))
    assert len(set(roots)) == 1
    again = LocalAuthority(folder, ManualClock(), "")
    assert await again.root_pem(SigningUse.EVERYTHING) == roots[0]
    assert await again.root_pem(SigningUse.V2G) != roots[0], "cars are told of another root than stations"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == [
        "station-ca.key",
        "station-ca.pem",
        "v2g-ca.key",
        "v2g-ca.pem",
    ]


async def test_a_root_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    """A crash after the key, before the root."""
    folder = tmp_path / "pki"
    folder.mkdir()
    (folder / "station-ca.key").write_text("half a key")
    (folder / "station-ca.tmp").write_text("half a root")
    authority = LocalAuthority(folder, ManualClock(), "Charging Ltd")
    request = read_request(signing_request())
    loaded(await authority.sign(request, SigningUse.STATION)).verify_directly_issued_by(
        loaded(await authority.root_pem(SigningUse.STATION))
    )


@pytest.mark.req("A00.FR.501", "A00.FR.502", "A00.FR.503")
@pytest.mark.parametrize(
    "key", [rsa_key(1024), ec.generate_private_key(ec.SECP192R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_weak_and_strange_keys_are_refused(key) -> None:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    csr = x509.CertificateSigningRequestBuilder().subject_name(name("SN-1")).sign(key, algorithm)
    with pytest.raises(RequestRefused, match=r"at least|neither"):
        read_request(csr.public_bytes(Encoding.PEM).decode())


def test_a_request_that_was_tampered_with_is_refused() -> None:
    lines = signing_request("SN-1").splitlines()
    body = base64.b64decode("".join(lines[1:-1])).replace(b"SN-1", b"SN-2")
    forged = "\n".join([lines[0], base64.b64encode(body).decode(), lines[-1]])
    with pytest.raises(RequestRefused, match="signature"):
        read_request(forged)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SN-1",
        "-----BEGIN CERTIFICATE REQUEST-----\nAA\n",
        "\0",
        "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RequestRefused):
        read_request(text)


def test_subjects() -> None:
    request = read_request(signing_request("SN-1", "Charging Ltd"))
    check_subject(request, {"SN-1"}, "Charging Ltd")
    check_subject(request, {"SN-1"}, "")
    with pytest.raises(RequestRefused, match="serial number"):
        check_subject(request, {"SN-10"}, "")
    with pytest.raises(RequestRefused, match="organisation"):
        check_subject(request, {"SN-1"}, "charging ltd")
