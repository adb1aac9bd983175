"""Limits with a direction, a priority and blocks; failsafe values as stated; decisions stand in the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Earlier limits are constant import limits. Nothing was released that wrote to the table that goes."""
    text = sa.text
    op.add_column("grid_limit", sa.Column("direction", sa.String(), nullable=False, server_default="import"))
    op.add_column("grid_limit", sa.Column("priority", sa.Integer(), nullable=False, server_default=text("0")))
    op.add_column("grid_limit", sa.Column("blocks", sa.JSON(), nullable=True))
    op.create_table(
        "grid_failsafe",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("feeder_id", sa.String(), nullable=False),
        sa.Column("power_w", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "feeder_id"),
    )
    op.drop_table("grid_limit_decision")


def downgrade() -> None:
    """What was decided meanwhile stays in the audit log."""
    op.create_table(
        "grid_limit_decision",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("feeder_id", sa.String(), nullable=False),
        sa.Column("limit_id", sa.String(), nullable=False),
        sa.Column("raw_sha256", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.drop_table("grid_failsafe")
    for name in ("blocks", "priority", "direction"):
        op.drop_column("grid_limit", name)
