"""The server's TLS as the settings want it: read at start, read again when a file changes or on SIGHUP."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from csms.app.settings import Settings
from csms.gateway.server import Gateway
from csms.model.authentication import SecurityProfile
from csms.model.clock import system_clock
from csms.model.errors import CsmsError
from csms.security.authority import LocalAuthority
from csms.security.server_certificate import own_pairs
from csms.security.tls import CertificateUnusable, ClientTrust, KeyPair, server_context

LOOK_S = 30.0
"""Of the wall."""

RENEW_S = 12 * 3600.0

log = logging.getLogger(__name__)


class ServerTls:
    """Contexts by security profile; none when no profile with TLS is served."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.profiles = [profile for profile in map(SecurityProfile, settings.station_ports) if profile.has_tls]
        self._folder = settings.data_dir / "pki"
        self._seen: object = None
        self.due = asyncio.Event()

    async def contexts(self) -> dict[SecurityProfile, ssl.SSLContext]:
        """As the files are now. Raises CertificateUnusable."""
        if not self.profiles:
            return {}
        try:
            made = await asyncio.to_thread(self._contexts)
        except (OSError, ValueError) as fault:
            raise CertificateUnusable(f"certificates in {self._folder} cannot be made or read: {fault}") from fault
        self._seen = self._look()
        return made

    def _contexts(self) -> dict[SecurityProfile, ssl.SSLContext]:
        pairs, trust = self._pairs(), self._trust()
        return {
            profile: server_context(pairs, trust if profile is SecurityProfile.CERTIFICATE else None)
            for profile in self.profiles
        }

    def _pairs(self) -> list[KeyPair]:
        given = [KeyPair(*pair) for pair in zip(self._settings.tls_certificate, self._settings.tls_key, strict=True)]
        return given or own_pairs(self._folder, self._authority(), system_clock(), self.names)

    def _trust(self) -> ClientTrust:
        section = self._settings.certificates
        roots = section.client_roots or [self._authority().root_file("station")]
        return ClientTrust(roots, section.revoked, check_time=not section.expired_accepted)

    def _authority(self) -> LocalAuthority:
        """By the machine's clock, as whoever checks its certificates does."""
        return LocalAuthority(self._folder, system_clock(), self._settings.certificates.organization)

    @property
    def names(self) -> list[str]:
        """What certificates of this server's own are made out to."""
        return self._settings.tls_names or self.own_names()

    @staticmethod
    def own_names() -> list[str]:
        """Those of a server that was given none."""
        return [socket.gethostname() or "localhost", "localhost", "127.0.0.1"]

    async def watch(self, gateway: Gateway) -> None:
        """Renew the gateway's certificates when somebody says so, a file has changed, or once in a while: those that
        this server makes itself end. Until cancelled.
        """
        loop = asyncio.get_running_loop()
        renewed_s = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.due.wait()
            late = loop.time() - renewed_s > RENEW_S
            if self.due.is_set() or late or await asyncio.to_thread(self._look) != self._seen:
                self.due.clear()
                renewed_s = loop.time()
                await self.renew(gateway)

    async def renew(self, gateway: Gateway) -> None:
        """Certificates that cannot be used change nothing."""
        try:
            await gateway.change_tls(await self.contexts())
        except (CsmsError, OSError) as fault:
            self._seen = self._look()
            log.error("certificates_not_renewed", extra={"fault": str(fault)})
        else:
            log.info("certificates_renewed")

    def _look(self) -> list[tuple[str, int, int]]:
        section = self._settings.certificates
        files = [*self._settings.tls_certificate, *self._settings.tls_key, *section.client_roots, *section.revoked]
        return [(str(file), *_state(file)) for file in files]


def _state(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
