"""The 1.6 translator, block by block."""

from __future__ import annotations

from datetime import UTC, tzinfo

from csms.model.station import Protocol
from csms.ocpp16 import (
    calls,
    certificates,
    commands,
    device,
    firmware,
    id_tokens,
    logs,
    replies,
    reservation,
    results,
    security,
)
from csms.ocpp16.actions import OUTGOING
from csms.ocpp16.hot import HOT
from csms.wire.block import Block, BlockTranslator

SESSIONS = Block(calls.CALLS, replies.REPLIES, commands.COMMANDS, results.RESULTS)
"""What every station needs: boot, states, tokens, sessions, metering, remote control, charging profiles."""

BLOCKS = (
    SESSIONS,
    device.BLOCK,
    id_tokens.BLOCK,
    reservation.BLOCK,
    firmware.BLOCK,
    logs.BLOCK,
    security.BLOCK,
    certificates.BLOCK,
)


def translator(zone: tzinfo = UTC) -> BlockTranslator:
    """`zone` is the local time of stations that write times without one (SR-05)."""
    return BlockTranslator(Protocol.OCPP16, BLOCKS, OUTGOING, HOT, zone)


TRANSLATOR = translator()
