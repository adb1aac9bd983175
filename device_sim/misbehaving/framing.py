"""Odd frames: pipelined, repeated, cut off, nested, with ids that start anew."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.exceptions import ConnectionClosed

from device_sim.misbehaving.pile import OCPP16, Payload, Pile, boot, status, want

UNASKED = 3000


async def pipelined_calls(pile: Pile) -> None:
    """RB-11: several calls before the boot is answered."""
    said = [boot(pile), status(pile, 0, "Available")] if pile.protocol == OCPP16 else [boot(pile)]
    await asyncio.gather(*said, status(pile, 1, "Available"), pile.call("Heartbeat"))


async def ids_from_one(pile: Pile) -> None:
    """RB-15: every boot counts its message ids from "1" again, and they are new messages."""
    await pile.call("Heartbeat", {}, "1")
    await pile.call("DataTransfer", {"vendorId": "one"}, "2")
    await pile.disconnect()
    await pile.connect()
    answer = await pile.call("DataTransfer", {"vendorId": "two"}, "1")
    want("status" in answer, "answer_of_another_call", answer=answer)
    want("currentTime" in await pile.call("Heartbeat", {}, "2"), "answer_of_another_call", answer=answer)


async def repeated_id(pile: Pile) -> None:
    """RB-16: the same message twice on one socket gets the same answer twice."""
    text = json.dumps([2, "twice", "DataTransfer", {"vendorId": "maker", "data": "once"}])
    first, second = await pile.exchange(text, "twice"), await pile.exchange(text, "twice")
    want(first == second, "two_answers", first=first, second=second)


async def truncated_json(pile: Pile) -> None:
    """RB-26: a buffer that was too small."""
    await pile.socket.send('[2,"cut","DataTransfer",{"vendorId":"maker","data":"0123456789')
    await pile.socket.send('[3,"cut",{"configurationKey":[{"key":"HeartbeatInterval","readonly":fal')
    await pile.call("Heartbeat")


async def pretty_json(pile: Pile) -> None:
    """RB-27."""
    text = json.dumps([2, "pretty", "Heartbeat", {}], indent=4).replace(",", " ,").replace("\n", "\r\n")
    want((await pile.exchange(text, "pretty"))[0] == 3, "refused_frame", what="pretty-printed JSON")


async def extra_property(pile: Pile) -> None:
    """RB-28."""
    token: Payload = {"idTag": "TAG-1", "connectorId": 1}
    if pile.protocol != OCPP16:
        token = {"idToken": {"idToken": "TAG-1", "type": "ISO14443"}, "connectorId": 1}
    await pile.call("Authorize", token)


async def deep_nesting(pile: Pile) -> None:
    """HP-D3: 50,000 opening brackets."""
    await pile.socket.send("[" * 50_000)
    await pile.call("Heartbeat")


async def odd_frames(pile: Pile) -> None:
    """HP-D2, HP-D5: what is no call, no answer and no error."""
    odd: list[Any] = [[2, "1", ["x"], {}], [2, "2"], [9, "3", "Heartbeat", {}], [2, "4", "Heartbeat", []], {}, 7, []]
    for frame in odd:
        await pile.socket.send(json.dumps(frame))
    await pile.call("Heartbeat")


async def unasked_answers(pile: Pile) -> None:
    """HP-D1: 3,000 answers that nobody waits for."""
    for number in range(UNASKED):
        await pile.socket.send(json.dumps([3, f"unasked-{number}", {}]))
    await pile.call("Heartbeat")


async def odd_ids(pile: Pile) -> None:
    """HP-D6: a number for an id is let pass, an endless one is not echoed."""
    await pile.socket.send(json.dumps([2, 17, "Heartbeat", {}]))
    await pile.socket.send(json.dumps([2, "x" * 5_000, "Heartbeat", {}]))
    await pile.call("Heartbeat")


async def unknown_action(pile: Pile) -> None:
    """HP-D4: an action that does not exist is answered, with an error."""
    answer = await pile.exchange(json.dumps([2, "coffee", "MakeCoffee", {"sugar": 2}]), "coffee")
    want(answer[0] == 4, "not_refused", what="MakeCoffee")


async def other_version(pile: Pile) -> None:
    """RB-34: payloads of the other version."""
    payload: Payload = {"chargePointVendor": "Maker", "chargePointModel": "One"}
    if pile.protocol == OCPP16:
        payload = {"chargingStation": {"vendorName": "Maker", "model": "Two"}, "reason": "PowerUp"}
    for number in range(3):
        answer = await pile.exchange(json.dumps([2, f"other-{number}", "BootNotification", payload]), f"other-{number}")
        want(answer[0] == 4, "not_refused", what="BootNotification")


async def megabyte(pile: Pile) -> None:
    """A frame that no honest station sends may end its connection, nothing else."""
    text = json.dumps([2, "large", "DataTransfer", {"vendorId": "x", "data": "y" * 1_000_000}])
    try:
        await pile.socket.send(text)
        await pile.call("Heartbeat")
    except (ConnectionClosed, ConnectionError):
        await pile.connect()
