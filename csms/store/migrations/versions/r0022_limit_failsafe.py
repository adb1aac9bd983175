"""A limit keeps what it said of its source's silence, so that the same statement again can be told from another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision: str | None = "0021"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """One column more."""
    op.add_column("grid_limit", sa.Column("failsafe_w", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """One column less."""
    op.drop_column("grid_limit", "failsafe_w")
