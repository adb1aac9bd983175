"""A functional block of one OCPP version, and a translator that is put together from blocks.

A block says how its messages, answers and commands read on the wire. Nothing in it decides anything; adding what OCPP
can do means adding a block, not a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

from csms.model.command import Command, CommandResult, RawCall
from csms.model.errors import NotInThisVersion, PeerError, RpcErrorCode
from csms.model.inbound import Acknowledged, Extended, Inbound, Notice, Reply
from csms.model.station import Protocol
from csms.wire.reading import text
from csms.wire.translator import Payload
from csms.wire.typed import Translate

Calls = list[tuple[str, Payload]]
ReadCall = Callable[[Payload, datetime, tzinfo], Inbound]
"""A request of a station, its time of arrival, the station's local time (SR-05). Raises PeerError."""
ReadExtras = Callable[[Payload, datetime, tzinfo], Sequence[Inbound]]
"""What stands in a request beside what its reader makes of it; mostly nothing."""
WriteReply = Callable[[Any], Payload]
WriteCommand = Callable[[Any], Calls]
"""The calls of a command, usually one. Raises NotInThisVersion."""
ReadResults = Callable[[Any, Sequence[Payload], tzinfo], CommandResult]
"""A command and the answers to its calls, some of which may be missing. Raises PeerError."""

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Block:
    """`calls` by action, `replies` by the type of the answer, `commands` and `results` by the type of the command.

    `sends` are the messages that nobody answers (2.1). `notices` are messages that are kept and have no effect, with
    the answer to each; what has no entry in `results` is read as a status and the whole answer. `extras` are what this
    block adds to messages that another one reads.
    """

    calls: Mapping[str, ReadCall] = field(default_factory=dict)
    replies: Mapping[type[Reply], WriteReply] = field(default_factory=dict)
    commands: Mapping[type[Command], WriteCommand] = field(default_factory=dict)
    results: Mapping[type[Command], ReadResults] = field(default_factory=dict)
    notices: Mapping[str, Payload] = field(default_factory=dict)
    sends: Mapping[str, ReadCall] = field(default_factory=dict)
    extras: Mapping[str, ReadExtras] = field(default_factory=dict)


class BlockTranslator:
    """A `csms.wire.translator.Translator` made of blocks; a later block replaces what an earlier one says.

    `outgoing` are the actions that only a central system sends; `zone` is the local time of stations that write times
    without one (SR-05).
    """

    def __init__(
        self,
        protocol: Protocol,
        blocks: Iterable[Block],
        outgoing: Iterable[str],
        hot: Mapping[str, Translate],
        zone: tzinfo = UTC,
    ) -> None:
        self.protocol, self.zone, self.hot = protocol, zone, hot
        self.outgoing = frozenset(outgoing)
        ordered = list(blocks)
        self._calls = _merged(block.calls for block in ordered)
        self._replies = _merged(block.replies for block in ordered)
        self._commands = _merged(block.commands for block in ordered)
        self._results = _merged(block.results for block in ordered)
        self._notices = _merged(block.notices for block in ordered)
        self._sends = _merged(block.sends for block in ordered)
        self._extras = _merged(block.extras for block in ordered)

    @property
    def incoming(self) -> frozenset[str]:
        """The actions that a station may send."""
        return frozenset(self._calls) | frozenset(self._notices)

    def decode_call(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        """What a station says; raises PeerError."""
        message = self._decode(action, payload, received_at)
        read = self._extras.get(action)
        extras = tuple(read(payload, received_at, self.zone)) if read else ()
        return Extended(message, extras) if extras else message

    def decode_send(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        """What a station says without an answer; raises PeerError."""
        read = self._sends.get(action)
        if read is None:
            raise PeerError(RpcErrorCode.NOT_IMPLEMENTED, f"{action} is not sent without an answer in {self.protocol}")
        return read(payload, received_at, self.zone)

    def _decode(self, action: str, payload: Payload, received_at: datetime) -> Inbound:
        read = self._calls.get(action)
        if read is not None:
            return read(payload, received_at, self.zone)
        if action in self._notices:
            return Notice(action, payload)
        if action in self.outgoing:
            raise PeerError(RpcErrorCode.NOT_SUPPORTED, f"{action} is for the central system to send")
        version = self.protocol.value.removeprefix("ocpp")
        raise PeerError(RpcErrorCode.NOT_IMPLEMENTED, f"{action} is not an action of OCPP {version}")

    def encode_reply(self, action: str, reply: Reply) -> Payload:
        """The answer to `action`; raises TypeError for a reply that this version does not have."""
        if type(reply) is Acknowledged:
            return dict(self._notices.get(action, {}))
        write = self._replies.get(type(reply))
        if write is None:
            raise TypeError(f"{type(reply).__name__} cannot answer {action} in {self.protocol}")
        return write(reply)

    def encode_command(self, command: Command) -> Calls:
        """The calls that make up a command; raises NotInThisVersion."""
        if isinstance(command, RawCall):
            return [(command.action, dict(command.payload))]
        write = self._commands.get(type(command))
        if write is None:
            raise NotInThisVersion(f"{self.protocol} has no {type(command).__name__}")
        return write(command)

    def decode_results(self, command: Command, answers: Sequence[Payload]) -> CommandResult:
        """The answers to these calls; answers that a station left half empty give what they hold."""
        read = self._results.get(type(command))
        return read(command, answers, self.zone) if read else plain_result(answers)


def plain_result(answers: Sequence[Payload]) -> CommandResult:
    """The status of the first answer, Accepted where the version tells none, and the whole answer.

    A status that is there and says nothing is no yes.
    """
    answer = answers[0] if answers else {}
    return CommandResult(text(answer, "status") if "status" in answer else "Accepted", payload=answer)


def _merged(parts: Iterable[Mapping[Any, Entry]]) -> dict[Any, Entry]:
    whole: dict[Any, Entry] = {}
    for part in parts:
        whole.update(part)
    return whole


def present(members: Payload) -> Payload:
    """`members` without those that are None."""
    return {key: value for key, value in members.items() if value is not None}
