"""The load of a feeder from registers, powers, what was seen, and the curve; known or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.model.clock import ManualClock
from csms.model.meter import ENERGY_REGISTER, Sample
from csms.response.loads import FeederLoads, Recorder, powers_w, quarter_of
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import Store, open_store
from csms.store.feeder_reading import POWER, REGISTER, MeteredQuarter
from csms.store.response_tables import FeederLoad
from csms.store.rollup import Rollups

NOON = datetime(2026, 7, 14, 4, tzinfo=UTC)
QUARTER, MINUTE = timedelta(minutes=15), timedelta(minutes=1)
TREE = FeederTree([Feeder("T1", 400_000, base_load_w=(10_000,)), Feeder("T1a", 200_000, "T1", (5_000,))])


class Under:
    """All stations hang on T1a."""

    def under(self, feeder_id: str) -> Sequence[str]:
        return ["CP-1", "CP-2"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(NOON), upgrade=True)
    yield opened
    await opened.close()


def loads(store: Store) -> FeederLoads:
    return FeederLoads(store.reader, TREE, Under(), ZoneInfo("Asia/Shanghai"))


async def charge(store: Store, station_id: str, start: datetime, minutes: int, power_w: float, from_wh: float = 0.0):
    """A car that draws `power_w`; its register each minute."""
    samples = [
        Sample(start + MINUTE * n, ENERGY_REGISTER, from_wh + power_w * n / 60, "Wh") for n in range(minutes + 1)
    ]
    batch = SampleBatch(station_id, 1, start, samples, transaction_id="")
    await store.writer.commit([changes.add_samples(batch)])


async def rolled_up(store: Store, until: datetime) -> None:
    await Rollups(store.writer, store.reader).run(until + timedelta(minutes=2))


def quarter(measurand: str, n: int, first: float, last: float, *, samples: int = 15, mean: float = 0.0):
    begins_at = NOON + QUARTER * n
    return MeteredQuarter(
        "CP-1", 1, measurand, begins_at, samples, mean, first, last, begins_at, begins_at + MINUTE * (samples - 1)
    )


async def test_registers_make_the_load_of_a_quarter_hour(store: Store) -> None:
    await charge(store, "CP-1", NOON - timedelta(minutes=30), 90, 7_200)
    await charge(store, "CP-2", NOON + timedelta(minutes=20), 10, 22_000)
    await rolled_up(store, NOON + timedelta(hours=1))
    found = await loads(store).window("T1", NOON, 3)
    assert [round(one.charging_w) for one in found if one] == [7_200, 21_867, 7_200], "22 kW for ten minutes of fifteen"
    assert {one.base_w for one in found if one} == {15_000.0}
    assert not any(one.metered for one in found if one)


def test_a_session_that_ends_within_a_quarter_hour_counts_for_its_minutes() -> None:
    """The mean of its powers would say 12 kW for all of it."""
    assert powers_w([quarter(REGISTER, 0, 0.0, 1_000.0, samples=6)], NOON, 1) == pytest.approx([4_000])
    assert powers_w([quarter(POWER, 0, 0, 0, samples=6, mean=12_000)], NOON, 1) == pytest.approx([4_800])


def test_the_register_wins_over_powers_of_the_same_outlet() -> None:
    both = [quarter(REGISTER, 0, 0.0, 1_000.0), quarter(POWER, 0, 0, 0, mean=99_000)]
    assert powers_w(both, NOON, 1) == pytest.approx([4_000])


def test_a_register_that_begins_anew_is_no_load() -> None:
    rows = [quarter(REGISTER, 0, 50_000.0, 51_000.0), quarter(REGISTER, 1, 0.0, 1_000.0)]
    assert powers_w(rows, NOON, 2) == pytest.approx([4_000, 4_000])


async def test_what_was_seen_is_known_and_what_nobody_saw_is_not(store: Store) -> None:
    rows = [
        FeederLoad(feeder_id=id_, begins_at=NOON, base_w=base_w, charging_w=3_000.0, looks=60, metered=metered)
        for id_, base_w, metered in (("T1", 41_000.0, 60), ("T1a", 6_000.0, 55))
    ]
    await store.writer.commit([changes.put_row(row) for row in rows])
    first, second = await loads(store).window("T1", NOON, 2)
    assert first is not None
    assert (first.base_w, first.charging_w, first.load_w, first.metered) == (47_000.0, 3_000.0, 50_000.0, True)
    assert second is None, "nothing was rolled up, so what was seen of charging counts; later nobody looked"
    await rolled_up(store, NOON + QUARTER)
    (still,) = await loads(store).window("T1", NOON, 1)
    assert still is not None
    assert still.charging_w == 3_000.0, "the value behind the edge may be on its way"
    await rolled_up(store, NOON + 2 * QUARTER)
    (after,) = await loads(store).window("T1", NOON, 1)
    assert after is not None
    assert after.charging_w == 0.0, "no register moved"


async def test_a_day_on_which_stations_metered_is_known_as_a_whole(store: Store) -> None:
    assert await loads(store).window("T1", NOON, 1) == [None]
    await charge(store, "CP-1", NOON - timedelta(hours=3), 30, 7_200)
    await rolled_up(store, NOON + timedelta(hours=1))
    (found,) = await loads(store).window("T1", NOON, 1)
    assert found is not None
    assert (found.charging_w, found.base_w) == (0.0, 15_000.0), "no car was there"
    assert await loads(store).window("T1", NOON - timedelta(days=1), 1) == [None]


def test_a_recorder_adds_up_looks() -> None:
    recorder = Recorder(TREE)
    TREE.base_loads.report("T1a", 8_000, NOON, NOON)
    for minute, watts in ((0, 1_000.0), (2, 3_000.0), (14, 5_000.0)):
        recorder.look({"T1": watts, "T1a": watts}, NOON + MINUTE * minute)
    assert recorder.over(NOON + MINUTE * 14) == []
    rows = {row.feeder_id: row for row in recorder.over(NOON + QUARTER)}
    assert (rows["T1"].base_w, rows["T1"].charging_w, rows["T1"].looks, rows["T1"].metered) == (10_000, 3_000, 3, 0)
    assert (rows["T1a"].base_w, rows["T1a"].metered) == ((8_000 + 8_000 + 5_000) / 3, 2)
    recorder.drop(rows.values())
    assert recorder.over(NOON + QUARTER) == []


def test_quarter_hours_of_the_clock() -> None:
    assert quarter_of(NOON + timedelta(minutes=29, seconds=59)) == NOON + QUARTER
