"""A platform killed at any moment while operators report: what was acknowledged is there once, in a log that verifies.

A real `csms monitor intake serve` on a clock on which a day takes some seconds, so that days are closed and signed
between the kills, and maybe under them. CSMS_EVIDENCE_KILLS sets how often (4; 40 is a proof).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.model.clock import ManualClock, ScaledClock
from csms.province.client import Partner, PlatformClient
from csms.province.crypto import Secrets
from csms.province.outbox import Verdict
from csms.province.profile import Kind, load_profile
from monitor.evidence.files import private_key, read_export, write_export
from monitor.evidence.judge import judge_document, judge_export
from monitor.evidence.service import Evidence
from monitor.store.intake import FILE_NAME, open_intake
from monitor.store.tables import EvidenceRecord, IntakeOrder
from tests.support.platforms import PlatformProcess
from tests.support.running import csms

KILLS = int(os.environ.get("CSMS_EVIDENCE_KILLS", "4"))
KEY, OPERATOR, START = "1234567890abcdef", "123456789", datetime(2026, 3, 1, tzinfo=UTC)
SECRETS = Secrets.of(KEY, KEY, KEY, KEY)
SPEED = 14_400.0
"""A day takes six seconds."""
CALLERS = 4
PARTNERS = f"""
[[partners]]
operator_id = "{OPERATOR}"
operator_secret = "{KEY}"
data_secret = "{KEY}"
data_secret_iv = "{KEY}"
sig_secret = "{KEY}"
calls_per_s = 1000000
calls_burst = 1000000
"""

pytestmark = [pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL"), pytest.mark.timeout(600)]


def order(number: int) -> dict[str, Any]:
    return {
        "StartChargeSeq": f"{OPERATOR}20260301{number:010d}",
        "ConnectorID": "12345678900000000010001001",
        "StartTime": "2026-03-01 16:00:00",
        "EndTime": "2026-03-01 17:00:00",
        "TotalPower": 12.35,
        "TotalElecMoney": 11.39,
        "TotalSeviceMoney": 4.94,
        "TotalMoney": 16.33,
        "StopReason": 4,
    }


class Operator:
    """Reports without a pause; an order that was not acknowledged is sent again until it is."""

    def __init__(self, clock: ScaledClock) -> None:
        self.clock, self.number = clock, 0
        self.acked: Counter[str] = Counter()
        self.wanted = True
        self.clients: list[PlatformClient] = []

    def call_at(self, port: int) -> None:
        """The platform is there now."""
        partner = Partner("p", load_profile("tcec102-2016"), f"http://127.0.0.1:{port}", OPERATOR, SECRETS)
        self.clients.append(PlatformClient(partner, self.clock))

    async def more(self, count: int) -> None:
        """Wait until so many more were acknowledged, however slow the machine is."""
        wanted = len(self.acked) + count
        while len(self.acked) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def end(self, callers: list[asyncio.Task[None]]) -> None:
        """Deliver what is under way."""
        self.wanted = False
        async with asyncio.timeout(60):
            await asyncio.gather(*callers)
        for client in self.clients:
            await client.close()

    async def run(self) -> None:
        while self.wanted:
            self.number += 1
            await self.deliver(order(self.number))

    async def deliver(self, body: dict[str, Any]) -> None:
        while (outcome := await self.clients[-1].push(Kind.CHARGE_ORDER, body)).verdict is not Verdict.ACKED:
            assert outcome.verdict is not Verdict.DEAD, outcome
            await asyncio.sleep(0.02)
        self.acked[body["StartChargeSeq"]] += 1


async def test_nothing_acknowledged_is_missing_and_the_log_verifies(tmp_path: Path) -> None:
    clock = ScaledClock(SPEED, time.time(), START)
    platform = PlatformProcess(tmp_path, PARTNERS, str(clock))
    operator, rng = Operator(clock), random.Random(KILLS)
    await asyncio.to_thread(platform.start)
    operator.call_at(platform.port)
    callers = [asyncio.create_task(operator.run()) for _ in range(CALLERS)]
    try:
        for _ in range(KILLS):
            await operator.more(3)
            await asyncio.sleep(rng.uniform(0.0, 3.0))
            await asyncio.to_thread(platform.kill)
            await asyncio.to_thread(platform.start, anew=True)
            operator.call_at(platform.port)
        await a_day_is_closed(tmp_path / "data" / FILE_NAME)
    finally:
        await operator.end(callers)
        assert await asyncio.to_thread(platform.stop) == 0
    assert len(operator.acked) >= 3 * KILLS
    assert set(operator.acked.values()) == {1}
    await look(tmp_path, set(operator.acked), clock.now())


async def a_day_is_closed(file: Path) -> None:
    """Wait until the platform has signed a day, however quickly all else went."""
    async with asyncio.timeout(60):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            while not database.execute("SELECT count(*) FROM evidence_head").fetchone()[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def look(folder: Path, acked: set[str], now: datetime) -> None:
    store = await open_intake(folder / "data")
    try:
        async with AsyncSession(store._engine) as session:
            kept = Counter((await session.exec(select(IntakeOrder.business_id))).all())
            logged = Counter((await session.exec(select(EvidenceRecord.business_id))).all())
        assert set(kept) == acked, "every order was delivered in the end"
        assert logged == kept, "accepted exactly if logged, and once"
        evidence = Evidence(store.evidence, private_key(folder / "data"), ManualClock(now + timedelta(days=2)))
        closed = await store.evidence.heads(OPERATOR)
        assert closed, "days were closed and signed in between"
        await evidence.close_days()
        export = await evidence.export(OPERATOR, "0000", "9999")
        verdict = judge_export(export)
        assert (verdict.faults, verdict.records) == ([], len(acked))
        days = [signed.head.day for signed in export.heads]
        assert days[: len(closed)] == [signed.head.day for signed in closed]
        for day in days:
            assert judge_document(await evidence.prove_growth(OPERATOR, day, days[-1])).right
    finally:
        await store.close()
    write_export(folder / "out", export)
    assert read_export(folder / "out") == export
    told = await asyncio.to_thread(csms, "evidence", "verify", str(folder / "out"), "--json")
    verdict_told = json.loads(told.stdout)
    assert (told.returncode, verdict_told["verdict"]) == (3, "consistent_signer_unknown")
    assert verdict_told["records"] == len(acked)
