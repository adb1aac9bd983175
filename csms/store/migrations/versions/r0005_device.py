"""What stations are and tell of themselves: stages, variables, monitors, events, local lists; more facts of a token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_STATION = {
    "stage": "commissioned",
    "boot_wish": "Accepted",
    "registration": "Accepted",
    "boot_reason": "",
    "iccid": "",
    "imsi": "",
    "meter_type": "",
    "meter_serial": "",
}
"""New columns with what they hold for stations that are there already: strangers have only been seen."""

_TOKEN = {"folded": "", "token_type": "", "message": ""}


def upgrade() -> None:
    """What is there stays; every known station goes on being accepted."""
    for name, value in _STATION.items():
        op.add_column("station", _text(name, value))
    op.execute("UPDATE station SET stage = 'seen' WHERE NOT registered")
    for name, value in _TOKEN.items():
        op.add_column("id_token", _text(name, value))
    op.add_column("id_token", _moment("cache_expires_at", nullable=True))
    for name in ("languages", "allowed"):
        op.add_column("id_token", sa.Column(name, sa.JSON(), nullable=True))
    op.execute("UPDATE id_token SET folded = lower(id_token)")
    op.create_index("ix_id_token_folded", "id_token", ["folded"])
    _variable()
    _monitor()
    _event()
    _local_list()


def downgrade() -> None:
    """What stations told can be asked for again."""
    for table in ("local_list", "station_event", "monitor", "variable"):
        op.drop_table(table)
    op.drop_index("ix_id_token_folded", "id_token")
    for name in ("allowed", "languages", "cache_expires_at", *_TOKEN):
        op.drop_column("id_token", name)
    for name in _STATION:
        op.drop_column("station", name)


def _text(name: str, held: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False, server_default=None if held is None else sa.text(f"'{held}'"))


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _variable() -> None:
    op.create_table(
        "variable",
        *(_text(name) for name in ("station_id", "key", "name", "component", "component_instance")),
        _whole("evse_id", nullable=True),
        _whole("connector_id", nullable=True),
        *(_text(name) for name in ("variable", "variable_instance", "attribute")),
        sa.Column("value", sa.Text(), nullable=True),
        *(_text(name) for name in ("mutability", "data_type", "unit")),
        sa.Column("min_limit", sa.Float(), nullable=True),
        sa.Column("max_limit", sa.Float(), nullable=True),
        _text("values_list"),
        _flag("monitored"),
        _flag("reboot_required"),
        _moment("reported_at"),
        sa.PrimaryKeyConstraint("station_id", "key"),
    )


def _monitor() -> None:
    op.create_table(
        "monitor",
        _text("station_id"),
        _whole("monitor_id"),
        _text("name"),
        _text("kind"),
        sa.Column("value", sa.Float(), nullable=False),
        _whole("severity"),
        _flag("in_transaction"),
        _moment("reported_at"),
        sa.PrimaryKeyConstraint("station_id", "monitor_id"),
    )


def _event() -> None:
    op.create_table(
        "station_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _text("station_id"),
        _whole("event_id"),
        _moment("occurred_at"),
        _moment("received_at"),
        _text("trigger"),
        _text("name"),
        sa.Column("value", sa.Text(), nullable=False),
        *(_whole(name, nullable=True) for name in ("severity", "monitor_id", "cause_id")),
        _flag("cleared"),
        _flag("open"),
        *(_text(name) for name in ("transaction_id", "tech_code", "tech_info", "origin")),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("station_id", "open"):
        op.create_index(f"ix_station_event_{name}", "station_event", [name])


def _local_list() -> None:
    op.create_table(
        "local_list",
        _text("station_id"),
        _whole("version"),
        _text("status"),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=True),
        sa.Column("left_out", sa.JSON(), nullable=False),
        _moment("changed_at"),
        sa.PrimaryKeyConstraint("station_id"),
    )
