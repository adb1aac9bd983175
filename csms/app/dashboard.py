"""The web dashboard as a child of the server: `csms dashboard`, a process of its own that only asks the HTTP interface.

It is started again when it dies (by the supervisor, ever more slowly) and ends with the server, even with one that is
killed: it watches its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import Field

from csms.app.drivers_section import DriversSection
from csms.app.section import Section

log = logging.getLogger(__name__)

NICENESS = 10
SAID_MAX = 2000
PATIENCE_S = 5.0
"""Of the wall: how long it may take to end when it is asked to."""


class DashboardSection(Section):
    """`guest_token_file`: a viewer's token, with which whoever comes may look around. None: nobody may.

    `outline_file`: GeoJSON (WGS-84) that maps are drawn over; None: a plain grid. `platform_dir`, `partner_file`: data
    and operators of a supervising platform on this machine; `areas_dir`: areas that siting reports can be made on.
    """

    enabled: bool = True
    port: int = Field(default=8081, ge=0, le=65535)
    guest_token_file: Path | None = None
    outline_file: Path | None = None
    platform_dir: Path | None = None
    partner_file: Path | None = None
    areas_dir: Path | None = None


def _folders(settings: DashboardSection, data_dir: Path | None) -> list[str]:
    """What lies on this machine beside the API; the rounds of the server put some of it into the data folder."""
    given = {"--platform-dir": settings.platform_dir, "--partner-file": settings.partner_file}
    given |= {"--areas-dir": settings.areas_dir, "--outline": settings.outline_file}
    if data_dir is not None:
        given |= {"--data-dir": data_dir, "--warehouse": data_dir / "warehouse", "--siting-dir": data_dir / "siting"}
    return [part for flag, path in given.items() if path is not None for part in (flag, str(path))]


class DashboardEnded(Exception):
    """It ended by itself; the text holds what it said."""


class Dashboard:
    """The child. `program`: how `csms` is called; `told` learns where it listens; `drivers`: whether it has a page for
    them; `time_zone`: of its words."""

    def __init__(
        self,
        settings: DashboardSection,
        api_url: str,
        host: str,
        *,
        tls: tuple[Path, Path] | None = None,
        data_dir: Path | None = None,
        database_url: str = "",
        drivers: DriversSection | None = None,
        time_zone: str = "",
        told: Callable[[str, int], None] = lambda url, port: None,
        program: Sequence[str] = (sys.executable, "-m", "cli"),
    ) -> None:
        call = [*program, "dashboard", "--url", api_url, "--host", host, "--port", str(settings.port), "--json"]
        if tls is not None:
            call += ["--tls-certificate", str(tls[0]), "--tls-key", str(tls[1])]
        if settings.guest_token_file is not None:
            call += ["--guest-token-file", str(settings.guest_token_file)]
        call += _folders(settings, data_dir)
        if drivers is not None and drivers.enabled:
            call.append("--drivers")
            call += ["--partners"] if drivers.partners else []
        self._call = [*call, "--until-stdin-ends"]
        known = {"TZ": time_zone, "CSMS_TIME_ZONE": time_zone, "CSMS_DATABASE_URL": database_url}
        self._environ = os.environ | {name: value for name, value in known.items() if value}
        self._told = told

    async def run(self) -> None:
        """Until cancelled. Raises DashboardEnded when it ends by itself."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._call, env=self._environ, stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert process.stdout is not None
        assert process.stderr is not None
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        said = asyncio.create_task(_end_of(process.stderr))
        try:
            self._tell(await process.stdout.readline())
            code = await process.wait()
            raise DashboardEnded(f"exit code {code}: {await said}")
        finally:
            await _stop(process)
            said.cancel()

    def _tell(self, line: bytes) -> None:
        try:
            facts = json.loads(line)
            url, port = str(facts["url"]), int(facts["port"])
        except (ValueError, KeyError, TypeError):
            return
        log.info("dashboard_started", extra={"url": url})
        self._told(url, port)


async def _end_of(stream: asyncio.StreamReader) -> str:
    """Read on, so that nobody waits for room in the pipe; the end of it when it is over."""
    said = b""
    while part := await stream.read(4096):
        said = (said + part)[-SAID_MAX:]
    return said.decode("utf-8", errors="replace").strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
