"""What every outbox must do; the forwarder relies on nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.province.memory import MemoryOutbox
from csms.province.ports import NewEntry, OutboxEntry, OutboxStore
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from tests.support.databases import new_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)


class MemoryHome:
    """Keeps the rows of an in-memory outbox over a `restart`."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()

    async def open(self) -> OutboxStore:
        self.outbox = self.outbox.restarted()
        return self.outbox

    async def close(self) -> None:
        """Nothing to close."""


class SqlHome:
    """A database that is closed and opened again by a `restart`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store | None = None

    async def open(self) -> OutboxStore:
        await self.close()
        self.store = await open_store(self.url, ManualClock(NOW), upgrade=True)
        return SqlOutbox(self.store, OutboxEntry)

    async def close(self) -> None:
        if self.store is not None:
            await self.store.close()
            self.store = None


Opener = Callable[[], Awaitable[OutboxStore]]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the outbox; called again it is what a new process would find."""
    home: MemoryHome | SqlHome = MemoryHome()
    if request.param != "memory":
        home = SqlHome(new_database(request, request.param, tmp_path))
    yield home.open
    await home.close()


def entry(key: str = "k", interface: str = "order", partner: str = "p", **more: object) -> NewEntry:
    values: dict[str, object] = {"payload": {"Key": key, "n": [1, 2.5]}, "created_at": NOW, **more}
    return NewEntry(partner, interface, key, **values)  # type: ignore[arg-type]


async def open_entries(outbox: OutboxStore, partner: str = "p", now: datetime = LATER) -> list[OutboxEntry]:
    return [row for name in ("order", "status") for row in await outbox.due(partner, [name], now, 100)]


async def test_what_is_added_is_due_at_once_in_order(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("b"), entry("a"), entry("x", partner="other"), entry("s", interface="status")])
    due = await outbox.due("p", ["order"], NOW, 10)
    assert [row.business_key for row in due] == ["b", "a"]
    assert due[0].payload == {"Key": "b", "n": [1, 2.5]}
    assert (due[0].state, due[0].attempts, due[0].created_at, due[0].next_at) == ("queued", 0, NOW, NOW)
    assert [row.business_key for row in await outbox.due("p", ["order"], NOW, 1)] == ["b"]
    by_order = [["order", "status"], ["status", "order"], ["none", "status"], ["none"], []]
    found = [await outbox.due("p", names, NOW, 10) for names in by_order]
    assert [[row.business_key for row in rows] for rows in found] == [["b", "a"], ["s"], ["s"], [], []]


async def test_nothing_is_due_before_its_time(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry()])
    assert await outbox.due("p", ["order"], NOW - timedelta(microseconds=1), 10) == []


async def test_the_way_to_an_acknowledgement(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry()])
    [row] = await open_entries(outbox)
    await outbox.mark_sent(row.id, LATER)
    assert await open_entries(outbox, now=NOW) == []
    [sent] = await open_entries(outbox)
    assert (sent.state, sent.attempts, sent.next_at) == ("sent", 1, LATER)
    await outbox.mark_acked(row.id, LATER, 4015, "had it")
    assert await open_entries(outbox) == []
    assert (await outbox.counts("p"))["acked"] == 1


async def test_a_retry_waits_for_its_time(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry()])
    [row] = await open_entries(outbox)
    await outbox.mark_sent(row.id, LATER)
    await outbox.mark_retry(row.id, LATER, 500, "time-out")
    assert await open_entries(outbox, now=NOW) == []
    [retry] = await open_entries(outbox)
    assert (retry.state, retry.attempts, retry.last_code, retry.last_error) == ("retry", 1, 500, "time-out")


async def test_an_attempt_at_a_silent_partner_counts_for_nothing(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry(), entry("other")])
    [row, other] = await open_entries(outbox)
    for attempt in (1, 2):
        await outbox.mark_sent(row.id, LATER)
        if attempt == 1:
            await outbox.mark_retry(row.id, NOW, -1, "busy")
    await outbox.mark_unheard(row.id, LATER, 500, "refused")
    assert [one.business_key for one in await open_entries(outbox, now=NOW)] == [other.business_key]
    [waiting, _] = await open_entries(outbox)
    assert (waiting.state, waiting.attempts, waiting.last_code, waiting.last_error) == ("retry", 1, 500, "refused")


async def test_what_has_been_due_for_the_longest_time_of_any_kind(reopen: Opener) -> None:
    outbox = await reopen()
    assert await outbox.longest_due("p", LATER) is None
    status = entry("s", interface="status", created_at=NOW + timedelta(seconds=1))
    await outbox.add([entry("a"), status, entry("x", partner="other")])
    first = await outbox.longest_due("p", LATER)
    assert first is not None
    assert first.business_key == "a"
    await outbox.mark_unheard(first.id, LATER, 500, "refused")
    second = await outbox.longest_due("p", LATER)
    assert second is not None
    assert second.business_key == "s"
    assert await outbox.longest_due("p", NOW) is None


async def test_the_dead_are_kept_and_can_be_queued_again(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("a"), entry("b", state="dead", last_code=4004, last_error="DQ_MISSING X")])
    [row] = await open_entries(outbox)
    await outbox.mark_dead(row.id, 4004, "refused")
    assert await open_entries(outbox) == []
    assert (await outbox.counts())["dead"] == 2
    assert await outbox.revive("p", [row.id for row in await outbox.listed("p", ["dead"], 9)], LATER) == 2
    rows = await open_entries(outbox)
    assert [(r.business_key, r.state, r.attempts, r.next_at) for r in rows] == [
        ("a", "queued", 0, LATER),
        ("b", "queued", 0, LATER),
    ]


async def test_the_dead_are_listed_by_pages_and_get_other_content(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry(key, state="dead", last_code=4004, last_error="wrong") for key in "abc"])
    rows = await outbox.listed("p", ["dead"], 2)
    assert [row.business_key for row in rows] == ["a", "b"]
    (third,) = await outbox.listed("p", ["dead"], 2, rows[-1].id)
    assert [row.id for row in await outbox.listed("p", ["dead"], 9, 0, [third.id, rows[0].id])] == [
        rows[0].id,
        third.id,
    ]
    assert await outbox.listed("p", ["dead"], 9, 0, []) == []
    better = entry("a", payload={"v": 2})
    worse = entry("b", payload={"v": 3}, state="dead", last_code=4004, last_error="still")
    await outbox.renew("p", {rows[0].id: better, rows[1].id: worse}, LATER)
    await outbox.renew("other", {third.id: better}, LATER)
    await outbox.renew("p", {}, LATER)
    outbox = await reopen()
    (again,) = await outbox.due("p", ["order"], LATER, 9)
    assert (again.id, again.payload, again.attempts, again.last_code) == (rows[0].id, {"v": 2}, 0, None)
    dead = await outbox.listed("p", ["dead"], 9)
    assert [(row.payload, row.last_error) for row in dead[:1]] == [({"v": 3}, "still")]
    assert dead[1].payload == {"Key": "c", "n": [1, 2.5]}
    await outbox.renew("p", {again.id: worse}, LATER)
    assert (await outbox.counts("p"))["queued"] == 1, "it is under way"


async def test_the_latest_wins_where_it_may(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add(
        [entry("c1", "status"), entry("c2", "status"), entry("c1", "order"), entry("c1", "status", "other")]
    )
    await outbox.add([entry("c1", "status", payload={"v": 2}, collapse=True)])
    rows = await open_entries(outbox)
    assert [(r.interface, r.business_key) for r in rows] == [("order", "c1"), ("status", "c2"), ("status", "c1")]
    assert rows[-1].payload == {"v": 2}
    assert len(await open_entries(outbox, "other")) == 1


async def test_collapsing_spares_what_is_done_and_a_late_mark_does_nothing(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("c", "status"), entry("d", "status")])
    first, second = await open_entries(outbox)
    await outbox.mark_acked(first.id, NOW, 0)
    await outbox.mark_sent(second.id, LATER)
    await outbox.add([entry("c", "status", collapse=True), entry("d", "status", collapse=True)])
    await outbox.mark_acked(second.id, NOW, 0)
    await outbox.mark_retry(second.id, NOW, 500, "")
    await outbox.mark_dead(second.id, 4004, "")
    counts = await outbox.counts("p")
    assert (counts["acked"], counts["queued"], counts["sent"]) == (1, 2, 0)


async def test_a_batch_may_collapse_within_itself(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("c", "status", payload={"v": n}, collapse=True) for n in range(3)])
    assert [row.payload for row in await open_entries(outbox)] == [{"v": 2}]


async def test_a_restart_loses_nothing_and_recovers_what_was_on_its_way(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("a"), entry("b"), entry("c")])
    a, b, _ = await open_entries(outbox)
    await outbox.mark_sent(a.id, LATER)
    await outbox.mark_sent(b.id, LATER)
    await outbox.mark_acked(b.id, NOW, 0)
    outbox = await reopen()
    assert await outbox.recover("other", NOW) == 0
    assert await outbox.recover("p", NOW) == 1
    rows = await open_entries(outbox, now=NOW)
    assert [(r.business_key, r.state, r.attempts) for r in rows] == [("a", "retry", 1), ("c", "queued", 0)]
    await outbox.add([entry("d")])
    assert len({r.id for r in await open_entries(outbox)}) == 3


async def test_when_to_look_again(reopen: Opener) -> None:
    outbox = await reopen()
    assert await outbox.next_due_at("p") is None
    await outbox.add([entry("a"), entry("b", created_at=LATER), entry("c", partner="other")])
    assert await outbox.next_due_at("p") == NOW
    [row] = await open_entries(outbox, now=NOW)
    await outbox.mark_acked(row.id, NOW, 0)
    assert await outbox.next_due_at("p") == LATER


async def test_what_was_tried_before_goes_at_its_moment_before_what_is_new(reopen: Opener) -> None:
    outbox = await reopen()
    assert await outbox.next_due_after("p", NOW) is None
    await outbox.add([entry(key) for key in "abcd"] + [entry("x", partner="other"), entry("s", interface="status")])
    rows = {row.business_key: row for row in await outbox.due("p", ["order"], NOW, 10)}
    moments = {"d": LATER, "b": LATER - timedelta(seconds=1), "c": LATER + timedelta(seconds=1)}
    for key, moment in moments.items():
        await outbox.mark_sent(rows[key].id, NOW)
        await outbox.mark_retry(rows[key].id, moment, -1, "busy")
    assert await outbox.next_due_after("p", NOW) == moments["b"]
    assert await outbox.next_due_after("p", moments["b"]) == LATER
    assert await outbox.next_due_after("p", moments["c"]) is None
    assert await outbox.next_due_after("other", NOW) is None
    assert [row.business_key for row in await outbox.due("p", ["order"], LATER, 10)] == ["b", "d", "a"]
    assert [row.business_key for row in await outbox.due("p", ["order"], LATER, 2)] == ["b", "d"]
    assert [row.business_key for row in await outbox.due("p", ["status", "order"], LATER, 9)] == ["s"]


async def test_dropping_what_became_pointless(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("a", "status"), entry("a", "order"), entry("b", "status")])
    (order,) = [row for row in await open_entries(outbox) if row.interface == "order"]
    await outbox.mark_acked(order.id, NOW, 0, drops=[("p", "status", "a"), ("p", "status", "gone")])
    assert [(r.interface, r.business_key) for r in await open_entries(outbox)] == [("status", "b")]


async def test_what_was_ever_entered_is_known(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([entry("a"), entry("b"), entry("c", state="dead")])
    first, second = await open_entries(outbox)
    await outbox.mark_acked(first.id, NOW, 0)
    await outbox.mark_dead(second.id, 4004, "")
    outbox = await reopen()
    assert [await outbox.knows("p", "order", key) for key in "abcd"] == [True, True, True, False]
    assert not await outbox.knows("other", "order", "a")
    assert not await outbox.knows("p", "status", "a")


async def test_counts_name_every_state(reopen: Opener) -> None:
    outbox = await reopen()
    assert await outbox.counts() == {"queued": 0, "sent": 0, "retry": 0, "acked": 0, "dead": 0}
    await outbox.add([entry("a"), entry("b", partner="other")])
    assert (await outbox.counts())["queued"] == 2
    assert (await outbox.counts("p"))["queued"] == 1


async def test_the_newest_entry_of_a_key_and_lists_by_state(reopen: Opener) -> None:
    outbox = await reopen()
    entries = [NewEntry("p", "charge_order", key, {"n": n}, NOW) for n, key in enumerate(("a", "b", "a"))]
    await outbox.add([*entries, NewEntry("other", "charge_order", "a", {"n": 9}, NOW)])
    newest = await outbox.newest("p", "charge_order", ["a", "c", *map(str, range(1200)), "b"])
    assert {key: row.payload for key, row in newest.items()} == {"a": {"n": 2}, "b": {"n": 1}}
    assert await outbox.newest("p", "charge_order", []) == {}
    rows = await outbox.listed("p", ["queued", "retry"], 10)
    assert [row.payload["n"] for row in rows] == [0, 1, 2]
    assert len(await outbox.listed("p", ["queued"], 2)) == 2
    assert await outbox.listed("p", ["dead"], 10) == []


async def test_named_entries_are_revived_when_they_are_over(reopen: Opener) -> None:
    outbox = await reopen()
    await outbox.add([NewEntry("p", "charge_order", key, {}, NOW) for key in "abc"])
    first, second, third = [row.id for row in await outbox.listed("p", ["queued"], 10)]
    await outbox.mark_dead(first, 4004, "wrong")
    await outbox.mark_acked(second, NOW, 0)
    assert await outbox.revive("p", [first, second, third, 999_999], LATER) == 2
    assert await outbox.revive("other", [first], LATER) == 0
    assert await outbox.revive("p", [], LATER) == 0
    counts = await outbox.counts("p")
    assert (counts["queued"], counts["dead"], counts["acked"]) == (3, 0, 0)
    due = await outbox.due("p", ["charge_order"], LATER, 10)
    assert {row.attempts for row in due} == {0}
