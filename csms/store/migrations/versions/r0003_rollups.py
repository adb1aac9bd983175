"""Roll-ups by quarter-hour and day, and the notes of what is to be rolled up: at first, everything there is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_QUARTER_US = 900_000_000


def upgrade() -> None:
    """Samples stay as they are."""
    _rollup()
    _due()
    op.execute(
        "INSERT INTO rollup_due (grain_s, begins_at, point_id) "
        f"SELECT DISTINCT 900, {_quarter(op.get_bind())}, point_id FROM sample"
    )


def downgrade() -> None:
    """Roll-ups can be computed again, as far as the samples are there."""
    op.drop_table("rollup_due")
    op.drop_table("rollup")


def _moment(name: str) -> sa.Column[object]:
    kept: sa.types.TypeEngine[object] = sa.DateTime(timezone=True)  # type: ignore[assignment]
    return sa.Column(name, kept.with_variant(sa.BigInteger(), "sqlite"), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _rollup() -> None:
    op.create_table(
        "rollup",
        _whole("point_id"),
        _whole("grain_s"),
        _moment("begins_at"),
        _whole("quantity_id"),
        _whole("samples"),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("minimum", "maximum", "mean", "first", "last")),
        _moment("first_at"),
        _moment("last_at"),
        sa.PrimaryKeyConstraint("point_id", "grain_s", "begins_at", "quantity_id"),
        sqlite_with_rowid=False,
    )


def _due() -> None:
    op.create_table(
        "rollup_due",
        _whole("grain_s"),
        _moment("begins_at"),
        _whole("point_id"),
        sa.PrimaryKeyConstraint("grain_s", "begins_at", "point_id"),
        sqlite_with_rowid=False,
    )


def _quarter(connection: sa.Connection) -> str:
    """The beginning of a sample's quarter-hour; also right before 1970, where a remainder is negative."""
    if connection.dialect.name == "sqlite":
        return f"time - ((time % {_QUARTER_US}) + {_QUARTER_US}) % {_QUARTER_US}"
    return "date_bin('15 minutes', time, TIMESTAMPTZ '1970-01-01 00:00:00+00')"
