"""Certificates that the server makes for itself."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from csms.model.clock import ManualClock, system_clock
from csms.security.authority import LocalAuthority
from csms.security.server_certificate import ROOT_FILE, own_pairs

NAMES = ["csms.example", "localhost", "127.0.0.1"]


def test_an_rsa_and_an_ecdsa_certificate_below_one_root(tmp_path: Path) -> None:
    clock = system_clock()
    pairs = own_pairs(tmp_path, LocalAuthority(tmp_path, clock, "Operator"), clock, NAMES)
    root = x509.load_pem_x509_certificate((tmp_path / ROOT_FILE).read_bytes())
    made = [x509.load_pem_x509_certificate(pair.certificate.read_bytes()) for pair in pairs]
    kinds = [type(one.public_key()) for one in made]
    assert issubclass(kinds[0], rsa.RSAPublicKey)
    assert issubclass(kinds[1], ec.EllipticCurvePublicKey)
    for one in made:
        one.verify_directly_issued_by(root)
        assert one.subject.rfc4514_string() == "CN=csms.example"
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["csms.example", "localhost"]
        assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    for pair in pairs:
        assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "server-ca.key").stat().st_mode) == 0o600


def test_they_are_made_anew_only_near_their_end_or_for_other_names(tmp_path: Path) -> None:
    clock = ManualClock(system_clock().now())
    authority = LocalAuthority(tmp_path, clock, "Operator")

    def serials(*names: str) -> list[int]:
        pairs = own_pairs(tmp_path, authority, clock, names)
        return [x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number for pair in pairs]

    first = serials("a", "b")
    assert serials("a", "b") == first
    second = serials("a", "c")
    assert set(second).isdisjoint(first)
    clock.advance(timedelta(days=310).total_seconds())
    assert set(serials("a", "c")).isdisjoint(second)
