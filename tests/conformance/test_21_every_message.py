"""Every message of 2.1 over a real websocket: what stations say is answered, what we may ask can be asked.

Judge of both is the published schema (`tests.support.scripted`), and the central system may not log a fault.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from csms.model.bounds import FRAME_BYTES_MAX
from csms.model.command import RawCall
from csms.model.station import Protocol
from csms.ocpp21.actions import OUTGOING
from tests.support.examples import Examples, actions
from tests.support.scripted import central

ALL = actions(Protocol.OCPP21)
INCOMING = [action for action in ALL if action not in OUTGOING]
PAYLOADS = 12
"""Of each message beside the bare and the whole one."""

pytestmark = pytest.mark.conformance


def payloads(action: str) -> list[dict[str, Any]]:
    """The required fields alone, every field at every depth, and some in between; all as the schema wants them."""
    examples = Examples(Protocol.OCPP21, action, Random(f"21/{action}"), ordinary=True)
    made = [examples.bare(), examples.whole(), *(examples.payload() for _ in range(PAYLOADS))]
    return [payload for payload in made if len(json.dumps(payload)) < FRAME_BYTES_MAX - 200]


def test_there_are_ninety_requests() -> None:
    assert len(ALL) == 90
    assert set(INCOMING) | OUTGOING == set(ALL)


async def test_whatever_a_station_says_is_answered(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1", evses=2)
        await cp.boot()
        for action in INCOMING:
            for payload in payloads(action):
                await cp.call(action, payload)


async def test_whatever_the_standard_has_can_be_asked(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        for action in sorted(OUTGOING):
            for payload in payloads(action):
                await csms.command("CP-1", RawCall(action, payload))
                assert await cp.expected(action) == payload
