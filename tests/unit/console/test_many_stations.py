"""What is asked of stations: who is meant, a result for each, exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.console.client import Unreachable
from csms.console.many import Outcome, ask_all, exit_code
from csms.console.work import output
from csms.model.command import (
    ChangeAvailability,
    CommandResult,
    GetVariables,
    RawCall,
    RemoteStart,
    RemoteStop,
    Reset,
    SendData,
    SetVariables,
    Trigger,
    UnlockConnector,
)
from csms.model.errors import CallTimeout
from csms.texts import catalogue

GOOD, BAD = Outcome("A", True, "Accepted"), Outcome("B", False, "Rejected")
GONE = Outcome("C", False, "station_offline")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [([GOOD], 0), ([GOOD, BAD], 3), ([GOOD, GONE], 3), ([BAD], 1), ([BAD, GONE], 1), ([GONE, GONE], 4)],
)
def test_exit_codes(outcomes, code) -> None:
    assert exit_code(outcomes) == code


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("reset", "CP-1", "--hard"), Reset(True)),
        (("unlock", "CP-1", "--evse", "2"), UnlockConnector(2, 1)),
        (("availability", "CP-1", "inoperative"), ChangeAvailability(False)),
        (("trigger", "CP-1", "MeterValues", "--evse", "1"), Trigger("MeterValues", 1)),
        (("start", "CP-1", "--token", "CARD", "--evse", "1"), RemoteStart("CARD", 1, 1)),
        (("stop", "CP-1", "--transaction", "77"), RemoteStop("77")),
        (("call", "CP-1", "ClearCache"), RawCall("ClearCache", {})),
        (("data", "CP-1", "--vendor", "acme", "--data", "x"), SendData("acme", "", "x")),
        (("config", "get", "CP-1", "HeartbeatInterval"), GetVariables(("HeartbeatInterval",))),
        (("config", "set", "CP-1", "HeartbeatInterval=60"), SetVariables({"HeartbeatInterval": "60"})),
    ],
)
async def test_each_command_reaches_the_station(served, words, asked) -> None:
    done = await served.csms("station", *words)
    assert done.code == 0, done.err
    assert served.at.links["CP-1"].asked[-1] == asked
    assert "Accepted" in done.out


async def test_what_runs_is_stopped(served) -> None:
    done = await served.csms("station", "stop", "CP-1")
    assert done.code == 0, done.err
    session = served.at.service.stations["CP-1"].evses[1].session
    assert served.at.links["CP-1"].asked[-1] == RemoteStop(session.transaction_id)


async def test_limits_by_hand(served) -> None:
    done = await served.csms("station", "charging", "limit", "CP-1", "7.4", "--evse", "1")
    asked = served.at.links["CP-1"].asked[-1]
    assert done.code == 0, done.err
    assert (asked.evse_id, asked.profile.purpose, asked.profile.periods[0].limit) == (1, "TxDefaultProfile", 7400.0)


async def test_all_stations_have_a_result_each(served) -> None:
    served.at.links["CP-2"].answer = CommandResult("Rejected")
    done = await served.csms("station", "reset", "all", "--json")
    assert done.code == 3
    results = {result["station_id"]: (result["ok"], result["status"]) for result in done.document["results"]}
    assert results == {"CP-1": (True, "Accepted"), "CP-2": (False, "Rejected"), "CP-3": (False, "station_offline")}
    shown = await served.csms("station", "reset", "CP-1,CP-2")
    assert (shown.code, "1 of 2 did it." in shown.out) == (3, True)


async def test_nobody_reached_has_a_code_of_its_own(served) -> None:
    served.at.links["CP-1"].answer = CallTimeout("no answer within 60 s")
    done = await served.csms("station", "trigger", "CP-1,CP-3", "Heartbeat")
    assert done.code == 4
    assert "call_timeout" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ("reset", "XX-*"),
        ("call", "CP-1", "ClearCache", "{"),
        ("call", "CP-1", "ClearCache", "[]"),
        ("config", "set", "CP-1", "HeartbeatInterval"),
        ("availability", "CP-1", "perhaps"),
    ],
)
async def test_wrong_usage(served, words) -> None:
    done = await served.csms("station", *words)
    assert done.code == 2
    assert done.err
    assert not served.at.links["CP-1"].asked


async def test_the_payload_of_a_call_is_shown_whole(served) -> None:
    served.at.links["CP-1"].answer = CommandResult("Accepted", payload={"listVersion": 3})
    shown, document = (
        await served.csms("station", "call", "CP-1", "GetLocalListVersion"),
        await served.csms("station", "call", "CP-1", "GetLocalListVersion", "--json"),
    )
    assert json.loads(shown.out[shown.out.index("{") : shown.out.index("}") + 1]) == {"listVersion": 3}
    assert document.document["results"][0]["answer"]["payload"] == {"listVersion": 3}


def _asked(answers: dict[str, Any]) -> Any:
    def ask(api: Any, station: str) -> dict[str, Any]:
        if isinstance(answers[station], Exception):
            raise answers[station]
        return dict(answers[station])

    return ask_all(output(catalogue("en"), True), None, list(answers), ask)  # type: ignore[arg-type]  # never used


def test_a_station_that_takes_too_long_does_not_cost_the_results_of_the_others() -> None:
    late = Unreachable("http://host", "the answer takes too long", late=True)
    outcomes = _asked({"A": {"accepted": True, "status": "Accepted"}, "B": late})
    assert [(outcome.ok, outcome.status) for outcome in outcomes] == [(True, "Accepted"), (False, "no_answer")]
    assert exit_code(outcomes) == 3
    assert exit_code(_asked({"B": late})) == 4


def test_a_server_that_goes_away_meanwhile_loses_no_result() -> None:
    gone = Unreachable("http://host", "connection refused")
    assert [outcome.ok for outcome in _asked({"A": {"status": "Accepted"}, "B": gone})] == [True, False]
    with pytest.raises(Unreachable):
        _asked({"A": gone, "B": gone})
