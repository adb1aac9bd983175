"""What waits in the outbox is found by what kind it is, without reading what was delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels: str | None = None
depends_on: str | None = None

OPEN = sa.text("state IN ('queued', 'sent', 'retry')")


def upgrade() -> None:
    """One index more."""
    op.create_index(
        "ix_outbox_open", "outbox", ["partner", "interface", "id"], sqlite_where=OPEN, postgresql_where=OPEN
    )


def downgrade() -> None:
    """One index less."""
    op.drop_index("ix_outbox_open", "outbox")
