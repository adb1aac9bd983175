"""Whether a source still speaks, and what holds when it does not (grid-limits A4). Pure; seconds are monotonic ones.

At the start, and whenever a source is silent for too long, its failsafe values hold. That of a feeder ends with a sign
of life and a statement about this feeder that is newer than its beginning; without these only where it is agreed, and
then at the contract's cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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
    _stated_s: dict[str, float] = field(default_factory=dict)
    _there: bool = False
    _told: tuple[Mode, frozenset[str]] = (Mode.FAILSAFE, frozenset())

    def __post_init__(self) -> None:
        """A source that need not say that it is there is never silent."""
        if not self.rule.watched:
            self.mode = Mode.SPEAKS
        self._told = self.mode, self.held

    @property
    def held(self) -> frozenset[str]:
        """Feeders whose failsafe values hold."""
        if self.mode is not Mode.FAILSAFE:
            return frozenset()
        return self._owing if self._there else frozenset(self.rule.failsafe_w)

    @property
    def _owing(self) -> frozenset[str]:
        """Feeders about which nothing was stated since the failsafe values began to hold."""
        return frozenset(id_ for id_ in self.rule.failsafe_w if self._stated_s.get(id_, -1.0) < self.began_s)

    def heard(self, now_s: float) -> None:
        """A sign of life."""
        self.heard_s = now_s

    def stated(self, now_s: float, feeder_ids: Iterable[str]) -> None:
        """Statements about these were accepted, the same ones as before or new ones."""
        self._stated_s.update(dict.fromkeys(feeder_ids, now_s))

    def look(self, now_s: float) -> bool:
        """Bring the mode up to date; whether it, or what is held, changed."""
        if not self.rule.watched:
            return False
        was_there, self._there = self._there, not self._silent(now_s)
        if self._there:
            self.mode = Mode.SPEAKS if not self._owing else self.mode
        elif was_there and (self.mode is Mode.SPEAKS or self._spoke_again):
            self.mode, self.began_s = Mode.FAILSAFE, now_s
        elif self._over(now_s):
            self.mode = Mode.ALONE
        before, self._told = self._told, (self.mode, self.held)
        return self._told != before

    def due_s(self, now_s: float) -> float | None:
        """In how many seconds the mode changes if nothing is heard; None: never."""
        if not self.rule.watched:
            return None
        if self.mode is Mode.SPEAKS and self.heard_s is not None:
            return max(self.heard_s + self.rule.silence_s - now_s, 0.0)
        if self.mode is Mode.FAILSAFE and self.rule.ends_alone:
            return max(self.began_s + self.rule.failsafe_min_s - now_s, 0.0)
        return None

    @property
    def _spoke_again(self) -> bool:
        """Whether it stated something of what is held, but not of all of it."""
        return self.mode is Mode.FAILSAFE and len(self._owing) < len(self.rule.failsafe_w)

    def _silent(self, now_s: float) -> bool:
        return self.heard_s is None or now_s - self.heard_s >= self.rule.silence_s

    def _over(self, now_s: float) -> bool:
        return self.rule.ends_alone and now_s - self.began_s >= self.rule.failsafe_min_s
