"""Samples as seven numbers in the order of their key, and a tally of them; what was stored before is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_POINTS_PER_BANK = 32
_WORDS = ("measurand", "phase", "context", "location", "unit")


def upgrade() -> None:
    """From one row of texts for each sample."""
    op.rename_table("sample", "wide_sample")
    op.drop_index("ix_sample_session", table_name="wide_sample")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE wide_sample RENAME CONSTRAINT sample_pkey TO wide_sample_pkey")
    _catalogue()
    _samples()
    _tally()
    _copy(op.get_bind())
    op.drop_table("wide_sample")


def downgrade() -> None:
    """Use a backup: the wide form is not written again."""
    raise NotImplementedError("restore a backup to go back before revision 0002")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _moment(name: str) -> sa.Column[object]:
    kept: sa.types.TypeEngine[object] = sa.DateTime(timezone=True)  # type: ignore[assignment]
    return sa.Column(name, kept.with_variant(sa.BigInteger(), "sqlite"), nullable=False)


def _big_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)


def _catalogue() -> None:
    op.create_table(
        "metering_point",
        _big_id(),
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        _text("transaction_id"),
        sa.UniqueConstraint("station_id", "evse_id", "transaction_id", name="uq_metering_point"),
    )
    op.create_table(
        "quantity",
        _big_id(),
        *(_text(name) for name in _WORDS),
        sa.UniqueConstraint(*_WORDS, name="uq_quantity"),
    )


def _samples() -> None:
    op.create_table(
        "sample",
        sa.Column("bank", sa.BigInteger(), nullable=False),
        _moment("time"),
        sa.Column("point_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        _moment("received_at"),
        sa.PrimaryKeyConstraint("bank", "time", "point_id", "quantity_id"),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (time)",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE sample_default PARTITION OF sample DEFAULT")
        op.create_index("ix_sample_time", "sample", ["time"], postgresql_using="brin")


def _tally() -> None:
    op.create_table(
        "tally",
        _text("name"),
        _text("holder"),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "holder"),
    )


def _copy(connection: sa.Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    word = "CASE WHEN w.session_id IS NULL THEN w.transaction_id ELSE '' END"
    names = ", ".join(_WORDS)
    connection.exec_driver_sql(
        "INSERT INTO metering_point (station_id, evse_id, transaction_id) "
        f"SELECT DISTINCT w.station_id, w.evse_id, {word} FROM wide_sample w"
    )
    connection.exec_driver_sql(f"INSERT INTO quantity ({names}) SELECT DISTINCT {names} FROM wide_sample")
    same = " AND ".join(f"q.{name} = w.{name}" for name in _WORDS)
    time, received_at = (_micros(f"w.{name}") if sqlite else f"w.{name}" for name in ("time", "received_at"))
    connection.exec_driver_sql(
        "INSERT INTO sample (bank, time, point_id, quantity_id, value, session_id, received_at) "
        f"SELECT p.id / {_POINTS_PER_BANK}, {time}, p.id, q.id, w.value, w.session_id, {received_at} "
        "FROM wide_sample w "
        f"JOIN metering_point p ON p.station_id = w.station_id AND p.evse_id = w.evse_id AND p.transaction_id = {word} "
        f"JOIN quantity q ON {same} ORDER BY w.id ON CONFLICT DO NOTHING"
    )
    connection.exec_driver_sql("INSERT INTO tally SELECT 'samples', '', count(*) FROM sample")


def _micros(column: str) -> str:
    """SQLAlchemy's text for a time, always with six decimals, as microseconds since 1970."""
    return f"CAST(strftime('%s', {column}) AS INTEGER) * 1000000 + CAST(substr({column}, 21, 6) AS INTEGER)"
