"""A day of one operator judged: from what was received to metrics, findings and score. Pure and repeatable.

`judge_day` takes everything received since a day and an hour before the day (what came earlier is compared with, not
judged) up to its end. It looks at nothing else, so the same stored inputs give the same document, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from csms.province import strict_json
from csms.province.profile import Kind, PlatformProfile
from monitor.quality.fields import FieldCounts, check_fields, without_defects
from monitor.quality.observed import Observation, Station, Status, Views, messages_in, read_all
from monitor.quality.orders import check_among, check_order
from monitor.quality.powers import check_gaps, check_power
from monitor.quality.register import Register, check_station, register_of
from monitor.quality.rules import RULE_SET, Rules
from monitor.quality.score import METRICS, Ratio, Score, score_of
from monitor.quality.sessions import Day, Sessions, check_sessions
from monitor.quality.statuses import Interval
from monitor.quality.tally import CHECKS, MESSAGES, Dimension, Finding, Tally
from monitor.quality.traffic import CallFact, success_ratio

LOOK_BACK = timedelta(hours=25)
FINDINGS_MAX = 10_000
"""Findings that are written down; all are counted."""


@dataclass(frozen=True, slots=True)
class DayInputs:
    """All that a day's score depends on. `taken`: in the order of arrival, messages that were accepted since
    `LOOK_BACK` before the day; `refused` likewise; `states`: the last known state of connectors before them;
    `stations`: the register before them; `disputes` and `reconciled`: orders of reconciliations of this day."""

    operator_id: str
    start: datetime
    end: datetime
    profile: PlatformProfile
    rules: Rules
    taken: Sequence[Observation]
    refused: Sequence[Observation] = ()
    calls: Sequence[CallFact] = ()
    stations: Sequence[Observation] = ()
    states: Sequence[Status] = ()
    disputed: Sequence[tuple[str, datetime, int]] = ()
    reconciled: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a day was worth, with the counts it follows from."""

    operator_id: str
    start: datetime
    rules: Rules
    profile: str
    metrics: Mapping[str, Ratio]
    score: Score
    checks: Mapping[str, tuple[int, int]]
    findings: tuple[Finding, ...]

    def as_document(self) -> dict[str, Any]:
        """Everything that is published and kept."""
        return {
            "operator_id": self.operator_id,
            "day_start": self.start.isoformat(),
            "rule_set": RULE_SET,
            "profile": self.profile,
            "rules": self.rules.as_inputs(),
            "metrics": {name: [ratio.part, ratio.whole] for name, ratio in sorted(self.metrics.items())},
            "score": self.score.as_document(),
            "checks": {name: list(counts) for name, counts in self.checks.items()},
            "finding_count": len(self.findings),
            "findings": [[f.check, f.subject, f.at.isoformat(), f.detail] for f in self.findings[:FINDINGS_MAX]],
        }

    def canonical(self) -> bytes:
        """The document as bytes that can be compared."""
        return strict_json.canonical(self.as_document())

    def digest(self) -> str:
        """SHA-256 of `canonical`."""
        return sha256(self.canonical()).hexdigest()


def judge_day(inputs: DayInputs) -> Judgement:
    """Judge one day."""
    tally, counts = Tally(), FieldCounts()
    for seen in (*inputs.taken, *inputs.refused):
        if seen.received_at >= inputs.start:
            if seen.kind in MESSAGES and not seen.duplicate and not seen.conflict:
                check_fields(inputs.profile, seen, counts, tally)
            if seen.kind == "charge_order":
                tally.expect("order.conflict", not seen.conflict, _subject(inputs, seen), seen.received_at)
    views = _views(inputs)
    told = read_all(inputs.profile, inputs.stations).stations
    register = _check_register(inputs, views, told, tally)
    day = Day(inputs.operator_id, inputs.start, inputs.end, register, inputs.rules, tuple(_refused_orders(inputs)))
    sessions = _check_views(views, day, tally)
    coverage = _check_coverage(views, day, tally)
    if inputs.profile.interfaces[Kind.POWER].enabled:
        check_gaps(views.powers, told, (inputs.start, inputs.end), inputs.rules, tally)
    _check_disputes(inputs, tally)
    metrics = _metrics(inputs, tally, counts, sessions, coverage)
    return Judgement(
        inputs.operator_id,
        inputs.start,
        inputs.rules,
        inputs.profile.id,
        metrics,
        score_of(metrics),
        tally.by_check(),
        tuple(sorted(tally.findings)),
    )


def _subject(inputs: DayInputs, seen: Observation) -> str:
    rows = messages_in(inputs.profile, Observation(seen.received_at, seen.kind, seen.body))
    return next((str(row.get("OrderNo") or row.get("StartChargeSeq") or "") for row in rows), "")


def _views(inputs: DayInputs) -> Views:
    """Accepted messages, and of the refused ones the fields that are right: they tell what happened, too."""
    refused = [without_defects(inputs.profile, seen) for seen in inputs.refused]
    seen = sorted((*inputs.taken, *refused), key=lambda o: o.received_at)
    views = read_all(inputs.profile, seen)
    views.statuses[:0] = inputs.states
    return views


def _refused_orders(inputs: DayInputs) -> Iterable[tuple[datetime, str]]:
    """Orders that came and were refused, those left out that were corrected afterwards."""
    taken = {_subject(inputs, seen) for seen in inputs.taken if seen.kind == "charge_order"}
    for seen in inputs.refused:
        if seen.kind == "charge_order" and _subject(inputs, seen) not in taken:
            for row in messages_in(inputs.profile, without_defects(inputs.profile, seen)) or [{}]:
                connector = row.get("ConnectorID")
                readable = isinstance(connector, str) and all(
                    isinstance(row.get(n), str) for n in ("StartTime", "EndTime")
                )
                yield seen.received_at, str(connector) if readable else ""


def _check_register(inputs: DayInputs, views: Views, told: list[Station], tally: Tally) -> Register:
    """Judge the stations that came this day, each against the register as it was; the register at the end. `told`:
    stations of before, to which those of the day are added."""
    for station in views.stations:
        if station.received_at >= inputs.start:
            check_station(station, register_of(told), inputs.rules, tally)
        told.append(station)
    return register_of(told)


def _check_views(views: Views, day: Day, tally: Tally) -> Sessions:
    for order in views.orders:
        if order.received_at >= day.start:
            check_order(order, day.operator_id, day.register, day.rules, tally)
    for power in views.powers:
        if power.received_at >= day.start:
            check_power(power, day.register, day.rules, tally)
    repeated = check_among(views.orders, day.start, day.rules, tally)
    return check_sessions(views, repeated, day, tally)


def _check_coverage(views: Views, day: Day, tally: Tally) -> Ratio:
    """Registered connectors that ever told something, of all that are registered (dynamic access rate)."""
    heard = {row.connector_id for rows in (views.statuses, views.snapshots, views.orders) for row in rows}
    for name in sorted(day.register.plugs):
        tally.expect("connector.silent", name in heard, name, day.start)
    return Ratio(len(heard & day.register.plugs.keys()), len(day.register.plugs))


def _check_disputes(inputs: DayInputs, tally: Tally) -> None:
    tally.tests["order.disputed"] += max(0, inputs.reconciled - len(inputs.disputed))
    for order_id, at, reason in inputs.disputed:
        tally.expect("order.disputed", False, order_id, at, f"reason {reason}")


def _metrics(
    inputs: DayInputs, tally: Tally, counts: FieldCounts, sessions: Sessions, coverage: Ratio
) -> dict[str, Ratio]:
    made = tally.by_check()

    def passed(*checks: str) -> Ratio:
        failed = sum(made.get(check, (0, 0))[0] for check in checks)
        tests = sum(made.get(check, (0, 0))[1] for check in checks)
        return Ratio(tests - failed, tests)

    in_time = passed("snapshot.late", "power.late")
    content = [c for c, d in CHECKS.items() if d is Dimension.VALIDITY and ".field_" not in c]
    wrong = sum(made.get(check, (0, 0))[0] for check in content)
    today = [call for call in inputs.calls if inputs.start <= call.at < inputs.end]
    metrics = {
        "success_rate": Ratio(*success_ratio(today)),
        "up_time": _up_time(inputs, today, sessions.charging),
        "push_in_time": Ratio(sessions.pushes_in_time + in_time.part, sessions.pushes + in_time.whole),
        "snapshot_cadence": Ratio(sessions.snapshots_received, sessions.snapshots_expected),
        "order_in_time": passed("order.late"),
        "mandatory_fields": Ratio(counts.filled, counts.required),
        "equipment_coverage": coverage,
        "order_coverage": Ratio(sessions.with_order, sessions.inferred),
        "valid_fields": Ratio(counts.fields - min(counts.fields, counts.defective + wrong), counts.fields),
        "consistent": passed(*(c for c, d in CHECKS.items() if d is Dimension.CONSISTENCY)),
        "undisputed": passed("order.disputed"),
        "energy_by_power": passed("snapshot.integral"),
    }
    assert metrics.keys() == METRICS.keys()
    return metrics


def _up_time(inputs: DayInputs, calls: Sequence[CallFact], charging: Mapping[str, list[Interval]]) -> Ratio:
    """Periods of charge status with a success, of those in which data were due: a call came, or a connector was
    charging all the time."""
    period_s = int(inputs.rules.period_s)

    def slot(moment: datetime) -> int:
        return int((moment - inputs.start).total_seconds()) // period_s

    up = {slot(call.at) for call in calls if call.ok}
    due = {slot(call.at) for call in calls}
    for intervals in charging.values():
        for interval in intervals:
            first = max(interval.start, inputs.start)
            last = min(interval.end or inputs.end, inputs.end)
            due.update(range(slot(first) + 1, slot(last)))
    return Ratio(len(up & due), len(due))
