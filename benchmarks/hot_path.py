"""The hot path beside a plain central system and a bare echo: CPU for each call, answer times, memory, storms, growth.

Every figure is of one run on one machine, so ratios count. Contestants take turns; rates are medians over the rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import contestants
from benchmarks.contestants import Contestant
from benchmarks.plot import line_plot
from device_sim.load.plan import LoadPlan, LoadResult, Message, Mode
from device_sim.load.processes import raise_file_limit
from device_sim.load.run import run as run_load

PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "cost_growth.svg"
GROWTH = (10, 100, 1_000, 5_000)
KINDS = (("1.6", Message.METER, "1.6 MeterValues x3"), ("2.0.1", Message.EVENT, "2.0.1 TransactionEvent x3"))
READINGS = 1_000_000
STORM_CPU_S, ECHO_US = 15.0, 13.0
"""What a storm of 10,000 may cost on the machine where a bare echo was measured with so many microseconds."""

IN_FLIGHT = 10
"""Calls under way while the cost of the number of stations is measured: each commit then holds equally many."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `met` is None for figures without a bar."""

    figure: str
    value: float
    unit: str
    bar: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure; the quick one shows that everything runs, and roughly where the figures are."""

    rounds: int = 5
    seconds: float = 5.0
    paced_seconds: float = 30.0
    storm: int = 10_000
    reconnect: int = 2_000
    idle: int = 2_000
    readings: int = READINGS


QUICK = Effort(rounds=1, seconds=2.0, paced_seconds=10.0, storm=1_000, reconnect=500, idle=500, readings=60_000)


def load(server: Contestant, processes: int = 1, **given: Any) -> LoadResult:
    """One load on a running server. RuntimeError when a call stayed without its answer: such figures mean nothing."""
    plan = LoadPlan(server.url, ca=server.ca, password=server.password, **given)
    result = asyncio.run(run_load(plan, [server.pid], processes))
    if result.refused or result.errors or result.unanswered or result.lost:
        raise RuntimeError(f"{server.name}: {result}")
    return result


def rates(effort: Effort) -> list[Row]:
    """CPU for each answered call, 1,000 stations, against the baseline and the echo."""
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contestants.ours(Path(folder)) as csms,
        contestants.plain() as plain,
        contestants.echo() as echo,
    ):
        for ocpp, message, name in KINDS:
            used = _take_turns((csms, plain, echo), effort, ocpp, message)
            ours, theirs, bare = (statistics.median(used[c.name]) for c in (csms, plain, echo))
            rows += [
                Row(f"{name}: CPU per call", ours, "µs"),
                Row(f"{name}: CPU per call, plain baseline", theirs, "µs"),
                Row(f"{name}: CPU per call, bare echo", bare, "µs"),
                Row(
                    f"{name}: calls per CPU-second against the baseline",
                    theirs / ours,
                    "x",
                    ">= 20",
                    theirs >= 20 * ours,
                ),
                Row(f"{name}: CPU per call against the echo", ours / bare, "x", "<= 5", ours <= 5 * bare),
            ]
    return rows


def _take_turns(servers: tuple[Contestant, ...], effort: Effort, ocpp: str, message: Message) -> dict[str, list[float]]:
    used: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(effort.rounds):
        for server in servers:
            result = load(server, ocpp=ocpp, message=message, stations=1_000, seconds=effort.seconds, warm_up_s=2.0)
            used[server.name].append(result.cpu_us_per_call or float("nan"))
    return used


def answer_time(effort: Effort) -> list[Row]:
    """500 stations that report every 10 s."""
    with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder)) as csms:
        found = [
            load(csms, mode=Mode.PACED, stations=500, interval_s=10.0, seconds=effort.paced_seconds, warm_up_s=3.0)
            for _ in range(min(effort.rounds, 3))
        ]
    p99_ms = statistics.median(result.p99_ms or float("nan") for result in found)
    p50_ms = statistics.median(result.p50_ms or float("nan") for result in found)
    return [
        Row("500 stations every 10 s: median answer time", p50_ms, "ms"),
        Row("500 stations every 10 s: 99 % answer time", p99_ms, "ms", "<= 20", p99_ms <= 20),
    ]


def memory(effort: Effort) -> list[Row]:
    """Idle stations, with and without TLS."""
    rows = []
    for name, profile, bar in (("no TLS", 0, 25), ("TLS", 2, 60)):
        house = {"profile": profile, "stations": effort.idle if profile else 0}
        with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder), **house) as csms:
            result = load(csms, mode=Mode.IDLE, stations=effort.idle, seconds=2.0)
        kib = result.kib_per_station or float("nan")
        rows.append(Row(f"memory per idle station, {name}", kib, "KiB", f"<= {bar}", kib <= bar))
    return rows


def storm(effort: Effort) -> list[Row]:
    """Everybody comes back at once. The bar of CPU is that of a machine whose bare echo takes ECHO_US; the echo's time
    here, right after, says what that is worth."""
    with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder)) as csms:
        result = load(csms, processes=2, mode=Mode.STORM, stations=effort.storm, at_once=1_000)
    with contestants.echo() as echo:
        bare = load(echo, ocpp="1.6", message=Message.METER, stations=1_000, seconds=effort.seconds, warm_up_s=2.0)
    cpu_s, rss_mib = result.connect_cpu_s or float("nan"), result.rss_connected_mib or float("nan")
    echo_us = bare.cpu_us_per_call or float("nan")
    bar_s = STORM_CPU_S * echo_us / ECHO_US
    name = f"{effort.storm:,} stations connect, boot, report their state"
    return [
        Row(f"{name}: accepted", result.connected, "", f"= {effort.storm}", result.connected == effort.storm),
        Row(f"{name}: wall", result.connect_s, "s"),
        Row("bare echo: CPU per call", echo_us, "µs"),
        Row(f"{name}: CPU", cpu_s, "s", f"<= {bar_s:.3g}", cpu_s <= bar_s),
        Row(f"{name}: resident memory", rss_mib, "MiB", "<= 500", rss_mib <= 500),
    ]


def reconnect(effort: Effort) -> list[Row]:
    """Everybody comes back and proves who it is: to a server that was just started, and to one that knows them."""
    rows, unproven_s = [], 0.0
    for name, profile, bar_s in (("no authentication", 0, 0), ("Basic", 1, 8), ("TLS and Basic", 2, 20)):
        house = {"profile": profile, "stations": effort.reconnect}
        with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder), **house) as csms:
            for when in ("after a restart", "again"):
                result = load(csms, processes=2, mode=Mode.STORM, stations=effort.reconnect, at_once=1_000)
                found = f"{effort.reconnect:,} stations come back {when}, {name}: wall"
                met = result.connect_s <= bar_s and result.connected == effort.reconnect if bar_s else None
                rows.append(Row(found, result.connect_s, "s", f"<= {bar_s}" if bar_s else "", met))
        unproven_s = unproven_s or result.connect_s
        rows.append(Row(f"{name}: against no authentication", result.connect_s / unproven_s, "x"))
    return rows


def starts(effort: Effort) -> list[Row]:
    """500 transactions in one instant."""
    rows = []
    for ocpp in ("1.6", "2.0.1"):
        with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder)) as csms:
            found = [load(csms, mode=Mode.STARTS, ocpp=ocpp, stations=500) for _ in range(min(effort.rounds, 3))]
        p99_ms = statistics.median(result.p99_ms or float("nan") for result in found)
        sound = all(result.answered == 500 and result.ids_unique for result in found)
        rows += [
            Row(f"500 starts at once, {ocpp}: answered, ids unique", sound, "", "yes", sound),
            Row(f"500 starts at once, {ocpp}: 99 % answer time", p99_ms, "ms", "<= 1000", p99_ms <= 1000),
        ]
    return rows


def growth(effort: Effort) -> list[Row]:
    """CPU for each call as stations are added: with equally many calls under way, and with one of each; also drawn."""
    counts = [count for count in GROWTH if count <= effort.storm]
    even, every = _costs(counts, effort, IN_FLIGHT), _costs(counts, effort, 0)
    if effort != QUICK:
        lines = {f"{IN_FLIGHT} calls under way": even, "a call of each station under way": every}
        PLOT.write_text(line_plot(counts, lines), "utf-8")
    rows = [
        Row(f"CPU per call, {count:,} stations, {words}", cost, "µs")
        for words, costs in ((f"{IN_FLIGHT} calls under way", even), ("one of each under way", every))
        for count, cost in zip(counts, costs, strict=True)
    ]
    spread = max(even) / min(even)
    return [
        *rows,
        Row(f"CPU per call, {IN_FLIGHT} calls under way, most against least", spread, "x", "<= 1.2", spread <= 1.2),
    ]


def _costs(counts: Sequence[int], effort: Effort, in_flight: int) -> list[float]:
    """The counts take turns, so that a machine that slows down and a database that grows strike all of them."""
    costs: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder)) as csms:
        for _ in range(effort.rounds):
            for count in counts:
                given = {"stations": count, "seconds": effort.seconds, "warm_up_s": 3.0, "in_flight": in_flight}
                result = load(csms, prefix=f"G{count}-", **given)
                costs[count].append(result.cpu_us_per_call or float("nan"))
    return [statistics.median(costs[count]) for count in counts]


def soak(effort: Effort) -> list[Row]:
    """Many readings: does memory grow, does it become slower? Counted from when all buffers have seen their fill."""
    with tempfile.TemporaryDirectory() as folder, contestants.ours(Path(folder)) as csms:
        probe = load(csms, stations=1_000, seconds=2.0, warm_up_s=30.0 if effort != QUICK else 1.0)
        seconds = effort.readings / 3 / max(probe.rate_per_s, 1.0) * 2  # also where the machine slows down
        result = load(csms, stations=1_000, seconds=seconds, warm_up_s=2.0)
    before, after = probe.rss_after_mib or float("nan"), result.rss_after_mib or float("nan")
    first, last = result.p99_first_tenth_ms or float("nan"), result.p99_last_tenth_ms or float("nan")
    readings = result.answered * 3
    return [
        Row("soak: readings", readings, "", f">= {effort.readings:,}", readings >= effort.readings),
        Row("soak: growth of resident memory", (after / before - 1) * 100, "%", "<= 5", after <= before * 1.05),
        Row("soak: 99 % answer time, last tenth against first", last / first, "x", "<= 1.2", last <= first * 1.2),
    ]


def traces(effort: Effort) -> list[Row]:
    """What keeping every frame costs: the same server with and without, turn by turn, whose turns change places."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contestants.ours(Path(folder, "with")) as noting,
        contestants.ours(Path(folder, "without"), traces=False) as silent,
    ):
        for ocpp, message, name in KINDS:
            ratios: list[float] = []
            for number in range(effort.rounds * 3 // 2 + 1):
                turn = (silent, noting) if number % 2 else (noting, silent)
                used = _take_turns(turn, Effort(1, effort.seconds), ocpp, message)
                ratios += [used[noting.name][0] / used[silent.name][0]]
            ratio = statistics.median(ratios)
            rows.append(Row(f"{name}: CPU per call, with traces against without", ratio, "x", "<= 1.10", ratio <= 1.1))
    return rows


PARTS: dict[str, Callable[[Effort], list[Row]]] = {
    "rates": rates,
    "answer-time": answer_time,
    "memory": memory,
    "storm": storm,
    "reconnect": reconnect,
    "starts": starts,
    "growth": growth,
    "soak": soak,
    "traces": traces,
}


def run(parts: list[str] | None = None, *, quick: bool = False) -> list[dict[str, Any]]:
    """The rows of the chosen parts, all by default."""
    raise_file_limit()
    effort = QUICK if quick else Effort()
    return [asdict(row) for name in parts or PARTS for row in PARTS[name](effort)]
