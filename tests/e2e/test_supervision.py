"""An operator's real server and a real platform: secrets handed over by commands, pulls by pages, a reconciliation.

Both run on a clock on which an hour takes nine seconds. What the platform then does not have, or has otherwise, is
taken from its database as a disk would.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ScaledClock
from tests.support.platforms import PlatformProcess, free_port
from tests.support.running import SETTINGS, BareStation, Server, csms, station

OPERATOR, PLATFORM = "123456789", "987654321"
START = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
"""21:00 in Shanghai; orders are compared at 01:00."""
SPEED = 400.0
SITES = [f"S{number:02d}" for number in range(13)]
"""More than a page of ten."""
SITE = """
[[sites]]
id = "{id}"
name = "站 {id}"
address = "示范路1号"
area_code = "371102"
phone = "0633-1"

[[stations]]
id = "CP-{id}"
feeder = "T1"
site = "{id}"
power_max_kw = 22.0
"""
PARTNER = f"""
[[partners]]
id = "prov"
base_url = "http://127.0.0.1:{{port}}"
operator_id = "{OPERATOR}"
platform_id = "{PLATFORM}"
"""
PARTNERS = f"""
[platform]
operator_id = "{PLATFORM}"

[[partners]]
operator_id = "{OPERATOR}"
pull_url = "{{url}}"
"""

pytestmark = pytest.mark.timeout(180)


@dataclass
class Both:
    server: Server
    platform: PlatformProcess
    clock: ScaledClock

    async def until(self, query: str, reached: Callable[[list[tuple[Any, ...]]], bool], wait_s: float = 60) -> Any:
        """Wait for what the platform's database says."""
        deadline = time.monotonic() + wait_s
        while not reached(rows := await asyncio.to_thread(self.platform.rows, query)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{query}: {rows}")
            await asyncio.sleep(0.1)
        return rows


async def command(*words: str, **environment: str) -> str:
    done = await asyncio.to_thread(csms, *words, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    clock = ScaledClock(SPEED, time.time(), START)
    platform = PlatformProcess(tmp_path / "platform", "", str(clock), free_port())
    settings = SETTINGS + PARTNER.format(port=platform.port) + "".join(SITE.format(id=name) for name in SITES)
    server = Server(tmp_path / "operator", stations=(), settings=settings)
    await asyncio.to_thread(server.start, CSMS_CLOCK=str(clock))
    platform.partners = PARTNERS.format(url=server.api_url)
    platform.write()
    try:
        await exchange(server, platform, tmp_path)
        await asyncio.to_thread(platform.start)
        yield Both(server, platform, clock)
    finally:
        if platform.process is not None:
            await asyncio.to_thread(platform.stop)
        await asyncio.to_thread(server.stop)


async def exchange(server: Server, platform: PlatformProcess, folder: Path) -> None:
    """Each makes the secrets of the calls that it answers, and hands them over."""
    keys, own = ("monitor", "intake", "keys"), ("province", "keys")
    ours, theirs = str(folder / "for-operator.toml"), str(folder / "for-platform.toml")
    await command(*keys, "rotate", OPERATOR, "inbound", "--save", ours, *platform.places)
    await command(*own, "set", "prov", "outbound", "--file", ours, "--url", server.api_url)
    await command(*own, "rotate", "prov", "inbound", "--save", theirs, "--url", server.api_url)
    await command(*keys, "set", OPERATOR, "outbound", "--file", theirs, *platform.places)


async def charge(both: Both, station_id: str, energy_wh: int) -> None:
    """A session from beginning to end."""
    async with station(both.server, station_id) as socket:
        car = BareStation(socket)
        await car.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "Pile"})
        begun = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": both.clock.now().isoformat()}
        (*_, answer) = await car.call("StartTransaction", begun)
        await asyncio.sleep(0.2)
        ended = {"meterStop": 1000 + energy_wh, "timestamp": both.clock.now().isoformat()}
        await car.call("StopTransaction", {"transactionId": answer["transactionId"], "reason": "Local"} | ended)


PULLED = "select reason, ret, pulled from intake_message where interface = 'query_stations_info' order by id"
STATIONS = "select count(*) from intake_message where interface = 'query_stations_info/station' and pulled"
ORDERS = "select business_id, energy_kwh, money_yuan from intake_order order by energy_kwh"
CHECKS = "select listed, disputes, unlisted from intake_check_result"


async def test_the_platform_asks_for_all_stations_by_pages_and_then_for_changed_ones(both: Both) -> None:
    await both.until(STATIONS, lambda rows: rows[0][0] >= len(SITES))
    assert (await both.until(PULLED, lambda rows: len(rows) >= 2))[:2] == [("", 0, 1)] * 2, "two pages"
    named = "select business_id from intake_station where json_extract(content, '$.StationName') like '站%'"
    known = await both.until(
        named, lambda rows: len(rows) == len(SITES)
    )  # beside them the site of stations without one
    assert len(known) == len(SITES)
    states = "select defects, ret from intake_message where interface = 'query_station_status'"
    assert (await both.until(states, bool))[0] == ("[]", 0)
    await charge(both, "CP-S07", 5_000)
    await both.until(PULLED, lambda rows: len(rows) >= 3)
    moments = await both.until("select full_at, changed_at from intake_pull", lambda rows: rows[0][1] > rows[0][0])
    assert len(moments) == 1
    (count,) = (await both.until(STATIONS, lambda rows: True))[0]
    assert len(SITES) <= count < 2 * len(SITES), "changed ones alone"


async def test_a_night_s_reconciliation_ends_in_disputes_with_their_reasons_and_what_was_lost_comes_again(
    both: Both,
) -> None:
    for place, energy_wh in enumerate((4_000, 5_000, 6_000, 7_000)):
        await charge(both, f"CP-{SITES[place]}", energy_wh)
    orders = await both.until(ORDERS, lambda rows: len(rows) == 4)
    lost, money, energy, right = (row[0] for row in orders)
    both.platform.rows("delete from intake_order where business_id = ?", lost)
    both.platform.rows("update intake_order set money_yuan = money_yuan + 0.01 where business_id = ?", money)
    both.platform.rows("update intake_order set energy_kwh = energy_kwh - 0.01 where business_id = ?", energy)
    (check,) = await both.until(CHECKS, lambda rows: len(rows) == 1)
    assert check[0] == 4
    assert dict(json.loads(check[1])) == {lost: 1, money: 2, energy: 3}
    assert json.loads(check[2]) == []
    again = await both.until(ORDERS, lambda rows: len(rows) == 4)
    assert again[0] == orders[0], "the lost one was sent again, as it was"
    assert right in {row[0] for row in again}
    log = (both.server.folder / "serve.log").read_text("utf-8")
    assert all(f"'DisputeReason': {reason}" in log for reason in (1, 2, 3)), "the operator heard of each"
    address = f"http://127.0.0.1:{both.platform.port}"
    told = json.loads(await command("monitor", "intake", "status", "--url", address, "--json"))
    assert told["operators"][OPERATOR]["refused"] == {}
    assert (told["faults"], [name for name, step in told["steps"].items() if step["failures"]]) == (0, [])
