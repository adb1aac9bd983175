"""How stations prove themselves; security events that this server raises."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """A new table; all events so far were told by stations."""
    op.create_table(
        "station_proof",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("profile", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("claimed", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.add_column("security_event", sa.Column("origin", sa.String(), nullable=False, server_default="station"))


def downgrade() -> None:
    """Events that this server raised stay, as if stations had told them."""
    op.drop_column("security_event", "origin")
    op.drop_table("station_proof")
