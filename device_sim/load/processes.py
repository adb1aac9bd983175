"""CPU time and memory of processes, read from /proc; nothing where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def cpu_s(pids: Iterable[int]) -> float | None:
    """User and system time of all threads of these processes. None when one of them cannot be read."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rsplit(")", 1)[1].split()
        except OSError:
            return None
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def rss_mib(pids: Iterable[int]) -> float | None:
    """Resident memory. None when one of the processes cannot be read."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        except OSError:
            return None
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def raise_file_limit() -> None:
    """As many sockets as the system allows."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
