"""Stations that are held, let in late, learned about, and lists that follow their tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.model.command import Command, CommandResult
from csms.model.device import GetBaseReport
from csms.model.errors import CallTimeout, PeerError, RpcErrorCode, UnknownStation
from csms.model.inbound import Boot, Heartbeat, StatusReport
from csms.model.local_list import ListVersion, SendLocalList, WriteLocalList
from csms.model.station import ConnectorStatus, Protocol, RegistrationStatus, Stage, StationIdentity
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.lifecycle import BOOT
from csms.station.registration import Registration
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from csms.store.tables import IdToken

BOOTED = Boot(StationIdentity("Maker", "One", firmware="1"))


@dataclass
class Link:
    """A pile that notes what it is asked."""

    protocol: Protocol = Protocol.OCPP16
    answer: Callable[[Command], CommandResult] = lambda command: CommandResult("Accepted")
    asked: list[Command] = field(default_factory=list)
    closed: int | None = None

    async def send(self, command: Command) -> CommandResult:
        self.asked.append(command)
        return self.answer(command)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code

    def lists(self) -> list[WriteLocalList]:
        return [command for command in self.asked if isinstance(command, WriteLocalList)]

    def reports(self) -> int:
        return sum(isinstance(command, GetBaseReport) for command in self.asked)


class House:
    """A station room on SQLite that can be closed and opened again; its clock waits for nobody."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite+aiosqlite:///{folder / 'csms.db'}"
        self.clock = ManualClock()
        self.store: Store | None = None
        self.service: StationService | None = None

    async def open(self, **settings: object) -> StationService:
        await self.close()
        self.store = await open_store(self.url, self.clock, upgrade=True)
        self.service = StationService(self.clock, self.store, EventBus(), StationSettings(**settings))  # type: ignore[arg-type]
        await self.service.restore()
        return self.service

    async def close(self) -> None:
        if self.service is not None and self.store is not None:
            await self.service.close()
            await self.store.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = House(tmp_path)
    yield opened
    await opened.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def test_a_wish_for_a_station_that_is_away_counts_when_it_comes_back(house: House) -> None:
    service = await house.open()
    await service.register(Registration("CP-1"))
    await service.settle("CP-1", Stage.APPROVED)
    reply = await service.receive("CP-1", BOOTED, house.clock.now())
    assert reply.status is RegistrationStatus.PENDING  # type: ignore[attr-defined]
    await service.settle("CP-1", Stage.COMMISSIONED)
    service = await house.open()
    state = service.stations["CP-1"]
    assert (state.boot_wish, state.registration) == (RegistrationStatus.ACCEPTED, RegistrationStatus.PENDING)
    link = Link()
    await service.connected("CP-1", link)
    await until(lambda: link.asked == [BOOT])
    await service.receive("CP-1", StatusReport(1, 1, ConnectorStatus.AVAILABLE), house.clock.now())


async def test_a_station_that_was_accepted_stays_so_until_it_boots(house: House) -> None:
    """Holding a station must not lose the end of a session that runs on it (SR-01)."""
    service = await house.open()
    await service.register(Registration("CP-1"))
    await service.receive("CP-1", BOOTED, house.clock.now())
    await service.settle("CP-1", Stage.APPROVED)
    service = await house.open()
    await service.receive("CP-1", Heartbeat(), house.clock.now())
    await service.receive("CP-1", BOOTED, house.clock.now())
    with pytest.raises(PeerError) as caught:
        await service.receive("CP-1", Heartbeat(), house.clock.now())
    assert caught.value.code is RpcErrorCode.SECURITY_ERROR
    assert not service.take("CP-1", Heartbeat(), house.clock.now(), lambda reply: None)


async def test_registering_again_at_the_start_changes_no_stage(house: House) -> None:
    service = await house.open()
    await service.register(Registration("CP-1"))
    await service.settle("CP-1", Stage.REJECTED)
    service = await house.open()
    await service.register(Registration("CP-1"))
    assert service.stations["CP-1"].stage is Stage.REJECTED


async def test_a_rejected_stranger_is_sent_away(house: House) -> None:
    service = await house.open(accept_unknown=True)
    link = Link()
    await service.connected("NEW", link)
    assert service.stations["NEW"].stage is Stage.SEEN
    await service.settle("NEW", Stage.REJECTED)
    await until(lambda: link.closed == 1008)
    with pytest.raises(UnknownStation):
        await service.settle("NOBODY", Stage.APPROVED)


async def test_a_station_that_cannot_be_asked_to_boot_is_let_in_all_the_same(house: House) -> None:
    def silent(command: Command) -> CommandResult:
        raise CallTimeout("no answer")

    service = await house.open()
    await service.register(Registration("CP-1"))
    await service.settle("CP-1", Stage.APPROVED)
    await service.settle("CP-1", Stage.COMMISSIONED)
    await service.connected("CP-1", Link(answer=silent))
    await until(lambda: service.stations["CP-1"].booted)
    await service.receive("CP-1", Heartbeat(), house.clock.now())


@pytest.mark.req("B07.FR.14")
async def test_a_new_or_changed_station_is_asked_for_everything(house: House) -> None:
    service = await house.open(read_device_model=True)
    await service.register(Registration("CP-1"))
    link = Link()
    await service.connected("CP-1", link)
    await service.receive("CP-1", BOOTED, house.clock.now())
    await until(lambda: link.reports() == 1)
    await service.receive("CP-1", BOOTED, house.clock.now())
    newer = Boot(StationIdentity("Maker", "One", firmware="2"))
    await service.receive("CP-1", newer, house.clock.now())
    await until(lambda: link.reports() == 2)
    await asyncio.sleep(0.05)
    assert link.reports() == 2


async def test_lists_follow_the_tokens_if_the_house_keeps_them_up(house: House) -> None:
    version = 0

    def answer(command: Command) -> CommandResult:
        nonlocal version
        version = command.version if isinstance(command, WriteLocalList) else version
        return CommandResult("Accepted", records=(ListVersion(version),))

    service = await house.open(keep_local_lists=True)
    for name in ("CP-1", "CP-2"):
        await service.register(Registration(name))
    link, other = Link(answer=answer), Link(answer=answer)
    await service.connected("CP-1", link)
    await service.connected("CP-2", other)
    await service.receive("CP-1", BOOTED, house.clock.now())
    await service.command("CP-1", SendLocalList())
    link.asked.clear()
    await asyncio.gather(*(service.put_token(IdToken(id_token=name)) for name in "AB"))
    await until(lambda: [entry.id_token for written in link.lists() for entry in written.entries] == ["A", "B"])
    assert not any(written.full for written in link.lists())
    link.asked.clear()
    await service.disconnected("CP-1", link)
    assert await service.delete_token("a")
    await asyncio.sleep(0.05)
    await service.connected("CP-1", link)
    await service.receive("CP-1", BOOTED, house.clock.now())
    await until(link.lists)
    assert [(entry.id_token, entry.info) for entry in link.lists()[0].entries] == [("A", None)]
    assert not other.lists(), "it has none"
