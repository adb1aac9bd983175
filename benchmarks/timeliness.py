"""How soon the platform knows: states and orders of 1,000 sessions a minute, through real servers over HTTPS.

500 lean OCPP 1.6 stations, each with a session of 20 s every 30 s (states, MeterValues every 5 s), `csms serve`, the
supervising platform behind a TLS proxy that notes when each call was answered. A latency begins when the station writes
its message and ends when the platform has answered the push, so that it holds everything in between. A state that is
over before it was pushed is told by the next one: latest wins.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hot_path import Row
from benchmarks.province import ORDER_WIRE, free_port
from benchmarks.province_fleet import CODES, LeanStation, Truth
from benchmarks.province_judge import rows
from benchmarks.province_parties import Parties, clock_at
from benchmarks.province_proxy import Passed, Proxy
from csms.model.clock import system_clock

STATUS_WIRE = "notification_stationStatus"
STATUS_BAR_S, ORDER_BAR_S = 1.0, 5.0
PERIOD_S = 30.0
STATIONS = 500
STATUSES = 5
METERED_S = 5.0
SETTLE_S = 10.0


@dataclass
class Heard:
    """What stations said, in their order: (wall second, state) and wall seconds of ends of sessions, by station."""

    states: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    ends: dict[str, list[float]] = field(default_factory=dict)

    def told(self, station_id: str, what: str, sent_wall_s: float) -> None:
        """A station writes a message."""
        if what == "stopped":
            self.ends.setdefault(station_id, []).append(sent_wall_s)
        else:
            self.states.setdefault(station_id, []).append((sent_wall_s, CODES[what]))


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Two minutes, or the quick one with a tenth of the stations for half of one."""
    folder = Path(tempfile.mkdtemp(prefix="csms-timeliness-"))
    stations, seconds = (STATIONS // 10, PERIOD_S) if quick else (STATIONS, 4 * PERIOD_S)
    try:
        return [asdict(row) for row in asyncio.run(_measured(folder, stations, seconds))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measured(folder: Path, count: int, seconds: float) -> list[Row]:
    parties, heard, truth = Parties(folder, "tcec102-2016", free_port()), Heard(), Truth()
    proxy, clock = Proxy(parties.codec, parties.tls, 0.0, Random(1)), clock_at(system_clock().now(), 1.0)
    await proxy.up()
    parties.settle(proxy.port)
    stations: list[LeanStation] = []
    try:
        proxy.backend = await parties.start_platform(clock)
        await parties.start_operator(clock)
        for number in range(count):
            at = LeanStation(f"RZ-{number:04d}", lambda: parties.ws_url, clock, truth, Random(number), heard.told)
            stations.append(at)
        await asyncio.gather(*(station.begin() for station in stations))
        await _quiet(parties)  # that all stations of a fleet come at once is not what is measured
        begun, heard.states = len(proxy.passed), {name: states[-1:] for name, states in heard.states.items()}
        until = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(*(_sessions(station, n / count, until) for n, station in enumerate(stations)))
        await asyncio.sleep(SETTLE_S)
        async with parties.api() as api:
            names = (await api.get("/api/v1/province/prov/names")).raise_for_status().json()["names"]
    finally:
        await asyncio.gather(*(station.close() for station in stations), return_exceptions=True)
        await proxy.down()
        parties.stop()
    owners = {one["external"]: one["local"].rsplit("/", 2)[0] for one in names if one["kind"] == "connector"}
    return _rows(truth, heard, proxy.passed[begun:], owners, seconds)


async def _quiet(parties: Parties) -> None:
    """Until nothing waits for the platform."""
    query = "SELECT count(*) FROM outbox WHERE state IN ('queued', 'sent', 'retry')"
    await asyncio.sleep(1.0)
    while rows(parties.operator_db, query)[0][0]:  # noqa: ASYNC110 - another process works it off
        await asyncio.sleep(0.5)


async def _sessions(station: LeanStation, phase: float, until_s: float) -> None:
    """One each period, beginning at its share of the first."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time() + phase * PERIOD_S

    async def wait() -> None:
        await asyncio.sleep(METERED_S)
        await station.meter()

    while begin_s < until_s:
        await asyncio.sleep(max(0.0, begin_s - loop.time()))
        await station.charge(STATUSES, wait, metered=3)
        begin_s += PERIOD_S


def _rows(truth: Truth, heard: Heard, passed: Sequence[Passed], owners: dict[str, str], seconds: float) -> list[Row]:
    answered = [call for call in passed if call.ended_wall_s]
    pushes = [call for call in answered if call.interface == STATUS_WIRE]
    orders = [call for call in answered if call.interface == ORDER_WIRE]
    states_s = sorted(state_latencies(heard, pushes, owners))
    orders_s = sorted(order_latencies(heard, orders, owners))
    worst_s, p95_s = (orders_s or [0.0])[-1], _share(states_s, 0.95)
    return [
        Row("sessions a minute", len(truth.sessions) / seconds * 60, ""),
        Row("states told by stations", truth.statuses, ""),
        Row("pushes of states", len(pushes), ""),
        Row("state: median", _share(states_s, 0.5), "s"),
        Row("state: p95", p95_s, "s", f"<= {STATUS_BAR_S:g}", p95_s <= STATUS_BAR_S),
        Row("state: longest", _share(states_s, 1.0), "s"),
        Row("orders", len(orders_s), "", f"= {len(truth.sessions)}", len(orders_s) == len(truth.sessions)),
        Row("order: median", _share(orders_s, 0.5), "s"),
        Row("order: p95", _share(orders_s, 0.95), "s"),
        Row("order: longest", worst_s, "s", f"<= {ORDER_BAR_S:g}", worst_s <= ORDER_BAR_S),
    ]


def state_latencies(heard: Heard, pushes: Iterable[Passed], owners: dict[str, str]) -> Iterable[float]:
    """From the change that a push tells to its answer; changes between two pushes were over before."""
    left = {station: list(_changes(states))[1:] for station, states in heard.states.items()}
    for call in pushes:
        changes = left.get(owners.get(call.connector, ""), [])
        told = [n for n, (sent_s, code) in enumerate(changes) if code == call.state and sent_s < call.came_wall_s]
        if told:
            yield call.ended_wall_s - changes[told[0]][0]
            del changes[: told[0] + 1]


def _changes(states: Sequence[tuple[float, int]]) -> Iterable[tuple[float, int]]:
    before = None
    for sent_s, code in states:
        if code != before:
            yield sent_s, code
        before = code


def order_latencies(heard: Heard, orders: Iterable[Passed], owners: dict[str, str]) -> Iterable[float]:
    """From the end of a session to the answer to its order; sessions of a station end one after the other."""
    left = {station: deque(ends) for station, ends in heard.ends.items()}
    seen: set[str] = set()
    for call in orders:
        ends = left.get(owners.get(call.connector, ""), deque())
        if call.business_id not in seen and ends:
            seen.add(call.business_id)
            yield call.ended_wall_s - ends.popleft()


def _share(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
