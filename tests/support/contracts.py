"""A contract certificate authority: a root, one below it, contracts, and what its OCSP responder answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.support.signing import name, pem

Key = ec.EllipticCurvePrivateKey
DAY = timedelta(days=1)


def issue(
    subject: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key, *extensions: Any, ends_in: timedelta = DAY
) -> x509.Certificate:
    """A certificate with some extensions; without an issuer it signs itself."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + ends_in)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)


@dataclass
class Contracts:
    """`responder` is its host and port. Certificates in `revoked` are, those in `unknown` nobody knows."""

    responder: str
    revoked: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    age: timedelta = timedelta()
    delegate: bool = False
    forged: bool = False

    def __post_init__(self) -> None:
        self.key, self.sub_key, self.helper_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = issue("MO Root", self.key, None, self.key, AUTHORITY)
        self.sub = issue("MO Sub", self.sub_key, self.root, self.key, AUTHORITY, self._access())
        signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        self.helper = issue("OCSP", self.helper_key, self.sub, self.sub_key, signing)

    def _access(self) -> x509.AuthorityInformationAccess:
        url = x509.UniformResourceIdentifier(f"http://{self.responder}/")
        return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url)])

    def contract(self, emaid: str, ends_in: timedelta = DAY) -> x509.Certificate:
        """The certificate of a car's contract."""
        key = ec.generate_private_key(ec.SECP256R1())
        return issue(emaid, key, self.sub, self.sub_key, self._access(), ends_in=ends_in)

    def chain(self, contract: x509.Certificate) -> str:
        """What a station passes on: the contract and the authority below the root."""
        return pem(contract) + pem(self.sub)

    def named(self, contract: x509.Certificate) -> dict[str, str]:
        """A certificate as `iso15118CertificateHashData` has it."""
        request = ocsp.OCSPRequestBuilder().add_certificate(contract, self.sub, hashes.SHA256()).build()
        return {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": request.issuer_name_hash.hex(),
            "issuerKeyHash": request.issuer_key_hash.hex(),
            "serialNumber": f"{contract.serial_number:x}",
            "responderURL": f"http://{self.responder}/",
        }

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """What the responder says; `forged`: somebody of the same name does, `delegate`: whom it lets sign."""
        asked = ocsp.load_der_ocsp_request(body)
        self.asked.append(asked.serial_number)
        about_sub = asked.serial_number == self.sub.serial_number
        signer, key = (self.root, self.key) if about_sub else (self.sub, self.sub_key)
        if self.delegate and not about_sub:
            signer, key = self.helper, self.helper_key
        if self.forged:
            key = ec.generate_private_key(ec.SECP256R1())
            signer = issue("MO Sub", key, None, key, AUTHORITY)
        response = self._about(asked).responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        response = response.certificates([signer, self.sub])
        return 200, response.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _about(self, asked: ocsp.OCSPRequest) -> ocsp.OCSPResponseBuilder:
        now = datetime.now(UTC) - self.age
        gone = asked.serial_number in self.revoked
        status = ocsp.OCSPCertStatus.REVOKED if gone else ocsp.OCSPCertStatus.GOOD
        return ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.UNKNOWN if asked.serial_number in self.unknown else status,
            this_update=now,
            next_update=now + timedelta(hours=1),
            revocation_time=now if gone else None,
            revocation_reason=x509.ReasonFlags.key_compromise if gone else None,
        )
