"""What a translator of one OCPP version offers. Translators are pure and decide nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any
from typing import Protocol as Interface

from csms.model.command import Command, CommandResult
from csms.model.inbound import Inbound, Reply
from csms.model.station import Protocol
from csms.wire.typed import Translate

Payload = dict[str, Any]


class Translator(Interface):
    """Messages of one version to and from the neutral vocabulary.

    Payloads handed in were let pass by `csms.wire.schemas` (leniently); payloads handed out pass strictly.
    """

    @property
    def protocol(self) -> Protocol:
        """The version."""
        ...

    @property
    def zone(self) -> tzinfo:
        """The local time of stations that write times without a zone (SR-05)."""
        ...

    @property
    def hot(self) -> Mapping[str, Translate]:
        """Frequent requests that can be read from typed payloads, to the same messages as `decode_call`."""
        ...

    def decode_call(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        """What a station says.

        Raises PeerError: NotSupported for an action that only a central system may send, NotImplemented for an unknown
        one, else the code for the value that makes no sense.
        """
        ...

    def decode_send(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        """What a station says without waiting for an answer (2.1); raises PeerError, which nobody is told."""
        ...

    def encode_reply(self, action: str, reply: Reply) -> Payload:
        """The answer to `action`; raises TypeError for a reply that this action cannot carry."""
        ...

    def encode_command(self, command: Command) -> list[tuple[str, Payload]]:
        """The calls that make up a command, usually one; raises NotInThisVersion."""
        ...

    def decode_results(self, command: Command, results: Sequence[Payload]) -> CommandResult:
        """The answers to these calls, in their order; raises PeerError for an answer that makes no sense."""
        ...
