"""Damaged answers of stations to every typed command: an operator is told something true, and the link goes on.

Where the standard has no word for a bad answer (before 2.1), the call fails and nobody is told but the operator.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from csms.model.station import Protocol
from tests.support.command_bodies import GOOD
from tests.support.examples import Examples
from tests.support.frame_mutations import FrameMutator, written
from tests.support.mutations import PayloadMutator
from tests.support.scripted import Text, central
from tests.support.variants import at_home

ANSWERS = int(os.environ.get("CSMS_COVERAGE", "2000")) // 10
CALL_TIMEOUT_S = 0.3
ID = "the-id"
TOLD = {200: "", 502: "answer_unreadable call_refused connection_lost", 504: "call_timeout"}
"""What an operator may hear."""

pytestmark = pytest.mark.conformance


def damaged_answers(protocol: Protocol, action: str) -> Iterator[str]:
    """Answers to an action that are damaged in their payload, their elements or their text; without end."""
    rng = Random(f"answers/{protocol}/{action}")
    examples, frames = Examples(protocol, f"{action}Response", rng), FrameMutator(protocol, rng)
    payloads = PayloadMutator(examples.root, rng)
    while True:
        frame = [3, ID, examples.payload()]
        kind = rng.choices(("payload", "envelope", "text"), (80, 12, 8))[0]
        if kind == "payload":
            payloads.damage(frame[2])
        elif kind == "envelope":
            frame = frames.envelope(frame)
        data = frames.text(written(frame)) if kind == "text" else written(frame)
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        if len(text) < 60_000:
            yield text.encode("utf-8", "replace").decode().replace(json.dumps(ID), "{id}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.req("RB-25", "HP-D1", "HP-D5")
async def test_an_operator_is_told_what_became_of_a_damaged_answer(
    tmp_path: Path, protocol: Protocol, record_property: Any
) -> None:
    heard = Counter[str]()
    faults: list[str] = []
    async with central(tmp_path, call_timeout_s=CALL_TIMEOUT_S) as csms:
        await csms.list_token("TAG-1")
        cp = await csms.station("CP-1", protocol.value, evses=2, strict=False)
        await cp.boot()
        facts = {"transaction_id": await cp.start(), "id_token": "TAG-1"}
        streams: dict[str, Iterator[str]] = {}

        def damage(action: str) -> Any:
            stream = streams.setdefault(action, damaged_answers(protocol, action))
            return lambda payload: Text(next(stream))

        asked = {name: body for name, body in GOOD.items() if name != "call"}
        for number in range(ANSWERS):
            name = list(asked)[number % len(asked)]
            cp.asked.clear()
            for action in streams:
                cp.answers(action, damage(action))
            answer = await csms.api("POST", f"/api/v1/stations/CP-1/commands/{name}", at_home(dict(asked[name]), facts))
            told = answer.json()
            heard[f"{answer.status_code} {told.get('code', '')}"] += 1
            for action, _ in cp.asked:
                if action not in streams:
                    cp.answers(action, damage(action))
            if cp.asked and told.get("code", "") not in TOLD.get(answer.status_code, "-"):
                faults.append(f"{name}: {answer.status_code} {told}")
        record_property("coverage", f"{protocol}: {ANSWERS} damaged answers: {dict(heard)}")
        assert faults == []
        cp.answers("Reset", {"status": "Accepted"})
        assert (await csms.operator("CP-1", "reset"))["accepted"]
        assert csms.rooms.gateway.counters()["connections_accepted"] == 1
