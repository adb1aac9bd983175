"""The 2.0.1 translator: the four directions of `csms.wire.translator.Translator` in one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from csms.model.command import Command, CommandResult
from csms.model.inbound import Inbound, Reply
from csms.model.station import Protocol
from csms.ocpp201 import calls, commands, replies, results
from csms.ocpp201.hot import HOT
from csms.wire.translator import Payload
from csms.wire.typed import Translate


@dataclass(frozen=True, slots=True)
class Translator:
    """`zone` is the local time of stations that write times without one (SR-05)."""

    zone: tzinfo = UTC

    @property
    def protocol(self) -> Protocol:
        """OCPP 2.0.1."""
        return Protocol.OCPP201

    @property
    def hot(self) -> Mapping[str, Translate]:
        """Frequent requests from typed payloads."""
        return HOT

    def decode_call(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        """What a station says; raises PeerError."""
        return calls.decode(action, payload, received_at, self.zone)

    def encode_reply(self, action: str, reply: Reply) -> Payload:
        """The answer to `action`; raises TypeError for a reply that 2.0.1 does not have."""
        return replies.encode(action, reply)

    def encode_command(self, command: Command) -> list[tuple[str, Payload]]:
        """The calls that make up a command; raises NotInThisVersion."""
        return commands.encode(command)

    def decode_results(self, command: Command, answers: Sequence[Payload]) -> CommandResult:
        """The answers to these calls."""
        return results.decode(command, answers, self.zone)


TRANSLATOR = Translator()
