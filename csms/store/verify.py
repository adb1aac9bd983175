"""Looks whether a database is whole and agrees with itself; changes nothing. For either engine."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from csms.model.errors import StoreUnavailable
from csms.store import schema
from csms.store.catalogue import POINTS_PER_BANK
from csms.store.due import QUARTER_S
from csms.store.migrations import HEAD

ROLLUPS_LOOKED_AT = 500
"""Roll-ups computed again without `full`, spread over all of them."""

SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the database; `detail` says what was found. `ok` None: it does not arise with this engine."""

    name: str
    ok: bool | None
    detail: str


def verify(url: str, *, full: bool = False) -> list[Check]:
    """Every check in order; later ones are left out when the tables are not those of this program.

    Raises StoreUnavailable when the database cannot be opened or is not there.
    """
    checks = schema.look(url, lambda connection: _all(connection, full))
    if checks is None:
        raise StoreUnavailable("there is no such database")
    return checks


def _all(connection: Connection, full: bool) -> list[Check]:
    checks = [_integrity(connection), _references(connection), _revision(connection)]
    if checks[-1].ok:
        checks += [look(connection) for look in (_tally, _catalogue, _sessions)]
        checks.append(_rollups(connection, full))
    return checks


def _integrity(connection: Connection) -> Check:
    if connection.dialect.name != "sqlite":
        return Check("integrity", None, "pg_amcheck looks at PostgreSQL's files")
    found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(10)"))]
    return Check("integrity", found == ["ok"], "; ".join(found[:SHOWN_MAX]))


def _references(connection: Connection) -> Check:
    if connection.dialect.name != "sqlite":
        return Check("references", None, "PostgreSQL keeps them itself")
    found = connection.execute(text("PRAGMA foreign_key_check")).all()
    return Check("references", not found, f"{len(found)} rows refer to nothing")


def _revision(connection: Connection) -> Check:
    found = schema.revision(connection)
    return Check("schema", found == HEAD, f"revision {found}, this program needs {HEAD}")


def _tally(connection: Connection) -> Check:
    """The tally is written in the transaction of the samples, so a difference is a loss."""
    stored, gone = (_sum(connection, name) for name in ("samples", "samples_deleted"))
    found = _count(connection, "SELECT count(*) FROM sample")
    return Check("samples", found == stored - gone, f"{found} rows; {stored} stored, {gone} cleared out")


def _catalogue(connection: Connection) -> Check:
    lost = _count(
        connection,
        "SELECT count(*) FROM sample s WHERE NOT EXISTS (SELECT 1 FROM metering_point p WHERE p.id = s.point_id) "
        "OR NOT EXISTS (SELECT 1 FROM quantity q WHERE q.id = s.quantity_id) "
        f"OR s.bank <> s.point_id / {POINTS_PER_BANK}",
    )
    return Check("numbers", lost == 0, f"{lost} samples whose point, quantity or bank is not known")


def _sessions(connection: Connection) -> Check:
    odd = _count(
        connection,
        "SELECT count(*) FROM session WHERE energy_wh < 0 OR ended_at < started_at "
        "OR (status = 'ended') <> (ended_at IS NOT NULL)",
    )
    twice = _count(
        connection,
        "SELECT count(*) FROM (SELECT 1 FROM session WHERE status = 'open' GROUP BY station_id, evse_id "
        "HAVING count(*) > 1) AS twice",
    )
    return Check("sessions", odd == 0 and twice == 0, f"{odd} that cannot be, {twice} EVSEs with more than one open")


def _rollups(connection: Connection, full: bool) -> Check:
    """A quarter-hour stands for its samples, unless some were cleared out or it is noted to be computed again."""
    total = _count(connection, f"SELECT count(*) FROM rollup WHERE grain_s = {QUARTER_S}")
    step = 1 if full or total <= ROLLUPS_LOOKED_AT else total // ROLLUPS_LOOKED_AT
    length = QUARTER_S * 1_000_000 if connection.dialect.name == "sqlite" else f"INTERVAL '{QUARTER_S} seconds'"
    chosen = (
        "SELECT r.*, row_number() OVER (ORDER BY point_id, begins_at, quantity_id) AS place FROM rollup r "
        f"WHERE grain_s = {QUARTER_S} AND NOT EXISTS (SELECT 1 FROM rollup_due d WHERE d.point_id = r.point_id "
        "AND d.begins_at = r.begins_at AND d.grain_s = r.grain_s)"
    )
    wrong = _count(
        connection,
        "SELECT count(*) FROM (SELECT c.samples, c.minimum, c.maximum, count(s.value) AS found, "
        "min(s.value) AS least, max(s.value) AS most "
        f"FROM ({chosen}) c LEFT JOIN sample s ON s.bank = c.point_id / {POINTS_PER_BANK} AND s.point_id = c.point_id "
        f"AND s.quantity_id = c.quantity_id AND s.time >= c.begins_at AND s.time < c.begins_at + {length} "
        f"WHERE c.place % {step} = 0 "
        "GROUP BY c.point_id, c.begins_at, c.quantity_id, c.samples, c.minimum, c.maximum) AS looked "
        "WHERE found > samples OR (found = samples AND (least <> minimum OR most <> maximum))",
    )
    return Check("rollups", wrong == 0, f"{wrong} wrong of {-(-total // step)} looked at, {total} in all")


def _sum(connection: Connection, name: str) -> int:
    found = connection.execute(text("SELECT sum(value) FROM tally WHERE name = :name"), {"name": name}).scalar()
    return int(found or 0)


def _count(connection: Connection, query: str) -> int:
    return int(connection.execute(text(query)).scalar() or 0)
