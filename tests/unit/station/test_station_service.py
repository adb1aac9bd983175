"""Registration, boot, status, tokens, commands: the station room's front."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from csms.model.command import Command, CommandResult, Reset, Trigger
from csms.model.errors import StationOffline, UnknownStation
from csms.model.event import ConnectorChanged, SessionNeedsChanged, StationDisconnected
from csms.model.ids import EvseRef
from csms.model.inbound import Authorize, Boot, DataTransfer, Heartbeat, Notice, StatusReport
from csms.model.session import AuthorizationStatus
from csms.model.station import ConnectorStatus, Protocol, RegistrationStatus, StationIdentity
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store import changes
from csms.store.tables import IdToken
from tests.support.station_port import let_in

STATION = "CP-1"


class RecordingLink:
    """A link that notes what it was asked."""

    def __init__(self) -> None:
        self.protocol = Protocol.OCPP16
        self.sent: list[Command] = []
        self.asked = asyncio.Event()

    async def send(self, command: Command) -> CommandResult:
        self.sent.append(command)
        self.asked.set()
        return CommandResult("Accepted")

    def written(self, command: Command) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return ()

    async def close(self, code: int, reason: str) -> None:
        self.sent.clear()


@pytest.mark.req("B01.FR.02", "1.6:4.2")
async def test_a_boot_is_accepted_and_kept(desk) -> None:
    reply = await desk.say(Boot(StationIdentity("Vendor", "Model", "S1", "1.0")))
    assert (reply.status, reply.now, reply.interval_s) == (RegistrationStatus.ACCEPTED, desk.now, 300)
    row = await desk.store.reader.station(STATION)
    assert (row.vendor, row.model, row.booted_at) == ("Vendor", "Model", desk.now)


@pytest.mark.req("RB-18")
async def test_a_boot_with_an_empty_vendor_is_accepted(desk) -> None:
    assert (await desk.say(Boot(StationIdentity("", "ACChargePoint")))).status is RegistrationStatus.ACCEPTED


@pytest.mark.req("G02.FR.03", "1.6:4.6")
async def test_a_heartbeat_tells_the_time(desk) -> None:
    assert (await desk.say(Heartbeat())).now == desk.now


async def test_a_status_is_kept_and_told_once(desk) -> None:
    for _ in range(2):
        await desk.say(StatusReport(1, 1, ConnectorStatus.PREPARING))
    assert sum(isinstance(e, ConnectorChanged) for e in desk.events) == 1
    (row,) = await desk.store.reader.connectors(STATION)
    assert row.status == "Preparing"


@pytest.mark.req("PAIN-27")
@pytest.mark.parametrize(("evse_id", "connector_id"), [(1_634_030_126, 1), (1, 999_999), (-1, 1)])
async def test_an_impossible_connector_costs_no_memory(desk, evse_id: int, connector_id: int) -> None:
    await desk.say(StatusReport(evse_id, connector_id, ConnectorStatus.AVAILABLE))
    assert [n.code for n in await desk.store.reader.notices()] == ["impossible_connector"]
    assert sorted(desk.service.stations[STATION].evses) == [1, 2]


@pytest.mark.req("RB-30")
async def test_connector_zero_is_the_station_itself(desk) -> None:
    await desk.say(StatusReport(0, 0, ConnectorStatus.AVAILABLE))
    assert [(c.evse_id, c.connector_id) for c in await desk.store.reader.connectors(STATION)] == [(0, 0)]


@pytest.mark.req("C01.FR.07", "1.6:4.1")
async def test_an_unlisted_token_follows_the_house_rule(desk) -> None:
    assert (await desk.say(Authorize("NEW"))).status is AuthorizationStatus.ACCEPTED
    strict = StationService(desk.clock, desk.store, EventBus(), StationSettings(unknown_tokens=False))
    await strict.restore()
    reply = await strict.receive(STATION, Authorize("NEW"), desk.now)
    assert reply.status is AuthorizationStatus.INVALID


@pytest.mark.req("C01.FR.07", "1.6:4.1")
async def test_an_expired_token_is_told_so(desk) -> None:
    past = desk.now - timedelta(days=1)
    await desk.store.writer.commit([changes.put_token(IdToken(id_token="OLD", expires_at=past))])
    assert (await desk.say(Authorize("OLD"))).status is AuthorizationStatus.EXPIRED


@pytest.mark.req("RB-32")
@pytest.mark.parametrize(
    ("vendor_id", "message_id", "status"),
    [
        ("EV-BOX", "evbStatusNotification", "Accepted"),
        ("EV-BOX", "somethingElse", "UnknownMessageId"),
        ("EV-BOX", "", "UnknownMessageId"),
        ("ev-box", "evbStatusNotification", "UnknownVendorId"),
        ("", "", "UnknownVendorId"),
    ],
)
async def test_vendor_messages_are_kept_and_answered(desk, vendor_id: str, message_id: str, status: str) -> None:
    reply = await desk.say(DataTransfer(vendor_id, message_id, "C;420"))
    assert reply.status == status
    (notice,) = await desk.store.reader.notices()
    assert notice.detail["data"] == "C;420"


async def test_other_notifications_are_kept(desk) -> None:
    await desk.say(Notice("FirmwareStatusNotification", {"status": "Installed"}))
    (notice,) = await desk.store.reader.notices()
    assert (notice.code, notice.detail) == ("FirmwareStatusNotification", {"status": "Installed"})


async def test_strangers_are_admitted_only_when_asked_for(desk) -> None:
    assert let_in(desk.service, STATION)
    assert not let_in(desk.service, "STRANGER")
    settings = StationSettings(accept_unknown=True, strangers_max=1)
    open_house = StationService(desk.clock, desk.store, EventBus(), settings)
    await open_house.restore()
    assert let_in(open_house, "STRANGER")
    await open_house.connected("STRANGER", RecordingLink())
    row = await desk.store.reader.station("STRANGER")
    assert not row.registered
    assert not let_in(open_house, "ONE-TOO-MANY")
    assert let_in(open_house, "STRANGER")
    await open_house.register(Registration("STRANGER"))
    assert let_in(open_house, "ONE-TOO-MANY"), "who is registered is no stranger any more"
    await open_house.close()


async def test_commands_go_over_the_link_or_say_why_not(desk) -> None:
    with pytest.raises(UnknownStation):
        await desk.service.command("NOBODY", Reset())
    with pytest.raises(StationOffline):
        await desk.service.command(STATION, Reset())
    link = RecordingLink()
    await desk.service.connected(STATION, link)
    assert (await desk.service.command(STATION, Reset())).accepted
    assert link.sent[-1] == Reset()


@pytest.mark.req("PAIN-02")
async def test_the_late_end_of_a_replaced_connection_changes_nothing(desk) -> None:
    old, new = RecordingLink(), RecordingLink()
    await desk.service.connected(STATION, old)
    await desk.service.connected(STATION, new)
    await desk.service.disconnected(STATION, old)
    assert desk.service.stations[STATION].link is new
    await desk.service.disconnected(STATION, new)
    assert not desk.service.stations[STATION].online
    assert sum(isinstance(e, StationDisconnected) for e in desk.events) == 1


@pytest.mark.req("SR-07", "RB-14")
async def test_a_station_that_never_boots_is_asked_once(desk) -> None:
    link = RecordingLink()
    await desk.service.connected(STATION, link)
    await asyncio.wait_for(link.asked.wait(), 5)
    assert link.sent == [Trigger("BootNotification")]
    await desk.service.connected(STATION, again := RecordingLink())
    await asyncio.sleep(0.01)
    assert again.sent == []


async def test_needs_are_kept_for_the_session_that_comes(desk) -> None:
    leave = desk.now + timedelta(hours=3)
    await desk.service.set_needs(EvseRef(STATION, 1), 20_000, leave)
    transaction_id = await desk.start()
    row = await desk.store.reader.session(transaction_id)
    assert (row.wanted_wh, row.departure_at) == (20_000, leave)
    await desk.service.set_needs(EvseRef(STATION, 1), 25_000, leave)
    assert (await desk.store.reader.session(transaction_id)).wanted_wh == 25_000
    assert sum(isinstance(e, SessionNeedsChanged) for e in desk.events) == 2
    with pytest.raises(UnknownStation):
        await desk.service.set_needs(EvseRef(STATION, 7), 1.0, None)


@pytest.mark.parametrize("bad", ["", "a/b", "a b", "x" * 49, "a:b", "a\\b", "a\x00b"])
def test_an_id_that_cannot_stand_in_a_url_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="station id"):
        Registration(bad)


@pytest.mark.parametrize(
    "bad", [("acdc", 3, 32.0, 1000), ("ac", 4, 32.0, 1000), ("ac", 3, 0.0, 1000), ("dc", 3, 1.0, -1)]
)
def test_a_nameplate_that_cannot_be_is_refused(bad: tuple[str, int, float, int]) -> None:
    with pytest.raises(ValueError, match="EVSE"):
        rating(*bad)
