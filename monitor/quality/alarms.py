"""When an operator is alarmed (section 18.5) and how an alarm goes on: told once, when it rises, when over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.quality.rules import Rules
from monitor.quality.traffic import CallFact, success_ratio

WINDOW = timedelta(minutes=15)
SUCCESS_SHARE = 0.95
CALLS_MIN = 5
"""Fewer calls say nothing about a share."""
KEYS_MIN = 3
RISES = (timedelta(hours=1), timedelta(hours=4))
"""An alarm that nobody acknowledged is told again, one level higher, after these times."""
LEVEL_MAX = 3
QUIET = timedelta(minutes=15)
"""An alarm is over when its reason was not seen for this long."""
SIGNATURE, TOKEN = 4001, 4002


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of an operator at a moment. `late_s`: seconds between events and their arrival in the window;
    `charging`: whether a connector is told to be charging; `classes`: defect classes of the window; `known_classes`:
    those of the week before."""

    operator_id: str
    now: datetime
    rules: Rules
    calls: Sequence[CallFact]
    late_s: Sequence[Decimal] = ()
    charging: bool = False
    last_success: datetime | None = None
    classes: frozenset[str] = frozenset()
    known_classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sign:
    """A reason to alarm."""

    name: str
    subject: str = ""
    detail: str = ""


def signs(seen: Situation) -> list[Sign]:
    """The reasons there are at this moment."""
    found = []
    ok, calls = success_ratio(seen.calls)
    if calls >= CALLS_MIN and ok < SUCCESS_SHARE * calls:
        found.append(Sign("success_low", detail=f"{ok}/{calls}"))
    silence_s = 2 * float(seen.rules.period_s)
    if seen.charging and seen.last_success and (seen.now - seen.last_success).total_seconds() > silence_s:
        found.append(Sign("silent", detail=seen.last_success.isoformat(timespec="seconds")))
    if seen.late_s:
        ordered = sorted(seen.late_s)
        late_s = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
        if late_s > seen.rules.status_limit_s:
            found.append(Sign("late", detail=f"{late_s:.1f} s > {seen.rules.status_limit_s} s"))
    found += [Sign("new_defect", name) for name in sorted(seen.classes - seen.known_classes)]
    found += _key_signs(seen.calls)
    return found


def _key_signs(calls: Iterable[CallFact]) -> list[Sign]:
    refused = [call.ret for call in calls if call.ret in (SIGNATURE, TOKEN)]
    return [
        Sign("keys", str(ret), detail=f"{refused.count(ret)}")
        for ret in (SIGNATURE, TOKEN)
        if refused.count(ret) >= KEYS_MIN
    ]


def level_at(raised_at: datetime, now: datetime) -> int:
    """How high an alarm is that nobody acknowledged."""
    return min(LEVEL_MAX, 1 + sum(now - raised_at >= rise for rise in RISES))
