"""Certificate signing requests of stations: read, and checked before any authority sees them (A02, A03).

Checked: the signature, the key (A00.FR.501 to 503), the organisation (A00.FR.509), the common name (A00.FR.511), and
that it asks for nothing that a station's certificate must not have.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtensionOID, NameOID

from csms.model.errors import CsmsError

RSA_BITS_MIN = 2048
EC_BITS_MIN = 224

_MAY_BE_ASKED_FOR = (ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.SUBJECT_KEY_IDENTIFIER)
"""And BasicConstraints that say no. What is asked for counts for nothing all the same: the authority sets its own."""


class RequestRefused(CsmsError):
    """A certificate signing request that is not signed; the text says what does not fit."""

    code = "signing_request_refused"


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request whose form, signature and key are good."""

    csr: x509.CertificateSigningRequest
    common_name: str
    organization: str


def new_request(common_name: str, organization: str) -> tuple[str, bytes]:
    """A request for a new elliptic key, and the key, both PEM: for a station that makes none itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization or "csms"))
    signed = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts)).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return signed.public_bytes(Encoding.PEM).decode(), secret


def read_request(pem: str) -> SigningRequest:
    """Raises RequestRefused."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        signed = csr.is_signature_valid
        fault = _key_fault(csr) or _extension_fault(csr)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise RequestRefused("the request cannot be read") from error
    if not signed:
        raise RequestRefused("the signature of the request does not fit its key")
    if fault:
        raise RequestRefused(fault)
    return SigningRequest(csr, _one(csr, NameOID.COMMON_NAME), _one(csr, NameOID.ORGANIZATION_NAME))


def check_subject(request: SigningRequest, names: Container[str], organization: str) -> None:
    """`names`: the common names this station may have; `organization` empty: any. Raises RequestRefused."""
    if request.common_name not in names:
        raise RequestRefused("the common name is not the serial number of this station")
    if organization and request.organization != organization:
        raise RequestRefused(f"the organisation is not {organization}")


def _key_fault(csr: x509.CertificateSigningRequest) -> str:
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= RSA_BITS_MIN else f"RSA keys have at least {RSA_BITS_MIN} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.key_size >= EC_BITS_MIN else f"elliptic keys have at least {EC_BITS_MIN} bits"
    return "the key is neither RSA nor elliptic"


def _extension_fault(csr: x509.CertificateSigningRequest) -> str:
    for extension in csr.extensions:
        if isinstance(extension.value, x509.BasicConstraints):
            if extension.value.ca:
                return "a station is no certificate authority"
        elif extension.oid not in _MAY_BE_ASKED_FOR:
            return f"a station's certificate has no {extension.oid._name}"
    return ""


def _one(csr: x509.CertificateSigningRequest, kind: x509.ObjectIdentifier) -> str:
    found = csr.subject.get_attributes_for_oid(kind)
    value = found[0].value if len(found) == 1 else ""
    if not isinstance(value, str) or not value.strip():
        raise RequestRefused(f"the subject needs one {kind._name}")
    if kind == NameOID.COMMON_NAME and _is_address(value):
        raise RequestRefused("the common name of a station is no address")
    return value


def _is_address(name: str) -> bool:
    """A00.FR.511: not in the form of a URL or an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "://" in name
    return True
