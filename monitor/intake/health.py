"""Whether the platform itself serves well: reasons to alarm those who run it. Pure, but for the room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from monitor.intake.figures import Figures
from monitor.quality.alarms import WINDOW, Sign
from monitor.quality.traffic import percentile

SLOW_S = 5.0
"""Operators give up after 30 s; half of them would not notice this."""
CALLS_MIN = 20
DISK_FREE_MIN = 1 << 30
ROUND_LATE_S = 600.0
"""Of the wall: a clock that runs faster than life has fewer rounds."""


def own_signs(figures: Figures, disk_free: int) -> Iterator[Sign]:
    """The reasons there are at this moment."""
    for name, step in sorted(figures.steps.items()):
        if step.fault and not name.startswith("pull "):
            yield Sign("step_failed", name, step.fault)
    first = figures.clock.now() - WINDOW
    if faults := sum(at >= first for at in figures.faults_at):
        yield Sign("own_faults", detail=str(faults))
    spent = figures.spent_us(WINDOW)
    p95_s = percentile(spent, 95) / 1e6
    if len(spent) >= CALLS_MIN and p95_s > SLOW_S:
        yield Sign("own_slow", detail=f"{p95_s:.1f} s")
    if disk_free < DISK_FREE_MIN:
        yield Sign("disk_low", detail=f"{disk_free >> 20} MiB")


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free


def stalled(figures: Figures) -> bool:
    """Whether the regular work does not come round any more."""
    silence = figures.clock.now() - (figures.round_at or figures.started_at)
    return figures.clock.wall_s(silence.total_seconds()) > ROUND_LATE_S
