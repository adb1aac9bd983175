"""How the platform itself serves: calls and refusals by operator, faults, time to answer, and its own regular work."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from csms.model.clock import Clock
from csms.model.exposition import metric
from csms.province.envelope import BUSINESS_INVALID, BUSY, ENVELOPE_INCOMPLETE, HTTP_UNAUTHORIZED, OK
from monitor.quality.traffic import percentile
from monitor.store.messages import Call

NEWEST = 10_000
"""Calls and faults that are remembered one by one."""
TOO_MANY = "too many calls"
_BY_REASON = {
    TOO_MANY: "too_many_calls",
    "full": "replay_store_full",
    "signature": "signature",
    "replayed": "replayed",
    "outside": "clock",
    "token": "token",
    "interface not offered": "interface",
    "same business id, other content": "conflict",
}
_BY_RET = {BUSY: "busy", ENVELOPE_INCOMPLETE: "envelope", BUSINESS_INVALID: "content", None: "unreadable"}


def refusal_of(call: Call) -> str:
    """The name of why a call was refused, empty for one that was taken."""
    if call.ret == OK or call.duplicate:
        return ""
    if call.http_status == HTTP_UNAUTHORIZED:
        return "unknown_operator"
    return _BY_REASON.get(call.reason) or _BY_RET.get(call.ret, str(call.ret))


@dataclass(slots=True)
class Step:
    """A piece of regular work: how it went."""

    runs: int = 0
    failures: int = 0
    ok_at: datetime | None = None
    fault: str = ""
    """Why the newest run failed; empty when it did not."""


@dataclass(slots=True)
class Figures:
    """Counts since the start; operators of nobody's list are counted together under an empty name."""

    clock: Clock
    started_at: datetime = field(init=False)
    calls: int = 0
    faults: int = 0
    in_progress: int = 0
    unlogged: int = 0
    """Refused calls of unproven callers that are only counted."""
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    last_at: dict[str, datetime] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    round_at: datetime | None = None
    faults_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=NEWEST))
    spent: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=NEWEST))

    def __post_init__(self) -> None:
        """Begin now."""
        self.started_at = self.clock.now()

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
            self.faults_at.append(self.clock.now())
            raise
        finally:
            self.in_progress -= 1
            self.spent.append((self.clock.now(), int((self.clock.monotonic_s() - began_s) * 1e6)))

    def count(self, call: Call) -> None:
        """Count what became of a call."""
        if refusal := refusal_of(call):
            self.refusals[call.operator_id, refusal] += 1
        else:
            self.taken[call.operator_id] += 1
            self.last_at[call.operator_id] = call.received_at

    def worked(self, name: str, fault: BaseException | None) -> None:
        """A piece of regular work was done, or failed."""
        step = self.steps.setdefault(name, Step())
        step.runs += 1
        if fault is None:
            step.ok_at, step.fault = self.clock.now(), ""
        else:
            step.failures += 1
            step.fault = f"{type(fault).__name__}: {fault}"[:200]

    def spent_us(self, since: timedelta | None = None) -> list[int]:
        """Times to answer, of the newest calls or those of a while, in order of size."""
        first = self.clock.now() - since if since else self.started_at
        return sorted(us for at, us in self.spent if at >= first)

    def as_document(self) -> dict[str, Any]:
        """As JSON, times in milliseconds."""
        ordered = self.spent_us()
        shares = {f"p{share}_ms": percentile(ordered, share) / 1000 for share in (50, 95, 99)}
        counts = {name: getattr(self, name) for name in ("calls", "faults", "in_progress", "unlogged")}
        times = {"started_at": _written(self.started_at), "round_at": _written(self.round_at)}
        steps = {
            name: {"runs": s.runs, "failures": s.failures, "ok_at": _written(s.ok_at), "fault": s.fault}
            for name, s in sorted(self.steps.items())
        }
        return {**times, **counts, **shares, "operators": self._operators(), "steps": steps}

    def _operators(self) -> dict[str, Any]:
        names = sorted({*self.taken, *(name for name, _ in self.refusals)})
        return {
            name: {
                "taken": self.taken[name],
                "refused": {why: count for (who, why), count in sorted(self.refusals.items()) if who == name},
                "last_at": _written(self.last_at.get(name)),
            }
            for name in names
        }

    def exposition(self, known: Mapping[str, float]) -> str:
        """As Prometheus reads it; `known`: gauges of somebody else by name."""
        spent = self.spent_us()
        shares = [({"quantile": f"0.{share}"}, percentile(spent, share) / 1e6) for share in (50, 95, 99)]
        refused = [({"operator": who, "why": why}, float(n)) for (who, why), n in sorted(self.refusals.items())]
        taken = [({"operator": who}, float(n)) for who, n in sorted(self.taken.items())]
        failed = [({"step": name}, float(step.failures)) for name, step in sorted(self.steps.items())]
        worked = [({"step": n}, s.ok_at.timestamp()) for n, s in sorted(self.steps.items()) if s.ok_at]
        lines = [
            metric("platform_calls_total", "counter", "Calls that came", [({}, self.calls)]),
            metric("platform_calls_in_progress", "gauge", "Calls that are being answered", [({}, self.in_progress)]),
            metric("platform_faults_total", "counter", "Calls that ended in a fault of ours", [({}, self.faults)]),
            metric("platform_taken_total", "counter", "Calls that were taken", taken),
            metric("platform_refused_total", "counter", "Calls that were refused, and why", refused),
            metric("platform_unlogged_total", "counter", "Refused calls that were only counted", [({}, self.unlogged)]),
            metric("platform_answer_seconds", "summary", "Time to answer the newest calls", shares),
            metric("platform_step_failures_total", "counter", "Regular work that failed", failed),
            metric("platform_step_success_seconds", "gauge", "When it succeeded last, since 1970", worked),
        ]
        lines += [metric(f"platform_{name}", "gauge", name, [({}, value)]) for name, value in known.items()]
        return "".join(lines)


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
