"""The revocation list: looked up by number, a CRL for others, never forgotten when its file is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from csms.model.clock import ManualClock
from csms.security.authority import LocalAuthority
from csms.security.requests import new_request, read_request
from csms.security.revocation import RevocationList

START = datetime(2026, 11, 24, 8, tzinfo=UTC)


def authority(folder: Path) -> tuple[LocalAuthority, ManualClock]:
    clock = ManualClock(START)
    return LocalAuthority(folder / "pki", clock, "Charging Ltd"), clock


def test_what_is_revoked_stays_revoked_with_its_day_and_reason(tmp_path: Path) -> None:
    own, clock = authority(tmp_path)
    assert not own.revocations.holds(5)
    own.revoke(5, "key_compromise")
    clock.advance(86_400)
    own.revoke(7)
    own.revoke(5, "cessation")
    found = [(one.number, one.reason, one.at) for one in own.revocations.entries()]
    assert found == [(5, "key_compromise", START), (7, "unspecified", START + timedelta(days=1))]
    again = RevocationList(tmp_path / "pki" / "station-ca.crl.pem")
    assert again.entries() == own.revocations.entries(), "as another program reads it"
    assert again.holds(7)


def test_the_list_is_a_crl_of_the_authority(tmp_path: Path) -> None:
    own, clock = authority(tmp_path)
    own.revoke(5)
    clock.advance(40 * 86_400)
    crl = x509.load_pem_x509_crl(own.revocation_list().encode())
    root = x509.load_pem_x509_certificate(own.root_file("station").read_bytes())
    assert crl.is_signature_valid(root.public_key())  # type: ignore[arg-type]
    assert crl.issuer == root.subject
    assert crl.next_update_utc is not None
    assert crl.next_update_utc > clock.now()
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    assert own.revocations.holds(5)


def test_a_list_that_another_program_changed_counts_at_once(tmp_path: Path) -> None:
    own, _ = authority(tmp_path)
    own.revoke(5)
    other, _ = authority(tmp_path)
    other.revoke(6)
    assert own.revocations.holds(6)
    assert own.revocations.holds(5)


def test_a_list_that_is_gone_or_broken_lets_nobody_in(tmp_path: Path) -> None:
    own, _ = authority(tmp_path)
    own.revoke(5)
    own.revocations.file.write_text("nonsense")
    with pytest.raises(ValueError, match="PEM"):
        own.revocations.holds(5)
    own.revocations.file.unlink()
    with pytest.raises(OSError, match="gone"):
        own.revocations.holds(9)


def test_a_request_and_its_certificate_without_a_server(tmp_path: Path) -> None:
    own, _ = authority(tmp_path)
    request, key = new_request("SN-1", "Charging Ltd")
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
    made = x509.load_pem_x509_certificate(own.sign_now(read_request(request)).encode())
    assert made.subject.rfc4514_string() == "O=Charging Ltd,CN=SN-1"
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(own.root_file("station").read_bytes()))
