"""What is told by the clock: powers each quarter-hour, the check of yesterday's orders, snapshots of silent meters."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.ids import ConnectorRef
from csms.model.inbound import StatusReport
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus
from csms.province.ids import IdTable, Names
from csms.province.profile import Kind, load_profile
from csms.province.records import ConnectorPower, StationPower, SubsidyAmount
from csms.province.service import defects_of
from csms.province.values import power_values
from tests.support.partners import World, partner_of, world

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""12:00 in Asia/Shanghai."""


async def test_powers_are_told_at_each_quarter_hour(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, partner_of(clock, profile="supervision-2023"), clock=clock) as at:
        await at.station("CP-1")
        await at.station("CP-2")
        await at.feed.by_the_clock()
        assert at.rows(Kind.POWER) == []
        for _ in range(3):
            clock.advance(900)
            await at.feed.by_the_clock()
            await at.feed.by_the_clock()
        rows = at.rows(Kind.POWER)
        assert [row["SupStationPowerInfos"][0]["DataTime"] for row in rows] == [
            "2026-03-02 12:15:00",
            "2026-03-02 12:30:00",
            "2026-03-02 12:45:00",
        ]
        assert len(rows[0]["SupStationPowerInfos"][0]["EquipmentPowerInfos"]) == 2
        profile = at.service.partners["p"].profile
        assert all(defects_of(profile, Kind.POWER, row) == [] for row in rows)


def test_upper_powers_are_sums_of_what_was_rounded() -> None:
    plugs = [ConnectorPower(ConnectorRef(f"CP-{n // 2}", 1, n % 2 + 1), 40.0 + n) for n in range(20)]
    (site,) = power_values(StationPower("1", NOON, tuple(plugs)), Names("123456789", IdTable()))["SupStationPowerInfos"]
    piles = site["EquipmentPowerInfos"]
    assert site["StationRealTimePower"] == sum(pile["EquipRealTimePower"] for pile in piles)
    for pile in piles:
        rows = pile["ConnectorPowerInfos"]
        assert pile["EquipRealTimePower"] == sum(row["ConnectorRealTimePower"] for row in rows)
    assert len(piles) == 10


async def charged(at: World, energy_wh: float) -> None:
    transaction = await at.begin("CP-1")
    at.clock.advance(600)
    await at.end("CP-1", transaction, 1000 + energy_wh, StopReason.LOCAL)
    await at.feed.work_off()


async def test_yesterdays_orders_are_checked_once_after_one_at_night(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, clock=clock) as at:
        await at.station("CP-1")
        for energy_wh in (10_000.0, 2_345.0):
            await charged(at, energy_wh)
        await at.feed.check_days()
        assert at.rows(Kind.CHECK_ORDERS) == []
        clock.advance(12 * 3600)
        await at.feed.check_days()
        assert at.rows(Kind.CHECK_ORDERS) == [], "not before the hour of the profile"
        clock.advance(3600)
        await at.feed.check_days()
        await at.feed.check_days()
        at.feed._checked.clear()
        await at.feed.check_days()
        (check,) = at.rows(Kind.CHECK_ORDERS)
        orders = at.rows(Kind.CHARGE_ORDER)
        assert (check["StartTime"], check["EndTime"]) == ("2026-03-02 00:00:00", "2026-03-02 23:59:59")
        assert check["OrderCount"] == 2
        assert {row["StartChargeSeq"] for row in check["ChargeOrders"]} == {o["StartChargeSeq"] for o in orders}
        assert check["TotalOrderPower"] == 12.35
        assert check["TotalOrderMoney"] == round(sum(order["TotalMoney"] for order in orders), 2)
        assert len(check["CheckOrderSeq"]) == 27
        assert defects_of(at.service.partners["p"].profile, Kind.CHECK_ORDERS, check) == []


async def test_days_missed_while_down_are_made_up(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, clock=clock) as at:
        await at.station("CP-1")
        await charged(at, 5_000)
        clock.advance(2 * 86400)
        await at.feed.check_days()
        (check,) = at.rows(Kind.CHECK_ORDERS)
        assert check["StartTime"] == "2026-03-02 00:00:00"


async def test_a_check_that_fails_is_made_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, clock=clock) as at:
        await at.station("CP-1")
        await charged(at, 5_000)
        clock.advance(86400)

        async def away(*given: object) -> None:
            raise StoreUnavailable("away")

        with monkeypatch.context() as broken:
            broken.setattr(at.records, "ended_between", away)
            await at.feed.check_days()
        assert at.rows(Kind.CHECK_ORDERS) == []
        await at.feed.check_days()
        assert len(at.rows(Kind.CHECK_ORDERS)) == 1


async def test_a_running_session_is_told_of_although_its_meter_is_silent(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, partner_of(clock, profile="city-2019"), clock=clock) as at:
        await at.station("CP-1")
        transaction = await at.begin("CP-1")
        await at.meter("CP-1", transaction, 2000)
        await at.feed.work_off()
        for _ in range(20):
            clock.advance(10)
            await at.feed.by_the_clock()
        told = [row["EndTime"] for row in at.rows(Kind.CHARGE_STATUS)]
        assert told == ["2026-03-02 12:03:20"], "the newest snapshot stands for all"
        assert at.rows(Kind.CHARGE_STATUS)[0]["VoltageA"] == 230.0
        counted = at.outbox._last_id
        clock.advance(40)
        await at.feed.by_the_clock()
        assert at.outbox._last_id == counted
        clock.advance(10)
        await at.feed.by_the_clock()
        assert at.outbox._last_id == counted + 1


async def test_amounts_of_subsidies_are_told_by_connector_and_span(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with world(tmp_path, partner_of(clock, profile="city-2019"), clock=clock) as at:
        partner = at.service.partners["p"]
        for month in (1, 2):
            first, last = datetime(2026, month, 1, tzinfo=UTC).date(), datetime(2026, month, 28, tzinfo=UTC).date()
            amount = SubsidyAmount("1", ConnectorRef("CP-1", 1, 1), first, last, Decimal("123.45"))
            await at.service.enqueue(at.service.subsidy(partner, amount))
        january, february = at.rows(Kind.SUBSIDY)
        assert (january["StartTime"], january["EndTime"], january["ApplySubsidyPrice"]) == (
            "2026-01-01",
            "2026-01-28",
            123.45,
        )
        assert february["StartTime"] == "2026-02-01"
        assert {row.state for row in at.outbox.rows.values()} == {"queued"}
    assert not load_profile("tcec102-2016").interfaces[Kind.SUBSIDY].enabled


async def test_a_state_that_could_not_be_written_is_told_later(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.station("CP-1")
        await at.feed.work_off()
        before = at.rows(Kind.STATION_STATUS)
        add = at.outbox.add

        async def full(entries: object) -> None:
            await at.say("CP-1", StatusReport(1, 1, ConnectorStatus.FAULTED))  # and it changes meanwhile
            raise StoreUnavailable("full")

        at.outbox.add = full  # type: ignore[method-assign,assignment]
        await at.say("CP-1", StatusReport(1, 1, ConnectorStatus.CHARGING))
        with pytest.raises(StoreUnavailable):
            await at.feed.work_off()
        at.outbox.add = add  # type: ignore[method-assign]
        await at.feed.work_off()
        assert [row["ConnectorStatusInfo"]["Status"] for row in before] == [2]
        assert [row["ConnectorStatusInfo"]["Status"] for row in at.rows(Kind.STATION_STATUS)] == [255]
