"""What the platform does with its evidence log: closes days, gives out records and proofs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from monitor.evidence.documents import (
    SignedHead,
    consistency_document,
    head_document,
    inclusion_document,
    key_id,
    public_pem,
    sign,
)
from monitor.evidence.judge import Export
from monitor.evidence.merkle import CHAIN_START, consistency_ranges, hash_named, inclusion_proof
from monitor.store.days import following, local_day
from monitor.store.evidence import EvidenceStore, Row, leaves_of

log = logging.getLogger(__name__)


class NoEvidence(CsmsError):
    """The log does not hold what was asked for."""

    code = "no_evidence"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The log with the key that signs it."""

    store: EvidenceStore
    key: Ed25519PrivateKey
    clock: Clock

    @property
    def public_key(self) -> str:
        """What operators check with."""
        return public_pem(self.key.public_key())

    async def close_days(self) -> list[SignedHead]:
        """Sign the days that are over and have no head; one that grew meanwhile is closed the next time. A log that
        cannot be closed keeps no other open; what was wrong with it is raised at the end."""
        made, faults = list[SignedHead](), list[Exception]()
        yesterday = following(local_day(self.clock.now()), -1)
        for operator_id in await self.store.operators():
            try:
                await self._close(operator_id, yesterday, made)
            except Exception as fault:
                log.exception("log_not_closed", extra={"operator": operator_id})
                faults.append(fault)
        if faults:
            raise faults[0]
        return made

    async def _close(self, operator_id: str, yesterday: str, made: list[SignedHead]) -> None:
        for day in await self.store.open_days(operator_id, yesterday):
            name = key_id(self.key.public_key())
            head, tree = await self.store.next_head(operator_id, day, self.clock.now(), name)
            signed = sign(head, self.key)
            try:
                await self.store.keep_head(signed, tree)
            except ValueError:
                return
            made.append(signed)

    async def prove_record(self, operator_id: str, number: int) -> dict[str, Any]:
        """The proof that a record is in the signed log; raises NoEvidence."""
        day = await self.store.day_of(operator_id, number)
        signed = await self.store.head(operator_id, day) if day else None
        if day is None:
            raise NoEvidence(f"the log of {operator_id} has no record {number}")
        if signed is None:
            raise NoEvidence(f"{day} is not closed yet; its records are signed when it is over")
        row = await self.store.row(operator_id, number)
        assert row is not None
        _check_whole(operator_id, [row])
        leaves = await self.store.leaves(operator_id, day)
        digest = hash_named(signed.head.hash)
        path = await asyncio.to_thread(inclusion_proof, number - signed.head.first, leaves, digest)
        return inclusion_document(row.record, number, signed, path, self.public_key)

    async def prove_thing(self, operator_id: str, kind: str, business_id: str) -> dict[str, Any]:
        """The proof for the newest record about an order, connector, session or station; raises NoEvidence."""
        number = await self.store.number_of(operator_id, kind, business_id)
        if number is None:
            raise NoEvidence(f"the log of {operator_id} knows no {kind} {business_id}")
        return await self.prove_record(operator_id, number)

    async def prove_growth(self, operator_id: str, old_day: str, new_day: str) -> dict[str, Any]:
        """The proof that the log of one day is the beginning of that of a later one; raises NoEvidence."""
        old, new = await self._closed(operator_id, old_day), await self._closed(operator_id, new_day)
        if old.head.size > new.head.size:
            raise NoEvidence(f"{new_day} is before {old_day}")
        ranges = consistency_ranges(old.head.size, new.head.size)
        path = await self.store.roots(operator_id, ranges, hash_named(new.head.hash))
        return consistency_document(old, new, path, self.public_key)

    async def prove_head(self, operator_id: str, day: str) -> dict[str, Any]:
        """The signed head of a day with the proof that the log grew from the day before; raises NoEvidence."""
        signed = await self._closed(operator_id, day)
        before = await self.store.head(operator_id, following(day, -1))
        ranges = consistency_ranges(before.head.size, signed.head.size) if before else []
        path = await self.store.roots(operator_id, ranges, hash_named(signed.head.hash))
        return head_document(signed, before, path, self.public_key)

    async def export(self, operator_id: str, first: str, last: str) -> Export:
        """All records and heads of these days; raises NoEvidence if none is closed or content of one is gone."""
        heads = await self.store.heads(operator_id, first, last)
        if not heads:
            raise NoEvidence(f"the log of {operator_id} has no closed day from {first} to {last}")
        first, last = heads[0].head.day, heads[-1].head.day
        before = await self.store.head(operator_id, following(first, -1))
        rows = await self.store.rows(operator_id, first, last)
        _check_whole(operator_id, rows)
        return Export(
            records=[row.record for row in rows],
            leaves=leaves_of(rows),
            heads=heads,
            start=heads[0].head.first,
            chain=bytes.fromhex(before.head.chain) if before else CHAIN_START,
            peaks=await self.store.peaks(operator_id, following(first, -1)),
            public_key=self.public_key,
        )

    async def _closed(self, operator_id: str, day: str) -> SignedHead:
        signed = await self.store.head(operator_id, day)
        if signed is None:
            raise NoEvidence(f"the log of {operator_id} has no head of {day}")
        return signed


def _check_whole(operator_id: str, rows: Sequence[Row]) -> None:
    """Raises NoEvidence for a record of which only the hash is left."""
    gone = [row.number for row in rows if not row.record]
    if gone:
        raise NoEvidence(
            f"the content of {len(gone)} records of {operator_id} ({gone[0]} to {gone[-1]}) was deleted when its time"
            " was over ([retention]); their hashes and the heads are there: `prove --since --day` still shows that"
            " the log only grew"
        )
