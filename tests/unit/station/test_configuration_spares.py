"""What does harm to a make is not asked of it; what it cannot take at once goes in parts."""

from __future__ import annotations

import pytest

from csms.model.command import GetVariables, RemoteStart, Trigger
from csms.model.errors import NotForThisStation
from csms.model.inbound import Boot
from csms.model.station import StationIdentity
from tests.unit.station.test_station_service import STATION, RecordingLink

WAKES = (Trigger("BootNotification"),)
"""A standing clock has no grace: who does not boot at once is asked to."""


async def test_no_more_keys_at_once_than_the_make_can_take(desk) -> None:
    link = RecordingLink()
    await desk.service.connected(STATION, link)
    await desk.say(Boot(StationIdentity("Charge Amps", "Halo", "", "169")))
    await desk.service.command(STATION, GetVariables(("A", "B", "C", "D")))
    assert [sent for sent in link.sent if sent not in WAKES] == [GetVariables(("A", "B", "C")), GetVariables(("D",))]


@pytest.mark.req("SR-04")
async def test_a_token_that_the_make_would_spoil_starts_nothing(desk) -> None:
    link = RecordingLink()
    await desk.service.connected(STATION, link)
    await desk.say(Boot(StationIdentity("BS AC EV Charger", "BS-EV22", "", "448.3251.0Q03197")))
    with pytest.raises(NotForThisStation, match="18 characters at most"):
        await desk.service.command(STATION, RemoteStart("T" * 19))
    assert (await desk.service.command(STATION, RemoteStart("T" * 18))).accepted
