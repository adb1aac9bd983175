"""A real Dask cluster on this machine: a scheduler and workers as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

START_S = 60.0


class DaskCluster:
    """`address` of its scheduler. Workers start anew when they die, as Dask's own do."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self._file = folder / "scheduler.json"
        self._programs = [self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")]
        self._programs += [self._start("worker", "--nthreads", "1", "--nworkers", str(workers))]
        until = time.monotonic() + START_S
        while not (self._file.exists() and self._file.read_text()):
            if time.monotonic() > until:
                raise TimeoutError("the Dask scheduler did not start")
            time.sleep(0.05)
        self.address: str = json.loads(self._file.read_text())["address"]

    def _start(self, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *args, "--scheduler-file", str(self._file), "--no-dashboard"]
        return subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": os.getcwd()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_scheduler(self) -> None:
        """At once, without a goodbye."""
        _kill(self._programs[0])

    def close(self) -> None:
        """At once, for there is nothing to keep."""
        for program in self._programs:
            _kill(program)


def _kill(program: subprocess.Popen[bytes]) -> None:
    """With all that it has started."""
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait(START_S)
