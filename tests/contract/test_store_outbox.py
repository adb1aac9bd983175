"""The SQL outbox passes every contract test of the province room, and never gives an id twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from csms.model.clock import system_clock
from csms.province.ports import NewEntry, OutboxEntry, OutboxStore
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox, add_entries
from csms.store.tables import IdToken
from tests.contract import test_province_outbox as contract

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})


class SqlHome:
    """A database, opened anew by each `open`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store | None = None

    async def open(self) -> OutboxStore:
        """What a new process would find."""
        await self.close()
        self.store = await open_store(self.url, system_clock(), upgrade=True)
        return SqlOutbox(self.store, OutboxEntry)

    async def close(self) -> None:
        if self.store is not None:
            await self.store.close()


@pytest.fixture
async def home(database_url: str) -> AsyncIterator[SqlHome]:
    opened = SqlHome(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def reopen(home: SqlHome) -> contract.Opener:
    return home.open


def entry(key: str, **more: object) -> NewEntry:
    values: dict[str, object] = {"payload": {"桩": key}, "created_at": NOON, **more}
    return NewEntry("p", "status", key, **values)  # type: ignore[arg-type]


async def test_a_late_answer_never_hits_the_successor(home: SqlHome) -> None:
    outbox = await home.open()
    await outbox.add([entry("a")])
    [old] = await outbox.due("p", ["status"], NOON, 9)
    await outbox.add([entry("a", collapse=True)])
    outbox = await home.open()
    await outbox.mark_acked(old.id, NOON, 0)
    [new] = await outbox.due("p", ["status"], NOON, 9)
    assert new.id > old.id
    assert new.state == "queued"


async def test_a_message_and_what_it_reports_are_durable_together_or_not_at_all(home: SqlHome) -> None:
    outbox = await home.open()
    assert home.store is not None
    writer, reader = home.store.writer, home.store.reader
    await writer.commit([changes.put_token(IdToken(id_token="t")), *add_entries([entry("a")])])
    with pytest.raises(Exception, match=r"(?i)not.null"):
        await writer.commit(
            [*add_entries([entry("b")]), changes.put_token(IdToken(id_token="u", status=None))]  # type: ignore[arg-type]
        )
    assert [row.business_key for row in await outbox.due("p", ["status"], NOON, 9)] == ["a"]
    assert await reader.token("u") is None
    assert (await outbox.due("p", ["status"], NOON, 9))[0].payload == {"桩": "a"}
