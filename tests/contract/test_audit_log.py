"""The audit log and the tokens on every engine: appended only, by several servers, through outages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from csms.access.audit import HEAD_FILE, AuditLog, record_of
from csms.access.first import LocalDesk
from csms.access.tokens import AccessTokens
from csms.model.access import LastAdministrator, Role, TokenExists, TokenInvalid, Unauthenticated, UnknownAccessToken
from csms.model.audit import AuditEntry, AuditRecord, ChainCheck
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.store import changes, schema
from csms.store.access_tables import AccessToken, AuditRow
from csms.store.change import Change
from csms.store.engine import Store, open_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store(database_url, clock, upgrade=True)
    yield opened
    await opened.close()


def entry(number: int = 0, **more: object) -> AuditEntry:
    return AuditEntry("done", "command reset", f"r{number}", {"name": "op"}, {"station_id": f"CP-{number}"}, more)


async def records(store: Store) -> list[AuditRecord]:
    return [record_of(row) for row in await store.reader.audit_after(0, 100_000)]


def check(chain: Sequence[AuditRecord]) -> ChainCheck:
    found = ChainCheck()
    for record in chain:
        found.take(record)
    return found


async def test_records_come_back_as_they_were_hashed(store: Store, clock: ManualClock) -> None:
    log = AuditLog(clock, store)
    await log.restore()
    for number in range(5):
        clock.advance(0.123456)
        await log.write(entry(number, value_w=1.5, name="名 \x00 \ud800", none=None))
    chain = await records(store)
    assert check(chain).fault == ""
    assert [record.seq for record in chain] == [1, 2, 3, 4, 5]
    assert log.head.hash == chain[-1].hash
    page = await store.reader.audit_page(2, target="CP-3")
    assert [row.seq for row in page] == [4]
    assert [row.seq for row in await store.reader.audit_page(2, before_seq=4, actor="op")] == [3, 2]


async def test_many_at_once_are_one_chain_in_few_commits(store: Store, clock: ManualClock) -> None:
    log = AuditLog(clock, store)
    await log.restore()
    before = store.writer.statistics.commits
    await asyncio.gather(*(log.write(entry(number)) for number in range(200)))
    assert check(await records(store)).checked == 200
    assert store.writer.statistics.commits - before < 20


async def test_two_servers_write_one_chain(store: Store, database_url: str, clock: ManualClock) -> None:
    other = await open_store(database_url, clock)
    try:
        logs = [AuditLog(clock, store), AuditLog(clock, other)]
        for log in logs:
            await log.restore()
        await asyncio.gather(*(logs[number % 2].write(entry(number)) for number in range(60)))
    finally:
        await other.close()
    found = check(await records(store))
    assert (found.fault, found.checked) == ("", 60)


async def test_the_database_refuses_to_change_or_shorten_it(
    store: Store, database_url: str, clock: ManualClock
) -> None:
    log = AuditLog(clock, store)
    await log.write(entry())
    for tampering in (
        changes.set_columns(AuditRow, {"seq": 1}, actor="nobody"),
        changes.delete_rows(AuditRow, seq=1),
    ):
        with pytest.raises(StoreUnavailable):
            await store.writer.commit([tampering])
    for statement in ("UPDATE audit_record SET actor = 'nobody'", "DELETE FROM audit_record"):
        with pytest.raises((DBAPIError, StoreUnavailable)):
            await asyncio.to_thread(schema.change, database_url, lambda c, s=statement: c.execute(text(s)) and None)
    assert check(await records(store)).checked == 1


async def test_who_takes_the_guard_away_is_found_all_the_same(
    store: Store, database_url: str, clock: ManualClock
) -> None:
    log = AuditLog(clock, store)
    for number in range(6):
        await log.write(entry(number))
    await asyncio.to_thread(
        schema.change, database_url, _unguarded("UPDATE audit_record SET actor = 'x' WHERE seq = 4")
    )
    found = check(await records(store))
    assert (found.fault, found.broken_seq) == ("columns", 4)
    await asyncio.to_thread(schema.change, database_url, _unguarded("DELETE FROM audit_record WHERE seq = 2"))
    assert check(await records(store)).broken_seq == 2


def _unguarded(statement: str):
    def work(connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("DROP TRIGGER IF EXISTS audit_record_append_only ON audit_record"))
        else:
            for what in ("UPDATE", "DELETE"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS audit_record_no_{what}"))
        connection.execute(text(statement))

    return work


async def test_an_end_that_was_cut_off_is_told_at_the_next_start(
    store: Store, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    log = AuditLog(clock, store, tmp_path)
    for number in range(5):
        await log.write(entry(number))
    assert json.loads((tmp_path / HEAD_FILE).read_text())["seq"] == 5
    await asyncio.to_thread(schema.change, database_url, _unguarded("DELETE FROM audit_record WHERE seq > 3"))
    assert check(await records(store)).fault == ""
    again = AuditLog(clock, store, tmp_path)
    assert again.kept() == log.head
    await again.restore()
    await again.pay()
    last = (await records(store))[-1]
    assert (last.seq, last.kind, last.action) == (4, "note", "audit log cut")
    assert log.head.hash in last.text
    calm = AuditLog(clock, store, tmp_path)
    await calm.restore()
    assert calm.owed == 0


async def test_whoever_cuts_off_the_end_and_takes_the_file_along_is_told_too(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    first = AuditLog(clock, store, tmp_path)
    await first.restore()
    await first.pay()
    assert (await records(store)) == [], "a new log has no file yet"
    await first.write(entry(1))
    (tmp_path / HEAD_FILE).unlink()
    again = AuditLog(clock, store, tmp_path)
    await again.restore()
    await again.pay()
    last = (await records(store))[-1]
    assert (last.kind, last.action) == ("note", "audit head missing")
    calm = AuditLog(clock, store, tmp_path)
    await calm.restore()
    assert calm.owed == 0


class Broken:
    """A store whose writer is out of order when told so."""

    def __init__(self, store: Store) -> None:
        self.reader, self._inner, self.broken = store.reader, store.writer, False

    @property
    def writer(self) -> Broken:
        return self

    async def commit(self, wanted: Sequence[Change]) -> None:
        if self.broken:
            raise StoreUnavailable("no space")
        await self._inner.commit(wanted)


async def test_what_is_owed_is_written_when_the_store_works_again(store: Store, clock: ManualClock) -> None:
    broken = Broken(store)
    log = AuditLog(clock, broken)
    await log.write(entry(1))
    broken.broken = True
    with pytest.raises(StoreUnavailable):
        await log.write(entry(2))
    log.owe(entry(3))
    log.owe(entry(4))
    with pytest.raises(StoreUnavailable):
        await log.pay()
    assert log.owed == 2
    broken.broken = False
    await log.write(entry(5))
    await log.pay()
    chain = await records(store)
    assert check(chain).fault == ""
    assert [record.target for record in chain] == ["CP-1", "CP-3", "CP-4", "CP-5"]
    assert log.owed == 0


@pytest.mark.req("GL-A9")
async def test_what_is_owed_stands_before_what_happened_later(store: Store, clock: ManualClock) -> None:
    log = AuditLog(clock, store)
    log.owe(entry(1))
    log.owe(entry(2))
    await asyncio.gather(log.write(entry(3)), log.pay())
    assert [json.loads(record.text)["request"] for record in await records(store)] == ["r1", "r2", "r3"]
    assert log.owed == 0


async def test_lost_records_are_counted_in_the_log(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.access.audit.OWED_MAX", 2)
    log = AuditLog(clock, store)
    for number in range(5):
        log.owe(entry(number))
    await log.pay()
    chain = await records(store)
    assert [record.action for record in chain] == ["command reset", "command reset", "audit records lost"]
    assert '"count":3' in chain[-1].text


async def tokens_of(store: Store, clock: ManualClock) -> AccessTokens:
    tokens = AccessTokens(clock, store)
    await tokens.refresh()
    return tokens


async def test_a_token_lives_and_ends(store: Store, clock: ManualClock) -> None:
    tokens = await tokens_of(store, clock)
    until = clock.now() + timedelta(days=1)
    made = await tokens.create("north", Role.GRID_OPERATOR, ["north"], until, created_by="x")
    assert (await tokens.create("boss", Role.ADMINISTRATOR, created_by="x")).row.id
    caller = await tokens.authenticate(f"Bearer {made.text}", "10.0.0.1")
    assert (caller.name, caller.role, caller.bound_to, caller.address) == (
        "north",
        Role.GRID_OPERATOR,
        ("north",),
        "10.0.0.1",
    )
    assert caller.source == "grid:north"
    await tokens.note_use()
    (row,) = await store.reader.find(AccessToken, name="north")
    assert row.last_used_at == clock.now()
    clock.advance(86_400)
    with pytest.raises(Unauthenticated) as refusal:
        await tokens.authenticate(f"Bearer {made.text}", "")
    assert refusal.value.reason == "expired"
    again = await tokens_of(store, clock)
    assert {row.name for row in await again.listed()} == {"north", "boss"}


async def test_a_rotated_token_is_good_for_the_grace(store: Store, clock: ManualClock) -> None:
    tokens = await tokens_of(store, clock)
    old = await tokens.create("boss", Role.ADMINISTRATOR, created_by="x")
    new = await tokens.rotate("boss", timedelta(hours=1), created_by="boss")
    for made in (old, new):
        assert (await tokens.authenticate(f"Bearer {made.text}", "")).name == "boss"
    clock.advance(3600)
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(f"Bearer {old.text}", "")
    assert (await tokens.authenticate(f"bearer {new.text}", "")).name == "boss"


async def test_the_last_administrator_stays(store: Store, clock: ManualClock) -> None:
    tokens = await tokens_of(store, clock)
    await tokens.create("one", Role.ADMINISTRATOR, created_by="x")
    with pytest.raises(LastAdministrator):
        await tokens.revoke("one")
    await tokens.create("two", Role.ADMINISTRATOR, created_by="x")
    assert [row.name for row in await tokens.revoke("one")] == ["one"]
    with pytest.raises(UnknownAccessToken):
        await tokens.revoke("one")
    with pytest.raises(TokenExists):
        await tokens.create("one", Role.VIEWER, created_by="x")


@pytest.mark.parametrize(
    ("name", "role", "bound"),
    [
        ("", Role.VIEWER, []),
        ("a\nb", Role.VIEWER, []),
        ("x" * 65, Role.VIEWER, []),
        ("=cmd", Role.VIEWER, []),
        ("v", Role.VIEWER, ["north"]),
        ("g", Role.GRID_OPERATOR, []),
        ("p", Role.PROVINCE_PARTNER, []),
    ],
)
async def test_tokens_that_cannot_be(store: Store, clock: ManualClock, name, role, bound) -> None:
    tokens = await tokens_of(store, clock)
    with pytest.raises(TokenInvalid):
        await tokens.create(name, role, bound, created_by="x")


async def test_the_first_start_makes_one_administrator(store: Store, clock: ManualClock) -> None:
    told: list[str] = []
    log = AuditLog(clock, store)
    desk = LocalDesk(await tokens_of(store, clock), log, "first start")
    assert await desk.first(told.append)
    assert not await desk.first(told.append)
    (token,) = told
    assert (await (await tokens_of(store, clock)).authenticate(f"Bearer {token}", "")).role is Role.ADMINISTRATOR
    chain = await records(store)
    assert [record.target for record in chain] == ["administrator"]
    assert token.split("_")[2] not in chain[0].text


async def test_a_token_that_could_not_be_told_is_not_made(store: Store, clock: ManualClock) -> None:
    tokens = await tokens_of(store, clock)
    desk = LocalDesk(tokens, AuditLog(clock, store), "first start")

    def fail(token: str) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        await desk.first(fail)
    await tokens.refresh()
    assert await tokens.listed() == []
