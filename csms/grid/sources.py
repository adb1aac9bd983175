"""The sources of limits: what is agreed with each, whether it speaks, what its silence means for feeders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from csms.charging.feeder import FeederTree
from csms.charging.tree_change import Failsafe
from csms.grid.liveness import Mode, Watch
from csms.grid.peer import SourceRule


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source now. `silent_s`: since its last heartbeat; None: it has sent none. `failsafe_w`: by feeder; `held`:
    feeders that are held at it."""

    source: str
    mode: Mode
    silent_s: float | None
    heartbeat_s: float
    failsafe_w: Mapping[str, int]
    emergency: bool
    held: frozenset[str] = frozenset()


class Sources:
    """All configured sources; others are taken with what `SourceRule` says by itself."""

    def __init__(self, rules: Iterable[SourceRule], feeders: FeederTree, now_s: float) -> None:
        """Raises ValueError for a feeder that is not known and a failsafe value below what is agreed as lowest."""
        listed = list(rules)
        self._watches = {rule.source: Watch(rule, now_s) for rule in listed}
        if len(self._watches) < len(listed):
            raise ValueError("every source of limits has its own name")
        for rule in listed:
            _check(rule, feeders)

    def rule(self, source: str) -> SourceRule:
        """What is agreed with a source."""
        watch = self._watches.get(source)
        return watch.rule if watch is not None else SourceRule(source)

    @property
    def rules(self) -> list[SourceRule]:
        """What is agreed with all that are configured."""
        return [watch.rule for watch in self._watches.values()]

    def hold(self, source: str, feeder_id: str, failsafe_w: int) -> None:
        """From now on this counts for a feeder when the source is silent."""
        watch = self._watches.get(source)
        if watch is not None:
            values = {**watch.rule.failsafe_w, feeder_id: failsafe_w}
            watch.rule = replace(watch.rule, failsafe_w=values)

    def heard(self, source: str, now_s: float) -> None:
        """A sign of life."""
        if watch := self._watches.get(source):
            watch.heard(now_s)

    def stated(self, source: str, now_s: float, feeder_id: str | None = None) -> None:
        """A statement about a feeder was accepted; None: all that it wants is known."""
        if watch := self._watches.get(source):
            watch.stated(now_s, watch.rule.failsafe_w if feeder_id is None else [feeder_id])

    def failsafe_for_s(self, source: str, now_s: float) -> float:
        """How long ago the source fell silent last, or this process began."""
        watch = self._watches.get(source)
        return now_s - watch.began_s if watch is not None else 0.0

    def look(self, now_s: float) -> list[SourceStatus]:
        """Those whose mode changed since the last look."""
        return [self._status(watch, now_s) for watch in self._watches.values() if watch.look(now_s)]

    def due_s(self, now_s: float) -> float | None:
        """In how many seconds a mode changes by itself."""
        return min((due for watch in self._watches.values() if (due := watch.due_s(now_s)) is not None), default=None)

    def failsafe_w(self, feeder_id: str) -> int | None:
        """The lowest value that a silent source leaves for a feeder."""
        held = (watch for watch in self._watches.values() if feeder_id in watch.held)
        return min((watch.rule.failsafe_w[feeder_id] for watch in held), default=None)

    def failsafes(self) -> list[Failsafe]:
        """What the silence of each would leave, whether it speaks or not."""
        rules = self.rules
        return [Failsafe(rule.source, id_, watts) for rule in rules for id_, watts in rule.failsafe_w.items()]

    @property
    def silent(self) -> list[str]:
        """Sources that do not speak."""
        return [source for source, watch in self._watches.items() if watch.mode is not Mode.SPEAKS]

    def statuses(self, now_s: float) -> list[SourceStatus]:
        """All of them."""
        return [self._status(watch, now_s) for watch in self._watches.values()]

    def _status(self, watch: Watch, now_s: float) -> SourceStatus:
        rule, silent_s = watch.rule, None if watch.heard_s is None else now_s - watch.heard_s
        return SourceStatus(
            rule.source, watch.mode, silent_s, rule.heartbeat_s, rule.failsafe_w, rule.emergency, watch.held
        )


def _check(rule: SourceRule, feeders: FeederTree) -> None:
    for feeder_id in [*rule.feeders, *rule.failsafe_w]:
        if feeder_id not in feeders:
            raise ValueError(f"source {rule.source}: there is no feeder {feeder_id!r}")
    for feeder_id, watts in rule.failsafe_w.items():
        lowest_w = feeders.feeder(feeder_id).lowest_cap_w
        if watts < lowest_w:
            raise ValueError(
                f"source {rule.source}: its failsafe value for feeder {feeder_id}, {watts} W, is below the lowest cap "
                f"agreed, {lowest_w} W: the floors of the stations would not fit"
            )
    if rule.watched and not rule.failsafe_w:
        raise ValueError(f"source {rule.source}: its silence is watched, so it needs a failsafe value")
