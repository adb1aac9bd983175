"""Tables of the HTTP interface: its tokens, and the audit log. Times are UTC."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from csms.store.times import Utc


class AccessToken(SQLModel, table=True):
    """A token of the HTTP interface. `id` is its public part, `digest` SHA-256 of the whole.

    A token that is rotated is another row of the same name. `bound_to`: feeders of a grid operator, the platform of a
    partner. Rows stay for ever: records speak of them.
    """

    __tablename__ = "access_token"

    id: str = Field(primary_key=True, max_length=32)
    name: str = Field(index=True)
    role: str
    bound_to: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    digest: str
    created_at: datetime = Field(sa_type=Utc)
    created_by: str = ""
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    last_used_at: datetime | None = Field(default=None, sa_type=Utc)
    revoked_at: datetime | None = Field(default=None, sa_type=Utc)

    def __repr__(self) -> str:
        """Without the digest."""
        return f"AccessToken({self.id}, {self.name}, {self.role})"


class AuditRow(SQLModel, table=True):
    """One record of the audit log, see `csms.model.audit`. The database refuses to change or delete rows."""

    __tablename__ = "audit_record"

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_type=Utc, index=True)
    kind: str
    action: str
    actor: str = Field(index=True)
    target: str = Field(index=True)
    text: str = Field(sa_column=Column(Text, nullable=False))
    prev_hash: str
    hash: str
