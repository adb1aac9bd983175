"""The hook for a real authority: a program that is given a signing request and returns the chain (A02.FR.04).

It gets the request (PEM) on standard input and `CSMS_CERTIFICATE_USE`, `CSMS_COMMON_NAME` in its environment, and
writes the certificate and what lies between it and the root (PEM) to standard output; exit code 0 means signed,
anything else refused, and what it says on standard error goes into our log. No shell is involved. So whatever an
authority offers (openssl, step, EST, a REST interface) is a few lines of script; what comes back is checked before a
station sees it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.model.security import SigningUse
from csms.security.facts import CertificateUnreadable, issued_by, read_chain
from csms.security.requests import SigningRequest

PROGRAMS_MAX = 4
"""At a time: a whole fleet may have been commissioned on one day."""

OUTPUT_BYTES_MAX = 64 * 1024
CHAIN_LENGTH_MAX = 10_000
"""OCPP, certificateChain."""
HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Of our environment; the rest may hold secrets of ours."""

log = logging.getLogger(__name__)


class AuthorityFailed(CsmsError):
    """The authority gave no certificate, or one that does not fit the request; the text says why."""

    code = "authority_failed"


class CommandAuthority:
    """Fits `csms.station.ports.CertificateAuthority`."""

    def __init__(self, command: Sequence[str], clock: Clock, timeout_s: float = 60.0) -> None:
        self._command, self._clock, self._timeout_s = tuple(command), clock, timeout_s
        self._turns = asyncio.Semaphore(PROGRAMS_MAX)

    async def sign(self, request: SigningRequest, use: SigningUse) -> str:
        """The chain, PEM, leaf first and without a root. Raises AuthorityFailed."""
        asked = request.csr.public_bytes(Encoding.PEM)
        environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        environment |= {"CSMS_CERTIFICATE_USE": use.value, "CSMS_COMMON_NAME": request.common_name}
        async with self._turns:
            said = await self._run(asked, environment)
        return self._checked(said, request)

    async def _run(self, asked: bytes, environment: dict[str, str]) -> bytes:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
            )
        except OSError as fault:
            raise AuthorityFailed(f"{self._command[0]} cannot be run: {fault.strerror}") from fault
        try:
            async with asyncio.timeout(self._timeout_s):
                said, complaint = await process.communicate(asked)
        except TimeoutError:
            raise AuthorityFailed(f"{self._command[0]} took longer than {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            words = complaint.decode("utf-8", "replace").strip()[-300:]
            log.warning("authority_command_failed", extra={"exit_code": process.returncode, "said": words})
            raise AuthorityFailed(f"{self._command[0]} ended with {process.returncode}")
        return said

    def _checked(self, said: bytes, request: SigningRequest) -> str:
        """A certificate for this key and name, valid now or soon, followed by its issuers in order."""
        if len(said) > OUTPUT_BYTES_MAX:
            raise AuthorityFailed("the answer of the authority is too long")
        try:
            chain = read_chain(said.decode("ascii", "replace"))
        except CertificateUnreadable:
            raise AuthorityFailed("the authority answered with no certificate") from None
        leaf = chain[0]
        if _key(leaf.public_key()) != _key(request.csr.public_key()) or leaf.subject != request.csr.subject:
            raise AuthorityFailed("the certificate is not made out to the key and name of the request")
        if leaf.not_valid_after_utc <= self._clock.now():
            raise AuthorityFailed("the certificate has ended already")
        if any(not issued_by(below, above) for below, above in pairwise(chain)):
            raise AuthorityFailed("the chain is not in order: each certificate is followed by its issuer")
        if len(chain) > 1 and chain[-1].subject == chain[-1].issuer:
            del chain[-1]  # the station has the root, or must not take it from here
        written = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
        if len(written) > CHAIN_LENGTH_MAX:
            raise AuthorityFailed("the chain is longer than OCPP can carry")
        return written


def _key(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
