"""What is done to tokens without the HTTP interface: by the server at its first start, by whoever owns the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from csms.access.audit import AuditLog
from csms.access.tokens import AccessTokens, Made
from csms.model.access import Role
from csms.model.audit import AuditEntry


class LocalDesk:
    """Tokens and audit log of a store in hand; `who` is recorded as the one who did it."""

    def __init__(self, tokens: AccessTokens, audit: AuditLog, who: str) -> None:
        self._tokens, self._audit, self._who = tokens, audit, who

    async def first(self, tell: Callable[[str], None]) -> bool:
        """Make a token for an administrator where there is none; `tell` gets it before it is good, so that it cannot
        be lost in between. Raises StoreUnavailable, and what `tell` raises.
        """
        found = await self._tokens.first(created_by=self._who)
        if found is None:
            return False
        made, change = found
        await self._record("POST /access-tokens", made)
        tell(made.text)
        await self._tokens.put(change)
        return True

    async def create(self, name: str, role: Role, bound_to: Sequence[str], expires_at: datetime | None) -> Made:
        """See `AccessTokens.create`."""
        detail = {"name": name, "role": role.value, "bound_to": list(bound_to)}
        await self._audit.write(self._entry("asked", "POST /access-tokens", name, detail))
        made = await self._tokens.create(name, role, bound_to, expires_at, created_by=self._who)
        await self._audit.write(self._entry("done", "POST /access-tokens", name, {"token_id": made.row.id}))
        return made

    async def rotate(self, name: str, grace: timedelta) -> Made:
        """See `AccessTokens.rotate`."""
        await self._audit.write(self._entry("asked", "POST /access-tokens/{name}/rotate", name, None))
        made = await self._tokens.rotate(name, grace, created_by=self._who)
        await self._audit.write(
            self._entry("done", "POST /access-tokens/{name}/rotate", name, {"token_id": made.row.id})
        )
        return made

    async def revoke(self, name: str) -> int:
        """See `AccessTokens.revoke`; how many were ended."""
        await self._audit.write(self._entry("asked", "DELETE /access-tokens/{name}", name, None))
        count = len(await self._tokens.revoke(name))
        await self._audit.write(self._entry("done", "DELETE /access-tokens/{name}", name, {"count": count}))
        return count

    async def _record(self, action: str, made: Made) -> None:
        detail = {"token_id": made.row.id, "role": made.row.role}
        await self._audit.write(self._entry("done", action, made.row.name, detail))

    def _entry(self, kind: str, action: str, name: str, detail: Any) -> AuditEntry:
        who = {"token": "", "name": self._who, "role": "local", "address": ""}
        return AuditEntry(kind, action, "", who, {"name": name}, detail)
