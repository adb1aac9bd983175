"""What goes on over a restart of ours, and while the database is away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.model.command import ChangeAvailability, Command, CommandResult, RemoteStart, RemoteStop, Trigger
from csms.model.display import SetDisplayMessage
from csms.model.errors import CallTimeout, NotInThisVersion, StoreUnavailable
from csms.model.inbound import SessionStarted
from csms.model.reservation import ReserveNow
from csms.model.smart_charging import ChargingNeeds, EvNeeds, ExternalLimitSet
from csms.model.station import ConnectorStatus, Protocol
from csms.station import upkeep
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.service import StationService
from csms.store.station_tables import DisplayMessage, Operation, Reservation, WantedAvailability

STATION = "CP-1"


class Link:
    """Answers as told; that it should boot does not count."""

    def __init__(self, *answers: CommandResult | Exception) -> None:
        self.protocol = Protocol.OCPP201
        self.answers, self.sent = list(answers), list[Command]()

    async def send(self, command: Command) -> CommandResult:
        if isinstance(command, Trigger):
            return CommandResult("Accepted")
        self.sent.append(command)
        answer = self.answers.pop(0) if self.answers else CommandResult("Accepted")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self, code: int, reason: str) -> None:
        """Nothing to do."""


async def again(desk: Any) -> StationService:
    service = StationService(desk.clock, desk.store, EventBus(), StationSettings())
    await service.restore()
    return service


async def test_a_remote_start_is_tied_after_a_restart(desk) -> None:
    await desk.service.connected(STATION, Link())
    number = (await desk.service.command(STATION, RemoteStart("TAG", 1))).operation_id
    service = await again(desk)
    await service.receive(STATION, SessionStarted(1, "TAG", 0, desk.now), desk.now)
    (found,) = await desk.store.reader.find(Operation, id=number)
    assert found.status == "Started"


async def test_a_remote_stop_is_given_up_after_a_restart(desk) -> None:
    await desk.service.connected(STATION, Link(CallTimeout("silent")))
    with pytest.raises(CallTimeout):
        await desk.service.command(STATION, RemoteStop("tx-a"))
    await desk.service.command(STATION, RemoteStop("tx-a"))
    service = await again(desk)
    desk.later(400)
    await upkeep.look(service._context)
    rows = await desk.store.reader.find(Operation, kind="remote_stop")
    assert [row.status for row in rows] == ["nothing_followed", "nothing_followed"]


async def test_what_was_held_wanted_and_limited_is_known_again(desk) -> None:
    await desk.service.connected(STATION, Link())
    until = desk.now + timedelta(hours=1)
    await desk.service.command(STATION, ReserveNow("TAG", until, 1))
    await desk.service.command(STATION, ChangeAvailability(False, 2))
    await desk.say(ExternalLimitSet(0, "EMS", True))
    await desk.event("Started", "tx-a")
    await desk.say(ChargingNeeds(1, EvNeeds(energy_wh=5000, soc=30)))
    await desk.event("Started", "tx-b", offline=True, evse_id=None)
    service = await again(desk)
    station = service.stations[STATION]
    assert list(station.limits) == [(0, "EMS")]
    assert (station.evses[1].needs.energy_wh, station.evses[1].needs.soc) == (5000, 30)
    assert station.evses[1].driver.energy_wh is None, "it was the car's word"
    assert list(station.aside) == ["tx-b"]
    assert [row.evse_id for row in service._context.held.values()] == [1]
    assert list(service._context.wanted) == [(STATION, 2, 0)]
    desk.later(4000)
    await upkeep.look(service._context)
    (row,) = await desk.store.reader.find(Reservation)
    assert row.state == "Expired"


async def test_a_wish_is_repeated_now_and_then_and_not_during_a_session(desk) -> None:
    link = Link(CommandResult("Accepted"), CommandResult("Rejected"), CallTimeout("silent"))
    await desk.service.connected(STATION, link)
    await desk.status(1, ConnectorStatus.AVAILABLE)
    await desk.service.command(STATION, ChangeAvailability(False, 1))
    for seconds, sent in ((31, 1), (600, 2), (10, 2), (600, 3), (10, 3)):
        desk.later(seconds)
        await upkeep.look(desk.service._context)
        assert len(link.sent) == sent
    (row,) = await desk.store.reader.find(WantedAvailability)
    assert row.answer == "unanswered"
    await desk.event("Started", "tx-a")
    desk.later(700)
    await upkeep.look(desk.service._context)
    assert len(link.sent) == 3, "the session may end first"


async def test_operative_is_wanted_until_it_is_answered(desk) -> None:
    link = Link(CallTimeout("silent"))
    await desk.service.connected(STATION, link)
    await desk.status(1, ConnectorStatus.UNAVAILABLE)
    with pytest.raises(CallTimeout):
        await desk.service.command(STATION, ChangeAvailability(True))
    desk.later(700)
    await upkeep.look(desk.service._context)
    assert link.sent == [ChangeAvailability(True), ChangeAvailability(True)]
    assert await desk.store.reader.find(WantedAvailability) == []


async def test_a_lost_answer_to_a_message_is_told(desk) -> None:
    await desk.service.connected(STATION, Link(CallTimeout("silent")))
    with pytest.raises(CallTimeout):
        await desk.service.command(STATION, SetDisplayMessage("Hello"))
    (row,) = await desk.store.reader.find(DisplayMessage)
    assert row.status == "unanswered"


async def test_upkeep_waits_for_the_database(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def look(context: object) -> None:
        looks.append(len(looks))
        if len(looks) < 3:
            raise StoreUnavailable("away")
        raise AssertionError("third look")

    monkeypatch.setattr(upkeep, "look", look)
    monkeypatch.setattr(upkeep, "PAUSE_WALL_S", 0.0)
    with pytest.raises(AssertionError):
        await desk.service.run()
    assert looks == [0, 1, 2]


@pytest.mark.parametrize(
    "command", [ReserveNow("TAG", ManualClock().now()), SetDisplayMessage("Hello"), RemoteStart("T")]
)
async def test_what_was_not_even_sent_is_not_waited_for(desk, command: Command) -> None:
    await desk.service.connected(STATION, Link(NotInThisVersion("no")))
    with pytest.raises(NotInThisVersion):
        await desk.service.command(STATION, command)
    (operation,) = await desk.store.reader.find(Operation)
    assert (operation.status, operation.ended_at is None) == ("not_in_this_version", False)
    context = desk.service._context
    assert (context.held, context.awaited) == ({}, {})


async def test_a_wish_that_could_not_be_sent_is_none(desk) -> None:
    await desk.service.connected(STATION, Link(NotInThisVersion("no")))
    with pytest.raises(NotInThisVersion):
        await desk.service.command(STATION, ChangeAvailability(False, 1))
    assert await desk.store.reader.find(WantedAvailability) == []
