"""Siting reports on this machine: which there are, and making one in a process of its own, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = re.compile(r"[\w][\w.-]{0,63}")
PAGE, NUMBERS, STATIONS = "report.html", "report.json", ("stations.csv", "stations.csv.gz")
NICENESS = 10
SAID_MAX = 400


@dataclass(slots=True)
class SitingDesk:
    """`reports`: a folder for each report, `areas`: a folder for each area that may be looked at; None: there is none.

    `program`: how `csms` is called.
    """

    reports: Path | None
    areas: Path | None
    program: Sequence[str] = (sys.executable, "-m", "cli")
    running: str = ""
    """The area that is being looked at."""
    fault: str = ""
    """What the last run said when it failed."""
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    def known(self) -> list[str]:
        """Reports by name, the newest first."""
        if self.reports is None or not self.reports.is_dir():
            return []
        found = [one for one in self.reports.iterdir() if (one / NUMBERS).is_file() and NAME.fullmatch(one.name)]
        return [one.name for one in sorted(found, key=lambda one: -(one / NUMBERS).stat().st_mtime)]

    def wanted(self) -> list[str]:
        """Areas that can be looked at, by name."""
        if self.areas is None or not self.areas.is_dir():
            return []
        inside = (one for one in self.areas.iterdir() if NAME.fullmatch(one.name))
        return sorted(one.name for one in inside if any((one / name).is_file() for name in STATIONS))

    def file(self, name: str, part: str) -> Path | None:
        """A file of a report; None for one that is not there, whatever its name says."""
        if self.reports is None or name not in self.known() or not NAME.fullmatch(part):
            return None
        path = self.reports / name / part
        return path if path.is_file() else None

    def read(self, name: str) -> dict[str, Any]:
        """The numbers of a report. Raises OSError, ValueError, KeyError for a name that is not there."""
        path = self.file(name, NUMBERS)
        if path is None:
            raise KeyError(name)
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found

    def begin(self, area: str, sites: int) -> bool:
        """Make a report on an area; False while another one is made, or for an area that is not there."""
        if self.running or self.reports is None or self.areas is None or area not in self.wanted():
            return False
        self.running, self.fault = area, ""
        out = self.reports / area
        call = ["siting", "run", str(self.areas / area), "--out", str(out), "--sites", str(sites), "--json"]
        self._task = asyncio.create_task(self._run(call), name="siting")
        return True

    async def _run(self, call: Sequence[str]) -> None:
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(*self.program, *call, stdout=nothing, stderr=pipe)
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            try:
                _, said = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode:
                self.fault = _why(said) or f"exit code {process.returncode}"
        except OSError as fault:
            self.fault = str(fault)
        finally:
            self.running = ""

    async def close(self) -> None:
        """End what runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _why(said: bytes) -> str:
    """What a command said when it failed: the words of its JSON, else the end of whatever it said."""
    words = said.decode("utf-8", errors="replace").strip()
    try:
        return str(json.loads(words.splitlines()[-1])["detail"])
    except (ValueError, KeyError, IndexError, TypeError):
        return words[-SAID_MAX:]
