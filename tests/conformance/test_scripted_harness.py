"""The harness itself: a script is followed, and what breaks the schemas cannot pass unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.model.command import Reset
from csms.model.errors import CallRefused, CallTimeout
from tests.support.official import faults
from tests.support.scripted import CallError, Silence, central

VERSIONS = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])


@VERSIONS
async def test_a_session_from_boot_to_stop(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol, evses=2)
        assert (await cp.boot())["status"] == "Accepted"
        await cp.status(2, "Available")
        assert await cp.authorize("TAG-1") == "Accepted"
        transaction = await cp.start(2, "TAG-1", wh=100)
        await cp.meter(transaction, 600, evse_id=2)
        await cp.stop(transaction, 1100, token="TAG-1")
        row = await csms.session("CP-1")
        assert (row.evse_id, row.id_token, row.status, row.energy_wh) == (2, "TAG-1", "ended", 1000)
        shown = await csms.shown("CP-1")
        assert shown["evses"][1]["connectors"] == {"1": "Available"}


@VERSIONS
async def test_a_station_answers_as_scripted(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, call_timeout_s=0.2) as csms:
        cp = await csms.station("CP-1", protocol)
        assert (await csms.operator("CP-1", "reset"))["status"] == "Accepted"
        cp.answers("Reset", {"status": "Rejected"})
        assert (await csms.command("CP-1", Reset(hard=True))).status == "Rejected"
        assert [await cp.expected("Reset") for _ in range(2)] == [
            {"type": "Soft" if protocol == "ocpp1.6" else "OnIdle"},
            {"type": "Hard" if protocol == "ocpp1.6" else "Immediate"},
        ]
        cp.answers("Reset", CallError("NotSupported"))
        with pytest.raises(CallRefused):
            await csms.command("CP-1", Reset())
        cp.answers("Reset", Silence())
        with pytest.raises(CallTimeout):
            await csms.command("CP-1", Reset())


async def test_a_script_may_speak_before_it_answers(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1")

        async def unlock(asked: dict[str, object]) -> dict[str, object]:
            await cp.status(1, "Available")
            return {"status": "Unlocked"}

        cp.answers("UnlockConnector", unlock)
        assert (await csms.operator("CP-1", "unlock_connector", evse_id=1))["status"] == "Unlocked"


async def _say_nonsense(folder: Path) -> None:
    async with central(folder) as csms:
        cp = await csms.station("CP-1")
        with pytest.raises(AssertionError):
            await cp.status(1, "Sleeping")


async def test_violations_fail_the_block(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="StatusNotification"):
        await _say_nonsense(tmp_path)


def test_the_judge_knows_times_and_names() -> None:
    assert not faults("ocpp1.6", "HeartbeatResponse", {"currentTime": "2026-03-01T12:00:00Z"})
    assert faults("ocpp1.6", "HeartbeatResponse", {"currentTime": "noon"})
    assert faults("ocpp2.0.1", "Nonsense", {})
