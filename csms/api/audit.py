"""Routes about the audit log: for people, and link by link for whoever checks or keeps it."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Query
from pydantic import AwareDatetime

from csms.access.needs import administrators
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Out
from csms.store.access_tables import AuditRow

SEQ_MAX = 2**63 - 1


class AuditRecordOut(Out):
    """One record. `kind`: asked, done, refused, note; `request` joins what was asked with what became of it."""

    seq: int
    at: AwareDatetime
    kind: str
    request: str
    who: dict[str, str]
    action: str
    on: dict[str, str]
    detail: Any
    result: dict[str, Any]


class AuditOut(Out):
    """A page of records, newest first; `next_before_seq` asks for older ones."""

    clock_time: AwareDatetime
    records: list[AuditRecordOut]
    next_before_seq: int | None


class LinkOut(Out):
    """One link of the chain: `hash` is SHA-256 over `prev_hash` (32 bytes) and `text` (UTF-8)."""

    seq: int
    at: AwareDatetime
    kind: str
    action: str
    actor: str
    target: str
    text: str
    prev_hash: str
    hash: str


class HeadOut(Out):
    """A place in the chain."""

    seq: int
    hash: str


class ChainOut(Out):
    """Links in their order; `kept_head`: what this server noted outside of the database as the newest one."""

    links: list[LinkOut]
    kept_head: HeadOut | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/audit", tags=["audit"])

    @routes.get("", summary="What operators did")
    @administrators
    async def list_audit(
        limit: int = Query(default=50, ge=1, le=1000),
        before_seq: int | None = Query(default=None, ge=1, le=SEQ_MAX),
        actor: str | None = Query(default=None, max_length=64),
        action: str | None = Query(default=None, max_length=200),
        target: str | None = Query(default=None, max_length=200),
    ) -> AuditOut:
        """Newest first: all, or by somebody (name of the token), of an action, on something."""
        rows = await deps.reader.audit_page(limit, before_seq=before_seq, actor=actor, action=action, target=target)
        next_before_seq = rows[-1].seq if len(rows) == limit else None
        records = [record_view(row) for row in rows]
        return AuditOut(clock_time=deps.clock.now(), records=records, next_before_seq=next_before_seq)

    @routes.get("/chain", summary="The audit log link by link")
    @administrators
    async def audit_chain(
        after: int = Query(default=0, ge=0, le=SEQ_MAX), limit: int = Query(default=500, ge=1, le=1000)
    ) -> ChainOut:
        """To check it, or to keep it elsewhere."""
        kept = deps.guard.audit.kept()  # first: what is noted now is in the log by then
        rows = await deps.reader.audit_after(after, limit)
        links = [LinkOut.model_validate(row, from_attributes=True) for row in rows]
        return ChainOut(links=links, kept_head=HeadOut(seq=kept.seq, hash=kept.hash) if kept else None)

    return routes


def record_view(row: AuditRow) -> AuditRecordOut:
    """A record for people; one whose text was made unreadable is shown without it."""
    try:
        facts = orjson.loads(row.text)
        told = {name: facts[name] for name in ("request", "who", "on", "detail", "result")}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        told = {"request": "", "who": {}, "on": {}, "detail": None, "result": {"code": "unreadable"}}
    return AuditRecordOut.model_validate({"seq": row.seq, "at": row.at, "kind": row.kind, "action": row.action, **told})
