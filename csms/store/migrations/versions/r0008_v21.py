"""What OCPP 2.1 adds: DER control, V2X, tariffs, dynamic schedules, event streams, battery swaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """New tables."""
    op.create_table(
        "der_control",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("control_id", sa.String(), nullable=False),
        sa.Column("control_type", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("setting", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "control_id"),
    )
    op.create_table(
        "v2x_event",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("time", TIME, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_v2x_event_station_id", "v2x_event", ["station_id"])
    op.create_table(
        "dynamic_schedule",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("pulled_at", TIME, nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "profile_id"),
    )
    op.create_table(
        "tariff",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("tariff_id", sa.String(), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.Column("valid_from", TIME, nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "tariff_id"),
    )
    _sessions_and_streams()


def _sessions_and_streams() -> None:
    op.create_table(
        "transaction_terms",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("tariff_id", sa.String(), nullable=False),
        sa.Column("operation_mode", sa.String(), nullable=False),
        sa.Column("preconditioning", sa.String(), nullable=False),
        sa.Column("evse_sleep", sa.Boolean(), nullable=True),
        sa.Column("priority", sa.Boolean(), nullable=True),
        sa.Column("energy_transfer", sa.JSON(), nullable=False),
        sa.Column("cost", sa.JSON(), nullable=False),
        sa.Column("limit", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "transaction_id"),
    )
    op.create_table(
        "event_stream",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("monitor_id", sa.Integer(), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=True),
        sa.Column("values_max", sa.Integer(), nullable=True),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("last_at", TIME, nullable=True),
        sa.Column("values", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "stream_id"),
    )
    op.create_table(
        "stream_batch",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("monitor_id", sa.Integer(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stream_batch_station_id", "stream_batch", ["station_id"])
    op.create_table(
        "battery_swap",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("id_token", sa.String(), nullable=False),
        sa.Column("batteries", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_battery_swap_station_id", "battery_swap", ["station_id"])


def downgrade() -> None:
    """All of it is forgotten."""
    for table in ("battery_swap", "stream_batch", "event_stream", "transaction_terms"):
        op.drop_table(table)
    for table in ("tariff", "dynamic_schedule", "v2x_event", "der_control"):
        op.drop_table(table)
