"""Who keeps the limits hears of what a person may have changed about them, and of nothing else."""

from __future__ import annotations

import pytest

from csms.model.command import ClearChargingProfile, Command, CommandResult, RawCall, Reset, SetVariables
from csms.model.errors import CallRefused, CallTimeout, StationOffline
from csms.model.event import LimitsTouched
from csms.model.inbound import Boot
from csms.model.station import StationIdentity
from tests.unit.station.test_station_service import STATION, RecordingLink

CLEAR = ClearChargingProfile()


class Answering(RecordingLink):
    """Answers as told."""

    answer: CommandResult | Exception = CommandResult("Accepted")

    async def send(self, command: Command) -> CommandResult:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def touched(desk) -> int:
    return sum(isinstance(event, LimitsTouched) for event in desk.events)


@pytest.mark.parametrize(
    ("command", "answer", "heard"),
    [
        (CLEAR, CommandResult("Accepted"), 1),
        (CLEAR, CommandResult("Unknown"), 0),
        (CLEAR, CallRefused("NotSupported"), 0),
        (CLEAR, CallTimeout("no answer"), 1),
        (RawCall("ClearChargingProfile"), CommandResult("Accepted"), 1),
        (RawCall("ClearCache"), CommandResult("Accepted"), 0),
        (SetVariables({"maxavailablecurrent": "16000"}), CommandResult("Accepted"), 1),
        (SetVariables({"HeartbeatInterval": "60"}), CommandResult("Accepted"), 0),
        (Reset(), CommandResult("Accepted"), 0),
    ],
)
async def test_what_may_have_changed(desk, command: Command, answer: CommandResult | Exception, heard: int) -> None:
    link = Answering()
    await desk.service.connected(STATION, link)
    await desk.say(Boot(StationIdentity("Keba AG", "KC-P30-ESS400C2-E0R", "", "1.10.1")))
    link.answer = answer
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await desk.service.order(STATION, command)
    else:
        await desk.service.order(STATION, command)
    assert touched(desk) == heard


async def test_a_station_that_is_away_keeps_what_it_has(desk) -> None:
    with pytest.raises(StationOffline):
        await desk.service.order(STATION, CLEAR)
    assert touched(desk) == 0
