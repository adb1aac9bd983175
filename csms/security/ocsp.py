"""Asks OCSP responders on behalf of stations (M06), but only those that the house has allowed.

The station names the responder: without the list, any station could make this server call any address.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from csms.model.errors import CsmsError
from csms.model.hashes import CertificateHash, HashAlgorithm

TIMEOUT_S = 10.0
"""The station waits for the answer, and with it its other messages."""
RESULT_LENGTH_MAX = 5500
"""OCPP 2.0.1, ocspResult."""

_ALGORITHMS: Mapping[HashAlgorithm, Callable[[], hashes.HashAlgorithm]] = {
    HashAlgorithm.SHA256: hashes.SHA256,
    HashAlgorithm.SHA384: hashes.SHA384,
    HashAlgorithm.SHA512: hashes.SHA512,
}


class StatusUnavailable(CsmsError):
    """The status of a certificate cannot be had; the text says why."""

    code = "certificate_status_unavailable"


class OcspClient:
    """Fits `csms.station.ports.StatusSource`. `responders`: hosts that may be asked, with a port where it is given."""

    def __init__(self, responders: Sequence[str]) -> None:
        self._responders = frozenset(name.lower() for name in responders)

    async def status(self, certificate: CertificateHash, responder_url: str) -> str:
        """The response, Base64 of DER (M06.FR.08, M06.FR.09). Raises StatusUnavailable."""
        host = _host(responder_url)
        if host not in self._responders:
            raise StatusUnavailable(f"the responder {host or 'without a name'} is not among ocsp_responders")
        response = await _post(responder_url, _request(certificate))
        try:
            status = ocsp.load_der_ocsp_response(response).response_status
        except ValueError as fault:
            raise StatusUnavailable("what the responder says is no OCSP response") from fault
        if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise StatusUnavailable(f"the responder says {status.name.lower()}")
        written = base64.b64encode(response).decode()
        if len(written) > RESULT_LENGTH_MAX:
            raise StatusUnavailable("the OCSP response is longer than OCPP can carry")
        return written


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""


def _request(certificate: CertificateHash) -> bytes:
    try:
        request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            binascii.unhexlify(certificate.issuer_name_hash),
            binascii.unhexlify(certificate.issuer_key_hash),
            int(certificate.serial_number, 16),
            _ALGORITHMS[certificate.algorithm](),
        )
        return request.build().public_bytes(serialization.Encoding.DER)
    except ValueError as fault:
        raise StatusUnavailable("the certificate's hashes cannot be read") from fault


async def _post(url: str, body: bytes) -> bytes:
    headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
            answer = await client.post(url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise StatusUnavailable(f"the responder cannot be reached: {type(fault).__name__}") from fault
    if answer.status_code != httpx.codes.OK:
        raise StatusUnavailable(f"the responder answered HTTP {answer.status_code}")
    return answer.content
