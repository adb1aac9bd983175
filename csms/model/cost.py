"""What a session costs, as stations are told (OCPP 2.0.1 block I)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from csms.model.command import Command, TransactionName


class PersonalMessage(Struct, frozen=True):
    """A text for the driver at the display, 1 to 512 characters (I06)."""

    content: str
    format: str = "UTF8"
    language: str = ""


class UpdateCost(Command, frozen=True):
    """Tell the driver at the display what the session costs so far (I02); no amount: what the house price says."""

    transaction_id: TransactionName
    total_cost: Annotated[float, Meta(ge=0, le=10**9)] | None = None
