"""Commands that the server gives itself from time to time: to load the warehouse, to gather and judge facts, to
forecast and to score forecasts.

Each runs in a process of its own with less right to the processor, so that what it costs and what it breaks hurts no
station. It is ended when it takes longer than its period, and with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from csms.app.section import Section
from csms.model.clock import Clock

log = logging.getLogger(__name__)

WALL_S_MIN = 600.0
"""However fast the clock runs."""
NICENESS = 10
SAID_MAX = 2000


class RoundSettings(Section):
    """`command`: what follows `csms`; `--data-dir` and the address of the database are added."""

    command: list[str] = Field(min_length=1)
    every_s: float = Field(default=3600.0, ge=60.0)


USUAL = (
    RoundSettings(command=["warehouse", "load"]),
    RoundSettings(command=["data", "gather"]),
    RoundSettings(command=["forecast", "run", "--for-plans"]),
    RoundSettings(command=["forecast", "score"], every_s=86_400.0),
)


class Round:
    """One command, again and again. `program`: how `csms` is called; `time_zone`: that of the settings;
    `told`: more for its environment."""

    def __init__(
        self,
        settings: RoundSettings,
        clock: Clock,
        data_dir: Path,
        database_url: str = "",
        program: Sequence[str] = (sys.executable, "-m", "cli"),
        wall_s_min: float = WALL_S_MIN,
        time_zone: str = "",
        told: Mapping[str, str] | None = None,
    ) -> None:
        self._clock = clock
        self._wall_s = max(clock.wall_s(settings.every_s), wall_s_min)
        self._call = (*program, *settings.command, "--data-dir", str(data_dir), "--json")
        known = {"CSMS_DATABASE_URL": database_url, "CSMS_TIME_ZONE": time_zone, **(told or {})}
        self._environ = os.environ | {name: value for name, value in known.items() if value}
        self.name = " ".join(settings.command)

    async def run(self) -> None:
        """Until cancelled; the first time when a period is over."""
        while True:
            await asyncio.sleep(self._wall_s)
            await self.once()

    async def once(self) -> bool:
        """Whether the command ended well; what it said otherwise stands in the log."""
        process = await asyncio.create_subprocess_exec(
            *self._call, env=self._environ, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        said = b""
        try:
            async with asyncio.timeout(self._wall_s):
                _, said = await process.communicate()
        except TimeoutError:
            said = b"it took longer than its period"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        facts = {"command": self.name, "exit_code": process.returncode}
        if process.returncode == 0:
            log.info("round_done", extra=facts)
            return True
        log.error("round_failed", extra=facts | {"said": said[-SAID_MAX:].decode("utf-8", errors="replace")})
        return False
