"""The disk of the traces is full: it is said loudly, stations are served as before, it goes on when there is room."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.fault.test_disk_full import fill, health, mounted, until
from tests.support.running import SETTINGS, BareStation, Server, station

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def written(server: Server) -> int:
    server.api.get("/api/v1/frames").raise_for_status()
    return int(server.overview()["gateway"]["traces_written"])


async def test_traces_stop_and_go_on_while_stations_are_served(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", 2) as small:
        settings = f'disk_free_min_mb = 0\n{SETTINGS}\n[traces]\nfolder = "{small.as_posix()}"\n'
        server = Server(tmp_path / "run", settings=settings)
        server.start()
        try:
            async with station(server, "CP-1") as socket:
                pile = BareStation(socket)
                await pile.call("BootNotification", BOOT)
                before = written(server)
                assert before > 2
                fill(small)
                stop = asyncio.Event()
                beating = asyncio.create_task(beat(pile, stop))
                await until(lambda: health(server)["traces"] == "trace_disk_full")
                assert health(server)["status"] == "degraded"
                assert health(server)["store"] == "ok"
                (small / "filler").unlink()
                await until(lambda: health(server)["traces"] == "ok")
                stop.set()
                assert await beating > 10, "every call was answered"
                assert written(server) > before
            found: list[dict[str, Any]] = server.api.get("/api/v1/frames", params={"errors": True}).json()["frames"]
            assert "dropped" in [frame["kind"] for frame in found]
        finally:
            assert server.stop() == 0
        lines = (tmp_path / "run" / "serve.log").read_text()
        assert lines.count('"trace_stopped"') == 1
        assert lines.count('"trace_works_again"') == 1


async def beat(pile: BareStation, stop: asyncio.Event) -> int:
    count = 0
    while not stop.is_set():
        assert (await pile.call("Heartbeat", {}))[0] == 3
        count += 1
        await asyncio.sleep(0.02)
    return count
