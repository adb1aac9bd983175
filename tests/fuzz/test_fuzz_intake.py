"""Whatever an operator sends, the platform answers by name and keeps its log whole: a real desk on a real store.

Damaged content in right envelopes of every interface, and damaged envelopes; some hundred in `make test`, a share of
`CSMS_FUZZ` in `make fuzz`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.province import strict_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec, SeqAllocator, open_response, seal_request
from csms.province.profile import Kind, load_profile
from monitor.evidence.files import private_key
from monitor.evidence.judge import judge_export
from monitor.evidence.service import Evidence
from monitor.intake.desk import IntakeDesk
from monitor.intake.figures import Figures
from monitor.intake.keys import OperatorKeys
from monitor.intake.settings import settings_of
from monitor.quality.rules import rules_of
from monitor.quality.service import QualityWatch, Watched
from monitor.store.days import local_day
from monitor.store.intake import IntakeStore, open_intake
from tests.quality.world import END, World
from tests.support.fuzz import inputs

SEED = int(os.environ.get("CSMS_FUZZ_SEED", "1"))
MANY = max(400, int(os.environ.get("CSMS_FUZZ", "0")) // 20)
KEY, OPERATOR, PROFILE = "1234567890abcdef", "123456789", "shandong"
CODEC = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
REFUSALS = {(400, None), (401, None), (200, -1), (200, 4001), (200, 4002), (200, 4003), (200, 4004)}
KINDS = (Kind.CHARGE_ORDER, Kind.CHARGE_STATUS, Kind.STATION_STATUS, Kind.STATION_INFO, Kind.POWER)

pytestmark = pytest.mark.timeout(1200)


class Desk:
    """A desk whose operator may call as often as it likes."""

    def __init__(self, store: IntakeStore) -> None:
        self.store, self.clock = store, ManualClock(END)
        row = {"operator_id": OPERATOR, "profile": PROFILE, "calls_per_s": 1e9, "calls_burst": 1e9}
        keys = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), KEY)
        settings = settings_of([row | keys])
        operator_keys = OperatorKeys(settings, self.clock, store.keys, store.folder)
        self.desk = IntakeDesk(settings, self.clock, store, operator_keys, Figures(self.clock))
        self.stamps = SeqAllocator(self.clock)
        self.token = ""

    async def start(self) -> None:
        await self.desk.start()
        await self.send(Kind.QUERY_TOKEN, strict_json.write({"OperatorID": OPERATOR, "OperatorSecret": KEY}))

    def envelope(self, content: bytes) -> bytes:
        self.clock.advance(0.001)
        return seal_request(CODEC, OPERATOR, content, self.stamps.next()).to_wire()

    async def send(self, kind: Kind, content: bytes) -> int | None:
        return await self.post(kind, self.envelope(content))

    async def post(self, kind: Kind, raw: bytes) -> int | None:
        reply = await self.desk.receive({PROFILE: kind}, kind.value, raw, f"Bearer {self.token}")
        if reply.http_status != 200:
            assert (reply.http_status, reply.body) in ((400, b""), (401, b""))
            return None
        if b'"Sig":""' in reply.body:
            return 4003
        response, answer = open_response(CODEC, reply.body, OPERATOR)
        self.token = answer.get("AccessToken") or self.token
        assert response.ret in (0, 4015) or (200, response.ret) in REFUSALS
        return response.ret


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_intake(tmp_path)
    async with store._engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA synchronous=OFF")
    made = Desk(store)
    await made.start()
    yield made
    await store.close()


def corpus(kind: Kind) -> list[bytes]:
    world, profile = World(4, PROFILE, stations=1, piles=2), load_profile(PROFILE)
    bodies = [event.body(profile) for event in world.events if event.kind is kind]
    return [strict_json.write(body) for body in bodies[:: max(1, len(bodies) // 12)]]


async def test_every_content_and_every_envelope_is_answered_by_name(desk: Desk) -> None:
    outcomes = Counter[str]()
    share = MANY // (2 * len(KINDS))
    for kind in KINDS:
        contents = corpus(kind)
        for number, content in enumerate(inputs(contents, share, SEED)):
            try:
                outcomes[f"content {await desk.send(kind, content)}"] += 1
            except Exception as fault:
                raise AssertionError(f"{kind}, seed {SEED}, content {number}: {content[:300]!r}") from fault
        whole = [desk.envelope(content) for content in contents]
        for number, raw in enumerate(inputs(whole, share, SEED)):
            try:
                outcomes[f"envelope {await desk.post(kind, raw)}"] += 1
            except Exception as fault:
                raise AssertionError(f"{kind}, seed {SEED}, envelope {number}: {raw[:300]!r}") from fault
    sys.stdout.write(f"fuzz intake: {dict(sorted(outcomes.items()))}\n")
    assert {"content 0", "content 4004", "envelope None", "envelope 4001", "envelope 4003"} <= outcomes.keys()
    desk.clock.advance(2 * 86400)
    evidence = Evidence(desk.store.evidence, private_key(desk.store.folder), desk.clock)
    await evidence.close_days()
    verdict = judge_export(await evidence.export(OPERATOR, "0000", "9999"))
    assert verdict.faults == []
    rows = await desk.store.quality.calls(END, desk.clock.now() + timedelta(days=1))
    assert 0 < verdict.records <= sum(row.ret == 0 for row in rows)
    profile = load_profile(PROFILE)
    watched = {OPERATOR: Watched(OPERATOR, profile, rules_of(profile))}
    watch, day = QualityWatch(desk.store.quality, desk.store.evidence, desk.clock, watched), local_day(END)
    assert (await watch.judge(OPERATOR, day)).findings, "whatever was sent can be judged"
    assert (await watch.recompute(OPERATOR, day))[0]
    await watch.look()
