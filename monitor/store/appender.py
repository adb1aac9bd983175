"""Appends records to evidence logs within the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from monitor.evidence.merkle import CHAIN_START, Frontier, chain_hash, hash_named, leaf_hash, nodes_of
from monitor.store.days import local_day
from monitor.store.nodes import keep_nodes, read_nodes
from monitor.store.tables import EvidenceLog, EvidenceRecord


@dataclass(frozen=True, slots=True)
class End:
    """Where a log ends: its size, chain and newest day, the roots of its complete subtrees, and its hash."""

    size: int
    chain: bytes
    last_day: str
    peaks: tuple[bytes, ...]
    hash: str


class Appender:
    """A record costs two or three statements.

    The end of each log is remembered. The first statement moves it on only if it still is where it was thought to be
    (another process may have closed a day, or an earlier transaction may have failed); else it is read again. `hash`:
    what a log is made with that begins here.
    """

    def __init__(self, hash_name: str) -> None:
        self._hash = hash_name
        self._ends: dict[str, End] = {}

    def append(
        self,
        connection: Connection,
        operator_id: str,
        kind: str,
        business_id: str,
        received_at: datetime,
        record: bytes,
    ) -> None:
        """Append a record to its operator's log."""
        end = self._ends.get(operator_id) or self._read(connection, operator_id, received_at)
        chain = self._move(connection, operator_id, end, received_at, record)
        while chain is None:
            end = self._read(connection, operator_id, received_at)
            chain = self._move(connection, operator_id, end, received_at, record)
        digest = hash_named(end.hash)
        tree, leaf = Frontier(end.size, list(end.peaks), digest), leaf_hash(record, digest)
        day = max(end.last_day, local_day(received_at))
        row = {
            "operator_id": operator_id,
            "number": end.size,
            "day": day,
            "kind": kind,
            "business_id": business_id,
            "received_at": received_at,
            "record": record,
            "leaf": leaf,
            "chain": chain,
        }
        connection.execute(_INSERT, row)
        keep_nodes(connection, operator_id, end.size, tree.add(leaf))
        self._ends[operator_id] = End(tree.size, chain, day, tuple(tree.peaks), end.hash)

    @staticmethod
    def _move(connection: Connection, operator_id: str, end: End, received_at: datetime, record: bytes) -> bytes | None:
        """The chain with the record, None if the log does not end there any more."""
        chain = chain_hash(end.chain, record, hash_named(end.hash))
        then = {"log": operator_id, "old_size": end.size, "old_chain": end.chain, "old_day": end.last_day}
        now = {"new_size": end.size + 1, "new_chain": chain, "new_day": max(end.last_day, local_day(received_at))}
        done = connection.execute(_MOVE, then | now)
        return chain if done.rowcount == 1 else None

    def _read(self, connection: Connection, operator_id: str, received_at: datetime) -> End:
        """Where a log ends; it is begun if there is none."""
        query = select(_LOG.c.size, _LOG.c.chain, _LOG.c.last_day, _LOG.c.hash).where(_LOG.c.operator_id == operator_id)
        row = connection.execute(query).first()
        if row is None:
            day = local_day(received_at)
            begun = {"operator_id": operator_id, "size": 0, "chain": CHAIN_START, "last_day": day, "hash": self._hash}
            connection.execute(_LOG.insert(), begun)
            return End(0, CHAIN_START, day, (), self._hash)
        nodes = nodes_of(0, row.size)
        found = read_nodes(connection, operator_id, nodes)
        return End(row.size, row.chain, row.last_day, tuple(found[node] for node in nodes), row.hash)


_LOG = EvidenceLog.metadata.tables[EvidenceLog.__tablename__]
_INSERT = EvidenceRecord.metadata.tables[EvidenceRecord.__tablename__].insert()
_MOVE = (
    _LOG.update()
    .where(
        _LOG.c.operator_id == bindparam("log"),
        _LOG.c.size == bindparam("old_size"),
        _LOG.c.chain == bindparam("old_chain"),
        _LOG.c.last_day == bindparam("old_day"),
    )
    .values(size=bindparam("new_size"), chain=bindparam("new_chain"), last_day=bindparam("new_day"))
)
