"""TLS contexts: what is refused, what is offered."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from csms.security.tls import CertificateUnusable, KeyPair, server_context
from tests.support.certificates import self_signed


@pytest.mark.req("A00.FR.313", "A00.FR.318", "A00.FR.320", "1.6S:A00.FR.317", "1.6S:A00.FR.319")
def test_tls_1_2_and_newer_with_forward_secrecy(tmp_path: Path) -> None:
    context = server_context([KeyPair(*self_signed(tmp_path))])
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"} <= set(names)
    assert {"AES128-GCM-SHA256", "AES256-GCM-SHA384"} <= set(names)
    assert not any("CBC" in name or "RC4" in name or name.endswith("-SHA") for name in names)


@pytest.mark.parametrize("broken", ["certificate", "key", "other key"])
def test_what_cannot_be_used_is_named(tmp_path: Path, broken: str) -> None:
    certificate, key = self_signed(tmp_path)
    (tmp_path / "other").mkdir()
    if broken == "certificate":
        certificate.write_text("no certificate")
    elif broken == "key":
        key.unlink()
    else:
        key = self_signed(tmp_path / "other")[1]
    with pytest.raises(CertificateUnusable, match=r"key\.pem") as caught:
        server_context([KeyPair(certificate, key)])
    assert caught.value.code == "certificate_unusable"
