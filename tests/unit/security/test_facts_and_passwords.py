"""What certificates say, what firmware signatures are worth, and how passwords are kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from csms.security import passwords
from csms.security.facts import CertificateUnreadable, FirmwareSignatureInvalid, check_firmware, facts, serial_of
from tests.support.signing import Maker, certificate, pem, rsa_key

NOW = datetime.now(UTC)
FIRMWARE = b"firmware" * 1000


@pytest.mark.parametrize("key", [rsa_key(), ec.generate_private_key(ec.SECP256R1())])
def test_a_certificate_is_named_as_ocsp_names_it(key) -> None:
    root = certificate(key)
    asked = ocsp.OCSPRequestBuilder().add_certificate(root, root, hashes.SHA256()).build()
    named = facts(pem(root)).hash
    assert bytes.fromhex(named.issuer_name_hash) == asked.issuer_name_hash
    assert bytes.fromhex(named.issuer_key_hash) == asked.issuer_key_hash
    assert int(named.serial_number, 16) == asked.serial_number


@pytest.mark.parametrize("written", ["0A1B", "0a1b", "a1b", "0xA1B", " 00a1B"])
def test_one_number_in_many_spellings(written: str) -> None:
    assert serial_of(written) == "a1b"
    assert serial_of("000") == "0"


@pytest.mark.req("1.6S:A00.FR.706", "A00.FR.707")
@pytest.mark.parametrize("key", [None, rsa_key()])
def test_firmware_signatures(tmp_path: Path, key) -> None:
    file, maker = tmp_path / "fw", Maker(key)
    file.write_bytes(FIRMWARE)
    signature = maker.sign(FIRMWARE)
    check_firmware(file, maker.certificate, signature, NOW)
    for bad in (maker.sign(b"else"), Maker(ec.generate_private_key(ec.SECP256R1())).sign(FIRMWARE), "no base64", ""):
        with pytest.raises(FirmwareSignatureInvalid):
            check_firmware(file, maker.certificate, bad, NOW)
    with pytest.raises(FirmwareSignatureInvalid, match="not valid now"):
        check_firmware(file, maker.certificate, signature, NOW + timedelta(days=31))
    with pytest.raises(CertificateUnreadable):
        check_firmware(file, "no certificate", signature, NOW)


@pytest.mark.req("A01.FR.07", "A01.FR.08", "A00.FR.205")
def test_passwords() -> None:
    made = {passwords.random_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", password) for password in made)
    kept = passwords.hashed(b"secret")
    assert "secret" not in kept
    assert kept != passwords.hashed(b"secret"), "salted"
    assert passwords.matches(b"secret", kept)
    assert not passwords.matches(b"Secret", kept)
    for nonsense in ("", "scrypt$1$2", "scrypt$x$00$00", kept.replace("scrypt", "other"), "a$16384$zz$00"):
        assert not passwords.matches(b"secret", nonsense)
