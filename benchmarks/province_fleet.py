"""Lean OCPP 1.6 stations whose sessions are known beforehand, and which lose nothing when the server dies.

A message stays at the head of its station until it is answered, over as many connections as it takes, as the queue of a
real pile does. `Truth` is what everybody must know in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from csms.model.clock import Clock

ANSWER_WALL_S = 20.0
AGAIN_WALL_S = 0.2
ROUND = ("SuspendedEV", "Charging")
CODES = {"Available": 1, "Preparing": 2, "Finishing": 2, "Charging": 3, "SuspendedEV": 3, "Faulted": 255}
"""Status of section 14.1 while a session runs; Preparing and Finishing lie outside of one."""


@dataclass
class Truth:
    """What happened at the stations: finished sessions as (station, start, stop, Wh), and the last states."""

    sessions: list[tuple[str, str, str, int]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    statuses: int = 0
    refused: int = 0


Told = Callable[[str, str, float], None]
"""Station, what (a status or `stopped`), and the wall second at which it was sent."""


def _nobody(station_id: str, what: str, sent_wall_s: float) -> None:
    """Nobody measures."""


class LeanStation:
    """One pile with one connector. `url` gives its address at each connection, as ports change with restarts."""

    def __init__(
        self, station_id: str, url: Callable[[], str], clock: Clock, truth: Truth, rng: Random, told: Told = _nobody
    ) -> None:
        self.station_id = station_id
        self._url = url
        self._clock = clock
        self._truth = truth
        self._rng = rng
        self._told = told
        self._socket: ClientConnection | None = None
        self._numbers = itertools.count(1)
        self._register_wh = 0
        self._transaction = 0

    async def begin(self) -> None:
        """Boot and tell that the connector is free."""
        await self._call("BootNotification", {"chargePointVendor": "Lean", "chargePointModel": "One"})
        await self.show("Available")

    async def charge(self, statuses: int, wait: Callable[[], Any], metered: int = 0) -> None:
        """One session with `statuses` >= 4 states; `wait` passes between them, and `metered` times before the end."""
        await self.show("Preparing")
        energy_wh, began = self._rng.randrange(1_000, 90_000), self._now()
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": self._register_wh, "timestamp": began}
        transaction = (await self._call("StartTransaction", start))["transactionId"]
        self._transaction = transaction
        await self.show("Charging")
        for status in itertools.islice(itertools.cycle(ROUND), statuses - 4):
            await wait()
            await self.show(status)
        for _ in range(metered):
            await wait()
        self._register_wh += energy_wh
        ended = self._now()
        stop = {"transactionId": transaction, "meterStop": self._register_wh, "timestamp": ended, "reason": "Local"}
        await self._call("StopTransaction", stop, told="stopped")
        self._truth.sessions.append((self.station_id, began, ended, energy_wh))
        await self.show("Finishing")
        await self.show("Available")

    async def meter(self) -> None:
        """MeterValues of the session that runs: register, power, current and voltage."""
        values = {
            "Energy.Active.Import.Register": ("Wh", self._register_wh),
            "Power.Active.Import": ("W", 7_000),
            "Current.Import": ("A", 30),
            "Voltage": ("V", 230),
        }
        sampled = [{"measurand": name, "unit": unit, "value": str(value)} for name, (unit, value) in values.items()]
        value = {"timestamp": self._now(), "sampledValue": sampled}
        await self._call("MeterValues", {"connectorId": 1, "transactionId": self._transaction, "meterValue": [value]})

    async def show(self, status: str) -> None:
        """A StatusNotification."""
        said = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": self._now()}
        await self._call("StatusNotification", said, told=status)
        self._truth.states[self.station_id] = status
        self._truth.statuses += 1

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    async def _call(self, action: str, payload: dict[str, Any], told: str = "") -> dict[str, Any]:
        """Until it is answered."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_WALL_S):
                    socket = await self._connected()
                    if told:
                        self._told(self.station_id, told, asyncio.get_running_loop().time())
                    answer = await self._asked(socket, action, payload)
                if answer[0] == 3:
                    result: dict[str, Any] = answer[2]
                    return result
                self._truth.refused += 1
            except (OSError, WebSocketException, TimeoutError):
                with contextlib.suppress(OSError, WebSocketException):
                    await self.close()
            await asyncio.sleep(AGAIN_WALL_S)

    async def _connected(self) -> ClientConnection:
        if self._socket is None:
            self._socket = await connect(
                f"{self._url()}/{self.station_id}",
                subprotocols=["ocpp1.6"],
                compression=None,
                proxy=None,  # type: ignore[list-item]
            )
        return self._socket

    async def _asked(self, socket: ClientConnection, action: str, payload: dict[str, Any]) -> list[Any]:
        number = f"{self.station_id}-{next(self._numbers)}"
        await socket.send(json.dumps([2, number, action, payload]))
        while True:
            frame = json.loads(await socket.recv())
            if frame[0] == 2:
                await socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
            elif frame[1] == number:
                return list(frame)


async def no_wait() -> None:
    """One message after the other."""


async def work(stations: Sequence[LeanStation], sessions: int, statuses: int) -> None:
    """So many sessions, shared by all stations that are free."""
    left = iter(range(sessions))

    async def worker(station: LeanStation) -> None:
        for _ in left:
            await station.charge(statuses, no_wait)

    await asyncio.gather(*map(worker, stations))
