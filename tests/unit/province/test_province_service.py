"""What the service hands out: entries for each partner, each identifier once, only news, defects kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from csms.model.clock import ManualClock
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.ids import IdPair, IdTable
from csms.province.mapping import priced
from csms.province.memory import MemoryOutbox
from csms.province.profile import load_profile
from csms.province.records import ChargeOrder, ChargeStatus, ConnectorState, StationInfo
from csms.province.service import Outgoing, ProvinceService

KEY = "1234567890abcdef"
NOW = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
CONNECTOR = ConnectorRef("CP-1", 1, 1)
DETAIL = priced(NOW, NOW + timedelta(hours=1), 10_000, Decimal("0.66"), Decimal("0.4"))
ORDER = ChargeOrder(1, "7", CONNECTOR, NOW, NOW + timedelta(hours=1), (DETAIL,), 0)


class Saved:
    """Where identifiers go."""

    def __init__(self) -> None:
        self.pairs: list[IdPair] = []

    async def save(self, pairs: Sequence[IdPair]) -> None:
        self.pairs += pairs


def service(*profiles: str, saved: Saved | None = None) -> tuple[ProvinceService, MemoryOutbox]:
    secrets = Secrets.of(KEY, KEY, KEY, KEY)
    partners = [
        Partner(name, load_profile(name), "http://127.0.0.1:9", "123456789", secrets)
        for name in profiles or ("shandong",)
    ]
    outbox = MemoryOutbox()
    return ProvinceService(ManualClock(NOW), outbox, IdTable(), partners, (saved or Saved()).save), outbox


def state(status: int) -> ConnectorState:
    return ConnectorState(CONNECTOR, status, NOW)


def snapshot(at: datetime) -> ChargeStatus:
    return ChargeStatus(1, "7", CONNECTOR, NOW, at, 3, (10.0,), (230.0,), (DETAIL,))


def test_one_entry_for_each_partner_and_each_identifier_once() -> None:
    hub, _ = service("shandong", "qingdao")
    outgoing = hub.order(ORDER)
    assert [(entry.partner, entry.interface, entry.collapse) for entry in outgoing.entries] == [
        ("shandong", "charge_order", False),
        ("qingdao", "charge_order", False),
    ]
    assert len({entry.business_key for entry in outgoing.entries}) == 1
    assert len(outgoing.ids) == 4
    hub.saved(outgoing)
    assert hub.order(ORDER).ids == ()


def test_identifiers_come_again_until_their_transaction_is_durable() -> None:
    hub, _ = service()
    first = hub.connector_status(state(1))
    second = hub.connector_status(state(3))
    assert first.ids == second.ids != ()
    assert (first + second).ids == first.ids
    assert len((first + second + Outgoing()).entries) == 2


def test_a_status_is_told_when_it_changes() -> None:
    hub, _ = service()
    assert len(hub.connector_status(state(1)).entries) == 1
    told = hub.connector_status(state(1))
    assert len(told.entries) == 1, "the first one was not durable"
    hub.saved(told)
    assert hub.connector_status(replace(state(1), at=NOW + timedelta(hours=1))).entries == ()
    assert len(hub.connector_status(state(3)).entries) == 1


def test_snapshots_keep_the_period_of_each_partner() -> None:
    hub, _ = service("shandong", "qingdao")
    told = [
        [entry.partner for entry in hub.charge_status(snapshot(NOW + timedelta(seconds=at_s))).entries]
        for at_s in (0, 49, 50, 299, 300)
    ]
    assert told == [["shandong", "qingdao"], [], ["qingdao"], ["qingdao"], ["shandong"]]


def test_a_defective_message_is_kept_dead_and_stops_nobody() -> None:
    hub, _ = service()
    info = StationInfo("7", "name", "address", "371102", 119.5, 35.4, "", (), station_type=99)
    [entry] = hub.station_info(info).entries
    assert (entry.state, entry.last_code, entry.last_error) == ("dead", 4004, "DQ_ENUM StationInfo.StationType")


async def test_enqueue_writes_identifiers_then_entries() -> None:
    saved = Saved()
    hub, outbox = service(saved=saved)
    await hub.enqueue(hub.order(ORDER))
    assert len(saved.pairs) == 4
    assert (await outbox.counts("shandong"))["queued"] == 1
    await hub.enqueue(Outgoing())
    assert len(saved.pairs) == 4


async def test_a_resync_tells_the_last_status_of_every_connector() -> None:
    hub, outbox = service("shandong", "qingdao")
    for ref in (CONNECTOR, CONNECTOR._replace(evse_id=2)):
        for status in (1, 3):
            hub.saved(hub.connector_status(ConnectorState(ref, status, NOW)))
    await hub.resync("shandong")
    rows = await outbox.due("shandong", ["station_status"], NOW, 10)
    assert [row.payload["ConnectorStatusInfo"]["Status"] for row in rows] == [3, 3]
    assert (await outbox.counts("qingdao"))["queued"] == 0
