"""Access to the API in tests: a real guard over a real store, and the headers of an administrator."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

import httpx

from csms.access.audit import AuditLog
from csms.access.guard import Guard, Rates, covers_itself
from csms.access.tokens import AccessTokens
from csms.model.access import Role
from csms.model.clock import Clock
from csms.store.engine import Store


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def guard_over(clock: Clock, store: Store, rates: Rates | None = None) -> Guard:
    """A guard for `ApiDeps`; `north` lies below `site`."""

    def covers(bound: Sequence[str], feeder_id: str) -> bool:
        return covers_itself(bound, feeder_id) or (feeder_id == "north" and "site" in bound)

    return Guard(clock, AccessTokens(clock, store), AuditLog(clock, store), covers=covers, rates=rates)


async def token_for(guard: Guard, role: Role = Role.ADMINISTRATOR, name: str = "", bound_to: Sequence[str] = ()) -> str:
    """A new token."""
    made = await guard.tokens.create(name or f"tester {token_hex(4)}", role, bound_to, created_by="the test")
    return made.text


def token_of(client: httpx.Client | httpx.AsyncClient) -> str:
    """The token that a client shows."""
    return client.headers["Authorization"].removeprefix("Bearer ")
