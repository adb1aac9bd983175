"""Which envelopes of partners were taken, so that a restart lets no replay in; what waits in the outbox is found by
whether it was tried before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels: str | None = None
depends_on: str | None = None

OPEN = sa.text("state IN ('queued', 'sent', 'retry')")
NEW = sa.text("state = 'queued'")
ORDER = ["partner", "interface", "next_at", "id"]
TRIED = sa.text("state IN ('sent', 'retry')")


def upgrade() -> None:
    """One table more; two indexes instead of one."""
    op.create_table(
        "province_seen",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_province_seen_expires", "province_seen", ["expires_at"])
    op.drop_index("ix_outbox_open", "outbox")
    op.create_index("ix_outbox_new", "outbox", ORDER, sqlite_where=NEW, postgresql_where=NEW)
    op.create_index("ix_outbox_tried", "outbox", ORDER, sqlite_where=TRIED, postgresql_where=TRIED)


def downgrade() -> None:
    """As it was."""
    op.drop_index("ix_outbox_tried", "outbox")
    op.drop_index("ix_outbox_new", "outbox")
    op.create_index(
        "ix_outbox_open", "outbox", ["partner", "interface", "id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.drop_table("province_seen")
