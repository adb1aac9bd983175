"""The 2.1 translator: the blocks of 2.0.1, then those of 2.1 on top of them."""

from __future__ import annotations

from datetime import UTC, tzinfo

from csms.model.station import Protocol
from csms.ocpp21 import battery_swap, certificates, der, payments, security, sessions, streams, tariffs, v2x
from csms.ocpp21.actions import OUTGOING
from csms.ocpp21.hot import HOT
from csms.ocpp201.translator import BLOCKS as BLOCKS_201
from csms.wire.block import BlockTranslator

BLOCKS = (
    *BLOCKS_201,
    sessions.BLOCK,
    v2x.BLOCK,
    der.BLOCK,
    tariffs.BLOCK,
    streams.BLOCK,
    battery_swap.BLOCK,
    payments.BLOCK,
    certificates.BLOCK,
    security.BLOCK,
)


def translator(zone: tzinfo = UTC) -> BlockTranslator:
    """`zone` is the local time of stations that write times without one (SR-05)."""
    return BlockTranslator(Protocol.OCPP21, BLOCKS, OUTGOING, HOT, zone)


TRANSLATOR = translator()
