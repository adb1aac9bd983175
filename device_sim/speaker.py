"""How a station talks: boot until accepted, heartbeat, the queue of CALLs, answers to the central system's CALLs.

What it has to say about charging is in `station` and its subclasses.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable

from device_sim.behaviour import Behaviour
from device_sim.clock import SimClock
from device_sim.link import Link, Refused
from device_sim.outgoing import Message, Outgoing, Payload
from device_sim.pile import PileSpec
from device_sim.stats import FleetStats
from device_sim.variables import Variables

BOOT_RETRY_S = 30.0
NEVER_S = float("inf")
Handler = Callable[[Payload], Payload]


class Speaker(ABC):
    """The talking half of a station; `boot_again_s` and `heartbeat_s` are when the next of these is due."""

    def __init__(
        self,
        spec: PileSpec,
        url: str,
        clock: SimClock,
        stats: FleetStats,
        rng: random.Random,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.spec, self.clock, self.stats, self.rng = spec, clock, stats, rng
        self.behaviour = behaviour or Behaviour()
        self.variables = Variables()
        self.outgoing = Outgoing()
        self.link = Link(spec, url, clock, self.outgoing, self, stats, rng, self.behaviour.manners)
        self.handlers: dict[str, Handler] = {}
        self.boot_again_s = self.heartbeat_s = NEVER_S
        self._after_reply: list[Callable[[], None]] = []

    @abstractmethod
    def boot_payload(self) -> Payload:
        """BootNotification."""

    @abstractmethod
    def resumed(self) -> None:
        """The central system listens (again)."""

    def say(
        self,
        action: str,
        build: Callable[[], Payload],
        *,
        durable: bool = False,
        samples: int = 0,
        on_result: Callable[[Payload], None] | None = None,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        """Put a CALL into the queue; what is not durable is not even tried while offline."""
        if not durable and not self.link.online:
            if on_failure is not None:
                on_failure()
            return
        self._put(Message(action, build, durable, samples=samples, on_result=on_result, on_failure=on_failure))

    def _put(self, message: Message) -> None:
        for said in self.behaviour.said(message):
            self.outgoing.put(said)
        self.link.wake()

    def connected(self) -> None:
        """A boot is due only after a start; a mere reconnection repeats the status (2.0.1 part 4, 5.3)."""
        self.behaviour.connected()
        if not self.outgoing.accepted and self.behaviour.boots_by_itself:
            self.boot()
        else:
            self.outgoing.accepted = True
            self._listened_to()

    def disconnected(self) -> None:
        """What was not durable is forgotten."""
        self.behaviour.disconnected()
        self.boot_again_s = self.heartbeat_s = NEVER_S
        self.outgoing.forget_transient()

    def boot(self) -> None:
        """Say BootNotification, before anything else."""
        self.boot_again_s = NEVER_S
        message = Message("BootNotification", self.boot_payload, boots=True)
        message.on_result, message.on_failure = self._boot_answered, self._boot_later
        self._put(message)

    def _boot_answered(self, result: Payload) -> None:
        interval_s = float(result.get("interval") or 0.0)
        self.outgoing.accepted = result.get("status") == "Accepted"
        if not self.outgoing.accepted:
            self.boot_again_s = self.clock.epoch_s() + (interval_s or BOOT_RETRY_S)
            return
        self.stats.boots_accepted += 1
        self.stats.first_boot_s.setdefault(self.spec.station_id, self.clock.epoch_s())
        self.behaviour.booted()
        if interval_s > 0:
            self.variables.heartbeat_s = interval_s
        self._listened_to()

    def _boot_later(self) -> None:
        if self.link.online:
            self.boot_again_s = self.clock.epoch_s() + BOOT_RETRY_S

    def _listened_to(self) -> None:
        self.heartbeat_s = self.clock.epoch_s() + self.variables.heartbeat_s
        self.resumed()

    def speak_due(self, now_s: float) -> None:
        """Boot again or send a heartbeat if it is time."""
        if self.boot_again_s <= now_s:
            self.boot()
        if self.heartbeat_s <= now_s:
            self.heartbeat_s = now_s + self.variables.heartbeat_s
            self.say("Heartbeat", dict)

    def answer(self, action: str, payload: Payload) -> Payload:
        """The CALLRESULT for a CALL of the central system; raises Refused or Silent."""
        return self.behaviour.answer(action, payload, self._handle)

    def _handle(self, action: str, payload: Payload) -> Payload:
        handler = self.handlers.get(action)
        if handler is None:
            raise Refused("NotImplemented", f"{action} is not known here")
        return handler(payload)

    def answered(self) -> None:
        """Do what had to wait until the answer was out."""
        due, self._after_reply = self._after_reply, []
        for action in due:
            action()

    def refused(self, message: Message) -> None:
        """A CALL was answered by a CALLERROR."""
        self.behaviour.refused(message)

    def after_reply(self, action: Callable[[], None]) -> None:
        """Do something once the answer being made has been sent."""
        self._after_reply.append(action)
