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
from tests.conformance.test_every_command import ABSENT, REFUSED, asked
from tests.support.command_bodies import GOOD
from tests.support.examples import Examples
from tests.support.frame_mutations import FrameMutator, written
from tests.support.mutations import PayloadMutator
from tests.support.scripted import Script, Text, central
from tests.support.signing import allowing
from tests.support.variants import at_home

ANSWERS = int(os.environ.get("CSMS_COVERAGE", "2000")) // 10
CALL_TIMEOUT_S = 0.3
ID = "the-id"
TOLD = {"answer_unreadable": 502, "call_refused": 502, "call_timeout": 504, **REFUSED}
"""What an operator may hear: an answer that is none, one that was lost with its id, or that nothing was asked."""

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
    heard, wrong = Counter[str](), list[str]()
    bodies = [(name, body) for name, body in GOOD.items() if name not in {"call", *ABSENT[protocol]}]
    known = allowing(tmp_path, str(GOOD["install_certificate"]["certificate"]))
    async with central(tmp_path, call_timeout_s=CALL_TIMEOUT_S, certificates=known) as csms:
        await csms.list_token("TAG-1")
        cp = await csms.station("CP-1", protocol.value, evses=2, strict=False)
        await cp.boot()
        facts = {"transaction_id": await cp.start(), "id_token": "TAG-1"}
        for action in asked(protocol):
            cp.answers(action, damaging(damaged_answers(protocol, action)))
        for number in range(ANSWERS):
            name, body = bodies[number % len(bodies)]
            answer = await csms.api("POST", f"/api/v1/stations/CP-1/commands/{name}", at_home(dict(body), facts))
            told = answer.json()
            heard[f"{answer.status_code} {told.get('code', '')}"] += 1
            if answer.status_code != 200 and TOLD.get(told["code"]) != answer.status_code:
                wrong.append(f"{name}: {answer.status_code} {told}")
        record_property("coverage", f"{protocol}: {ANSWERS} damaged answers: {dict(heard)}")
        assert wrong == []
        cp.answers("Reset", {"status": "Accepted"})
        assert (await csms.operator("CP-1", "reset"))["accepted"]
        assert csms.rooms.gateway.counters()["connections_accepted"] == 1


def damaging(answers: Iterator[str]) -> Script:
    """A station that gives one of these after the other."""
    return lambda payload: Text(next(answers))
