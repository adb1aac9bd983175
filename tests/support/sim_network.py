"""The line of one station: frames of a connection keep their order, take time, may be lost or come twice.

What may go wrong: a lost request or answer, a delivery held up for a while (then all of it comes, late), a connection
that ends for both, one that only the server still believes in, and a frame of an old connection that the station reads
after it has a new one.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from csms.model.command import Command, CommandResult
from csms.model.errors import CallTimeout, ConnectionLost
from tests.support.sim_loop import VirtualLoop
from tests.support.sim_piles import NEVER_S, Pile

TIE_S = 1e-6
"""Timers of one moment have no order; frames of one line do."""
COMMISSIONED_S = 60.0
"""Before this the stations are taken into service: nothing is lost and no car is there yet, for what has no floor and
cannot be told one draws what it likes."""
LINGER_S = 3.0
"""How long after a connection ended the station may still read frames that had arrived on it. Less than `settle_s`:
the server says nothing on a new connection before that."""


@dataclass(frozen=True)
class Weather:
    """How bad the lines are: shares of frames, and how often in 900 s each line has a mishap of a kind."""

    delay_s: tuple[float, float] = (1.0, 3.0)
    lost: float = 0.0
    twice: float = 0.0
    drops: float = 0.0
    half_open: float = 0.0
    held: float = 0.0
    reboots: float = 0.0
    away_s: tuple[float, ...] = (5.0, 30.0, 200.0)
    timeout_s: float = 30.0
    deaf_after_s: tuple[float, float] = (20.0, 120.0)


CALM = Weather()
ROUGH = Weather(lost=0.05, twice=0.01, drops=1.0, half_open=0.4, held=0.3, reboots=0.3)
STORM = Weather(lost=0.15, twice=0.03, drops=4.0, half_open=1.5, held=1.0, reboots=1.0)


class Line:
    """Between one pile and whatever server process runs. `number` counts connections; `up` is the pile's view."""

    def __init__(self, loop: VirtualLoop, pile: Pile, weather: Weather, chance: random.Random) -> None:
        self._loop, self.pile, self.weather, self._chance = loop, pile, weather, chance
        self.number = 0
        self.up = False
        self.ended_s = -NEVER_S
        self.messages = 0
        self._held_until_s = 0.0
        self._down_s = self._up_s = 0.0
        self._waiting: dict[int, asyncio.Future[CommandResult]] = {}
        self._calls = 0
        self._to_server: deque[tuple[float, int, Callable[[], None]]] = deque()

    def connect(self) -> None:
        """The pile has a new connection; whoever waits for an answer on the old one waits in vain."""
        self.number += 1
        self.up = True
        self.lose_answers()

    def end(self) -> None:
        """The connection is of no use any more."""
        self.up, self.ended_s = False, self._loop.now_s

    def hold(self, for_s: float) -> None:
        """Nothing gets through for a while."""
        self._held_until_s = max(self._held_until_s, self._loop.now_s + for_s)

    def lose_answers(self) -> None:
        """The server knows that the connection is gone."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionLost("gone"))

    async def call(self, command: Command, written: Callable[[], None]) -> CommandResult:
        """What the server does to ask the pile; `written`: the frame is out, nothing brings it back."""
        self._calls += 1
        call, future = self._calls, self._loop.create_future()
        self._waiting[call] = future
        connection = self.number
        if self.up and not self._happens(self.weather.lost):
            for _ in range(1 + self._happens(self.weather.twice)):
                self._down_s = self._arrival_s(self._down_s)
                self._loop.call_at(self._down_s, self._arrives, connection, call, command)
        self.messages += 1
        late = self._loop.call_later(self.weather.timeout_s, self._gives_up, call)
        try:
            written()
            return await future
        finally:
            late.cancel()
            del self._waiting[call]

    def _happens(self, share: float) -> bool:
        return share > 0 and self._loop.now_s >= COMMISSIONED_S and self._chance.random() < share

    def _arrival_s(self, before_s: float) -> float:
        low_s, high_s = self.weather.delay_s
        sent_s = max(self._loop.now_s, self._held_until_s)
        return max(before_s + TIE_S, sent_s + self._chance.uniform(low_s, high_s) / 2)

    def _arrives(self, connection: int, call: int, command: Command) -> None:
        now_s = self._loop.now_s
        current = self.up and connection == self.number
        if not current and now_s > self.ended_s + LINGER_S:
            return
        answer = self.pile.take(command, now_s)
        self._loop.call_at(now_s + self.pile.kind.reaction_s, self._acts)
        if answer is None or not current or self._happens(self.weather.lost):
            return
        self._up_s = self._arrival_s(self._up_s)
        self._loop.call_at(self._up_s, self._answers, connection, call, answer)

    def _acts(self) -> None:
        self.pile.act(self._loop.now_s)

    def _answers(self, connection: int, call: int, answer: CommandResult) -> None:
        future = self._waiting.get(call)
        if self.up and connection == self.number and future is not None and not future.done():
            future.set_result(answer)

    def _gives_up(self, call: int) -> None:
        future = self._waiting.get(call)
        if future is not None and not future.done():
            future.set_exception(CallTimeout("no answer"))

    def tell(self, message: Callable[[], None]) -> None:
        """A message of the pile: it comes on this connection or not at all."""
        if self.up:
            self._up_s = self._arrival_s(self._up_s)
            self._loop.call_at(self._up_s, self._told, self.number, message)

    def _told(self, connection: int, message: Callable[[], None]) -> None:
        if self.up and connection == self.number:
            message()
