"""Messages on the display of a station (OCPP 2.0.1 block O)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from csms.model.charging_profile import Moment
from csms.model.command import Command, ConnectorNumber, TransactionName, Whole
from csms.model.inbound import Inbound

Priority = Literal["AlwaysFront", "InFront", "NormalCycle"]
ShownWhile = Literal["Charging", "Faulted", "Idle", "Unavailable"]
TextFormat = Literal["ASCII", "HTML", "URI", "UTF8"]

SHOWN = "Accepted"
SHOWING = ("asked", "unanswered", SHOWN)
"""Statuses of messages that may be on the display."""


class SetDisplayMessage(Command, frozen=True):
    """Show a text. `message_id` 0 makes a new message; that of one which is shown replaces it (O06).

    `state`: only while the station is in it; `transaction_id`: only during that session (O02); `display` and `evse_id`
    name a display that is not the main one.
    """

    content: Annotated[str, Meta(min_length=1, max_length=512)]
    message_id: Whole = 0
    priority: Priority = "NormalCycle"
    state: ShownWhile | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    transaction_id: TransactionName | None = None
    format: TextFormat = "UTF8"
    language: Annotated[str, Meta(min_length=2, max_length=8)] | None = None
    display: Annotated[str, Meta(min_length=1, max_length=50)] | None = None
    evse_id: ConnectorNumber | None = None


class GetDisplayMessages(Command, frozen=True):
    """Ask for the messages that match all given criteria; they come later, in parts. `request_id` 0: a new one."""

    message_ids: Annotated[tuple[Whole, ...], Meta(max_length=100)] = ()
    priority: Priority | None = None
    state: ShownWhile | None = None
    request_id: Whole = 0


class ClearDisplayMessage(Command, frozen=True):
    """Take a message away (O05)."""

    message_id: Annotated[int, Meta(ge=0, lt=2**31)]


class ShownMessage(Struct, frozen=True):
    """One message as a station reports it; texts are the station's own."""

    message_id: int
    content: str
    priority: str = ""
    state: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    transaction_id: str = ""
    format: str = ""
    language: str = ""
    display: str = ""
    evse_id: int | None = None


class DisplayMessagesReport(Inbound, frozen=True):
    """NotifyDisplayMessages: a part of the answer to GetDisplayMessages; `more`: others follow."""

    request_id: int
    messages: tuple[ShownMessage, ...] = ()
    more: bool = False
