"""How the platform itself serves: calls, faults, calls in progress, time to answer (of the newest calls)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from csms.model.clock import Clock
from monitor.quality.traffic import percentile

NEWEST = 10_000


@dataclass(slots=True)
class Figures:
    """Counts since the start."""

    clock: Clock
    calls: int = 0
    faults: int = 0
    in_progress: int = 0
    spent_us: deque[int] = field(default_factory=lambda: deque(maxlen=NEWEST))

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around the answering of one call; an exception of ours counts as a fault and goes on."""
        began_s = self.clock.monotonic_s()
        self.calls += 1
        self.in_progress += 1
        try:
            yield
        except Exception:
            self.faults += 1
            raise
        finally:
            self.in_progress -= 1
            self.spent_us.append(int((self.clock.monotonic_s() - began_s) * 1e6))

    def as_document(self) -> dict[str, Any]:
        """As JSON, times in milliseconds."""
        ordered = sorted(self.spent_us)
        shares = {f"p{share}_ms": percentile(ordered, share) / 1000 for share in (50, 95, 99)}
        return {"calls": self.calls, "faults": self.faults, "in_progress": self.in_progress, **shares}
