"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from csms.store.tables import BIG_ID
from csms.store.times import Utc


class Operation(SQLModel, table=True):
    """What a station was asked for and goes on after its answer: an update, an upload, a report.

    `id` is the request id that its later messages carry, 1..2^31-1, never used again. `kind` names the command.
    `status` is the last word of the station, or: asked (no answer yet), unanswered (whether it acts is unknown).
    `ended_at` None: it goes on. `detail` holds what was asked and, under `steps`, every status with its time.
    """

    id: int = Field(primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    kind: str
    status: str = "asked"
    begun_at: datetime = Field(sa_type=Utc)
    changed_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class LimitRung(SQLModel, table=True):
    """On which rung of the limit ladder a station stands, for its floor or for the limits of its sessions (`role`).

    `vendor`, `model`, `firmware`: what it was when that was found out; others of the same kind begin there. `state` and
    the rest as in `csms.charging.ladder.Track`. `changed_at`: since when it is in this state.
    """

    __tablename__ = "limit_rung"

    station_id: str = Field(primary_key=True)
    role: str = Field(primary_key=True)
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    state: str
    rung: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    proof: str = ""
    changed_at: datetime = Field(sa_type=Utc)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
