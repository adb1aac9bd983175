"""A store of stations that charge, filled through the writer; and a Spark session for comparisons."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from csms.model.clock import ManualClock
from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.rollup import Rollups
from csms.store.tables import Evse, Station

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLE_S, POWER_W = 10, 7_000.0


@dataclass(frozen=True, slots=True)
class Stations:
    """So many stations that send a register and a power every ten seconds for so many hours."""

    stations: int
    hours: float
    kinds: int = 2

    @property
    def moments(self) -> int:
        """Of each station."""
        return int(self.hours * 3600 / SAMPLE_S)

    @property
    def values(self) -> int:
        """Of all."""
        return self.stations * self.moments * self.kinds

    @property
    def end(self) -> datetime:
        """When the last one came, and all is rolled up."""
        return BEGIN + timedelta(hours=self.hours, minutes=20)


async def filled(url: str, clock: ManualClock, made: Stations) -> None:
    """Make the database, and roll up what is in it."""
    store = await open_store(url, clock, upgrade=True)
    try:
        for n in range(made.stations):
            name = f"CP-{n:05}"
            await store.writer.commit([
                changes.put_station(Station(id=name, site_id=f"site-{n % 10}")),
                changes.put_evse(Evse(station_id=name, evse_id=1, kind="ac")),
                changes.add_samples(SampleBatch(name, 1, made.end, list(_samples(made.moments)))),
            ])  # fmt: skip
        await Rollups(store.writer, store.reader).run(made.end)
    finally:
        await store.close()


def _samples(moments: int) -> Any:
    for k in range(moments):
        at = BEGIN + timedelta(seconds=k * SAMPLE_S)
        yield Sample(at, "Energy.Active.Import.Register", POWER_W * k * SAMPLE_S / 3600, "Wh")
        yield Sample(at, "Power.Active.Import", POWER_W, "W")


def spark_session() -> Any:
    """In this process, on two threads, without its pages."""
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master("local[2]")
    for name, value in {"ui.enabled": "false", "sql.session.timeZone": "UTC", "sql.shuffle.partitions": "2"}.items():
        builder = builder.config(f"spark.{name}", value)
    return builder.getOrCreate()
