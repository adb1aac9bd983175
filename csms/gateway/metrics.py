"""Counters of the gateway under stable names."""

from __future__ import annotations

from collections import defaultdict

OTHER = "other"
KEYS_MAX = 200
"""Names made from what peers send (actions, deviations) are bounded; the rest is counted together."""


class Metrics:
    """Counts; `totals` for the API, `by_action` and `deviations` for whoever looks closer."""

    def __init__(self) -> None:
        # no Counters: setting an item of one takes a thousand machine instructions, and every message sets three
        self.totals: defaultdict[str, int] = defaultdict(int)
        self.by_action: defaultdict[str, int] = defaultdict(int)
        self.deviations: defaultdict[str, int] = defaultdict(int)
        self._names: dict[tuple[str, str], tuple[str, str]] = {}

    def add(self, name: str, count: int = 1) -> None:
        """Count something of ours."""
        self.totals[name] += count

    def call(self, action: str, outcome: str) -> None:
        """Count a call of a station by action and outcome."""
        total, by_action = self._names.get((action, outcome)) or self._name(action, outcome)
        self.totals[total] += 1
        self.by_action[by_action] += 1

    def _name(self, action: str, outcome: str) -> tuple[str, str]:
        """What a call counts under; remembered, for as many actions as are counted apart."""
        key = f"{action} {outcome}"
        if key not in self.by_action and len(self.by_action) >= KEYS_MAX:
            return f"calls_{outcome}", OTHER
        self._names[action, outcome] = found = f"calls_{outcome}", key
        return found

    def deviation(self, name: str) -> None:
        """Count a fault that was let pass."""
        self.totals["deviations"] += 1
        self.deviations[name if name in self.deviations or len(self.deviations) < KEYS_MAX else OTHER] += 1
