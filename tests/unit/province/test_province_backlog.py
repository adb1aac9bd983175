"""Every session that ended gets its order, however many ended while nobody looked, and whatever one of them is like."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from csms.model.session import StopReason
from csms.province import feed as feeding
from csms.province.feed import spans
from csms.province.profile import Kind
from csms.store import changes
from csms.store.tables import Session
from tests.support.partners import World, world

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.station("CP-1")
        await made.feed.reconcile()
        yield made


async def charged(at: World, count: int) -> None:
    """Sessions that end without the feed being asked to work."""
    for _ in range(count):
        transaction = await at.begin("CP-1")
        at.clock.advance(60)
        await at.end("CP-1", transaction, 2_000, StopReason.LOCAL)


def numbers(at: World) -> list[str]:
    return [row["StartChargeSeq"] for row in at.rows(Kind.CHARGE_ORDER)]


async def unreported(at: World) -> list[int]:
    return [row.id for row in await at.records.unreported(0, 1000)]


async def test_a_backlog_is_paged_through(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "ORDERS_AT_ONCE", 3)
    await charged(at, 10)
    assert len(await unreported(at)) == 10
    await at.feed.reconcile()
    assert len(numbers(at)) == len(set(numbers(at))) == 10
    assert await unreported(at) == []


async def test_an_order_is_written_once_though_its_note_was_lost(at: World) -> None:
    await charged(at, 2)
    await at.feed.work_off()
    told = numbers(at)
    rows = await at.records.ended_between(MIDNIGHT, MIDNIGHT + timedelta(days=9))
    lost = [changes.update_session(row.id, reported_at=None) for row in rows]
    await at.records._writer.commit(lost)  # as if the process had died before the note
    await at.feed.reconcile()
    assert numbers(at) == told


async def test_a_session_that_cannot_be_told_keeps_no_other_waiting(
    at: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await charged(at, 3)
    first, real = (await unreported(at))[0], at.feed._picture.order

    async def order(row: Session, *given: Any, **more: Any) -> Any:
        if row.id == first:
            raise ValueError("no price for it")
        return await real(row, *given, **more)

    with monkeypatch.context() as broken:
        broken.setattr(at.feed._picture, "order", order)
        await at.feed.work_off()
        assert len(numbers(at)) == 2
        assert "province_order_failed" in caplog.messages
    await at.feed.work_off()
    assert len(numbers(at)) == 2  # looked at again by the next reconciliation
    await at.feed.reconcile()
    assert len(numbers(at)) == 3


async def test_what_ended_before_there_were_partners_is_history(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.station("CP-1")
        await charged(at, 2)
        await at.records.begin("1", at.clock.now())
        await at.feed.reconcile()
        assert numbers(at) == []
        await charged(at, 1)
        await at.records.begin("1", at.clock.now())  # the next start: a backlog, not history
        await at.feed.reconcile()
        assert len(numbers(at)) == 1


def ended(*seconds: int) -> list[Session]:
    made = [MIDNIGHT + timedelta(seconds=one, milliseconds=1) for one in seconds]
    return [SimpleNamespace(id=i, ended_at=at) for i, at in enumerate(made)]  # type: ignore[misc]


def test_a_day_is_listed_in_spans_without_a_gap() -> None:
    end = MIDNIGHT + timedelta(days=1)
    found = list(spans(ended(5, 3, 7, 7, 7, 9), MIDNIGHT, end, most=3))
    assert [[row.id for row in rows] for _, _, rows in found] == [[1, 0, 2, 3, 4], [5]]
    assert [(first - MIDNIGHT).total_seconds() for first, _, _ in found] == [0, 8]
    assert [(last - MIDNIGHT).total_seconds() for _, last, _ in found] == [7, 86399]
    assert list(spans([], MIDNIGHT, end)) == []
