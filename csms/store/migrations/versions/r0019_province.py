"""The provincial interface: sealed secrets of partners, sessions that a partner asked for, when a site changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """New tables."""
    op.create_table(
        "province_key",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("retired_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("partner", "direction", "number"),
    )
    op.create_table(
        "province_start",
        sa.Column("partner", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("remote_start_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("stat", sa.Integer(), nullable=False),
        sa.Column("fail_reason", sa.Integer(), nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("stop_asked_at", TIME, nullable=True),
        sa.Column("stop_told_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("partner", "number"),
        sa.UniqueConstraint("remote_start_id"),
    )
    op.create_table(
        "province_site",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("site_id"),
    )


def downgrade() -> None:
    """Secrets have to be entered again."""
    op.drop_table("province_site")
    op.drop_table("province_start")
    op.drop_table("province_key")
