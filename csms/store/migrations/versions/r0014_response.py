"""Demand-response events, what they came to, appeals; the load of feeders by quarter-hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """New tables; the load of feeders is known from now on."""
    op.create_table(
        "response_event",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("feeder_id", sa.String(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("dispatch", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_response_event_feeder_id", "response_event", ["feeder_id"])
    op.create_index("ix_response_event_starts_at", "response_event", ["starts_at"])
    op.create_table(
        "response_evaluation",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("appeal", sa.Integer(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "number"),
    )
    op.create_table(
        "response_appeal",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("filed_at", TIME, nullable=False),
        sa.Column("filed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "number"),
    )
    op.create_table(
        "feeder_load",
        sa.Column("feeder_id", sa.String(), nullable=False),
        sa.Column("begins_at", TIME, nullable=False),
        sa.Column("base_w", sa.Float(), nullable=False),
        sa.Column("charging_w", sa.Float(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("metered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("feeder_id", "begins_at"),
    )


def downgrade() -> None:
    """What was agreed stays in the audit log."""
    for name in ("feeder_load", "response_appeal", "response_evaluation"):
        op.drop_table(name)
    op.drop_index("ix_response_event_starts_at", table_name="response_event")
    op.drop_index("ix_response_event_feeder_id", table_name="response_event")
    op.drop_table("response_event")
