"""Every bad habit, as `csms sim misbehave` acts it out, against our own central system; and the command itself."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from typer.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve

from csms.texts import catalogue
from device_sim.clock import SimClock
from device_sim.console import build
from device_sim.misbehaving import booting
from device_sim.misbehaving.book import KINDS, Kind
from device_sim.misbehaving.trial import attempt
from tests.support.running import Server, running
from tests.support.scripted import Central, central

TRIALS = [(kind, version) for kind in KINDS.values() for version in kind.protocols]
SHORT_MUTE_S = 0.05


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def csms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Central]:
    async with central(tmp_path_factory.mktemp("habits")) as running_here:
        await running_here.station("CP-1", connected=False)
        yield running_here


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("misbehave"), stations=("CP-1",)) as one:
        yield one


@pytest.fixture(autouse=True)
def quickly_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booting, "MUTE_S", SHORT_MUTE_S)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("kind", "version"), TRIALS, ids=lambda part: part if isinstance(part, str) else part.name)
async def test_our_central_system_is_up_to_every_habit(csms: Central, kind: Kind, version: str) -> None:
    outcome = await attempt(kind, csms.ocpp_url, "CP-1", version, SimClock())
    assert not outcome.wrong, outcome


def run(*words: str, lang: str = "en"):
    return CliRunner().invoke(build(catalogue(lang)), ["misbehave", *words])


def test_the_command_tells_what_came_of_it(server: Server) -> None:
    done = run("--kind", "duplicate-start,repeated-id", "--station", "CP-1", server.ocpp_url)
    assert done.exit_code == 0, done.output
    assert "duplicate-start" in done.output
    assert "repeated-id (2.0.1)" in done.output


def test_the_command_for_programs(server: Server) -> None:
    done = run("--kind", "orphan-stops", "--ocpp", "1.6", "--station", "CP-1", "--json", server.ocpp_url)
    (outcome,) = json.loads(done.stdout)
    assert (outcome["kind"], outcome["wrong"], outcome["refused"]) == ("orphan-stops", "", 0)


def test_all_habits_are_listed_in_both_languages() -> None:
    rows = json.loads(run("--list", "--json").stdout)
    assert [row["kind"] for row in rows] == list(KINDS)
    assert "starts one transaction three times" in {row["what"] for row in rows}
    assert "duplicate-start" in run("--list", lang="zh").output


@pytest.mark.parametrize(
    "words",
    [("--kind", "duplicate-start"), ("ws://127.0.0.1:9",), ("--kind", "politeness", "ws://127.0.0.1:9")],
)
def test_wrong_use(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = run("--kind", "mute", f"ws://127.0.0.1:{free.getsockname()[1]}")
    assert done.exit_code == 4


async def test_a_central_system_that_makes_two_transactions_is_found_out() -> None:
    numbers = iter(range(1, 100))

    async def careless(socket: ServerConnection) -> None:
        async for text in socket:
            _, unique_id, _, _ = json.loads(text)
            answer = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "transactionId": next(numbers)}
            await socket.send(json.dumps([3, unique_id, answer]))

    async with serve(careless, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        outcome = await attempt(KINDS["duplicate-start"], url, "CP-1", "ocpp1.6", SimClock())
    assert outcome.wrong == "two_transactions"


async def test_a_central_system_that_refuses_stops_is_found_out() -> None:
    async def strict(socket: ServerConnection) -> None:
        async for text in socket:
            _, unique_id, action, _ = json.loads(text)
            if action == "StopTransaction":
                await socket.send(json.dumps([4, unique_id, "PropertyConstraintViolation", "no such transaction", {}]))
            else:
                await socket.send(json.dumps([3, unique_id, {}]))

    async with serve(strict, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        outcome = await attempt(KINDS["orphan-stops"], url, "CP-1", "ocpp1.6", SimClock())
    assert outcome.wrong == "refused"
    assert "no such transaction" in str(outcome.detail["reason"])
