"""What a bad habit works with: one station on one websocket, whoever plays it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection

Payload = dict[str, Any]
Frame = list[Any]

OCPP16, OCPP201 = "ocpp1.6", "ocpp2.0.1"


class Wrong(Exception):
    """The central system did what it should not have; `key` names it, `values` say more."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(" ".join([key, *(f"{name}={value}" for name, value in values.items())]))
        self.key, self.values = key, values


class Pile(Protocol):
    """A station; `call` raises when it is answered with an error."""

    protocol: str

    @property
    def socket(self) -> ClientConnection:
        """The websocket as it is now."""

    async def connect(self, *, ending: str = "", **options: Any) -> None:
        """Open the websocket (again); `ending` is added to its address, `options` are those of `websockets`."""

    async def disconnect(self, code: int = 1000) -> None:
        """Say goodbye."""

    async def call(self, action: str, payload: Payload | None = None, unique_id: str | None = None) -> Payload:
        """What the central system answers."""

    async def exchange(self, text: str, unique_id: str) -> Frame:
        """Send any text; the frame that answers `unique_id`."""

    def answers(self, action: str, script: Any) -> None:
        """How calls of this action are answered from now on: a payload, or a function that makes one."""

    def stamp(self, ago_s: float = 0) -> str:
        """The moment, or one in the past, as stations write it."""


def want(held: object, key: str, **values: object) -> None:
    """Raises Wrong unless it holds."""
    if not held:
        raise Wrong(key, **values)


async def boot(pile: Pile, **more: Any) -> Payload:
    """BootNotification, the least of it."""
    if pile.protocol == OCPP16:
        return await pile.call("BootNotification", {"chargePointVendor": "Maker", "chargePointModel": "One"} | more)
    station = {"vendorName": "Maker", "model": "Two"}
    return await pile.call("BootNotification", {"chargingStation": station, "reason": "PowerUp"} | more)


async def status(pile: Pile, connector_id: int, word: str, **more: Any) -> Payload:
    """StatusNotification of a connector (of EVSE `connector_id`)."""
    if pile.protocol == OCPP16:
        payload: Payload = {"connectorId": connector_id, "errorCode": "NoError", "status": word}
    else:
        payload = {"timestamp": pile.stamp(), "connectorStatus": word, "evseId": connector_id, "connectorId": 1}
    return await pile.call("StatusNotification", payload | more)


async def start16(pile: Pile, **more: Any) -> int:
    """StartTransaction; the id that is given."""
    payload = {"connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": pile.stamp()}
    answer = await pile.call("StartTransaction", payload | more)
    number = answer.get("transactionId")
    want(isinstance(number, int) and 0 < number < 2**31, "odd_transaction_id", id=number)
    return int(answer["transactionId"])


async def stop16(pile: Pile, transaction_id: int, wh: float = 1000, **more: Any) -> Payload:
    """StopTransaction."""
    payload = {"transactionId": transaction_id, "meterStop": wh, "timestamp": pile.stamp(), "reason": "Local"}
    return await pile.call("StopTransaction", payload | more)


def sample(value: object, measurand: str = "Energy.Active.Import.Register", unit: str = "Wh", **more: Any) -> Payload:
    """A sampled value of 1.6."""
    words = {"measurand": measurand} if measurand else {}
    return {"value": value, **words, **({"unit": unit} if unit else {}), **more}


def values(time: str, *samples: Payload) -> Payload:
    """A meter value: what was sampled at one time."""
    return {"timestamp": time, "sampledValue": list(samples)}


async def meter16(pile: Pile, *meter_values: Payload, transaction_id: int | None = None, **more: Any) -> Payload:
    """MeterValues of connector 1."""
    transaction = {} if transaction_id is None else {"transactionId": transaction_id}
    return await pile.call("MeterValues", {"connectorId": 1, **transaction, "meterValue": list(meter_values), **more})


async def event201(
    pile: Pile, kind: str, transaction_id: str, seq_no: int, wh: float | None = None, **more: Any
) -> Any:
    """TransactionEvent of EVSE 1, with a reading of the register when `wh` is given."""
    info = {"transactionId": transaction_id, **more.pop("info", {})}
    trigger = {"Started": "CablePluggedIn", "Ended": "EVDeparted"}.get(kind, "MeterValuePeriodic")
    payload: Payload = {
        "eventType": kind,
        "timestamp": pile.stamp(),
        "triggerReason": trigger,
        "seqNo": seq_no,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
    }
    payload |= more
    if wh is not None:
        told = {"value": wh, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}}
        payload["meterValue"] = [values(payload["timestamp"], told)]
    return await pile.call("TransactionEvent", {name: part for name, part in payload.items() if part is not None})


Habit = Callable[[Pile], Any]
"""Acts it out; raises Wrong, or what `call` raises, when the central system is not up to it."""
