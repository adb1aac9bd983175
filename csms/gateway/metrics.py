"""Counters of the gateway under stable names."""

from __future__ import annotations

from collections import Counter

OTHER = "other"
KEYS_MAX = 200
"""Names made from what peers send (actions, deviations) are bounded; the rest is counted together."""


class Metrics:
    """Counts; `totals` for the API, `by_action` and `deviations` for whoever looks closer."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.by_action: Counter[str] = Counter()
        self.deviations: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count something of ours."""
        self.totals[name] += count

    def call(self, action: str, outcome: str) -> None:
        """Count a call of a station by action and outcome."""
        self.totals[f"calls_{outcome}"] += 1
        self._bounded(self.by_action, f"{action} {outcome}")

    def deviation(self, name: str) -> None:
        """Count a fault that was let pass."""
        self.totals["deviations"] += 1
        self._bounded(self.deviations, name)

    @staticmethod
    def _bounded(counter: Counter[str], key: str) -> None:
        counter[key if key in counter or len(counter) < KEYS_MAX else OTHER] += 1
