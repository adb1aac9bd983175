"""The first schema: stations, sessions, samples, limits, plans, profiles, outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def _when(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _whole(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _real(name: str, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float(), nullable=nullable)


def _truth(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _big(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _big_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)


def upgrade() -> None:
    """From nothing."""
    _stations()
    _sessions()
    _grid()
    _charging()
    _province()


def downgrade() -> None:
    """There is no way back from the first schema but an empty database."""
    raise NotImplementedError("the first revision cannot be undone")


def _stations() -> None:
    op.create_table(
        "station",
        sa.Column("id", sa.String(48), primary_key=True),
        _truth("registered"),
        *(_text(n) for n in ("site_id", "feeder_id", "vendor", "model", "serial", "firmware", "protocol")),
        _when("booted_at", nullable=True),
        _when("last_seen_at", nullable=True),
    )
    op.create_table(
        "evse",
        _text("station_id"),
        _whole("evse_id"),
        _text("kind"),
        _whole("phases"),
        _real("current_max_a"),
        _whole("power_max_w"),
        sa.PrimaryKeyConstraint("station_id", "evse_id"),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"]),
    )
    op.create_table(
        "connector",
        _text("station_id"),
        _whole("evse_id"),
        _whole("connector_id"),
        _text("status"),
        _text("error_code"),
        _text("info"),
        _when("station_time", nullable=True),
        _when("received_at"),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "connector_id"),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"]),
    )
    op.create_table(
        "notice",
        _big_id(),
        _text("station_id"),
        _when("received_at"),
        _text("code"),
        _json("detail"),
    )
    op.create_index("ix_notice_station_id", "notice", ["station_id"])
    op.create_table(
        "id_token",
        sa.Column("id_token", sa.String(64), primary_key=True),
        _text("status"),
        _text("group_id"),
        _when("expires_at", nullable=True),
    )


def _sessions() -> None:
    op.create_table(
        "session",
        _big_id(),
        _text("station_id"),
        _whole("evse_id"),
        _whole("connector_id"),
        *(_text(n) for n in ("transaction_id", "id_token", "status")),
        _when("started_at"),
        _when("received_at"),
        _when("ended_at", nullable=True),
        _text("stop_reason"),
        _text("charging_state"),
        *(_real(n, nullable=True) for n in ("start_register_wh", "last_register_wh", "end_register_wh")),
        _real("energy_wh"),
        _real("last_power_w", nullable=True),
        _real("last_soc", nullable=True),
        _when("last_sample_at", nullable=True),
        _big("last_seq_no"),
        _real("wanted_wh", nullable=True),
        _when("departure_at", nullable=True),
        _json("flags"),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"]),
    )
    op.create_index("ix_session_station", "session", ["station_id", "transaction_id"])
    op.create_index("ix_session_status", "session", ["status"])
    key = ("station_id", "evse_id", "transaction_id", "time", "measurand", "phase", "context", "location")
    op.create_table(
        "sample",
        _big_id(),
        _text("station_id"),
        _whole("evse_id"),
        _big("session_id", nullable=True),
        _text("transaction_id"),
        _when("time"),
        _when("received_at"),
        *(_text(n) for n in ("measurand", "phase", "context", "location")),
        _real("value"),
        _text("unit"),
        sa.UniqueConstraint(*key, name="uq_sample"),
    )
    op.create_index("ix_sample_session", "sample", ["session_id", "time"])


def _grid() -> None:
    op.create_table(
        "grid_limit",
        *(_text(n) for n in ("source", "feeder_id", "limit_id")),
        _big("version"),
        _big("power_w"),
        *(_when(n) for n in ("valid_from", "valid_to", "issued_at", "received_at")),
        _truth("cancelled"),
        _text("reason"),
        sa.PrimaryKeyConstraint("source", "feeder_id", "limit_id", "version"),
    )
    op.create_table(
        "grid_limit_decision",
        _big_id(),
        _when("received_at"),
        *(_text(n) for n in ("source", "feeder_id", "limit_id", "raw_sha256")),
        sa.Column("raw", sa.Text(), nullable=False),
        _truth("accepted"),
        _text("code"),
    )


def _charging() -> None:
    op.create_table(
        "plan",
        _big_id(),
        _text("feeder_id"),
        _when("made_at"),
        _text("cause"),
        _text("method"),
        *(_real(n) for n in ("objective", "lower_bound", "gap", "solve_s")),
        _json("content"),
    )
    op.create_index("ix_plan_feeder_id", "plan", ["feeder_id"])
    op.create_table(
        "charging_profile",
        _big_id(),
        _text("station_id"),
        _whole("evse_id"),
        _big("session_id", nullable=True),
        _whole("profile_id"),
        _text("purpose"),
        _whole("limit_w"),
        _json("content"),
        _when("sent_at"),
        _when("answered_at", nullable=True),
        _text("status"),
        _when("seen_at", nullable=True),
    )
    op.create_index("ix_charging_profile_station_id", "charging_profile", ["station_id"])
    op.create_table(
        "upper_bound",
        _text("station_id"),
        _whole("evse_id"),
        _whole("upper_bound_w"),
        _when("until"),
        _when("updated_at"),
        sa.PrimaryKeyConstraint("station_id", "evse_id"),
    )


def _province() -> None:
    op.create_table(
        "outbox",
        _big_id(),
        *(_text(n) for n in ("partner", "interface", "business_key")),
        _json("payload"),
        _text("state"),
        _whole("attempts"),
        _when("created_at"),
        _when("next_at"),
        _when("acked_at", nullable=True),
        _big("last_code", nullable=True),
        _text("last_error"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_due", "outbox", ["partner", "state", "next_at"])
    op.create_table(
        "external_id",
        *(_text(n) for n in ("scope", "local", "external")),
        sa.PrimaryKeyConstraint("scope", "local"),
        sa.UniqueConstraint("scope", "external", name="uq_external_id"),
    )
