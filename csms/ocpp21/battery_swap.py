"""Battery swapping on the wire (block S)."""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.battery_swap import BatterySwapped, RequestBatterySwap
from csms.wire.block import Block, Calls
from csms.wire.reading import items, optional_number, section, text
from csms.wire.translator import Payload


def _swapped(payload: Payload, received_at: datetime, zone: tzinfo) -> BatterySwapped:
    return BatterySwapped(
        event=text(payload, "eventType"),
        request_id=optional_number(payload, "requestId"),
        id_token=text(section(payload, "idToken"), "idToken"),
        batteries=tuple(dict(battery) for battery in items(payload, "batteryData")),
    )


def _request(command: RequestBatterySwap) -> Calls:
    token = {"idToken": command.id_token, "type": command.token_type}
    return [("RequestBatterySwap", {"requestId": command.request_id, "idToken": token})]


BLOCK = Block(calls={"BatterySwap": _swapped}, commands={RequestBatterySwap: _request})
