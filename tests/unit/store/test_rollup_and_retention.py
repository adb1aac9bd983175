"""What is rolled up and when, what is deleted and what stays, and that the tallies keep telling the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import select

from csms.model.clock import system_clock
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from csms.store.queries import Reader
from csms.store.retention import KeepDays, Retention
from csms.store.rollup import RolledUp, Rollups
from csms.store.station_tables import DisplayMessage, Operation, Reservation, SignedValue
from csms.store.tables import IdToken, OutboxRow, PlanRow, RollupDue, Session
from tests.support.samples import add_samples

Maker = Callable[..., dict[str, Any]]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUARTER, DAY = timedelta(seconds=900), timedelta(days=1)


def rollups(store: Store) -> Rollups:
    return Rollups(store.writer, store.reader)


async def put(store: Store, sample: Maker, *seconds: int, **values: Any) -> None:
    await store.writer.commit([add_samples([sample(second, **values) for second in seconds])])


async def due(reader: Reader) -> int:
    return len(await reader.rows(select(RollupDue)))


async def test_a_quarter_hour(store: Store, sample: Maker) -> None:
    await put(store, sample, 300, 0, 899, 900)
    assert await rollups(store).run(NOON + timedelta(seconds=960)) == RolledUp(1, 0)
    [found] = await store.reader.rollups(station_id="A", evse_id=1, measurand="Power")
    assert (found.begins_at, found.grain_s, found.samples, found.unit) == (NOON, 900, 3, "W")
    assert (found.minimum, found.maximum, found.first, found.last) == (0.0, 899.0, 0.0, 899.0)
    assert abs(found.mean - 1199 / 3) < 1e-9
    assert (found.first_at, found.last_at) == (NOON, NOON + timedelta(seconds=899))


async def test_what_runs_is_left_alone_and_what_just_ended_may_settle(store: Store, sample: Maker) -> None:
    await put(store, sample, 0)
    assert await rollups(store).run(NOON + timedelta(seconds=959)) == RolledUp(0, 0)
    assert not await store.reader.rollups()


async def test_a_day_follows_its_quarter_hours(store: Store, sample: Maker) -> None:
    await put(store, sample, 0, 1000, 11 * 3600)
    assert await rollups(store).run(NOON + DAY) == RolledUp(3, 1)
    [day] = await store.reader.rollups(grain_s=86_400)
    assert (day.begins_at, day.samples, day.first, day.last) == (NOON - timedelta(hours=12), 3, 0.0, 39_600.0)


async def test_a_late_sample_is_noted_and_counted(store: Store, sample: Maker) -> None:
    await put(store, sample, 0, 20)
    await rollups(store).run(NOON + 2 * DAY)
    assert await due(store.reader) == 0
    await put(store, sample, 10, value=99.0)
    assert await due(store.reader) == 1
    assert await rollups(store).run(NOON + 2 * DAY) == RolledUp(1, 1)
    for grain_s in (900, 86_400):
        [found] = await store.reader.rollups(grain_s=grain_s)
        assert (found.samples, found.maximum, found.last) == (3, 99.0, 20.0)


async def test_a_quarter_hour_is_noted_once(store: Store, sample: Maker) -> None:
    before = store.writer.statistics.rows
    for second in range(5):
        await put(store, sample, second)
    assert store.writer.statistics.rows - before == 5
    assert await due(store.reader) == 1
    assert len(store.writer.due.wanted([add_samples([sample(6)])])) == 0


async def test_a_failed_commit_leaves_no_belief_in_its_note(store: Store, sample: Maker) -> None:
    poison = changes.add_notice("A", NOON, None)  # type: ignore[arg-type]
    try:
        await store.writer.commit([add_samples([sample(1)]), poison])
    except Exception:
        assert await due(store.reader) == 0
    await put(store, sample, 2)
    assert await due(store.reader) == 1


async def test_the_mark_says_how_far(store: Store) -> None:
    await rollups(store).run(NOON + timedelta(seconds=100))
    assert await store.reader.tally("rolled_up_until") == int(NOON.timestamp())


async def test_filters(store: Store, sample: Maker) -> None:
    await put(store, sample, 0, 900, 1800)
    await put(store, sample, 0, evse_id=2, measurand="Energy")
    await rollups(store).run(NOON + DAY)
    assert len(await store.reader.rollups(since=NOON + QUARTER, until=NOON + 2 * QUARTER)) == 1
    assert [r.measurand for r in await store.reader.rollups(evse_id=2)] == ["Energy"]
    assert await store.reader.rollups(station_id="nobody") == []


async def test_old_samples_go_and_their_roll_ups_stay(store: Store, sample: Maker) -> None:
    await put(store, sample, *range(0, 20 * 900, 300))
    await put(store, sample, 10 * 86_400)
    await rollups(store).run(NOON + 11 * DAY)
    gone = await Retention(store.writer, store.reader, KeepDays(samples=5)).run(NOON + 11 * DAY)
    assert gone["samples"] == 60
    assert len(await store.reader.samples()) == 1
    assert sum(r.samples for r in await store.reader.rollups()) == 61
    counts = await store.reader.counts()
    assert (counts["samples"], await store.reader.tally("samples_deleted")) == (61, 60)


async def test_no_sample_goes_before_it_is_rolled_up(store: Store, sample: Maker) -> None:
    retention = Retention(store.writer, store.reader, KeepDays(samples=5))
    await put(store, sample, 0, 900)
    assert (await retention.run(NOON + 30 * DAY))["samples"] == 0
    await rollups(store).run(NOON + DAY)
    await put(store, sample, 901)
    assert (await retention.run(NOON + 30 * DAY))["samples"] == 1
    assert len(await store.reader.samples()) == 2


async def test_a_latecomer_after_retention_does_not_spoil_the_roll_up(store: Store, sample: Maker) -> None:
    await put(store, sample, 0, 300, 600)
    await rollups(store).run(NOON + DAY)
    await Retention(store.writer, store.reader, KeepDays(samples=5)).run(NOON + 30 * DAY)
    await put(store, sample, 301)
    await rollups(store).run(NOON + 30 * DAY)
    assert [r.samples for r in await store.reader.rollups()] == [3]


async def test_zero_days_keep_for_ever(store: Store, sample: Maker) -> None:
    await put(store, sample, 0)
    await rollups(store).run(NOON + DAY)
    keep = KeepDays(**dict.fromkeys((field.name for field in fields(KeepDays)), 0))
    assert await Retention(store.writer, store.reader, keep).run(NOON + 9000 * DAY) == {}


async def test_quarter_hours_may_go_and_days_stay(store: Store, sample: Maker) -> None:
    await put(store, sample, *range(0, 40 * 900, 900))
    await rollups(store).run(NOON + 2 * DAY)
    gone = await Retention(store.writer, store.reader, KeepDays(rollups=5)).run(NOON + 30 * DAY)
    assert gone["rollups"] == 40
    assert await store.reader.rollups() == []
    assert sum(r.samples for r in await store.reader.rollups(grain_s=86_400)) == 40


async def test_other_rows_by_their_age(store: Store) -> None:
    plan = {"feeder_id": "f", "cause": "c", "method": "m", "objective": 0.0, "lower_bound": 0.0, "gap": 0.0}
    for at in (NOON, NOON + 10 * DAY):
        await store.writer.commit(
            [changes.add_notice("A", at, "x"), changes.add_plan(PlanRow(made_at=at, solve_s=0.0, **plan))]
        )
    session = Session(id=1, station_id="A", evse_id=1, transaction_id="1", started_at=NOON, received_at=NOON)
    await store.writer.commit([changes.open_session(session)])
    gone = await Retention(store.writer, store.reader, KeepDays(plans=5, notices=5)).run(NOON + 11 * DAY)
    assert (gone["plans"], gone["notices"], gone["profiles"]) == (1, 1, 0)
    assert len(await store.reader.plans("f")) == len(await store.reader.notices()) == 1
    assert await store.reader.session(1) is not None


async def test_messages_that_were_taken_go_and_dead_ones_stay(store: Store) -> None:
    outbox: SqlOutbox[OutboxRow] = SqlOutbox(store, OutboxRow)
    entry = OutboxRow(partner="p", interface="i", business_key="k", created_at=NOON, next_at=NOON, payload={})
    for key in ("taken", "dead", "open"):
        await outbox.add([_Entry(entry, key)])
    taken, dead, _ = await outbox.due("p", ["i"], NOON, 10)
    await outbox.mark_acked(taken.id or 0, NOON, 0)
    await outbox.mark_dead(dead.id or 0, 1, "no")
    gone = await Retention(store.writer, store.reader, KeepDays(outbox=90)).run(NOON + 91 * DAY)
    assert gone["outbox"] == 1
    assert await outbox.counts() == {"queued": 1, "sent": 0, "retry": 0, "acked": 0, "dead": 1}


async def test_an_older_database_is_rolled_up_from_its_notes(url: str, sample: Maker) -> None:
    """Notes survive the process that wrote them."""
    first = await open_store(url, system_clock(), upgrade=True)
    await put(first, sample, 0)
    await first.close()
    second = await open_store(url, system_clock())
    assert await rollups(second).run(NOON + DAY) == RolledUp(1, 1)
    await second.close()


class _Entry:
    """A message as the outbox wants it."""

    collapse = False

    def __init__(self, row: OutboxRow, key: str) -> None:
        self._row, self.business_key = row, key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


async def test_old_operations_go_but_for_the_newest_and_made_up_tokens_after_their_day(store: Store) -> None:
    old = [
        Operation(id=n, station_id="CP-1", kind="reset", begun_at=NOON, changed_at=NOON, ended_at=NOON) for n in (1, 2)
    ]
    tokens = [IdToken(id_token=name, expires_at=NOON) for name in ("csms-1", "CARD-1")]
    await store.writer.commit([*map(changes.add_row, old), *map(changes.put_token, tokens)])
    gone = await Retention(store.writer, store.reader, KeepDays(operations=5)).run(NOON + 11 * DAY)
    assert (gone["operations"], gone["made_up_tokens"]) == (1, 1)
    assert [row.id for row in await store.reader.find(Operation, newest=5)] == [2]
    assert [row.id_token for row in await store.reader.token_page()] == ["CARD-1"]


async def test_what_is_over_goes_with_its_operations_and_what_may_still_hold_stays(store: Store) -> None:
    times = {"expires_at": NOON, "made_at": NOON, "changed_at": NOON}
    held = [
        Reservation(id=n, station_id="CP-1", id_token="A", state=s, **times) for n, s in ((1, "Accepted"), (2, "Used"))
    ]
    shown = [
        DisplayMessage(station_id="CP-1", message_id=number, status=status, content="x", sent_at=NOON)
        for number, status in ((1, "Accepted"), (2, "Cleared"), (3, "Over"))
    ]
    signed = [
        SignedValue(
            station_id="CP-1", evse_id=1, session_id=session, time=NOON, received_at=NOON, public_key="", data="OCMF"
        )
        for session in (None, 7)
    ]
    await store.writer.commit(
        [*map(changes.add_row, held), *map(changes.add_row, shown), *map(changes.add_row, signed)]
    )
    gone = await Retention(store.writer, store.reader, KeepDays(operations=5, samples=5)).run(NOON + 11 * DAY)
    assert (gone["reservations"], gone["display_messages"], gone["signed_values"]) == (1, 2, 1)
    assert [row.id for row in await store.reader.find(Reservation)] == [1]
    assert [row.message_id for row in await store.reader.find(DisplayMessage)] == [1]
    assert [row.session_id for row in await store.reader.find(SignedValue)] == [7]
