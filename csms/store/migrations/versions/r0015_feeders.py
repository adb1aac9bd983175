"""Feeders and places of stations as administrators set them, how outlets are wired; where and how a bound counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Until somebody changes it, the tree is that of the settings."""
    op.create_table(
        "feeder",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("rating_w", sa.BigInteger(), nullable=False),
        sa.Column("base_load_w", sa.JSON(), nullable=False),
        sa.Column("lowest_cap_w", sa.BigInteger(), nullable=False),
        sa.Column("phase_a", sa.Float(), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "station_place",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("feeder_id", sa.String(), nullable=False),
        sa.Column("moved_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.add_column("upper_bound", sa.Column("places", sa.JSON(), nullable=True))
    op.add_column("upper_bound", sa.Column("lines_ma", sa.JSON(), nullable=True))
    op.add_column("evse", sa.Column("rotation", sa.String(), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """The tree is that of the settings again; stations stay where they were put."""
    op.drop_column("evse", "rotation")
    op.drop_column("upper_bound", "lines_ma")
    op.drop_column("upper_bound", "places")
    op.drop_table("station_place")
    op.drop_table("feeder")
