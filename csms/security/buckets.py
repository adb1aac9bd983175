"""How often somebody may come: token buckets by name, and failures that make the next try wait ever longer.

Seconds are handed in. What is known of the least recent names is forgotten when there are too many of them, so that an
attacker with many names cannot fill the memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

NAMES_MAX = 10_000


@dataclass(slots=True)
class _Level:
    left: float
    at_s: float


class Buckets:
    """A bucket for each name: `burst` at once, `per_s` more each second."""

    def __init__(self, per_s: float, burst: float, names_max: int = NAMES_MAX) -> None:
        """Raises ValueError for rates that would let nobody in."""
        if per_s <= 0 or burst < 1:
            raise ValueError("a bucket needs a rate above 0 and room for one")
        self._per_s, self._burst, self._names_max = per_s, burst, names_max
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def take(self, name: str, now_s: float, cost: float = 1.0) -> float:
        """0 when there was room (it is taken), else the seconds after which there will be."""
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = _Level(self._burst, now_s)
            if len(self._levels) > self._names_max:
                self._levels.popitem(last=False)
        else:
            self._levels.move_to_end(name)
        level.left = min(self._burst, level.left + max(now_s - level.at_s, 0.0) * self._per_s)
        level.at_s = now_s
        if level.left < cost:
            return (cost - level.left) / self._per_s
        level.left -= cost
        return 0.0

    def wait_s(self, name: str, now_s: float) -> float:
        """What `take` would say, without taking."""
        level = self._levels.get(name)
        if level is None:
            return 0.0
        left = min(self._burst, level.left + max(now_s - level.at_s, 0.0) * self._per_s)
        return max((1 - left) / self._per_s, 0.0)


@dataclass(slots=True)
class _Failures:
    count: int
    free_at_s: float


class Failures:
    """After `free` failures of a name each further one makes it wait twice as long, up to `wait_s_max`.

    A success forgets everything; so does a quiet hour.
    """

    QUIET_S = 3600.0

    def __init__(
        self, free: int = 5, wait_s: float = 1.0, wait_s_max: float = 300.0, names_max: int = NAMES_MAX
    ) -> None:
        self._free, self._wait_s, self._wait_s_max, self._names_max = free, wait_s, wait_s_max, names_max
        self._known: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, name: str, now_s: float) -> float:
        """How long this name still has to wait."""
        known = self._known.get(name)
        return max(known.free_at_s - now_s, 0.0) if known else 0.0

    def count(self, name: str, now_s: float) -> int:
        """How often it has failed, as far as that still counts."""
        known = self._known.get(name)
        return known.count if known is not None and now_s - known.free_at_s <= self.QUIET_S else 0

    def failed(self, name: str, now_s: float) -> None:
        """It failed once more."""
        known = self._known.get(name)
        if known is None or now_s - known.free_at_s > self.QUIET_S:
            known = self._known[name] = _Failures(0, now_s)
            if len(self._known) > self._names_max:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        known.count += 1
        over = known.count - self._free
        wait_s = min(self._wait_s * 2.0 ** min(over - 1, 30), self._wait_s_max) if over > 0 else 0.0
        known.free_at_s = now_s + wait_s

    def succeeded(self, name: str) -> None:
        """It proved to be somebody."""
        self._known.pop(name, None)

    def take_back(self, name: str) -> None:
        """The last failure was none."""
        known = self._known.get(name)
        if known is not None:
            known.count -= 1
            if known.count <= 0:
                del self._known[name]

    def forget(self, which: Callable[[str], bool]) -> None:
        """Forget some names."""
        for name in [name for name in self._known if which(name)]:
            del self._known[name]
