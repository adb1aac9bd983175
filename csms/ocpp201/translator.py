"""The 2.0.1 translator, block by block."""

from __future__ import annotations

from datetime import UTC, tzinfo

from csms.model.station import Protocol
from csms.ocpp201 import (
    availability,
    calls,
    certificates,
    commands,
    cost,
    device,
    display,
    firmware,
    id_tokens,
    logs,
    monitoring,
    replies,
    reservation,
    results,
    security,
    smart_charging,
)
from csms.ocpp201.actions import OUTGOING
from csms.ocpp201.hot import HOT
from csms.wire.block import Block, BlockTranslator

SESSIONS = Block(calls.CALLS, replies.REPLIES, commands.COMMANDS, results.RESULTS)
"""What every station needs: boot, states, tokens, sessions, metering, remote control, charging profiles."""

BLOCKS = (
    SESSIONS,
    device.BLOCK,
    monitoring.BLOCK,
    id_tokens.BLOCK,
    availability.BLOCK,
    reservation.BLOCK,
    display.BLOCK,
    cost.BLOCK,
    smart_charging.BLOCK,
    firmware.BLOCK,
    logs.BLOCK,
    security.BLOCK,
    certificates.BLOCK,
)


def translator(zone: tzinfo = UTC) -> BlockTranslator:
    """`zone` is the local time of stations that write times without one (SR-05)."""
    return BlockTranslator(Protocol.OCPP201, BLOCKS, OUTGOING, HOT, zone)


TRANSLATOR = translator()
