"""What happens at the stations reaches the outbox, also what happened while the process was down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.inbound import MeterReport, SessionStarted, SessionStopped, StatusReport
from csms.model.meter import CURRENT_IMPORT, ENERGY_REGISTER, VOLTAGE, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.feed import ProvinceFeed
from csms.province.ids import IdTable
from csms.province.memory import MemoryOutbox
from csms.province.picture import Picture, Site
from csms.province.profile import load_profile
from csms.province.service import ProvinceService
from csms.province.starts import PartnerStarts
from csms.province.tariff import FlatPrice, HourlyPrices, Price
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from csms.store.province import ProvinceRecords

SITE = Site("1", "日照站", "示范路1号", "371102", 119.5, 35.4, "0633-1")
PRICES = FlatPrice(Price(Decimal("0.66"), Decimal("0.40")))
KEY = b"1234567890abcdef"


class Desk:
    """A station room, an outbox in memory and the feed between them."""

    def __init__(self, store: Store, clock: ManualClock, stations: StationService, bus: EventBus) -> None:
        self.store, self.clock, self.stations = store, clock, stations
        self.outbox = MemoryOutbox()
        secrets = Secrets("secret", KEY, KEY, KEY)
        profile = load_profile("tcec102-2016")
        partner = Partner("p", profile, "http://127.0.0.1:1", "123456789", secrets)
        service = ProvinceService(clock, self.outbox, IdTable(), [partner])
        records = ProvinceRecords(store)
        picture = Picture(clock, store.reader, stations.stations, [SITE], PRICES)
        starts = PartnerStarts(clock, records, service, stations, 300.0)
        self.feed = ProvinceFeed(clock, service, self.outbox, records, picture, starts)
        bus.subscribe(self.feed.hear)

    async def say(self, message):
        return await self.stations.receive("CP-1", message, self.clock.now())

    def rows(self, interface: str) -> list[dict]:
        return [dict(row.payload) for row in self.outbox.rows.values() if row.interface == interface]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock, bus = ManualClock(), EventBus()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    stations = StationService(clock, store, bus, StationSettings(default_site="1"))
    await stations.register(Registration("CP-1", "T1", "1", {1: rating("ac", 3, 32.0, 22_080)}))
    yield Desk(store, clock, stations, bus)
    await stations.close()
    await store.close()


async def charge(desk: Desk, energy_wh: float = 12_345) -> int:
    reply = await desk.say(SessionStarted(1, "TAG", 1000, desk.clock.now()))
    desk.clock.advance(3600)
    stop = SessionStopped(str(reply.transaction_id), 1000 + energy_wh, desk.clock.now(), StopReason.EV_DISCONNECTED)
    await desk.say(stop)
    return reply.transaction_id


async def test_a_finished_session_becomes_one_order(desk: Desk) -> None:
    await charge(desk)
    await desk.feed.work_off()
    await desk.feed.reconcile()
    (order,) = desk.rows("charge_order")
    assert order["TotalPower"] == 12.35
    assert order["TotalElecMoney"] == 8.15
    assert order["StopReason"] == 4


async def test_energy_before_the_first_sample_belongs_to_its_own_period(desk: Desk, monkeypatch) -> None:
    """40 kWh at 120 kW around a change of price, the register told at the start and then each five minutes."""
    zone, low, high = ZoneInfo("Asia/Shanghai"), Decimal("0.3"), Decimal("1.2")
    now = desk.clock.now().astimezone(zone)
    letters = "V" * (now.hour + 1) + "P" * (23 - now.hour)
    prices = HourlyPrices("x", zone, lambda day: letters, {"V": low, "P": high}, Decimal(0), Price(high, low))
    monkeypatch.setattr(desk.feed._picture, "prices", prices)
    desk.clock.advance(50 * 60 - now.minute * 60 - now.second)
    answer = await desk.say(SessionStarted(1, "TAG", 1000, desk.clock.now()))
    for minute in (5, 10, 15):
        desk.clock.advance(300)
        sample = Sample(desk.clock.now(), ENERGY_REGISTER, 1000 + 2000.0 * minute, "Wh")
        await desk.say(MeterReport(1, (sample,), str(answer.transaction_id)))
    desk.clock.advance(300)
    await desk.say(SessionStopped(str(answer.transaction_id), 41_000, desk.clock.now(), StopReason.LOCAL))
    await desk.feed.reconcile()
    (order,) = desk.rows("charge_order")
    told = [(detail["DetailPower"], detail["DetailElecMoney"]) for detail in order["ChargeDetails"]]
    assert told == [(20, 6), (20, 24)]


async def test_a_session_that_ended_while_nobody_listened_is_found(desk: Desk) -> None:
    await charge(desk)
    desk.feed._session_ended = False
    assert desk.rows("charge_order") == []
    await desk.feed.reconcile()
    assert len(desk.rows("charge_order")) == 1


async def test_the_site_is_told_with_its_piles(desk: Desk) -> None:
    await desk.feed.work_off()
    (info,) = desk.rows("station_info")
    station = info.get("StationInfo", info)
    assert station["StationName"] == "日照站"
    (pile,) = station["EquipmentInfos"]
    assert (pile["EquipmentType"], pile["ConnectorInfos"][0]["Power"]) == (2, 22.1)


async def test_connector_states_are_told_when_they_change(desk: Desk) -> None:
    await desk.say(StatusReport(1, 1, ConnectorStatus.FAULTED))
    await desk.feed.work_off()
    first = desk.rows("station_status")
    await desk.feed.reconcile()
    assert desk.rows("station_status") == first
    assert len(first) == 1


async def test_a_restart_of_ours_tells_nobody_that_stations_are_gone(desk: Desk) -> None:
    await desk.feed.reconcile()
    assert desk.rows("station_status") == []
    desk.clock.advance(600)
    await desk.feed.reconcile()
    (status,) = desk.rows("station_status")
    assert status["ConnectorStatusInfo"]["Status"] == 0, "it has had its time to come back"


async def test_a_snapshot_follows_the_period_of_the_profile(desk: Desk) -> None:
    reply = await desk.say(SessionStarted(1, "TAG", 0, desk.clock.now()))
    for minute in range(1, 4):
        desk.clock.advance(10)
        at = desk.clock.now()
        rows = (
            Sample(at, ENERGY_REGISTER, 100.0 * minute, "Wh"),
            Sample(at, CURRENT_IMPORT, 10.0, "A", "L1"),
            Sample(at, CURRENT_IMPORT, 11.0, "A", "L2"),
            Sample(at, VOLTAGE, 230.0, "V", "L1"),
        )
        await desk.say(MeterReport(1, rows, str(reply.transaction_id)))
        await desk.feed.work_off()
    (snapshot,) = desk.rows("charge_status")
    assert (snapshot["CurrentA"], snapshot["CurrentB"], snapshot["VoltageA"]) == (10.0, 11.0, 230.0)
    assert snapshot["TotalPower"] == 0.1


async def test_settled_only_when_nothing_is_noted_or_open(desk: Desk) -> None:
    assert not await desk.feed.settled()
    await charge(desk)
    await desk.feed.work_off()
    assert not await desk.feed.settled()
    for row_id in list(desk.outbox.rows):
        await desk.outbox.mark_acked(row_id, desk.clock.now(), 0)
    assert await desk.feed.settled()


async def test_a_state_that_could_not_be_noted_is_told_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.say(StatusReport(1, 1, ConnectorStatus.FAULTED))
    with monkeypatch.context() as away:

        async def add(entries: object) -> None:
            raise StoreUnavailable("away")

        away.setattr(desk.outbox, "add", add)
        with pytest.raises(StoreUnavailable):
            await desk.feed.work_off()
    assert desk.rows("station_status") == []
    await desk.feed.work_off()
    assert len(desk.rows("station_status")) == 1


@pytest.mark.parametrize(("seconds", "told"), [(None, 0), (-5, 3), (5, 3), (-300, 0)])
async def test_another_reason_with_a_fault_is_a_fault(desk: Desk, seconds: int | None, told: int) -> None:
    """Section 14.2: Other with a fault, told shortly before or after the end."""
    reply = await desk.say(SessionStarted(1, "TAG", 1000, desk.clock.now()))
    end = desk.clock.now() + timedelta(seconds=600)
    if seconds is not None and seconds < 0:
        desk.clock.advance(600 + seconds)
        await desk.say(StatusReport(1, 1, ConnectorStatus.FAULTED))
        await desk.say(StatusReport(1, 1, ConnectorStatus.CHARGING))
    desk.clock.time = end
    await desk.say(SessionStopped(str(reply.transaction_id), 13_345, desk.clock.now(), StopReason.OTHER))
    if seconds is not None and seconds > 0:
        desk.clock.advance(seconds)
        await desk.say(StatusReport(1, 1, ConnectorStatus.FAULTED))
    await desk.feed.reconcile()
    (order,) = desk.rows("charge_order")
    assert order["StopReason"] == told
