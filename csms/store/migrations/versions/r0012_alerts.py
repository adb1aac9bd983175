"""Alerts; security events as they were told; roots that two people agreed on; when certificates begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """New tables and columns; of older events no message was kept."""
    op.create_table(
        "alert",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("info", sa.String(), nullable=False),
        sa.Column("acknowledged_at", TIME, nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alert_matter", "alert", ["kind", "station_id", "acknowledged_at"])
    op.create_table(
        "root_approval",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", TIME, nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.add_column("security_event", sa.Column("raw", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("installed_certificate", sa.Column("begins_at", TIME, nullable=True))


def downgrade() -> None:
    """Alerts and agreements are gone; events and certificates stay."""
    op.drop_column("installed_certificate", "begins_at")
    op.drop_column("security_event", "raw")
    op.drop_table("root_approval")
    op.drop_table("alert")
