"""How a station is asked: every command goes out through here, as the firmware profile of the station wants it.

A station that has just connected is left alone for a while; triggers do not come in bursts; what does nothing or harm
there is not sent. A raw call is always sent: whoever writes one knows what it is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import orjson

from csms.model.command import Command, CommandResult, RawCall, Trigger
from csms.model.errors import AnswerUnusual, CallTimeout, ConnectionLost, CsmsError, NotForThisStation, PeerError
from csms.station.context import Send, StationContext
from csms.station.ports import Link
from csms.station.state import StationState
from csms.station.wishes import firmware_of
from firmware_profiles import FirmwareProfile

TRIGGER_PAUSE_S = 5.0
"""Between two triggers to a station that cannot bear many."""


def sender(context: StationContext, station: StationState, link: Link) -> Send:
    """How to ask this station on this connection."""
    return partial(ask, context, station, link)


async def ask(context: StationContext, station: StationState, link: Link, command: Command) -> CommandResult:
    """Ask a station. Raises NotForThisStation, AnswerUnusual and what `Link.send` raises."""
    known = firmware_of(station)
    if known is None:
        return await link.send(command)
    check(known, link, command)
    await _settle(context, station, link, known)
    if known.setup.no_trigger_bursts and isinstance(command, Trigger):
        await _await_turn(context, station)
    try:
        return await link.send(command)
    except CallTimeout as fault:
        if _stays_silent(known, link, command):
            raise AnswerUnusual(f"{fault}; {known.product} never says, it may well have acted") from None
        raise


def check(known: FirmwareProfile, link: Link, command: Command) -> None:
    """Raises NotForThisStation for what the firmware profile says not to send."""
    skipped = known.setup.skip_actions
    if not skipped or isinstance(command, RawCall):
        return
    for action, _ in _written(link, command):
        if action in skipped:
            sources = ", ".join(known.facts["setup.skip_actions"])
            raise NotForThisStation(f"{action} is not for {known.product} ({sources}); only a raw call is sent")


def _written(link: Link, command: Command) -> Sequence[tuple[str, object]]:
    """The calls of a command; none of one that is not complete yet or that there is not in this version."""
    try:
        return link.written(command)
    except (CsmsError, PeerError):
        return ()


async def _settle(context: StationContext, station: StationState, link: Link, known: FirmwareProfile) -> None:
    if not known.setup.settle_s or station.connected_at is None:
        return
    gone_s = (context.clock.now() - station.connected_at).total_seconds()
    left_s = known.setup.settle_s - max(gone_s, 0.0)
    if left_s > 0:
        await asyncio.sleep(context.clock.wall_s(left_s))
        if station.link is not link:
            raise ConnectionLost("the connection closed before the station could be asked")


async def _await_turn(context: StationContext, station: StationState) -> None:
    """Who comes while others wait gets the next turn after theirs."""
    now = context.clock.now()
    turn = max(now, station.trigger_turn or now)
    station.trigger_turn = turn + timedelta(seconds=TRIGGER_PAUSE_S)
    await asyncio.sleep(context.clock.wall_s((turn - now).total_seconds()))


def _stays_silent(known: FirmwareProfile, link: Link, command: Command) -> bool:
    """`Action`, or `Action:Word` with that word somewhere in the call."""
    told = [entry.partition(":") for entry in known.rpc.no_reply_actions]
    calls = [(action, orjson.dumps(payload).decode()) for action, payload in _written(link, command)] if told else []
    return any(action == name and word in payload for name, _, word in told for action, payload in calls)
