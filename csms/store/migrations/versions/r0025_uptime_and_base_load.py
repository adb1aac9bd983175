"""When, by the machine's uptime, a bound was written; what is known of metered base loads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bounds of before say nothing of the uptime: they count for as long as they might."""
    op.add_column("upper_bound", sa.Column("boot", sa.String(), nullable=True))
    op.add_column("upper_bound", sa.Column("uptime_s", sa.Float(), nullable=True))
    op.create_table(
        "base_load_high",
        sa.Column("feeder_id", sa.String(length=64), nullable=False),
        sa.Column("power_w", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feeder_id"),
    )


def downgrade() -> None:
    """Nothing is known of silent meters after a start."""
    op.drop_table("base_load_high")
    op.drop_column("upper_bound", "uptime_s")
    op.drop_column("upper_bound", "boot")
