"""Reading tokens of the HTTP interface and the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import col, select

from csms.store.access_tables import AccessToken, AuditRow
from csms.store.reading import Reading


class AccessReading(Reading):
    """Queries of the room `access`."""

    async def access_tokens(self) -> Sequence[AccessToken]:
        """All tokens, oldest first, expired and revoked ones too."""
        return await self.rows(select(AccessToken).order_by(col(AccessToken.created_at), col(AccessToken.id)))

    async def audit_head(self) -> AuditRow | None:
        """The newest record; None in an empty log."""
        return await self.first(select(AuditRow).order_by(col(AuditRow.seq).desc()))

    async def audit_record(self, seq: int) -> AuditRow | None:
        """One record."""
        return await self.first(select(AuditRow).where(col(AuditRow.seq) == seq))

    async def audit_after(self, seq: int, limit: int) -> Sequence[AuditRow]:
        """At most `limit` records after `seq`, in their order."""
        return await self.rows(select(AuditRow).where(col(AuditRow.seq) > seq).order_by(col(AuditRow.seq)).limit(limit))

    async def audit_page(
        self,
        limit: int,
        *,
        before_seq: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
        kind: str | None = None,
    ) -> Sequence[AuditRow]:
        """At most `limit` records, newest first: by somebody, of an action, on something, of a kind."""
        wanted = {AuditRow.actor: actor, AuditRow.action: action, AuditRow.target: target, AuditRow.kind: kind}
        given: list[Any] = [col(column) == value for column, value in wanted.items() if value is not None]
        if before_seq is not None:
            given.append(col(AuditRow.seq) < before_seq)
        return await self.rows(select(AuditRow).where(*given).order_by(col(AuditRow.seq).desc()).limit(limit))
