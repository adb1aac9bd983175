"""Runs a load plan with several processes, and looks at the server's own processes meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from device_sim.load.histogram import merged, percentile_ms
from device_sim.load.plan import LoadPlan, LoadResult, Mode
from device_sim.load.processes import cpu_s, rss_mib

Told = Callable[[str], None]
"""Hears what is being done: connect, run, ..."""


class WorkerFailed(Exception):
    """A process of the load ended; the text is what it said last."""


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def order(self, text: str) -> dict[str, Any]:
        await self.tell(text)
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            said = (await self._process.stderr.read()).decode().strip().splitlines()
            raise WorkerFailed(said[-1] if said else f"exit code {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def tell(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        await self._process.stdin.drain()

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def run(
    plan: LoadPlan, pids: Sequence[int] = (), processes: int = 1, told: Told = lambda step: None
) -> LoadResult:
    """Carry out the plan; `pids` are the server's. Raises WorkerFailed."""
    parts = max(1, min(processes, plan.stations))
    workers = [await _spawn(plan.share(part, parts)) for part in range(parts)]
    try:
        return await _carry_out(plan, list(pids), workers, told)
    finally:
        for worker in workers:
            await worker.end()


async def _spawn(plan: LoadPlan) -> _Worker:
    pipe = asyncio.subprocess.PIPE
    arguments = (sys.executable, "-m", "device_sim.load.worker")
    process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe, limit=2**26)
    worker = _Worker(process)
    await worker.tell(json.dumps(asdict(plan)))
    return worker


async def _carry_out(plan: LoadPlan, pids: list[int], workers: Sequence[_Worker], told: Told) -> LoadResult:
    async def all_of(order: str) -> list[dict[str, Any]]:
        told(order)
        return await asyncio.gather(*(worker.order(order) for worker in workers))

    empty_mib, cpu_0 = rss_mib(pids), cpu_s(pids)
    joined = await all_of("connect")
    cpu_1 = cpu_s(pids)
    seconds, cpu_2, cpu_3 = 0.0, cpu_1, cpu_1
    counts = joined
    if plan.mode is Mode.IDLE:
        await asyncio.sleep(plan.seconds)
    connected_mib = counting_mib = rss_mib(pids)
    if plan.mode is Mode.STARTS:
        cpu_2 = cpu_s(pids)
        counts = await all_of("starts")
        cpu_3 = cpu_s(pids)
    elif plan.mode in (Mode.CLOSED, Mode.PACED):
        await all_of("prepare")
        await all_of("run")
        await asyncio.sleep(plan.warm_up_s)
        cpu_2, counting_mib = cpu_s(pids), rss_mib(pids)
        await all_of("count")
        await asyncio.sleep(plan.seconds)
        cpu_3 = cpu_s(pids)
        counts = await all_of("stop")
        seconds = plan.seconds
    after_mib = rss_mib(pids)
    await all_of("leave")
    memory = (empty_mib, connected_mib, counting_mib, after_mib) if pids else (None,) * 4
    return _result(plan, counts, seconds, _between(cpu_0, cpu_1), _between(cpu_2, cpu_3), memory)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin


def _result(
    plan: LoadPlan,
    counts: Sequence[dict[str, Any]],
    seconds: float,
    connect_cpu_s: float | None,
    used_cpu_s: float | None,
    memory: Sequence[float | None],
) -> LoadResult:
    def total(name: str) -> int:
        return sum(int(part[name]) for part in counts)

    tenths = [merged(_counter(part["tenths"][n]) for part in counts if n < len(part["tenths"])) for n in range(10)]
    times = merged(tenths)
    answered, connected = total("answered"), total("connected")
    ids = [name for part in counts for name in part["transaction_ids"]]
    empty_mib, connected_mib, counting_mib, after_mib = memory
    grown_mib = _between(empty_mib, connected_mib)
    known = used_cpu_s is not None and memory[0] is not None
    return LoadResult(
        mode=plan.mode.value,
        ocpp=plan.ocpp,
        message=plan.message.value,
        stations=plan.stations,
        connected=connected,
        refused=total("refused"),
        lost=total("lost"),
        connect_s=max(float(part["connect_s"]) for part in counts),
        seconds=seconds,
        answered=answered,
        errors=total("errors"),
        unanswered=total("unanswered"),
        rate_per_s=answered / seconds if seconds else 0.0,
        p50_ms=percentile_ms(times, 0.5),
        p95_ms=percentile_ms(times, 0.95),
        p99_ms=percentile_ms(times, 0.99),
        max_ms=percentile_ms(times, 1.0),
        p99_first_tenth_ms=percentile_ms(tenths[0], 0.99),
        p99_last_tenth_ms=percentile_ms(tenths[-1], 0.99),
        ids_unique=len(set(ids)) == len(ids) if ids else None,
        connect_cpu_s=connect_cpu_s if memory[0] is not None else None,
        cpu_s=used_cpu_s if known else None,
        cpu_us_per_call=used_cpu_s / answered * 1e6 if known and used_cpu_s is not None and answered else None,
        rss_before_mib=empty_mib,
        rss_connected_mib=connected_mib,
        rss_counting_mib=counting_mib,
        rss_after_mib=after_mib,
        kib_per_station=grown_mib * 1024 / connected if grown_mib is not None and connected else None,
    )


def _counter(counts: dict[str, int]) -> dict[int, int]:
    """JSON has made texts of the keys."""
    return {int(number): count for number, count in counts.items()}
