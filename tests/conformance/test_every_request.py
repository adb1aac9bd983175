"""Whatever a station may say, in every way the schema lets it be written, over real websockets: all of it is answered.

Each request of each version with each optional field alone and missing, each word of each enumeration, each list short
and long (`tests.support.variants`), once with ids out of the blue and once with those of sessions, cards, reservations
and operations that the central system knows. Judge is the published schema; a fault that is logged fails the test too.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from csms.model.inbound import DataTransfer, Inbound, Reply
from csms.model.station import Protocol
from csms.ocpp16.actions import OUTGOING as OUTGOING_16
from csms.ocpp21.actions import OUTGOING as OUTGOING_21
from csms.ocpp201.actions import OUTGOING as OUTGOING_201
from csms.station.service import StationService
from tests.support.examples import SENDS, actions
from tests.support.frame_judge import cannot_be, faults
from tests.support.scripted import CallError, Central, Station201, central
from tests.support.variants import Payload, Variant, Variants, at_home

OUTGOING = {Protocol.OCPP16: OUTGOING_16, Protocol.OCPP201: OUTGOING_201, Protocol.OCPP21: OUTGOING_21}
FULL = "CSMS_COVERAGE" in os.environ
"""Whether all variants go out with our ids too."""
STATIONS = 6
"""Share the messages among them, so that the store has something to do meanwhile."""

HEARD = {Protocol.OCPP16: 14, Protocol.OCPP201: 25, Protocol.OCPP21: 36}
"""How many requests a station has: of 39, 64 and 90."""

FOLLOWED: Mapping[str, tuple[str, Payload]] = {
    "NotifyReport": ("get_base_report", {}),
    "NotifyMonitoringReport": ("get_monitoring_report", {}),
    "NotifyDisplayMessages": ("get_display_messages", {}),
    "NotifyCustomerInformation": ("customer_information", {"id_token": "TAG-1"}),
    "ReportChargingProfiles": ("get_charging_profiles", {"evse_id": 1}),
    "ReportDERControl": ("get_der_control", {}),
    "FirmwareStatusNotification": ("update_firmware", {"location": "https://files.example/f"}),
    "SignedFirmwareStatusNotification": ("update_firmware", {"location": "https://files.example/f"}),
    "PublishFirmwareStatusNotification": (
        "publish_firmware",
        {"location": "https://files.example/f", "checksum": "0123456789abcdef" * 2},
    ),
    "LogStatusNotification": ("request_log", {"location": "https://files.example/log"}),
    "DiagnosticsStatusNotification": ("request_log", {"location": "https://files.example/log"}),
}
"""What an operator asks for so that these messages have an operation to tell of."""

pytestmark = pytest.mark.conformance


def heard(protocol: Protocol) -> list[str]:
    """The requests that a station may send."""
    return [action for action in actions(protocol) if action not in OUTGOING[protocol]]


class Speaker:
    """A station that says what it is given and keeps what went wrong."""

    def __init__(self, csms: Central, cp: Any, wrong: list[str]) -> None:
        self._csms, self._cp, self._wrong = csms, cp, wrong
        self.refused: list[str] = []
        self._transaction = ""

    async def say(self, action: str, variant: Variant) -> None:
        """One message, which must be answered with a result.

        Or with the one refusal that is right: of a number that is none in OCPP (32 bits), of a transaction without id.
        """
        try:
            if action in SENDS:
                await self._cp.socket.send(json.dumps([6, "send", action, variant.payload]))
                await self._cp.call("Heartbeat")
            else:
                await self._cp.call(action, variant.payload)
        except CallError as fault:
            right = fault.code == "PropertyConstraintViolation" and cannot_be(action, variant.payload)
            (self.refused if right else self._wrong).append(f"{action}, {variant.name}: {fault!r}")
        except (AssertionError, TimeoutError, ConnectionError) as fault:
            self._wrong.append(f"{action}, {variant.name}: {fault!r}")

    async def at_home(self, action: str, variant: Variant) -> Variant:
        """The same with what the central system knows."""
        facts: dict[str, Any] = {"idTag": "TAG-1", "idToken": "TAG-1", "connectorId": 1, "evseId": 1}
        if "ransactionId" in json.dumps(variant.payload):
            facts["transactionId"] = await self._running(action, variant.payload)
        if action in FOLLOWED:
            name, body = FOLLOWED[action]
            told = await self._csms.operator(self._cp.station_id, name, **body)
            facts["requestId"] = told["operation_id"]
        payload = at_home(variant.payload, facts)
        if isinstance(payload.get("evse"), dict):
            payload["evse"]["id"] = 1
        return Variant(f"{variant.name} (known)", payload)

    async def _running(self, action: str, payload: Payload) -> Any:
        """The id of a session: the one that runs, a new one when the message begins one or the last one ended."""
        running = self._transaction
        if not running:
            running = self._transaction = await self._cp.start()
        if action == "StopTransaction" or payload.get("eventType") == "Ended":
            self._transaction = ""
        if payload.get("eventType") == "Started":
            return f"{running[:20]}-{len(self._cp.frames)}"
        return running if isinstance(self._cp, Station201) else int(running)


async def speakers(csms: Central, protocol: Protocol, wrong: list[str]) -> list[Speaker]:
    """Booted stations that speak a version."""
    found = []
    await csms.list_token("TAG-1")
    for number in range(STATIONS):
        cp = await csms.station(f"CP-{number}", protocol.value, evses=2, strict=False)
        await cp.boot()
        found.append(Speaker(csms, cp, wrong))
    return found


async def said(speaker: Speaker, messages: Iterable[tuple[str, Variant]], *, known: bool) -> None:
    """One after the other, as OCPP-J wants it."""
    for action, variant in messages:
        await speaker.say(action, await speaker.at_home(action, variant) if known else variant)


def all_messages(protocol: Protocol, names: Sequence[str], *, known: bool) -> list[tuple[str, Variant]]:
    """Every variant of these messages; with our ids fewer unless all are wanted, else some more drawn at random."""
    messages = list[tuple[str, Variant]]()
    for name in names:
        variants = Variants(protocol, name)
        made = [variant for variant in variants.all() if FULL or not (known and variant.rich)]
        wrong = [fault for variant in made for fault in faults(protocol, name, variant.payload)]
        assert wrong == []
        messages += [(name, variant) for variant in (*made, *(() if known else variants.loose()))]
    return messages


async def every_message(folder: Path, protocol: Protocol, names: Sequence[str], *, known: bool = False) -> list[str]:
    """Say everything; what was not answered as it should be."""
    messages, wrong = all_messages(protocol, names, known=known), list[str]()
    async with central(folder) as csms:
        stations = await speakers(csms, protocol, wrong)
        shares = [messages[number::STATIONS] for number in range(STATIONS)]
        await asyncio.gather(*(said(one, share, known=known) for one, share in zip(stations, shares, strict=True)))
        totals = csms.rooms.gateway.counters()
        assert totals["connections"] == totals["connections_accepted"] == STATIONS
        assert totals.get("calls_failed", 0) == 0, wrong[:20]
        assert totals.get("calls_refused", 0) == len(wrong) + sum(len(one.refused) for one in stations)
    return wrong


def test_the_messages_of_a_station_are_all_there() -> None:
    assert {protocol: len(heard(protocol)) for protocol in HEARD} == HEARD
    assert {protocol: len(actions(protocol)) for protocol in HEARD} == dict(zip(HEARD, (39, 64, 90), strict=True))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("known", [False, True], ids=["any-ids", "our-ids"])
@pytest.mark.parametrize("protocol", list(HEARD))
@pytest.mark.req("SR-01", "SR-02")
async def test_every_request_in_every_way_is_answered(tmp_path: Path, protocol: Protocol, known: bool) -> None:
    sends = SENDS if protocol is Protocol.OCPP21 else ()
    wrong = await every_message(tmp_path, protocol, [*heard(protocol), *sends], known=known)
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("protocol", list(HEARD))
async def test_what_a_station_may_not_ask_is_refused(tmp_path: Path, protocol: Protocol) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol.value)
        await cp.boot()
        for action in OUTGOING[protocol]:
            assert await cp.refused(action, Variants(protocol, action).all()[0].payload) == "NotSupported"
        cp.strict = False
        assert await cp.refused("Nonsense") == "NotImplemented"


async def test_a_fault_of_ours_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received = StationService.receive

    async def broken(self: StationService, station_id: str, message: Inbound, received_at: datetime) -> Reply:
        if isinstance(message, DataTransfer) and message.data:
            raise ValueError("broken")
        return await received(self, station_id, message, received_at)

    monkeypatch.setattr(StationService, "receive", broken)
    with pytest.raises(AssertionError, match="InternalError"):
        await every_message(tmp_path, Protocol.OCPP16, ["DataTransfer"])
