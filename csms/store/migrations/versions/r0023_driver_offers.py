"""What drivers were offered for demand-response events, and what they answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """A new table; nobody was offered anything before."""
    op.create_table(
        "response_driver_offer",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("incentive", sa.Float(), nullable=False),
        sa.Column("usual_wh", sa.Float(), nullable=False),
        sa.Column("promised_wh", sa.Float(), nullable=False),
        sa.Column("departure", TIME, nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("moved_wh", sa.Float(), nullable=True),
        sa.Column("pay", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "session_id"),
    )
    op.create_index("ix_response_driver_offer_session_id", "response_driver_offer", ["session_id"])


def downgrade() -> None:
    """Answers stay in the audit log."""
    op.drop_index("ix_response_driver_offer_session_id", table_name="response_driver_offer")
    op.drop_table("response_driver_offer")
