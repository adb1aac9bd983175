"""Schemas and translator of one version in the right order: what a gateway needs to turn frames into messages and back.

Inward: translator's word on the action, lenient schema, translator. Outward: translator, strict schema.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from csms.model.command import Command, CommandResult
from csms.model.errors import CsmsError, PeerError, RpcErrorCode
from csms.model.inbound import Acknowledged, Inbound, Reply
from csms.model.station import Protocol
from csms.wire.frames import Call, Result, Send, encode_result, encode_written_result, refuse_answer
from csms.wire.schemas import Deviation, Validator
from csms.wire.translator import Payload, Translator
from csms.wire.typed import HotCall, TypedReader


class CommandInvalid(CsmsError):
    """A command does not fit the schema of the station's version, so it was not sent."""

    code = "command_invalid"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message of a station and the faults in it that were let pass."""

    message: Inbound
    deviations: tuple[Deviation, ...] = ()


class Codec:
    """One version; it holds no connection's state, so one object serves all stations of a version."""

    def __init__(self, translator: Translator, validator: Validator | None = None) -> None:
        self._translator = translator
        self._validator = validator or Validator(translator.protocol)
        typed = TypedReader(translator.hot, self._validator.request_schema, translator.zone)
        self.decode_hot: Callable[[bytes, datetime], HotCall | None] = typed.read
        """A frequent, flawless request straight from its frame; None: use `frames.decode` and `decode_call`."""
        self._acknowledged: dict[str, bytes] = {}

    @property
    def protocol(self) -> Protocol:
        """The version."""
        return self._translator.protocol

    def decode_call(self, call: Call, received_at: datetime) -> Decoded:
        """Read a request; raises PeerError with what to answer."""
        try:
            deviations = self._validator.check_call(call.action, call.payload, lenient=True)
        except PeerError as fault:
            raise self._misdirected(call, received_at) or fault from None
        return Decoded(self._translator.decode_call(call.action, call.payload, received_at), deviations)

    def decode_send(self, send: Send, received_at: datetime) -> Decoded:
        """Read a message that gets no answer; raises PeerError, which is to be counted only."""
        deviations = self._validator.check_send(send.action, send.payload, lenient=True)
        return Decoded(self._translator.decode_send(send.action, send.payload, received_at), deviations)

    def refusal_of(self, call: Call, answer: Payload) -> bytes | None:
        """The frame that tells a station of its answer that cannot be used; None when it can, or before 2.1."""
        if self.protocol is not Protocol.OCPP21:
            return None
        try:
            self._validator.check_result(call.action, answer, lenient=True)
        except PeerError as fault:
            return refuse_answer(self.protocol, call.unique_id, fault)
        return None

    def _misdirected(self, call: Call, received_at: datetime) -> PeerError | None:
        """NotSupported and NotImplemented go before any fault of the payload."""
        try:
            self._translator.decode_call(call.action, {}, received_at)
        except PeerError as fault:
            misdirected = fault.code in (RpcErrorCode.NOT_SUPPORTED, RpcErrorCode.NOT_IMPLEMENTED)
            return fault if misdirected else None
        return None

    def encode_reply(self, action: str, reply: Reply) -> Payload:
        """Write an answer; raises PeerError (InternalError) if ours would break the schema."""
        payload = self._translator.encode_reply(action, reply)
        try:
            self._validator.check_result(action, payload)
        except PeerError as fault:
            raise PeerError(RpcErrorCode.INTERNAL_ERROR, fault.description) from fault
        return payload

    def answer(self, unique_id: str, action: str, reply: Reply) -> bytes:
        """The frame that answers a call; raises as `encode_reply` does."""
        if type(reply) is not Acknowledged:
            return encode_result(Result(unique_id, self.encode_reply(action, reply)))
        payload = self._acknowledged.get(action)
        if payload is None:
            payload = self._acknowledged[action] = orjson.dumps(self.encode_reply(action, reply))
        return encode_written_result(unique_id, payload)

    def encode_command(self, command: Command) -> list[tuple[str, Payload]]:
        """The calls of a command; raises NotInThisVersion, CommandInvalid."""
        calls = self._translator.encode_command(command)
        for action, payload in calls:
            try:
                self._validator.check_call(action, payload)
            except PeerError as fault:
                raise CommandInvalid(fault.description) from fault
        return calls

    def decode_results(
        self, command: Command, calls: Sequence[tuple[str, Payload]], answers: Sequence[Payload]
    ) -> CommandResult:
        """Read the answers to `calls`; raises PeerError for one that makes no sense (RB-25)."""
        for (action, _), answer in zip(calls, answers, strict=False):
            self._validator.check_result(action, answer, lenient=True)
        return self._translator.decode_results(command, answers)
