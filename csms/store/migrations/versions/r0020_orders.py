"""Which sessions have no order yet, and how messages of the outbox are found by what they are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels: str | None = None
depends_on: str | None = None

UNREPORTED = sa.text("status = 'ended' AND reported_at IS NULL")
LOOKED_AT = 2000
"""How many of the newest ended sessions the version before looked at after each start."""


def upgrade() -> None:
    """Sessions that the version before would not have looked at any more count as reported."""
    op.add_column("session", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE session SET reported_at = ended_at WHERE status = 'ended' AND id <= "
        f"(SELECT id FROM session WHERE status = 'ended' ORDER BY id DESC LIMIT 1 OFFSET {LOOKED_AT})"
    )
    op.create_index("ix_session_ended", "session", ["ended_at"])
    op.create_index("ix_session_unreported", "session", ["id"], sqlite_where=UNREPORTED, postgresql_where=UNREPORTED)
    op.create_index("ix_outbox_key", "outbox", ["partner", "interface", "business_key"])


def downgrade() -> None:
    """The newest sessions are looked at again."""
    op.drop_index("ix_outbox_key", "outbox")
    op.drop_index("ix_session_unreported", "session")
    op.drop_index("ix_session_ended", "session")
    op.drop_column("session", "reported_at")
