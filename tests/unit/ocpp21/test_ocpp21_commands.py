"""Commands to 2.1 stations: whatever their types allow passes the strict schema; older versions say what they lack."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from random import Random

import msgspec
import pytest

from csms import ocpp16, ocpp21, ocpp201
from csms.model.command import Command, RawCall, Reset, Trigger
from csms.model.commands import COMMANDS
from csms.model.errors import NotInThisVersion
from csms.model.local_list import SendLocalList
from csms.model.v2x import UpdateDynamicSchedule
from csms.ocpp201.translator import BLOCKS
from csms.wire.codec import Codec, CommandInvalid
from tests.support.structs import example

CODEC = Codec(ocpp21.TRANSLATOR)
V201 = Codec(ocpp201.TRANSLATOR)
OLDER = (Codec(ocpp16.TRANSLATOR), V201)
MADE, TRIES = 60, 12_000
SHARED = {kind for block in BLOCKS for kind in block.commands}
NEVER_SENT = (RawCall, SendLocalList)
"""The caller says what it is, or the station room makes other commands of it."""
OF_21 = sorted(name for name, kind in COMMANDS.items() if kind not in SHARED and kind not in NEVER_SENT)


@cache
def made(name: str) -> tuple[Command, ...]:
    """Commands of a kind with fields at random, as far as they go together."""
    rng, found = Random(name), []
    for _ in range(TRIES):
        with suppress(msgspec.ValidationError):
            found.append(example(COMMANDS[name], rng))
        if len(found) == MADE:
            break
    return tuple(found)


@pytest.mark.parametrize("name", OF_21)
def test_whatever_the_type_allows_passes_the_strict_schema(name: str) -> None:
    assert len(made(name)) >= 10
    for command in made(name):
        to_be_pulled = isinstance(command, UpdateDynamicSchedule) and command.on_pull
        assert bool(CODEC.encode_command(command)) is not to_be_pulled, command


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(OF_21) - {"call"}))
def test_what_fits_2_0_1_fits_2_1(name: str) -> None:
    for command in made(name):
        with suppress(CommandInvalid, NotInThisVersion, ValueError):  # some need what only a performer fills in
            V201.encode_command(command)
            assert CODEC.encode_command(command), command


@pytest.mark.parametrize("name", OF_21)
def test_older_versions_say_that_they_lack_it(name: str) -> None:
    for codec in OLDER:
        with pytest.raises(NotInThisVersion):
            codec.encode_command(made(name)[0])


@pytest.mark.parametrize("codec", OLDER)
def test_older_versions_cannot_go_on_after_a_restart(codec: Codec) -> None:
    with pytest.raises(NotInThisVersion):
        codec.encode_command(Reset(resume=True))


def test_what_is_too_long_is_no_custom_trigger() -> None:
    with pytest.raises(NotInThisVersion):
        CODEC.encode_command(Trigger("x" * 51))
    assert CODEC.encode_command(Trigger("SignV2G20Certificate")) == [
        ("TriggerMessage", {"requestedMessage": "SignV2G20Certificate"})
    ]
