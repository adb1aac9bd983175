"""What hurts operators about charging profiles, each pain through a real websocket; more of it in
`tests/e2e/test_limit_ladder.py`, where cars draw power.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import Central, Payload, Station16, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]

CONTROLLED: dict[str, Any] = {"charging": {"control": True, "debounce_s": 0.0}}
ACCEPTED = {"status": "Accepted"}


def purpose(asked: Payload) -> str:
    """Of the profile in a SetChargingProfile.req."""
    return str(asked["csChargingProfiles"]["chargingProfilePurpose"])


def unit(asked: Payload) -> str:
    """Of the same."""
    return str(asked["csChargingProfiles"]["chargingSchedule"]["chargingRateUnit"])


async def charging(csms: Central) -> Station16:
    """A booted station with a running session."""
    station: Station16 = await csms.station("CP-1", strict=False)
    station.answers("SetChargingProfile", ACCEPTED)
    await station.boot()
    await station.status(1, "Charging")
    await station.start(1)
    return station


@pytest.mark.req("PAIN-24")
async def test_pain_24_a_profile_that_is_refused_is_told_in_another_form(tmp_path: Path) -> None:
    async with central(tmp_path, **CONTROLLED) as csms:
        station: Station16 = await csms.station("CP-1", strict=False)
        station.answers("SetChargingProfile", lambda asked: ACCEPTED if unit(asked) == "W" else {"status": "Rejected"})
        await station.boot()
        forms = [unit(await station.expected("SetChargingProfile"))]
        while forms[-1] != "W":
            forms.append(unit(await station.expected("SetChargingProfile")))
        assert forms[0] == "A"
        await station.start(1)
        assert unit(await station.expected("SetChargingProfile")) == "W", "what was learned is kept"


@pytest.mark.req("PAIN-26", "SR-09", "1.6:5.16.1")
async def test_pain_26_floor_and_limit_are_told_again_after_a_lost_link_floor_first(tmp_path: Path) -> None:
    async with central(tmp_path, **CONTROLLED) as csms:
        station = await charging(csms)
        before = [purpose(await station.expected("SetChargingProfile")) for _ in range(2)]
        assert before == ["TxDefaultProfile", "TxProfile"]
        station.socket.transport.abort()
        await csms.until(lambda: not csms.rooms.stations.stations["CP-1"].online)
        await station.connect()
        await station.status(1, "Charging")
        again = [purpose(await station.expected("SetChargingProfile")) for _ in range(2)]
        assert again == before


@pytest.mark.req("SR-09")
async def test_what_a_technician_takes_away_is_told_again(tmp_path: Path) -> None:
    async with central(tmp_path, **CONTROLLED) as csms:
        station = await charging(csms)
        station.answers("ClearChargingProfile", ACCEPTED)
        before = [purpose(await station.expected("SetChargingProfile")) for _ in range(2)]
        await csms.operator("CP-1", "clear_charging_profile")
        again = [purpose(await station.expected("SetChargingProfile")) for _ in range(2)]
        assert again == before
        await csms.operator("CP-1", "call", action="ClearChargingProfile", payload={})
        again = [purpose(await station.expected("SetChargingProfile")) for _ in range(2)]
        assert again == before
