"""Brings the file of an earlier version to the tables of this one. `PRAGMA user_version` says which one it is of.

Version 0 knew imported files only: their rows had a `file_id` and a `line`. Version 2 had no prices and hashes in
orders, and days did not say what was broken. Version 3 knew no capacities of batteries, no samples behind orders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from monitor.store.faults import TooNew
from monitor.store.governance_tables import Governance

VERSION = 4
_FIRST = ("governed_file", "governed_order", "governed_repair", "quarantined_row")
_COPIES = (
    "INSERT INTO governed_source (id, kind, digest, name, mapping, taken_at)"
    " SELECT id, 'file', sha256, name, mapping, imported_at FROM old_governed_file",
    'INSERT INTO governed_order (id, source_id, key, number, operator, station, connector, start, "end", energy_wh,'
    " meter_start_wh, meter_stop_wh, fee_yuan, cause, released, version, raw_digest, periods, user_hash, vehicle_hash)"
    ' SELECT id, file_id, CAST(line AS TEXT), number, operator, station, connector, start, "end", energy_wh,'
    " meter_start_wh, meter_stop_wh, fee_yuan, cause, released, 1, '', 0, '', '' FROM old_governed_order",
    "INSERT INTO governed_repair (id, source_id, key, rule, detail, before, after, note)"
    " SELECT id, file_id, CAST(line AS TEXT), rule, detail, '', '', '' FROM old_governed_repair",
    "INSERT INTO quarantined_row (id, source_id, key, faults, raw, state, note, decided_at)"
    " SELECT id, file_id, CAST(line AS TEXT), faults, raw, state, note, decided_at FROM old_quarantined_row",
)

_SINCE_2 = (
    "ALTER TABLE governed_order ADD COLUMN price_yuan_per_kwh FLOAT",
    "ALTER TABLE governed_order ADD COLUMN periods INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE governed_order ADD COLUMN user_hash VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE governed_order ADD COLUMN vehicle_hash VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE governed_day ADD COLUMN broken JSON NOT NULL DEFAULT '{}'",
)
_SINCE_3 = ("ALTER TABLE governed_order ADD COLUMN capacity_wh FLOAT",)


def opened(path: Path) -> Engine:
    """An engine on the file, made or brought up to this version. Raises TooNew."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _at_once)
    event.listen(engine, "begin", _whole)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _at_once(connection: Any, _record: Any) -> None:
    """sqlite3's own transactions leave out what changes tables; ours are begun by `_whole`."""
    connection.isolation_level = None


def _whole(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def upgrade(connection: Connection) -> None:
    """In one transaction; a file of this version is left alone. Raises TooNew."""
    version = int(connection.execute(text("PRAGMA user_version")).scalar_one())
    if version > VERSION:
        raise TooNew(f"governance.db is of version {version}; this program knows versions up to {VERSION}")
    old = version == 0 and inspect(connection).has_table(_FIRST[0])
    if old:
        for table in _FIRST:
            for index in inspect(connection).get_indexes(table):
                connection.execute(text(f"DROP INDEX {index['name']}"))
            connection.execute(text(f"ALTER TABLE {table} RENAME TO old_{table}"))
    changes = {2: (*_SINCE_2, *_SINCE_3), 3: _SINCE_3}
    for change in changes.get(version, ()):
        connection.execute(text(change))
    Governance.metadata.create_all(connection)
    if old:
        for copy in _COPIES:
            connection.execute(text(copy))
        for table in reversed(_FIRST):
            connection.execute(text(f"DROP TABLE old_{table}"))
    connection.execute(text(f"PRAGMA user_version = {VERSION}"))
