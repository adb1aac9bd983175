"""Plays scripts against a central system: order and relative times as they were, answers compared by their kind.

The central system gives its own transaction ids (1.6), so ids of the recording are replaced by those it gave.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from urllib.parse import quote

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from device_sim.playback.script import Answer, Script, Step

CALL, RESULT, ERROR = 2, 3, 4
ANSWER_WALL_S = 15.0
OPEN_WALL_S = 15.0
NOTHING = "nothing"
TRANSACTION = "transactionId"


@dataclass(frozen=True, slots=True)
class Difference:
    """A call that was answered in another way than then."""

    station_id: str
    number: int
    action: str
    then: str
    now: str


@dataclass(slots=True)
class Report:
    """What came of it; `unknown_calls`: actions that the central system called and the recording has no answer to."""

    sent: int = 0
    answered: int = 0
    left_out: int = 0
    differences: list[Difference] = field(default_factory=list)
    unknown_calls: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)


async def play(scripts: Sequence[Script], url: str, speed: float = 1.0, name: str = "") -> Report:
    """All stations side by side, the connections of each one after the other; `name` instead of a single station's."""
    report = Report(left_out=sum(script.left_out for script in scripts))
    stations = [list(group) for _, group in groupby(scripts, key=lambda script: script.station_id)]
    await asyncio.gather(*(_station(own, url, speed, name, report) for own in stations))
    return report


async def _station(scripts: Sequence[Script], url: str, speed: float, name: str, report: Report) -> None:
    station_id = name or scripts[0].station_id
    transactions: dict[Any, Any] = {}
    for script in scripts:
        try:
            async with connect(
                f"{url.rstrip('/')}/{quote(station_id, safe='')}",
                subprotocols=[Subprotocol(script.protocol)],
                compression=None,
                ping_interval=None,
                open_timeout=OPEN_WALL_S,
                close_timeout=2.0,
                proxy=None,
            ) as socket:
                await _Connection(socket, station_id, script, speed, transactions, report).run()
        except (OSError, WebSocketException, TimeoutError) as fault:
            report.refused[station_id] = str(fault) or type(fault).__name__
            return


class _Connection:
    """One connection said again."""

    def __init__(
        self,
        socket: ClientConnection,
        station_id: str,
        script: Script,
        speed: float,
        transactions: dict[Any, Any],
        report: Report,
    ) -> None:
        self._socket, self._station_id, self._script, self._speed = socket, station_id, script, speed
        self._transactions, self._report = transactions, report
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._answers = {action: deque(answers) for action, answers in script.answers.items()}

    async def run(self) -> None:
        """To the end of the script, or until the central system ends it."""
        listening = asyncio.create_task(self._listen())
        try:
            with contextlib.suppress(ConnectionClosed):
                await self._say_all()
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _say_all(self) -> None:
        loop = asyncio.get_running_loop()
        began_s, late = loop.time(), []
        for number, step in enumerate(self._script.steps, 1):
            await asyncio.sleep(began_s + step.offset_s / self._speed - loop.time())
            checking = await self._say(number, step)
            if checking is not None and step.waits:
                await checking
            elif checking is not None:
                late.append(checking)
        await asyncio.gather(*late)
        await asyncio.sleep(began_s + self._script.length_s / self._speed - loop.time())

    async def _say(self, number: int, step: Step) -> asyncio.Task[None] | None:
        """Send; what checks the answer, when there was one then."""
        self._report.sent += 1
        if not step.unique_id:
            await self._socket.send(step.text)
            return None
        answer = self._waiting[step.unique_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(self._with_own_ids(step.text))
        return asyncio.create_task(self._check(number, step, answer))

    async def _check(self, number: int, step: Step, answer: asyncio.Future[Answer]) -> None:
        try:
            async with asyncio.timeout(ANSWER_WALL_S):
                now = await answer
        except TimeoutError:
            now = None
        else:
            self._report.answered += 1
        then = step.answer
        if then is not None and now is not None:
            self._learn(then, now)
        if then is not None and (now is None or now.kind != then.kind):
            found = now.kind if now is not None else NOTHING
            self._report.differences.append(Difference(self._station_id, number, step.action, then.kind, found))

    def _learn(self, then: Answer, now: Answer) -> None:
        """Which transaction id stands for which."""
        if isinstance(then.payload, dict) and isinstance(now.payload, dict) and TRANSACTION in then.payload:
            self._transactions[then.payload[TRANSACTION]] = now.payload.get(TRANSACTION)

    def _with_own_ids(self, text: str) -> str:
        if not self._transactions or f'"{TRANSACTION}"' not in text:
            return text
        items = orjson.loads(text)
        payload = items[3] if len(items) > 3 else None
        if isinstance(payload, dict) and payload.get(TRANSACTION) in self._transactions:
            payload[TRANSACTION] = self._transactions[payload[TRANSACTION]]
            return orjson.dumps(items).decode()
        return text

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                await self._hear(text)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(TimeoutError())

    async def _hear(self, text: str | bytes) -> None:
        items = orjson.loads(text)
        kind, unique_id = items[0], str(items[1])
        if kind == CALL:
            await self._socket.send(self._reply(items[1], str(items[2])))
            return
        waiting = self._waiting.pop(unique_id, None)
        if waiting is not None and not waiting.done():
            code, description = ([*items[2:], ""][:2]) if kind == ERROR else ("", "")
            waiting.set_result(Answer(items[2] if kind == RESULT else {}, str(code), str(description)))

    def _reply(self, unique_id: Any, action: str) -> str:
        """What the station answered then: the next answer to this action, the last one again when there are no more."""
        answers = self._answers.get(action)
        if not answers:
            self._report.unknown_calls[action] += 1
            return orjson.dumps([ERROR, unique_id, "NotImplemented", "not in the recording", {}]).decode()
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if answer.code:
            return orjson.dumps([ERROR, unique_id, answer.code, answer.description, {}]).decode()
        return orjson.dumps([RESULT, unique_id, answer.payload]).decode()
