"""Whether a source still speaks, and what holds when it does not (grid-limits A4). Pure; seconds are monotonic ones.

At the start, and whenever a source is silent for too long, its failsafe values hold. They end with a sign of life and a
statement that is newer than their beginning; without these only where it is agreed, and then at the contract's cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from csms.grid.peer import SourceRule


class Mode(StrEnum):
    """How a source is taken. ALONE: it is still silent, and what is agreed for that ran out."""

    SPEAKS = "speaks"
    FAILSAFE = "failsafe"
    ALONE = "alone"


@dataclass(slots=True)
class Watch:
    """One source since this process began."""

    rule: SourceRule
    began_s: float
    mode: Mode = Mode.FAILSAFE
    heard_s: float | None = None
    stated_s: float | None = None

    def __post_init__(self) -> None:
        """A source that need not say that it is there is never silent."""
        if not self.rule.watched:
            self.mode = Mode.SPEAKS

    def heard(self, now_s: float) -> None:
        """A sign of life."""
        self.heard_s = now_s

    def stated(self, now_s: float) -> None:
        """A statement was accepted, the same one as before or a new one."""
        self.stated_s = now_s

    def look(self, now_s: float) -> bool:
        """Bring the mode up to date; whether it changed."""
        before = self.mode
        if not self.rule.watched:
            return False
        if self._silent(now_s):
            if before is Mode.SPEAKS:
                self.mode, self.began_s = Mode.FAILSAFE, now_s
            elif self._over(now_s):
                self.mode = Mode.ALONE
        elif before is not Mode.SPEAKS and self.stated_s is not None and self.stated_s >= self.began_s:
            self.mode = Mode.SPEAKS
        return self.mode is not before

    def due_s(self, now_s: float) -> float | None:
        """In how many seconds the mode changes if nothing is heard; None: never."""
        if not self.rule.watched:
            return None
        if self.mode is Mode.SPEAKS and self.heard_s is not None:
            return max(self.heard_s + self.rule.silence_s - now_s, 0.0)
        if self.mode is Mode.FAILSAFE and self.rule.ends_alone:
            return max(self.began_s + self.rule.failsafe_min_s - now_s, 0.0)
        return None

    def _silent(self, now_s: float) -> bool:
        return self.heard_s is None or now_s - self.heard_s >= self.rule.silence_s

    def _over(self, now_s: float) -> bool:
        return self.rule.ends_alone and now_s - self.began_s >= self.rule.failsafe_min_s
