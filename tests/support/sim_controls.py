"""The control of the simulation: each protection switched off in turn, by patches from here. With it off the same runs
must show loads above the cap, or the simulation would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from csms.charging import shaping
from csms.charging.clock_step import ClockStep
from csms.charging.dispatcher import Dispatcher
from csms.charging.journal import Journal, Sending
from csms.charging.ladder import Role
from csms.charging.ladders import Ladders
from csms.charging.ledger import Account, Ledger
from csms.charging.profiles import limit_profile
from csms.model.charging_profile import ChargingProfile
from csms.model.ids import EvseRef
from tests.support.sim_scenario import CLOCK

Patches = Mapping[tuple[Any, str], Any]


def no_hold(ledger: Ledger, account: Account, before_w: int, now: datetime) -> None:
    """What was allowed before counts no more, although the car is still coming down."""


def acknowledge_from_last(ledger: Ledger, ref: EvseRef, sequence: int, now: datetime) -> None:
    """The hold begins at the value acknowledged last; what was sent after it and never answered is forgotten."""
    account = ledger.account(ref)
    account.sent = {number: grant for number, grant in account.sent.items() if number >= sequence}
    ACKNOWLEDGE(ledger, ref, sequence, now)


ACKNOWLEDGE = Ledger.acknowledge
LOSE = Ledger.lose
WRITE_AHEAD = Journal.write_ahead


def lose_for_good(ledger: Ledger, sequence: int) -> None:
    """No answer means that nothing happened."""
    LOSE(ledger, sequence)
    for ref in ledger.refs:
        ledger.account(ref).sent.pop(sequence, None)
        ledger._touch(ledger.account(ref))


def any_raise(*_: Any) -> bool:
    """Raises go out as they come."""
    return True


async def write_nothing(journal: Journal, sendings: Any, ledger: Ledger, now: datetime) -> None:
    """Bounds are kept in memory only."""
    await WRITE_AHEAD(journal, [replace(sending, entries=()) for sending in sendings], ledger, now)


def endless_profile(*asked: Any) -> ChargingProfile:
    """The limit stays until somebody says otherwise."""
    profile = limit_profile(*asked)
    return ChargingProfile(
        **{name: getattr(profile, name) for name in profile.__struct_fields__}
        | {"periods": profile.periods[:1], "valid_to": None}
    )


def no_floors(*_: Any) -> list[Sending]:
    """No floor is told to anybody."""
    return []


def taken_at_its_word(ladders: Ladders, station_id: str, role: Role) -> bool:
    """What was accepted counts."""
    return ladders.track(station_id, role).taken


def only_follow(step: ClockStep) -> None:
    """What is kept as a moment stays as it is; caps count by the new time."""
    step.clock.follow()


@dataclass(frozen=True)
class Control:
    """One protection that is off. `flags_known`: whether the server knows the makes; `level`: of the
    runs that show it, if it is one of its own."""

    name: str
    patches: Patches
    flags_known: bool = True
    level: str = ""

    @contextmanager
    def off(self) -> Iterator[None]:
        """While this lasts."""
        with ExitStack() as stack:
            for (owner, name), value in self.patches.items():
                stack.enter_context(patch.object(owner, name, value))
            yield


ALL_ON = Control("all protections", {})
CONTROLS = (
    Control("no ramp hold", {(Ledger, "_hold"): no_hold}),
    Control("ramp hold from the last acknowledged value", {(Ledger, "acknowledge"): acknowledge_from_last}),
    Control("no write-ahead", {(Journal, "write_ahead"): write_nothing}),
    Control("no leases", {(shaping, "limit_profile"): endless_profile}),
    Control(
        "no floors", {(Dispatcher, "_floors"): no_floors, (Account, "floor_known"): property(lambda account: True)}
    ),
    Control("raises without room", {(Ledger, "may_raise"): any_raise}),
    Control("unanswered values do not count", {(Ledger, "lose"): lose_for_good}),
    Control("firmware flags unknown", {}, flags_known=False),
    Control("the clock is believed when it is set", {(ClockStep, "take"): only_follow}, level=CLOCK),
    Control("no verification: accepted is believed", {(Ladders, "acts"): taken_at_its_word}, flags_known=False),
)
