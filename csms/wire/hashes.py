"""The name of a certificate on the wire: CertificateHashDataType, the same in every version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csms.model.certificates import DeleteCertificate
from csms.model.customer import CustomerCertificate
from csms.model.hashes import CertificateHash, HashAlgorithm
from csms.wire.reading import name, text
from csms.wire.translator import Payload


def read_hash(entry: Mapping[str, Any]) -> CertificateHash:
    """As the station wrote it; an algorithm that is none is taken for SHA256."""
    return CertificateHash(
        name(HashAlgorithm, entry.get("hashAlgorithm"), HashAlgorithm.SHA256),
        text(entry, "issuerNameHash"),
        text(entry, "issuerKeyHash"),
        text(entry, "serialNumber"),
    )


def write_hash(certificate: DeleteCertificate | CustomerCertificate) -> Payload:
    """Exactly what the station told of it (M04.FR.07)."""
    return {
        "hashAlgorithm": certificate.algorithm.value,
        "issuerNameHash": certificate.issuer_name_hash,
        "issuerKeyHash": certificate.issuer_key_hash,
        "serialNumber": certificate.serial_number,
    }
