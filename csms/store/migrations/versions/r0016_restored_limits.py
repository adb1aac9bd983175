"""Upper bounds tell the limits that made them, so that a restart can go on with those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Rows from before count to their end."""
    op.add_column("upper_bound", sa.Column("limits", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """The bound itself is still there."""
    op.drop_column("upper_bound", "limits")
