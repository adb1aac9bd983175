"""The limit ladder: on which rung each station stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """A new table."""
    op.create_table(
        "limit_rung",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rung", sa.JSON(), nullable=True),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "role"),
    )


def downgrade() -> None:
    """Every station begins anew."""
    op.drop_table("limit_rung")
