"""The `ocpp` package as judge: what its own ChargePoint does with a frame, with nothing behind it."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

import ocpp.messages
import ocpp.v16
import ocpp.v21
import ocpp.v201
from ocpp.exceptions import GenericError, OCPPError

from csms.model.station import Protocol
from tests.support.examples import actions

Number = TypeVar("Number", int, Decimal)

SILENT = logging.getLogger("tests.stock")
SILENT.setLevel(logging.CRITICAL + 1)
VERSIONS: dict[Protocol, tuple[ModuleType, str]] = {
    Protocol.OCPP16: (ocpp.v16, "1.6"),
    Protocol.OCPP201: (ocpp.v201, "2.0.1"),
    Protocol.OCPP21: (ocpp.v21, "2.1"),
}


class Stage(StrEnum):
    """How far a frame came."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    REPLY = "reply"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a frame ended and the error code, or the name of the exception that would end the connection."""

    stage: Stage
    code: str = ""

    @property
    def passes(self) -> bool:
        """Whether the frame has an effect."""
        return self.stage in (Stage.ACCEPTED, Stage.REPLY)


class Stock:
    """A ChargePoint of the package with a handler for every action of both sides; validates on the spot."""

    def __init__(self, protocol: Protocol) -> None:
        module, self.version = VERSIONS[protocol]
        self._handled = False
        self._fault: OCPPError | None = None
        self._point = module.ChargePoint("station", self, logger=SILENT)
        self._point.route_map = {action: {"_on_action": self._handler()} for action in actions(protocol)}
        self._whole_handle_call, self._point._handle_call = self._point._handle_call, self._handle_call

    def judge(self, data: str | bytes) -> Verdict:
        """What `route_message` does with the frame. `ocpp.messages.ASYNC_VALIDATION` must be off."""
        self._handled, self._fault = False, None
        run = self._point.route_message(data)
        try:
            run.send(None)
        except StopIteration:
            return self._verdict()
        except Exception as fault:
            return Verdict(Stage.CRASHED, type(fault).__name__)
        raise AssertionError("the package waited for something")

    async def send(self, text: str) -> None:
        """The connection of the package: its answers are judged before they are written."""

    def _handler(self) -> Any:
        def handle(**payload: object) -> None:
            self._handled = True
            raise GenericError("accepted")

        return handle

    async def _handle_call(self, call: ocpp.messages.Call) -> None:
        try:
            await self._whole_handle_call(call)
        except OCPPError as fault:
            self._fault = fault
            raise

    def _verdict(self) -> Verdict:
        if self._handled:
            return Verdict(Stage.ACCEPTED)
        if self._fault is not None:
            return Verdict(Stage.REFUSED, self._fault.code)
        try:
            self._point._response_queue.get_nowait()
        except asyncio.QueueEmpty:
            return Verdict(Stage.UNREADABLE)
        return Verdict(Stage.REPLY)

    def codes(self, action: str, payload: object) -> set[str]:
        """The codes of all faults of a payload, each as the package answers it."""
        validator = ocpp.messages.get_validator(ocpp.messages.MessageType.Call, action, self.version)
        if self.version == "1.6" and action in DECIMAL_ACTIONS:
            readers = {"parse_float": lambda text: _near(Decimal(text)), "parse_int": lambda text: _near(int(text))}
            payload = json.loads(json.dumps(payload), **readers)
        return {CODES.get(fault.validator, "FormatViolation") for fault in validator.iter_errors(payload)}


def _near(number: Number) -> Number:
    """A number beyond the reach of `multipleOf` would end the search for faults with an exception; so far out each is a
    multiple of a tenth, and one within reach stands in for it.
    """
    return number if abs(number) < FAR else type(number)(FAR)


FAR = 10**20
DECIMAL_ACTIONS = ("RemoteStartTransaction", "SetChargingProfile")
"""Requests that the package reads with decimals, in 1.6 only."""

CODES = {"type": "TypeConstraintViolation", "maxLength": "TypeConstraintViolation", "required": "ProtocolError"}
"""As `ocpp.messages` maps them; the tests hold its answers against them."""
