"""Judges contract certificates of cars (C07): the chain up to a root that the house trusts, and its OCSP responses.

Fits `csms.station.ports.ContractCheck`. A response counts when it is about the certificate that was asked about, is
fresh, and is signed by the issuer or by whom the issuer lets sign; what cannot be verified raises ContractUnverified.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from csms.model.authorization import ContractStatus
from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.model.hashes import CertificateHash, ContractLink, HashAlgorithm
from csms.security.facts import serial_of

CHAIN_MAX = 5
"""Certificates of a chain without its root; ISO 15118 knows three."""

SKEW = timedelta(minutes=5)
KEPT = timedelta(hours=1)
KEPT_MAX = 1000
"""Responses that are remembered while they are fresh (C07.FR.05: cached OCSP data)."""

AskStatus = Callable[[CertificateHash, str], Awaitable[str]]
"""The OCSP response for a certificate by its responder, Base64 of DER (`OcspClient.status`)."""

_HASHES: dict[HashAlgorithm, Callable[[], hashes.HashAlgorithm]] = {
    HashAlgorithm.SHA256: hashes.SHA256,
    HashAlgorithm.SHA384: hashes.SHA384,
    HashAlgorithm.SHA512: hashes.SHA512,
}


class ContractUnverified(CsmsError):
    """A contract certificate cannot be verified; the text says why."""

    code = "contract_unverified"


class ContractVerifier:
    """`roots`: whose contracts are accepted."""

    def __init__(self, ask: AskStatus, roots: Sequence[x509.Certificate], clock: Clock) -> None:
        self._ask, self._roots, self._clock = ask, tuple(roots), clock
        self._kept: dict[CertificateHash, tuple[datetime, ocsp.OCSPCertStatus]] = {}

    async def check(self, certificate: str, chain: Sequence[ContractLink]) -> ContractStatus:
        """Of a chain in PEM, the contract first, or of certificates by name (C07.FR.13 to C07.FR.17).

        Raises ContractUnverified and what `ask` raises.
        """
        now, known = self._clock.now(), self._roots
        if certificate:
            path = _path(certificate, self._roots)
            if any(link.not_valid_after_utc < now for link in path):
                return ContractStatus.CERTIFICATE_EXPIRED
            if any(link.not_valid_before_utc > now + SKEW for link in path):
                raise ContractUnverified("a certificate of the chain is not valid yet")
            chain, known = _named(path), (*self._roots, *path[1:])
        if not 0 < len(chain) <= CHAIN_MAX:
            raise ContractUnverified(f"a chain has 1 to {CHAIN_MAX} certificates")
        return _verdict([await self._status(link, known, now) for link in chain])

    async def _status(
        self, link: ContractLink, known: Sequence[x509.Certificate], now: datetime
    ) -> ocsp.OCSPCertStatus:
        until, status = self._kept.get(link.certificate, (now, ocsp.OCSPCertStatus.UNKNOWN))
        if until > now:
            return status
        written = await self._ask(link.certificate, link.responder_url)
        response = ocsp.load_der_ocsp_response(base64.b64decode(written))
        _check_response(response, link.certificate, known, now)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        fresh_until = response.next_update_utc or now
        self._kept[link.certificate] = (min(fresh_until, now + KEPT), response.certificate_status)
        return response.certificate_status


def read_roots(files: Iterable[Path]) -> list[x509.Certificate]:
    """All certificates in PEM files. Raises OSError, ValueError."""
    return [root for file in files for root in x509.load_pem_x509_certificates(file.read_bytes())]


def _verdict(statuses: Sequence[ocsp.OCSPCertStatus]) -> ContractStatus:
    if ocsp.OCSPCertStatus.REVOKED in statuses:
        return ContractStatus.CERTIFICATE_REVOKED
    good = all(status is ocsp.OCSPCertStatus.GOOD for status in statuses)
    return ContractStatus.ACCEPTED if good else ContractStatus.CERT_CHAIN_ERROR


def _path(pem: str, roots: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The chain from the contract to a trusted root, each certificate signed by the next."""
    try:
        given = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as fault:
        raise ContractUnverified("the certificate is no PEM") from fault
    path, candidates = given[:1], [*given[1:], *roots]
    while path[-1] not in roots:
        issuer = next((one for one in candidates if _issued(path[-1], one)), None)
        if issuer is None or len(path) > CHAIN_MAX:
            raise ContractUnverified("the chain does not lead to a root that is trusted here")
        path.append(issuer)
    return path


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer`, which must be an authority, signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
        return bool(issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def _named(path: Sequence[x509.Certificate]) -> list[ContractLink]:
    """Every certificate but the root, by its name, and whom it says to ask."""
    return [_link(path[place], path[place + 1]) for place in range(len(path) - 1)]


def _link(certificate: x509.Certificate, issuer: x509.Certificate) -> ContractLink:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        raise ContractUnverified("a certificate of the chain names no responder") from None
    urls = [one.access_location.value for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256()).build()
    name, key = request.issuer_name_hash.hex(), request.issuer_key_hash.hex()
    named = CertificateHash(HashAlgorithm.SHA256, name, key, f"{certificate.serial_number:x}")
    return ContractLink(named, urls[0] if urls else "")


def _check_response(
    response: ocsp.OCSPResponse, certificate: CertificateHash, known: Sequence[x509.Certificate], now: datetime
) -> None:
    """Raises ContractUnverified unless it is about this certificate, fresh, and signed by whom it must be."""
    asked = certificate.issuer_name_hash.lower(), certificate.issuer_key_hash.lower(), certificate.serial_number
    told = response.issuer_name_hash.hex(), response.issuer_key_hash.hex(), f"{response.serial_number:x}"
    if told[:2] != asked[:2] or told[2] != serial_of(asked[2]):
        raise ContractUnverified("the responder speaks of another certificate")
    ends = response.next_update_utc
    if response.this_update_utc > now + SKEW or (ends is not None and ends < now - SKEW):
        raise ContractUnverified("what the responder says is not of now")
    if not any(_signed(response, signer) for signer in _signers(response, certificate, known, now)):
        raise ContractUnverified("the response is not signed by the issuer, or whom it lets sign")


def _signers(
    response: ocsp.OCSPResponse, certificate: CertificateHash, known: Sequence[x509.Certificate], now: datetime
) -> Iterable[x509.Certificate]:
    """The issuer, trusted or brought along with a way to a root, and those it delegates (RFC 6960, 4.2.2.2)."""
    brought = list(response.certificates)
    authorities = [*known, *(one for one in brought if any(_issued(one, root) for root in known))]
    issuers = [
        one for one in authorities if _key_hash(one, certificate.algorithm) == certificate.issuer_key_hash.lower()
    ]
    yield from issuers
    for one in brought:
        valid = one.not_valid_before_utc <= now <= one.not_valid_after_utc
        if valid and _may_sign(one) and any(_issued(one, issuer) for issuer in issuers):
            yield one


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _key_hash(certificate: x509.Certificate, algorithm: HashAlgorithm) -> str:
    """The hash of the public key's bits, as OCSP names an issuer."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, _HASHES[algorithm]()).build()
    return request.issuer_key_hash.hex()


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True
