"""A pile that counts: each meter value holds the next number, so that a database can be asked for what was answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tests.support.running import BareStation

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def report(number: int) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    sampled = {"value": str(number), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": [sampled]}]}


class Reporter:
    """A pile that sends the same register until it is answered, as piles do."""

    def __init__(self, pile: BareStation) -> None:
        self.pile, self.answered, self.refused = pile, set[int](), 0
        self.stop = asyncio.Event()

    async def run(self, first: int) -> None:
        number = first
        while not self.stop.is_set():
            answer = await self.pile.call("MeterValues", report(number))
            if answer[0] == 3:
                self.answered.add(number)
                number += 1
            else:
                assert answer[2] == "InternalError"
                self.refused += 1
                await asyncio.sleep(0.2)


async def boot_until_accepted(pile: BareStation) -> None:
    for _ in range(100):
        if (await pile.call("BootNotification", BOOT))[2]["status"] == "Accepted":
            return
        await asyncio.sleep(0.5)
    raise AssertionError("never accepted")
