"""Sessions told in full; reservations, displays, reported profiles, limits from outside, signed values, states."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

SESSION_COLUMNS = (
    ("seq_first", sa.BigInteger()),
    ("seq_missing", sa.JSON()),
    ("remote_start_id", sa.BigInteger()),
    ("reservation_id", sa.BigInteger()),
    ("charging_s", sa.BigInteger()),
    ("cable_max_a", sa.BigInteger()),
    ("phases_used", sa.BigInteger()),
    ("cost", sa.Float()),
    ("ev_needs", sa.JSON()),
    ("ev_schedule", sa.JSON()),
)
TABLES = (
    "reservation",
    "display_message",
    "installed_profile",
    "external_limit",
    "signed_value",
    "wanted_availability",
    "state_change",
)


def upgrade() -> None:
    """New tables, and columns of sessions, which are empty for those that were kept before."""
    for name, kind in SESSION_COLUMNS:
        op.add_column("session", sa.Column(name, kind, nullable=True))
    _reservations()
    _displays()
    _profiles_and_limits()
    _signed_values()
    _states()


def downgrade() -> None:
    """Without them."""
    for table in reversed(TABLES):
        op.drop_table(table)
    for name, _ in reversed(SESSION_COLUMNS):
        op.drop_column("session", name)


def _reservations() -> None:
    op.create_table(
        "reservation",
        sa.Column("id", _big_id(), nullable=False),
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        _text("connector_type"),
        _text("id_token"),
        _text("token_type"),
        _text("group_id"),
        _time("expires_at"),
        _time("made_at"),
        _time("changed_at"),
        _text("state"),
        _text("answer"),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reservation_station_id", "reservation", ["station_id"])
    op.create_index("ix_reservation_state", "reservation", ["state"])


def _displays() -> None:
    op.create_table(
        "display_message",
        _text("station_id"),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        _text("status"),
        _text("priority"),
        _text("state"),
        _time("starts_at", nullable=True),
        _time("ends_at", nullable=True),
        _text("transaction_id"),
        _text("format"),
        _text("language"),
        sa.Column("content", sa.Text(), nullable=False),
        _text("display"),
        sa.Column("evse_id", sa.Integer(), nullable=True),
        _time("sent_at", nullable=True),
        _time("reported_at", nullable=True),
        sa.PrimaryKeyConstraint("station_id", "message_id"),
    )


def _profiles_and_limits() -> None:
    op.create_table(
        "installed_profile",
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        _text("source"),
        _text("purpose"),
        sa.Column("stack_level", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        _time("reported_at"),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "profile_id"),
    )
    op.create_table(
        "external_limit",
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        _text("source"),
        sa.Column("grid_critical", sa.Boolean(), nullable=True),
        sa.Column("schedules", sa.JSON(), nullable=False),
        _time("received_at"),
        _time("cleared_at", nullable=True),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "source"),
    )


def _signed_values() -> None:
    op.create_table(
        "signed_value",
        sa.Column("id", _big_id(), nullable=False),
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        _text("transaction_id"),
        _time("time"),
        _time("received_at"),
        _text("measurand"),
        _text("context"),
        _text("signing"),
        _text("encoding"),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_signed_value_session_id", "signed_value", ["session_id"])


def _states() -> None:
    op.create_table(
        "wanted_availability",
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("operative", sa.Boolean(), nullable=False),
        _text("answer"),
        _time("asked_at"),
        _time("sent_at"),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "connector_id"),
    )
    op.create_table(
        "state_change",
        sa.Column("id", _big_id(), nullable=False),
        _text("station_id"),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        _text("state"),
        _text("error_code"),
        _text("cause"),
        _time("at"),
        _time("received_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_state_change_evse", "state_change", ["station_id", "evse_id", "id"])
    op.create_index("ix_state_change_session_id", "state_change", ["session_id"])


def _big_id() -> sa.BigInteger:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
