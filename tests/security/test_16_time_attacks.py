"""Attack class 16: clocks that are wrong or step: those of piles, that of the server, and the edges of certificates.

Durations are measured by a clock that never steps; moments of a pile count only as far as they can be true.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from csms.model.clock import ScaledClock
from csms.model.command import Reset
from csms.model.errors import CallTimeout
from tests.security.conftest import OpenSite
from tests.support.proof import status
from tests.support.scripted import Central, Silence, central

YEAR = timedelta(days=365)
REFUSED = (InvalidStatus, InvalidMessage, ConnectionClosed, OSError)
"""The door says so, or TLS does, which a client may notice as late as it likes."""


class SteppedClock(ScaledClock):
    """The real clock, until somebody sets it: only the time of day steps."""

    step = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.step

    def unix_s(self) -> float:
        return super().unix_s() + self.step.total_seconds()


@pytest.fixture
async def csms(tmp_path: Path) -> AsyncIterator[Central]:
    async with central(tmp_path) as running:
        yield running


@pytest.mark.req("RB-35")
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
@pytest.mark.parametrize("off_s", [-50 * 365 * 86400, 20 * 365 * 86400, 86400])
async def test_a_pile_whose_clock_is_far_off_gets_the_time_and_an_order_that_is_right(
    csms: Central, protocol: str, off_s: float
) -> None:
    cp = await csms.station("CP-1", protocol)
    boot = await cp.boot()
    now = csms.clock.now()
    assert abs(datetime.fromisoformat(boot["currentTime"]) - now) < timedelta(seconds=5)
    true_stamp = cp.stamp
    cp.stamp = lambda ago_s=0: true_stamp(ago_s - off_s)
    transaction = await cp.start(wh=1000)
    await cp.meter(transaction, 1500)
    await cp.stop(transaction, wh=2000)
    session = await csms.session("CP-1")
    assert session.energy_wh == 1000
    assert abs(session.started_at - now) < timedelta(minutes=1)
    assert session.ended_at is not None
    assert session.started_at <= session.ended_at < now + timedelta(minutes=1)
    assert "clock_odd" in session.flags


async def test_a_pile_of_the_future_does_not_hide_what_is_true_now(csms: Central) -> None:
    """One reading of the year 2100 must not make all later ones look old."""
    cp = await csms.station("CP-1")
    await cp.boot()
    transaction = await cp.start(wh=0)
    true_stamp = cp.stamp
    cp.stamp = lambda ago_s=0: true_stamp(ago_s - 70 * 365 * 86400)
    await cp.meter(transaction, 100)
    cp.stamp = true_stamp
    await cp.meter(transaction, 700)
    live = csms.rooms.stations.stations["CP-1"].evses[1].session
    assert live is not None
    assert live.energy_wh == 700


@pytest.mark.parametrize("step", [YEAR, -YEAR])
async def test_a_step_of_the_servers_clock_moves_no_time_out_and_closes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    async with central(tmp_path, clock=SteppedClock(), call_timeout_s=0.6) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        cp.answers("Reset", Silence())
        monkeypatch.setattr(SteppedClock, "step", step)
        began_s = time.monotonic()
        with pytest.raises(CallTimeout):
            await csms.command("CP-1", Reset())
        assert 0.4 < time.monotonic() - began_s < 5
        assert (await cp.boot())["status"] == "Accepted"
        assert await cp.authorize("T") == "Accepted"
        await cp.disconnect()
        await cp.connect()


async def test_who_has_to_wait_waits_as_long_whatever_the_clock_is_set_to(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.station.authentication.REFUSED_AFTER_S", 0.0)
    clock = SteppedClock()
    async with open_site(clock=clock, admission={"failures_free": 1, "failures_wait_s": 60}) as site:
        cp = await site.station("CP-1")
        told = [await status(cp.connect(**site.proof(1, "CP-1", f"wrong-password-{n}"))) for n in range(3)]
        assert told[-1] == 429
        monkeypatch.setattr(SteppedClock, "step", YEAR)
        assert await status(cp.connect(**site.proof(1, "CP-1"))) == 429


async def test_what_was_verified_is_forgotten_by_time_that_passed_not_by_the_calendar(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SteppedClock()
    async with open_site(clock=clock) as site:
        cp = await site.station("CP-1")
        await cp.connect(**site.proof(1, "CP-1"))
        for step in (YEAR, -YEAR):
            monkeypatch.setattr(SteppedClock, "step", step)
            assert site.csms.rooms.stations._context.credentials.is_remembered("CP-1", b"correct-horse-battery")


EDGES = {
    "ended a moment ago": ({"days": -1 / 86400, "begun_days_ago": 5}, False),
    "ends in a minute": ({"days": 1 / 1440, "begun_days_ago": 5}, True),
    "began a moment ago": ({"days": 5, "begun_days_ago": 2 / 86400}, True),
    "begins in an hour": ({"days": 5, "begun_days_ago": -1 / 24}, False),
}


@pytest.mark.req("A00.FR.429", "1.6S:A00.FR.429")
@pytest.mark.parametrize("edge", EDGES)
async def test_certificates_count_from_their_beginning_to_their_end(open_site: OpenSite, edge: str) -> None:
    given: tuple[dict[str, float], bool] = EDGES[edge]
    async with open_site(security_profiles=[3]) as site:
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        options: dict[str, Any] = {"profile": 3, "ssl": site.tls(site.operator.issue("SN-1", **given[0]))}
        if given[1]:
            await cp.connect(**options)
            assert (await cp.boot())["status"] == "Accepted"
        else:
            with pytest.raises(REFUSED):
                await cp.connect(**options)
            assert site.csms.rooms.gateway.counters()["connections"] == 0


@pytest.mark.parametrize("step", [YEAR, -YEAR])
async def test_a_step_of_the_servers_clock_opens_no_door_to_a_certificate_that_ended(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """TLS judges by the machine's clock and the station's door by the server's; both must agree."""
    async with open_site(security_profiles=[3], clock=SteppedClock()) as site:
        cp = await site.station("CP-1", serial="SN-1", security_profile=3)
        monkeypatch.setattr(SteppedClock, "step", step)
        with pytest.raises(REFUSED):
            await cp.connect(profile=3, ssl=site.tls(site.operator.issue("SN-1", days=30)))
        assert site.csms.rooms.gateway.counters()["connections"] == 0
