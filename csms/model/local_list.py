"""The list of tokens that a station may accept by itself (OCPP 2.0.1 block D; 1.6 sections 5.10 and 5.15)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from csms.model.command import Command, Token
from csms.model.inbound import AuthorizeReply

LIST_TOKENS_MAX = 100_000


class GetLocalListVersion(Command, frozen=True):
    """Ask for the version of the list: 0 for none or an empty one, -1 when the station has no such thing (1.6)."""


class SendLocalList(Command, frozen=True):
    """Bring the list of a station up to the tokens that are known here, by what it last acknowledged.

    `tokens` chooses some of them, for this time and from now on; left out, all of them. `full` replaces the list
    instead of sending what changed; with no token that empties it.
    """

    full: bool = False
    tokens: Annotated[tuple[Token, ...], Meta(max_length=LIST_TOKENS_MAX)] | None = None


class ListEntry(Struct, frozen=True):
    """A token for the list; `info` None takes it off."""

    id_token: str
    token_type: str
    info: AuthorizeReply | None


class WriteLocalList(Command, frozen=True):
    """One message to a station: the whole list, or changes to it. `version` is above 0."""

    version: int
    full: bool
    entries: tuple[ListEntry, ...] = ()


class ListVersion(Struct, frozen=True):
    """The version that a station told."""

    version: int
