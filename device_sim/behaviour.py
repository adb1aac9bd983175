"""What makes a station behave otherwise than well: habits (`Quirk`) that look at everything it says and hears.

A habit changes messages before they go into the queue, answers in place of the station, or changes its answers; what
it does not care for passes through. Each lives in one module of `quirks`; `quirks.behave_as` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from device_sim.link import GOOD_MANNERS, Manners, Refused
from device_sim.outgoing import Message, Payload

if TYPE_CHECKING:
    from device_sim.station import Station

Inner = Callable[[str, Payload], Payload]
ERROR = "error "


class Quirk:
    """One group of habits; every hook does nothing until it is overridden."""

    boots_by_itself = True
    cards_start = True
    station: Station

    def attach(self, station: Station) -> None:
        """The station is made; called once."""
        self.station = station

    def said(self, message: Message) -> Iterable[Message]:
        """What goes into the queue instead of this message."""
        return (message,)

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """An answer in place of the station's, None to let it answer; raises Refused or Silent."""
        return None

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """The answer that goes out instead of this one; raises Silent."""
        return answer

    def connected(self) -> None:
        """A connection is open."""

    def disconnected(self) -> None:
        """It is gone."""

    def booted(self) -> None:
        """The boot has been accepted."""

    def rebooted(self) -> None:
        """It goes down."""

    def refused(self, message: Message) -> None:
        """A CALL was answered by a CALLERROR."""


class Behaviour:
    """All habits of one station together; without any it behaves well."""

    def __init__(self, quirks: Sequence[Quirk] = (), manners: Manners = GOOD_MANNERS) -> None:
        self.quirks, self.manners = quirks, manners

    @property
    def boots_by_itself(self) -> bool:
        """Whether a boot follows a connection."""
        return all(quirk.boots_by_itself for quirk in self.quirks)

    @property
    def cards_start(self) -> bool:
        """Whether a driver's card begins a transaction."""
        return all(quirk.cards_start for quirk in self.quirks)

    def attach(self, station: Station) -> None:
        """The station is made."""
        for quirk in self.quirks:
            quirk.attach(station)

    def said(self, message: Message) -> list[Message]:
        """The messages that go into the queue instead of this one."""
        messages = [message]
        for quirk in self.quirks:
            messages = [said for one in messages for said in quirk.said(one)]
        return [_settled(one) for one in messages] if self.quirks else messages

    def answer(self, action: str, payload: Payload, inner: Inner) -> Payload:
        """The answer to a CALL; raises Refused or Silent."""
        for quirk in self.quirks:
            instead = quirk.heard(action, payload)
            if instead is not None:
                return self._answered(action, payload, instead)
        return self._answered(action, payload, inner(action, payload))

    def _answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        for quirk in self.quirks:
            answer = quirk.answered(action, payload, answer)
        return answer

    def connected(self) -> None:
        """A connection is open."""
        for quirk in self.quirks:
            quirk.connected()

    def disconnected(self) -> None:
        """It is gone."""
        for quirk in self.quirks:
            quirk.disconnected()

    def booted(self) -> None:
        """The boot has been accepted."""
        for quirk in self.quirks:
            quirk.booted()

    def rebooted(self) -> None:
        """The station goes down."""
        for quirk in self.quirks:
            quirk.rebooted()

    def refused(self, message: Message) -> None:
        """A CALL was answered by a CALLERROR."""
        for quirk in self.quirks:
            quirk.refused(message)


def rewritten(message: Message, change: Callable[[Payload], Payload]) -> Message:
    """The message with its payload changed, when it is built; `change` gets a copy of the top level."""
    build = message.build
    return replace(message, build=lambda: change(dict(build())))


def _settled(message: Message) -> Message:
    """Built once, so that a repetition says the same; its samples are counted as they really go out."""
    build, kept = message.build, list[Payload]()

    def once() -> Payload:
        if not kept:
            kept.append(build())
            settled.samples = sum(1 for _ in sampled_values(kept[0]))
        return kept[0]

    settled = replace(message, build=once)
    return settled


def meter_values(payload: Payload) -> list[dict[str, Any]]:
    """The entries with sampled values of a message of either version."""
    found: list[dict[str, Any]] = payload.get("meterValue") or payload.get("transactionData") or []
    return found


def sampled_values(payload: Payload) -> Iterable[dict[str, Any]]:
    """All sampled values of a message of either version."""
    return (value for entry in meter_values(payload) for value in entry["sampledValue"])


def refusal(how: str, statuses: Sequence[str] = ()) -> Payload:
    """An answer that refuses: a status (Rejected where `statuses` lack it); raises Refused for `error CODE`."""
    if how.startswith(ERROR):
        raise Refused(how.removeprefix(ERROR), "")
    return {"status": how if not statuses or how in statuses else "Rejected"}
