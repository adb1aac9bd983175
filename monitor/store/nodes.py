"""The complete subtrees of each log's Merkle tree, kept so that a proof reads about as many rows as it has hashes.

A node is named by level and place: 2^level leaves from place * 2^level on. Those of level 0 stand with the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_

from monitor.evidence.merkle import Frontier, Node, hash_named, nodes_of
from monitor.store.tables import EvidenceLog, EvidenceNode, EvidenceRecord

_LOG, _NODE, _RECORD = (
    table.metadata.tables[str(table.__tablename__)] for table in (EvidenceLog, EvidenceNode, EvidenceRecord)
)
BATCH = 2000


class TreeBroken(ValueError):
    """A subtree that should be kept is not there."""


def read_nodes(connection: Connection, operator_id: str, wanted: Iterable[Node]) -> dict[Node, bytes]:
    """The hashes of these subtrees; raises TreeBroken."""
    wanted = list(wanted)
    leaves = [place for level, place in wanted if level == 0]
    above = [node for node in wanted if node[0] > 0]
    found: dict[Node, bytes] = {}
    if leaves:
        query = select(_RECORD.c.number, _RECORD.c.leaf).where(
            _RECORD.c.operator_id == operator_id, _RECORD.c.number.in_(leaves)
        )
        found |= {(0, row.number): row.leaf for row in connection.execute(query)}
    if above:
        query = select(_NODE.c.level, _NODE.c.place, _NODE.c.hash).where(
            _NODE.c.operator_id == operator_id, tuple_(_NODE.c.level, _NODE.c.place).in_(above)
        )
        found |= {(row.level, row.place): row.hash for row in connection.execute(query)}
    if missing := [node for node in wanted if node not in found]:
        raise TreeBroken(f"the tree of {operator_id} lacks {missing[:3]}")
    return found


def keep_nodes(connection: Connection, operator_id: str, number: int, hashes: Sequence[bytes]) -> None:
    """Keep the subtrees that record `number` completed, from level 1 upwards."""
    rows = [
        {"operator_id": operator_id, "level": level, "place": number >> level, "hash": value}
        for level, value in enumerate(hashes, 1)
    ]
    if rows:
        connection.execute(_ADD, rows)


def make_up(connection: Connection) -> None:
    """Make the subtrees of logs from before they were kept."""
    logs = connection.execute(select(_LOG.c.operator_id, _LOG.c.size, _LOG.c.hash)).all()
    for operator_id, size, name in logs:
        try:
            read_nodes(connection, operator_id, nodes_of(0, size))
        except TreeBroken:
            _make(connection, operator_id, size, name)


def _make(connection: Connection, operator_id: str, size: int, name: str) -> None:
    connection.execute(_NODE.delete().where(_NODE.c.operator_id == operator_id))
    tree = Frontier(digest=hash_named(name))
    for first in range(0, size, BATCH):
        query = (
            select(_RECORD.c.leaf)
            .where(_RECORD.c.operator_id == operator_id, _RECORD.c.number >= first, _RECORD.c.number < first + BATCH)
            .order_by(_RECORD.c.number)
        )
        rows: list[dict[str, Any]] = []
        for leaf in connection.execute(query).scalars():
            number = tree.size
            made = enumerate(tree.add(leaf), 1)
            rows += [{"operator_id": operator_id, "level": n, "place": number >> n, "hash": h} for n, h in made]
        if rows:
            connection.execute(_ADD, rows)


_ADD = insert(_NODE)
