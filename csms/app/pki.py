"""The certificates that this server lives by and those that it signs, as the API shows and changes them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from csms.app.settings import Settings
from csms.security.authority import NAMES, LocalAuthority
from csms.security.inventory import Kept, Role, Source, own_sources, read
from csms.security.revocation import Revoked


class Pki:
    """Fits `csms.api.ports.PkiPort`."""

    def __init__(self, settings: Settings, own: LocalAuthority) -> None:
        self._settings, self._own = settings, own
        self._turn = asyncio.Lock()

    @property
    def authority(self) -> str:
        """Who signs for stations."""
        command = self._settings.certificates.authority_command
        return Path(command[0]).name if command else "built-in"

    @property
    def organization(self) -> str:
        """Of the settings."""
        return self._settings.certificates.organization

    @property
    def renew_days(self) -> int:
        """Of the settings."""
        return self._settings.certificates.renew_days

    async def kept(self) -> list[Kept]:
        """Authorities first."""
        return await asyncio.to_thread(lambda: read(sources(self._settings)))

    async def root(self, name: str) -> str | None:
        """Made if it is the first time that somebody asks. Raises OSError, ValueError."""
        if name not in NAMES:
            return None
        return (await asyncio.to_thread(self._own.root_file, name)).read_text("ascii")

    async def revoke(self, number: int, reason: str) -> None:
        """One after the other. Raises OSError, ValueError."""
        async with self._turn:
            await asyncio.to_thread(self._own.revoke, number, reason)

    async def revoked(self) -> list[Revoked]:
        """Oldest first. Raises OSError, ValueError."""
        return await asyncio.to_thread(self._own.revocations.entries)

    async def revocation_list(self) -> str:
        """With today's date. Raises OSError, ValueError."""
        async with self._turn:
            return await asyncio.to_thread(self._own.revocation_list)


def sources(settings: Settings) -> list[Source]:
    """Where the certificates of a server with these settings lie; those that its settings replace are left out."""
    own = own_sources(settings.data_dir / "pki")
    given = [
        Source(Role.SERVER, certificate.name, certificate, key)
        for certificate, key in zip(settings.tls_certificate, settings.tls_key, strict=True)
    ]
    if given:
        own = [source for source in own if source.role is not Role.SERVER]
    trusted = [Source(Role.TRUSTED, root.name, root) for root in settings.certificates.client_roots]
    section = settings.api
    api = (
        [Source(Role.API, section.tls_certificate.name, section.tls_certificate, section.tls_key)]
        if (section.tls_certificate is not None)
        else []
    )
    return [*own, *trusted, *given, *api]
