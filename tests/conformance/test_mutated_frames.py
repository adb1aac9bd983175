"""Ten thousand damaged messages for each version over real websockets, while a good station beside goes on charging.

Each damaged message gets what OCPP-J says (`tests.support.frame_judge`): a result, an error with the right code, a
close, or nothing where nothing is due; never an internal error. `make test` sends a part of them, `make coverage` all.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.model.errors import RpcErrorCode
from csms.model.station import Protocol
from csms.wire import leniency, schemas
from tests.conformance.test_every_request import heard
from tests.support import official
from tests.support.examples import actions
from tests.support.frame_judge import Due, Judge
from tests.support.frame_mutations import damaged
from tests.support.scripted import Central, central

FRAMES = int(os.environ.get("CSMS_COVERAGE", "2000"))
PEERS = 4
"""Share the damaged messages of a version."""
WAIT_S = 20.0
OTHERS_SHARE = 10
"""One in so many messages is a request that only a central system may send, or one that nobody has."""

pytestmark = pytest.mark.conformance


class Peer:
    """A station that says anything and judges what comes back."""

    def __init__(self, csms: Central, station_id: str, judge: Judge, rng: Random) -> None:
        self._csms, self._id, self._judge, self._rng = csms, station_id, judge, rng
        self._socket: ClientConnection | None = None
        self._probes = 0
        self.faults: list[str] = []
        self.outcomes = Counter[str]()

    async def connect(self) -> None:
        """A websocket, and a boot."""
        version = self._judge.protocol
        url = f"{self._csms.ocpp_url}/{self._id}"
        self._socket = await connect(url, subprotocols=[Subprotocol(version.value)], compression=None, proxy=None)
        boot: dict[str, Any] = {"chargePointVendor": "Maker", "chargePointModel": "One"}
        if version is not Protocol.OCPP16:
            boot = {"chargingStation": {"vendorName": "Maker", "model": "Two"}, "reason": "PowerUp"}
        await self._socket.send(json.dumps([2, "boot", "BootNotification", boot]))
        answer = await self._heard()
        assert answer[:2] == [3, "boot"], answer

    async def say(self, kind: str, data: bytes, *, text: bool) -> None:
        """One damaged message, up to what is due to it."""
        assert self._socket is not None
        due = self._judge.due(data, text=text)
        fault = await self._settled(due, data, text=text)
        if fault:
            self.faults.append(f"{kind} damage: {fault}\n    {data[:1000]!r}, {'text' if text else 'binary'}, {due}")

    async def _settled(self, due: Due, data: bytes, *, text: bool) -> str:
        assert self._socket is not None
        try:
            await self._socket.send(self._pieces(data), text=text)
            if not due.answered:
                self.outcomes["nothing"] += 1
                return await self._nothing()
            answer = await self._heard()
        except ConnectionClosed as closed:
            await self.connect()
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            self.outcomes[f"close {code}"] += 1
            return "" if code == due.close else f"the connection was closed with {code}"
        except TimeoutError:
            return "silence"
        self.outcomes[f"error {answer[2]}" if answer[0] != 3 else "result"] += 1
        return f"a close was due: {answer}" if due.close else due.fault(self._judge.protocol, answer)

    async def _nothing(self) -> str:
        """Nothing comes before the answer to what is said next."""
        assert self._socket is not None
        self._probes += 1
        probe = f"probe-{self._probes}"
        await self._socket.send(json.dumps([2, probe, "Heartbeat", {}]))
        answer = await self._heard()
        if answer[:2] == [3, probe]:
            return ""
        await self._heard()
        return f"nothing was due: {answer}"

    def _pieces(self, data: bytes) -> Any:
        """Mostly in one piece, now and then in fragments."""
        if len(data) < 2 or self._rng.random() > 0.05:
            return data
        cut = self._rng.randrange(1, len(data))
        return [data[:cut], data[cut:]]

    async def _heard(self) -> list[Any]:
        """The next frame that is no call; calls are answered on the way."""
        assert self._socket is not None
        async with asyncio.timeout(WAIT_S):
            while True:
                frame: list[Any] = json.loads(await self._socket.recv())
                if frame[0] != 2:
                    return frame
                answer = official.plain_answer(self._judge.protocol.value, frame[2])
                await self._socket.send(json.dumps([3, frame[1], answer]))

    async def close(self) -> None:
        """Say goodbye."""
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.close()


USUAL_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""What an answer to the neighbour may take, also on a machine that is busy with other tests."""


class Neighbour:
    """A good station in a session: what it says, and how long the answers took."""

    def __init__(self, cp: Any) -> None:
        self._cp = cp
        self.waits_s: list[float] = []
        self.wh = 0
        self.transaction = ""
        self.ending = False

    async def charge(self) -> None:
        """Until the ending: sign of life, reading."""
        self.transaction = await self._cp.start()
        while not self.ending:
            await self._timed(self._cp.call("Heartbeat"))
            self.wh += 10
            await self._timed(self._cp.meter(self.transaction, self.wh))
            await asyncio.sleep(0.02)
        await self._cp.stop(self.transaction, self.wh)

    async def _timed(self, call: Awaitable[object]) -> None:
        begun_s = time.perf_counter()
        await call
        self.waits_s.append(time.perf_counter() - begun_s)


@asynccontextmanager
async def charging(cp: Any) -> AsyncIterator[Neighbour]:
    """A session beside what happens in the block; raises what went wrong in it."""
    neighbour = Neighbour(cp)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(neighbour.charge())
        yield neighbour
        neighbour.ending = True


def frames(protocol: Protocol, count: int, share: int) -> Iterator[tuple[str, bytes, bool]]:
    """Damaged messages: mostly of what stations say, each with an id of its own where that was left whole."""
    said, others = heard(protocol), [action for action in actions(protocol) if action not in heard(protocol)]
    rng = Random(f"frames/{protocol}/{share}")
    streams: dict[str, Iterator[tuple[str, str | bytes]]] = {}
    for number in range(count):
        action = rng.choice(others if number % OTHERS_SHARE == 0 else said)
        if action not in streams:
            streams[action] = damaged(protocol, action, count, f"frames/{share}")
        kind, data = next(streams[action])
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
        yield kind, _renamed(raw, number), isinstance(data, str) or rng.random() < 0.5


def _renamed(data: bytes, number: int) -> bytes:
    """With an id that was not used before, if the damage left the id alone."""
    head, sign, rest = data[:12].partition(b'"id-')
    name, end, tail = (rest + data[12:]).partition(b'"')
    return head + sign + b"%d-%b" % (number, name) + end + tail if sign and name.isdigit() and end else data


async def sent(csms: Central, protocol: Protocol, share: int, count: int) -> Peer:
    """A share of the damaged messages from a station of its own."""
    station_id = f"BAD-{share}"
    await csms.station(station_id, protocol.value, evses=2, connected=False)
    peer = Peer(csms, station_id, Judge(protocol, heard(protocol)), Random(share))
    await peer.connect()
    for kind, data, text in frames(protocol, count, share):
        await peer.say(kind, data, text=text)
    await peer.close()
    return peer


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.req(
    "SR-01", "SR-02", "SR-11", "HP-D1", "HP-D2", "HP-D3", "HP-D5", "HP-D6", "HP-D7", "1.6J:4.2.3", "2.0.1J:4.2.3"
)
async def test_damaged_messages_get_what_is_due_and_the_neighbour_never_notices(
    tmp_path: Path, protocol: Protocol, record_property: Any
) -> None:
    async with central(tmp_path, admission={"reused_message_ids": "accept"}) as csms:
        cp = await csms.station("GOOD", protocol.value)
        await cp.boot()
        async with charging(cp) as neighbour:
            peers = await asyncio.gather(*(sent(csms, protocol, share, FRAMES // PEERS) for share in range(PEERS)))
        faults = [fault for peer in peers for fault in peer.faults]
        assert not faults, f"{len(faults)} of {FRAMES}: " + "\n".join(faults[:20])
        assert csms.rooms.gateway.counters().get("calls_failed", 0) == 0
        session = await csms.session("GOOD")
        assert session.energy_wh == neighbour.wh > 0
        usual_s, longest_s = median(neighbour.waits_s), max(neighbour.waits_s)
        assert usual_s < USUAL_WAIT_S
        assert longest_s < LONGEST_WAIT_S
        outcomes = sum((peer.outcomes for peer in peers), Counter[str]())
        told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        waits = f"{len(neighbour.waits_s)} answers to the neighbour, half in {usual_s:.3f} s, all in {longest_s:.3f} s"
        record_property("coverage", f"{protocol}: {sum(outcomes.values())} damaged messages: {told}; {waits}")


async def one_share(csms: Central, count: int = 300) -> list[str]:
    """What is found in a few damaged messages."""
    return (await sent(csms, Protocol.OCPP201, 0, count)).faults


async def test_silence_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.gateway.connection.answer_to_bad_frame", lambda protocol, fault: None)
    monkeypatch.setattr("tests.conformance.test_mutated_frames.WAIT_S", 0.2)
    async with central(tmp_path) as csms:
        assert any("silence" in fault for fault in await one_share(csms, 40))


async def test_a_wrong_code_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schemas._CODES, "required", RpcErrorCode.GENERIC_ERROR)
    async with central(tmp_path) as csms:
        assert any("GenericError" in fault for fault in await one_share(csms))


async def test_a_refusal_of_what_is_let_pass_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leniency, "in_call", leniency.nothing)
    async with central(tmp_path) as csms:
        assert await one_share(csms)
