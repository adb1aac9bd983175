"""One process of the load: `python -m device_sim.load.worker` takes its plan and its orders as lines on standard input
and answers each order with a line of JSON. Several of them share the stations.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import ssl
import sys
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from device_sim.clock import SimClock
from device_sim.load import messages
from device_sim.load.histogram import bucket
from device_sim.load.plan import Counts, LoadPlan, Message, Mode
from device_sim.load.processes import raise_file_limit
from device_sim.load.station import ERROR, RESULT, LoadStation

TRIES = 8
ANSWER_S = 60.0
TENTHS = 10


class Worker:
    """The stations of one process."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._clock = SimClock()
        self._names = itertools.count(1)
        self._began = self._clock.now()
        self._make = messages.maker(plan.ocpp, plan.message, self._began)
        self._stations: list[LoadStation] = []
        self._next: deque[LoadStation] = deque()
        self._loop = asyncio.get_running_loop()
        self._counts = Counts()
        self._tenths: list[Counter[int]] = []
        self._counting_from_s = 0.0
        self._counting = self._stopping = False

    async def connect(self) -> dict[str, Any]:
        """All stations: handshake, boot, status; again and later when the server is too busy."""
        gate, began_s = asyncio.Semaphore(self._plan.at_once), self._clock.monotonic_s()
        numbers = range(self._plan.first, self._plan.first + self._plan.stations)
        found = await asyncio.gather(*(self._join(number, gate) for number in numbers))
        self._stations = [station for station in found if station is not None]
        self._counts.connected = len(self._stations)
        self._counts.connect_s = self._clock.monotonic_s() - began_s
        return asdict(self._counts)

    async def prepare(self) -> dict[str, Any]:
        """Transactions for those messages that belong to one."""
        plan = self._plan
        if plan.message is Message.EVENT or (plan.message is Message.METER and plan.inside and plan.ocpp == "1.6"):
            await asyncio.gather(*(self._start(station) for station in self._stations))
        return {}

    async def run(self) -> dict[str, Any]:
        """Begin to send; nothing counts yet."""
        for index, station in enumerate(self._stations):
            station.heard = self._listener(station)
            if self._plan.mode is Mode.CLOSED:
                self._next.append(station)
            else:
                self._loop.call_later(self._plan.interval_s * index / len(self._stations), self._pace, station)
        for _ in range(min(self._plan.in_flight or len(self._next), len(self._next))):
            self._take_turn()
        return {}

    async def count(self) -> dict[str, Any]:
        """From now on answers count."""
        self._tenths = [Counter() for _ in range(TENTHS)]
        self._counting_from_s = self._clock.monotonic_s()
        self._counting = True
        return {}

    async def stop(self) -> dict[str, Any]:
        """No more counts; wait a little for what is on its way."""
        self._counting, self._stopping = False, True
        self._counts.tenths = [dict(tenth) for tenth in self._tenths]
        waited_until_s = self._clock.monotonic_s() + ANSWER_S
        while self._clock.monotonic_s() < waited_until_s and self._waiting():  # noqa: ASYNC110 - any station may be the last
            await asyncio.sleep(0.02)
        self._counts.unanswered = self._waiting()
        return asdict(self._counts)

    async def starts(self) -> dict[str, Any]:
        """Every station starts a transaction in the same instant."""
        times: Counter[int] = Counter()
        self._tenths = [times]

        async def one(station: LoadStation) -> None:
            began_s = self._clock.monotonic_s()
            if await self._start(station):
                times[bucket(self._clock.monotonic_s() - began_s)] += 1
                self._counts.transaction_ids.append(station.transaction)

        await asyncio.gather(*(one(station) for station in self._stations))
        self._counts.answered = sum(times.values())
        self._counts.tenths = [dict(times)]
        return asdict(self._counts)

    async def leave(self) -> dict[str, Any]:
        """Everybody goes."""
        for station in self._stations:
            station.heard = None
            station.close()
        return {}

    def _waiting(self) -> int:
        return sum(bool(station.sent_at_s) and not station.closed for station in self._stations)

    async def _join(self, number: int, gate: asyncio.Semaphore) -> LoadStation | None:
        async with gate:
            for attempt in range(TRIES):
                station = await self._open(self._plan.name(number))
                if station is not None and await self._introduce(station):
                    return station
                await asyncio.sleep(0.2 * 2**attempt)
            self._counts.refused += 1
            return None

    async def _open(self, name: str) -> LoadStation | None:
        url = f"{self._plan.url.rstrip('/')}/{name}"
        place = urlsplit(url)
        host, port = place.hostname or "", place.port or (443 if place.scheme == "wss" else 80)
        opened = self._loop.create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                _, station = await self._loop.create_connection(
                    lambda: LoadStation(url, self._plan.ocpp, opened, self._credentials(name)),
                    host,
                    port,
                    ssl=self._tls(),
                )
                return station if await opened else None
        except (OSError, TimeoutError):
            return None

    def _credentials(self, name: str) -> str:
        told = f"{name}:{self._plan.password}".encode()
        return f"Basic {base64.b64encode(told).decode()}" if self._plan.password else ""

    def _tls(self) -> ssl.SSLContext | None:
        if not self._plan.url.startswith("wss:"):
            return None
        context = ssl.create_default_context(cafile=self._plan.ca or None)
        if self._plan.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    async def _introduce(self, station: LoadStation) -> bool:
        booted = await self._call(station, messages.boot(self._plan.ocpp))
        return (
            booted is not None
            and await self._call(station, messages.status(self._plan.ocpp, 0, self._began)) is not None
        )

    async def _start(self, station: LoadStation) -> bool:
        wanted = f"{self._clock.epoch_s():.6f}-{self._plan.first + next(self._names)}"
        answer = await self._call(station, messages.start(self._plan.ocpp, wanted, self._clock.now()))
        if answer is None:
            return False
        station.transaction = str(answer.get("transactionId", wanted))
        return True

    async def _call(self, station: LoadStation, text: str) -> dict[str, Any] | None:
        """The payload of the answer; None for an error, a closed connection or none in time."""
        told: asyncio.Future[tuple[bytes, bytes]] = self._loop.create_future()
        station.heard = lambda kind, frame: None if told.done() else told.set_result((kind, frame))
        station.send(text)
        try:
            async with asyncio.timeout(ANSWER_S):
                kind, frame = await told
        except TimeoutError:
            self._counts.unanswered += 1
            return None
        self._counts.errors += kind == ERROR
        payload: dict[str, Any] | None = json.loads(frame)[2] if kind == RESULT else None
        return payload

    def _send(self, station: LoadStation) -> None:
        station.number += 1
        station.sent_at_s = self._clock.monotonic_s()
        station.send(self._make(station.number, station.transaction))

    def _take_turn(self) -> None:
        """The station that has waited longest sends, if one is left."""
        while self._next and not self._stopping:
            station = self._next.popleft()
            if not station.closed:
                self._send(station)
                return

    def _pace(self, station: LoadStation) -> None:
        if self._stopping or station.closed:
            return
        self._loop.call_later(self._plan.interval_s, self._pace, station)
        if not station.sent_at_s:
            self._send(station)

    def _listener(self, station: LoadStation) -> Callable[[bytes, bytes], None]:
        closed_loop = self._plan.mode is Mode.CLOSED

        def heard(kind: bytes, frame: bytes) -> None:
            now_s, sent_at_s = self._clock.monotonic_s(), station.sent_at_s
            station.sent_at_s = 0.0
            if station.closed:
                self._counts.lost += 1
                if sent_at_s:
                    self._take_turn()
                return
            if self._counting:
                self._note(kind, now_s, sent_at_s)
            if closed_loop:
                self._next.append(station)
                self._take_turn()

        return heard

    def _note(self, kind: bytes, now_s: float, sent_at_s: float) -> None:
        self._counts.answered += 1
        self._counts.errors += kind == ERROR
        tenth = int((now_s - self._counting_from_s) / self._plan.seconds * TENTHS)
        self._tenths[min(tenth, TENTHS - 1)][bucket(now_s - sent_at_s)] += 1


async def main() -> None:
    """Orders in, answers out, until standard input ends."""
    raise_file_limit()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    worker = Worker(LoadPlan(**_typed(json.loads(await orders.readline()))))
    while order := (await orders.readline()).decode().strip():
        work: Callable[[], Coroutine[Any, Any, dict[str, Any]]] = getattr(worker, order)
        sys.stdout.write(json.dumps(await work()) + "\n")
        sys.stdout.flush()


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "mode": Mode(values["mode"]), "message": Message(values["message"])}


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
