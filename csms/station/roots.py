"""Which roots stations may be given: those of the house, and those that two people agreed on.

A root decides whom a station believes to be its central system, its maker, or the issuer of contracts. So one person
alone gives it no root that the house does not know: another one has to look at its fingerprint and agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.security.facts import CertificateUnreadable, facts, read_chain
from csms.store import changes
from csms.store.engine import Store
from csms.store.security_tables import RootApproval

Known = Callable[[], frozenset[str]]
"""Fingerprints of the roots of the house; may read files."""

IsAnother = Callable[[str, datetime], bool]
"""Whether whoever agrees is somebody else than whoever proposed it under this name at that time."""

log = logging.getLogger(__name__)


class RootNotAllowed(CsmsError):
    """This root is not on the list of those that stations may be given; the text says how it gets there."""

    code = "root_not_allowed"


class UnknownRoot(CsmsError):
    """Nobody has proposed this root."""

    code = "unknown_root"


class SamePerson(CsmsError):
    """Whoever proposed a root cannot agree to it, too."""

    code = "same_person"


class Roots:
    """The list, over the store."""

    def __init__(self, clock: Clock, store: Store, known: Known) -> None:
        self._clock, self._store, self._known = clock, store, known

    async def check(self, pem: str) -> None:
        """Whether stations may be given this root. Raises RootNotAllowed, CertificateUnreadable, StoreUnavailable."""
        if len(read_chain(pem)) != 1:
            raise CertificateUnreadable("one root at a time: a station might take the others for roots, too")
        fingerprint = facts(pem).fingerprint
        if fingerprint in await self.known():
            return
        found = await self._store.reader.find(RootApproval, fingerprint=fingerprint)
        if not found or found[0].approved_at is None:
            raise RootNotAllowed(
                f"root {fingerprint} is not one of the house (certificates.allowed_roots); two administrators have to "
                "agree on it first: csms pki propose-root, csms pki approve-root"
            )

    async def known(self) -> frozenset[str]:
        """Fingerprints of the roots of the house."""
        return await asyncio.to_thread(self._known)

    async def proposed(self) -> Sequence[RootApproval]:
        """What people proposed or agreed on."""
        return await self._store.reader.find(RootApproval)

    async def propose(self, pem: str, by: str) -> RootApproval:
        """Somebody wants stations to have this root; proposed again, nothing changes. Raises CertificateUnreadable."""
        if len(read_chain(pem)) != 1:
            raise CertificateUnreadable("one root at a time")
        told = facts(pem)
        found = await self._store.reader.find(RootApproval, fingerprint=told.fingerprint)
        if found:
            return found[0]
        row = RootApproval(
            fingerprint=told.fingerprint,
            subject=told.subject,
            expires_at=told.expires_at,
            proposed_by=by,
            proposed_at=self._clock.now(),
        )
        await self._store.writer.commit([changes.add_row(row)])
        log.warning("root_proposed", extra={"fingerprint": told.fingerprint, "by": by})
        return row.model_copy()

    async def approve(self, fingerprint: str, by: str, is_another: IsAnother) -> RootApproval:
        """Another person agrees; a name alone makes nobody another one. Raises UnknownRoot, SamePerson."""
        row = await self._find(fingerprint)
        if by == row.proposed_by or not is_another(row.proposed_by, row.proposed_at):
            raise SamePerson(
                f"{row.proposed_by} proposed it; another administrator has to agree, with a token that is older than "
                "the proposal. Nor may one have made the other's token: whoever was given one replaces it first "
                "(csms token rotate)"
            )
        if row.approved_at is not None:
            return row
        agreed = {"approved_by": by, "approved_at": self._clock.now()}
        await self._store.writer.commit([changes.set_columns(RootApproval, {"fingerprint": fingerprint}, **agreed)])
        log.warning("root_approved", extra={"fingerprint": fingerprint, "by": by, "proposed_by": row.proposed_by})
        return row.model_copy(update=agreed)

    async def withdraw(self, fingerprint: str) -> None:
        """Nobody may give it to stations any more; those that have it keep it. Raises UnknownRoot."""
        await self._find(fingerprint)
        await self._store.writer.commit([changes.delete_rows(RootApproval, fingerprint=fingerprint)])

    async def _find(self, fingerprint: str) -> RootApproval:
        found = await self._store.reader.find(RootApproval, fingerprint=fingerprint)
        if not found:
            raise UnknownRoot(f"nobody has proposed a root {fingerprint}")
        return found[0]
