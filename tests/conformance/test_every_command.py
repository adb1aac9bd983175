"""Whatever a central system may ask, and whatever a station may answer, through the API and real websockets.

Each request of each version goes out by the raw call in every way its schema allows, and is answered in every way the
schema of the answer allows. Then each typed command: in every way its own type allows, and again with every answer.
An operator gets an answer, or a refusal that is listed here; never a fault of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from csms.model.commands import COMMANDS
from csms.model.station import Protocol
from csms.ocpp16.actions import OUTGOING as OUTGOING_16
from csms.ocpp21.actions import OUTGOING as OUTGOING_21
from csms.ocpp201.actions import OUTGOING as OUTGOING_201
from tests.support.command_bodies import GOOD, SEEDS
from tests.support.scripted import Central, central
from tests.support.signing import allowing
from tests.support.structs import bodies
from tests.support.variants import Payload, Variants, at_home

OUTGOING = {Protocol.OCPP16: OUTGOING_16, Protocol.OCPP201: OUTGOING_201, Protocol.OCPP21: OUTGOING_21}
STATIONS = 6

pytestmark = pytest.mark.conformance


def asked(protocol: Protocol) -> list[str]:
    """The requests that a central system may send; roots are never sent raw (attack class 15)."""
    return [*sorted(set(OUTGOING[protocol]) - {"InstallCertificate"}), "DataTransfer"]


class Desk:
    """An operator and one station, which answers as it is told; keeps what went wrong."""

    def __init__(self, csms: Central, cp: Any, faults: list[str]) -> None:
        self.csms, self.cp, self._faults = csms, cp, faults

    def fault(self, text: str) -> None:
        """Something went wrong."""
        self._faults.append(text)

    async def command(self, name: str, body: Payload) -> tuple[int, Payload]:
        """The HTTP status and what stands in the document."""
        answer = await self.csms.api("POST", f"/api/v1/stations/{self.cp.station_id}/commands/{name}", body)
        told: Payload = answer.json()
        return answer.status_code, told

    async def raw(self, action: str) -> None:
        """All requests of an action with all answers to it, each at least once."""
        requests = Variants(self.protocol, action).usual()
        answers = Variants(self.protocol, f"{action}Response").usual()
        for number in range(max(len(requests), len(answers))):
            request, answer = requests[number % len(requests)], answers[number % len(answers)]
            self.cp.answers(action, answer.payload)
            status, told = await self.command("call", {"action": action, "payload": request.payload})
            arrived = await self.cp.expected(action) if status == 200 else None
            if arrived != request.payload or told.get("payload") != answer.payload:
                self.fault(f"{action}, {request.name}, answered {answer.name}: {status} {told}")

    @property
    def protocol(self) -> Protocol:
        """What the station speaks."""
        return Protocol(self.cp.protocol)


async def desks(csms: Central, protocol: Protocol, faults: list[str]) -> list[Desk]:
    """Booted stations that speak a version."""
    await csms.list_token("TAG-1")
    found = []
    for number in range(STATIONS):
        cp = await csms.station(f"CP-{number}", protocol.value, evses=2)
        await cp.boot()
        found.append(Desk(csms, cp, faults))
    return found


async def shared(work: Any, places: list[Desk], names: Iterable[str]) -> None:
    """Do the work for each name, each place one at a time."""
    waiting = list(names)[::-1]

    async def one(desk: Desk) -> None:
        while waiting:
            await work(desk, waiting.pop())

    await asyncio.gather(*(one(desk) for desk in places))


@pytest.mark.parametrize("protocol", list(OUTGOING))
@pytest.mark.req("SR-02")
async def test_every_request_can_be_asked_and_every_answer_is_told(tmp_path: Path, protocol: Protocol) -> None:
    faults: list[str] = []
    async with central(tmp_path) as csms:
        places = await desks(csms, protocol, faults)
        await shared(Desk.raw, places, asked(protocol))
        assert csms.rooms.gateway.counters().get("answers_refused", 0) == 0
    assert not faults, "\n".join(faults[:20])


OF_21 = {
    "adjust_event_stream",
    "afrr_signal",
    "allow_energy_transfer",
    "change_transaction_tariff",
    "clear_der_control",
    "clear_tariffs",
    "get_der_control",
    "get_event_streams",
    "get_tariffs",
    "request_battery_swap",
    "set_default_tariff",
    "set_der_control",
    "set_v2x_profile",
    "update_dynamic_schedule",
    "use_priority_charging",
    "web_payment_started",
}
OF_201 = {
    "clear_display_message",
    "clear_variable_monitoring",
    "customer_information",
    "get_charging_profiles",
    "get_display_messages",
    "get_monitoring_report",
    "get_report",
    "get_transaction_status",
    "publish_firmware",
    "set_display_message",
    "set_monitoring_base",
    "set_monitoring_level",
    "set_network_profile",
    "set_variable_monitoring",
    "unpublish_firmware",
    "update_cost",
}
ABSENT = {Protocol.OCPP16: OF_201 | OF_21, Protocol.OCPP201: OF_21, Protocol.OCPP21: set[str]()}
"""Commands that a version has no message for; each is refused whatever is in it."""

UNSHOWN = {"remote_start": {"profile/purpose/=ChargingStationMaxProfile", "profile/purpose/=TxDefaultProfile"}}
"""What the type of a command has and the command itself refuses (F01.FR.09)."""

REFUSED = {
    "not_in_this_version": 409,
    "command_invalid": 422,
    "certificate_unreadable": 422,
    "unknown_reservation": 404,
    "cost_unknown": 409,
}
"""What an operator may hear instead of an answer: what the version lacks, what its schema does not take, a certificate
that is none, a reservation that nobody made, a price that is not set.
"""


@cache
def typed(name: str) -> tuple[Payload, ...]:
    """Bodies of a command: one that makes sense, and those that show all that its type can say."""
    found, unshown = bodies(COMMANDS[name], Random(name), SEEDS.get(name, ()))
    assert unshown == UNSHOWN.get(name, set())
    return (dict(GOOD[name]), *found)


async def in_every_way(desk: Desk, name: str) -> None:
    """All bodies of a command; then the first that the version has, with all answers to its calls."""
    facts = {
        "transaction_id": await desk.cp.start(),
        "id_token": "TAG-1",
        "firmware": "pile.bin",
        "certificate": GOOD["install_certificate"]["certificate"],
    }
    all_bodies = [at_home(body, facts) for body in typed(name)]
    told = [(body, await desk.command(name, body)) for body in all_bodies]
    for body, (status, document) in told:
        if status != 200 and REFUSED.get(document["code"]) != status:
            desk.fault(f"{name} {body}: {status} {document}")
    taken = [body for body, (status, _) in told if status == 200]
    if bool(taken) == (name in ABSENT[desk.protocol]):
        desk.fault(f"{name}: {told[0][1]}")
    if taken:
        await with_every_answer(desk, name, taken[0])


async def with_every_answer(desk: Desk, name: str, body: Payload) -> None:
    """One command again and again, each of its calls answered in every way."""
    desk.cp.asked.clear()
    await desk.command(name, body)
    actions = list(dict.fromkeys(action for action, _ in desk.cp.asked))
    assert actions, name
    for action in actions:
        for answer in Variants(desk.protocol, f"{action}Response").usual():
            desk.cp.answers(action, answer.payload)
            status, told = await desk.command(name, body)
            if status != 200 or not told["status"]:
                desk.fault(f"{name}, {action} answered {answer.name}: {status} {told}")


@pytest.mark.parametrize("protocol", list(OUTGOING))
@pytest.mark.req("SR-02")
async def test_every_command_in_every_way_and_with_every_answer(tmp_path: Path, protocol: Protocol) -> None:
    faults: list[str] = []
    known = allowing(tmp_path, str(GOOD["install_certificate"]["certificate"]))
    async with central(tmp_path, public_url="http://csms.example", certificates=known) as csms:
        stored = await csms.http.put("/api/v1/firmware/pile.bin", content=b"firmware")
        assert stored.status_code == 200
        places = await desks(csms, protocol, faults)
        await shared(in_every_way, places, [name for name in COMMANDS if name != "call"])
    assert not faults, "\n".join(faults[:20])
