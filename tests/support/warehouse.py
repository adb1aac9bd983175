"""A store with two piles that charged, to be loaded into a warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from csms.model.clock import ManualClock
from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import Store, open_store
from csms.store.response_tables import FeederLoad
from csms.store.rollup import Rollups
from csms.store.station_tables import StateChange
from csms.store.tables import Evse, OutboxRow, Session, Station
from monitor.forecast.metered import REGISTER
from monitor.warehouse.engine import in_process, star
from monitor.warehouse.extract import POWER
from monitor.warehouse.governed import Facts
from monitor.warehouse.loading import Loaded, Loader, More
from monitor.warehouse.places import Places
from monitor.warehouse.statistics import STATISTICS

DAY = datetime(2026, 3, 2, tzinfo=UTC)
FIRST, LAST = DAY.date(), (DAY + timedelta(days=1)).date()


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def session(number: int, station: str, begin_h: float, end_h: float | None, wh: float, token: str = "T1") -> Session:
    return Session(
        id=number, station_id=station, evse_id=1, transaction_id=str(number), id_token=token,
        status="open" if end_h is None else "ended", started_at=at(begin_h), received_at=at(begin_h),
        ended_at=None if end_h is None else at(end_h), energy_wh=wh, charging_s=3600, stop_reason="Local",
    )  # fmt: skip


def outlet(row: dict[str, Any]) -> tuple[str, int]:
    return row["station_id"], row["evse_id"]


def samples(station: str, measurand: str, unit: str, values: dict[float, float]) -> Any:
    found = [Sample(time=at(h), measurand=measurand, value=value, unit=unit) for h, value in values.items()]
    return changes.add_samples(SampleBatch(station, 1, at(40), found))


class Home:
    """A store with a DC and an AC pile: 10 kWh by register over midnight, 2 kWh by power."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder, self.clock = folder, ManualClock(at(30))
        self.url = url or f"sqlite+aiosqlite:///{folder / 'csms.db'}"
        self.warehouse = folder / "warehouse"

    async def begin(self) -> None:
        store = await open_store(self.url, self.clock, upgrade=True)
        await store.writer.commit([
            changes.put_station(Station(id="DC-1", site_id="s1", feeder_id="f1", vendor="V", model="M")),
            changes.put_station(Station(id="AC-1", site_id="s2", feeder_id="f1", vendor="V", model="N")),
            changes.put_evse(Evse(station_id="DC-1", evse_id=1, kind="dc", power_max_w=60_000)),
            changes.put_evse(Evse(station_id="AC-1", evse_id=1, kind="ac", power_max_w=7_000)),
            changes.put_row(session(1, "DC-1", 23.0, 25.0, 10_000)),
            changes.put_row(session(2, "AC-1", 10.0, 11.0, 2_000, token="")),
            changes.put_row(session(3, "AC-1", 26.0, None, 0.0)),
        ])  # fmt: skip
        await store.writer.commit([
            samples("DC-1", REGISTER, "Wh", {23.0 + n / 12: 50_000 + 10_000 * n / 24 for n in range(25)}),
            samples("AC-1", POWER, "W", {10.0 + n / 4: 2_000.0 for n in range(4)}),
        ])  # fmt: skip
        await self.roll_up(store)
        await store.close()

    async def roll_up(self, store: Store) -> None:
        await Rollups(store.writer, store.reader).run(at(48))

    async def change(self, *done: Any) -> None:
        store = await open_store(self.url, self.clock)
        await store.writer.commit(list(done))
        await self.roll_up(store)
        await store.close()

    async def load(
        self,
        since: datetime | None = None,
        places: Places | None = None,
        more: More | None = None,
        facts: Facts | None = None,
    ) -> Loaded:
        store = await open_store(self.url, self.clock)
        try:
            loader = Loader(store.reader, self.warehouse, self.clock, places, more=more, facts=facts)
            return await loader.load(since)
        finally:
            await store.close()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table, whole."""
        return list(in_process(self.warehouse).table(table).to_pyarrow().to_pylist())

    def ask(self, name: str, by: str = "all") -> list[dict[str, Any]]:
        return list(STATISTICS[name](star(in_process(self.warehouse)), FIRST, LAST, by).to_pyarrow().to_pylist())


PLACES = Places(
    operator="me", tariff="shandong-2026", service_yuan=0.4,
    sites=({"id": "s1", "area_code": "371102"}, {"id": "s2", "area_code": "370202", "station_type": 2}),
    feeders=({"id": "f1", "rating_kw": 100.0},),
)  # fmt: skip


def more_rows() -> list[Any]:
    """States with a fault, a feeder that is overloaded an hour a day, a message to a partner, an older session."""
    told = [("DC-1", 0.0, "Available"), ("AC-1", 0.0, "Available")]
    told += [("DC-1", 6.0, "Faulted"), ("DC-1", 12.0, "Available")]
    rows: list[Any] = [
        changes.add_row(StateChange(
            station_id=name, evse_id=1, connector_id=1, state=word, error_code="E1" if word == "Faulted" else "",
            at=at(hour), received_at=at(hour),
        )) for name, hour, word in told
    ]  # fmt: skip
    for n in range(3 * 96):
        base_w = 110_000.0 if n % 96 < 4 else 50_000.0
        rows.append(changes.put_row(FeederLoad(
            feeder_id="f1", begins_at=at(-48 + n / 4), base_w=base_w, charging_w=0.0, looks=1, metered=1
        )))  # fmt: skip
    rows.append(changes.put_row(session(7, "DC-1", -30.0, -29.0, 4_000)))
    rows.append(changes.add_row(OutboxRow(
        partner="p", interface="charge_order", business_key="k", state="acked", attempts=1, created_at=at(11),
        next_at=at(11), acked_at=at(11.5), last_code=0,
    )))  # fmt: skip
    return rows
