"""The quality watch at work: reads what was received, judges days, keeps hours, raises alarms and has them told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any, Protocol

from csms.model.clock import Clock
from csms.province import strict_json
from csms.province.envelope import OK
from csms.province.profile import Kind, PlatformProfile
from monitor.quality.alarms import QUIET, WINDOW, Sign, Situation, level_at, signs
from monitor.quality.appeal import (
    InputsGone,
    NotJudged,
    check_whole,
    document_of,
    profile_digest,
    profile_text,
    text_digest,
)
from monitor.quality.judge import LOOK_BACK, DayInputs, Judgement, judge_day
from monitor.quality.observed import CHARGING, Observation, Status, read_all
from monitor.quality.rules import RULE_SET, Rules, rules_from
from monitor.quality.traffic import CallFact, HourRecord, by_hour
from monitor.store.days import following, local_day
from monitor.store.evidence import EvidenceStore, Row
from monitor.store.quality import AlarmRow, CallRow, DayRow, Extent, QualityStore

log = logging.getLogger(__name__)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
JUDGED_AFTER = timedelta(minutes=2)
"""A day is judged when it has been over for this long, so that what was under way is in."""


PLATFORM = "platform"
"""In place of an OperatorID: alarms about the platform itself."""
DAYS_LATE_MAX = 30
OVER = 9
"""`told_level` of an alarm whose end was told."""


class Teller(Protocol):
    """Where alarms go."""

    async def tell(self, alarm: AlarmRow) -> bool:
        """Tell of an alarm as it is now; whether it was told, or else is to be tried again. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """An operator under watch."""

    operator_id: str
    profile: PlatformProfile
    rules: Rules


@dataclass(slots=True)
class QualityWatch:
    """`tellers`: the channels; without any, alarms are only kept."""

    store: QualityStore
    evidence: EvidenceStore
    clock: Clock
    operators: Mapping[str, Watched]
    tellers: Sequence[Teller] = ()
    own: Callable[[], Iterable[Sign]] = tuple
    """What is wrong with the platform itself."""
    _done: set[tuple[int | None, int, int]] = field(default_factory=set)
    _hours_until: datetime | None = None
    _classes: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    async def judge(self, operator_id: str, day: str) -> Judgement:
        """Judge a day with the rules of today and keep the judgement."""
        watched = self._watched(operator_id)
        inputs, extent = await self.inputs(watched, day, await self.store.extent(operator_id))
        judged = await asyncio.to_thread(judge_day, inputs)
        profile = profile_text(watched.profile)
        await self.store.keep_profile(text_digest(profile), profile)
        document = document_of(judged, text_digest(profile), extent)
        digest = sha256(document).hexdigest()
        row = DayRow(operator_id, day, self.clock.now(), judged.score.grade, digest, document.decode("utf-8"))
        await self.store.keep_day(row)
        return judged

    async def recompute(self, operator_id: str, day: str) -> tuple[bool, bytes, bytes]:
        """For an appeal: judge a day anew from the inputs, rules and profile of then, whatever came since. Whether both
        are the same, byte for byte; what is kept, and what came out. Raises NotJudged, InputsGone."""
        kept = await self.store.day(operator_id, day)
        if kept is None:
            raise NotJudged(f"{day} of {operator_id} was not judged")
        document = json.loads(kept.document)
        if document["rule_set"] != RULE_SET:
            raise NotJudged(
                f"{day} was judged by rule set {document['rule_set']}, this program knows {RULE_SET}:"
                " use the program of then"
            )
        profile = await self._profile_of(self._watched(operator_id), document["profile_digest"])
        watched = Watched(operator_id, profile, rules_from(document["rules"]))
        extent = Extent(**document["inputs"]) if "inputs" in document else None
        inputs, used = await self.inputs(watched, day, extent)
        judged = await asyncio.to_thread(judge_day, inputs)
        again = document_of(judged, document["profile_digest"], used if extent else None)
        return again == kept.document.encode("utf-8"), kept.document.encode("utf-8"), again

    async def _profile_of(self, watched: Watched, digest: str) -> PlatformProfile:
        """The profile that a day was judged by: today's, or as it was kept. Raises NotJudged."""
        if profile_digest(watched.profile) == digest:
            return watched.profile
        kept = await self.store.profile(digest)
        if kept is None or text_digest(kept) != digest:
            raise NotJudged(f"the profile is another one than then ({digest}), and the one of then was not kept")
        try:
            return PlatformProfile.model_validate_json(kept)
        except ValueError as fault:
            raise NotJudged(f"this program cannot read the profile of then ({digest}): {fault}") from None

    async def inputs(self, watched: Watched, day: str, until: Extent | None) -> tuple[DayInputs, Extent]:
        """Everything that the judgement of a day depends on, from the store: nothing beyond `until`; and how far it
        really goes. Raises InputsGone."""
        start, end = span_of(watched.profile, day)
        since, operator_id, profile = start - LOOK_BACK, watched.operator_id, watched.profile
        records, last_call, last_check = (until.records, until.calls, until.checks) if until else (None, None, None)
        taken = await self.evidence.since(operator_id, since, end, records)
        calls = await self.store.calls(start, end, operator_id, last_call)
        refused = await self.store.refused(operator_id, since, end, last_call)
        checked = await self.store.disputes(operator_id, start, end, last_check)
        states = await self.evidence.last_before(operator_id, Kind.STATION_STATUS, since, records)
        stations = await self.evidence.last_before(operator_id, Kind.STATION_INFO, since, records)
        rows = (*taken, *states, *stations)
        check_whole(rows, await self.store.gone(operator_id), since)
        newest = max(rows, key=lambda row: row.number, default=None)
        extent = Extent(
            newest.number + 1 if newest else 0,
            newest.chain.hex() if newest else "",
            max((row.id for row in (*calls, *refused)), default=0),
            checked.last,
        )

        def read() -> DayInputs:
            return DayInputs(
                operator_id,
                start,
                end,
                profile,
                watched.rules,
                taken=[observation_of(row) for row in taken],
                refused=_refused(profile, refused),
                calls=[_fact(row, profile) for row in calls],
                stations=[observation_of(row) for row in stations],
                states=_states(profile, states),
                disputed=checked.disputed,
                reconciled=checked.listed,
            )

        return await asyncio.to_thread(read), extent

    async def keep_hours(self, start: datetime, end: datetime) -> int:
        """Make the hour records of a span of whole hours anew; how many there are."""
        return sum([await self._keep_hours(watched, start, end) for watched in self.operators.values()])

    async def _keep_hours(self, watched: Watched, start: datetime, end: datetime) -> int:
        calls = await self.store.calls(start, end, watched.operator_id)

        def read() -> list[HourRecord]:
            return by_hour(_fact(row, watched.profile) for row in calls)

        hours = await asyncio.to_thread(read)
        await self.store.keep_hours((h.operator_id, h.interface, h.hour, h.as_document()) for h in hours)
        return len(hours)

    async def _hours_over(self, now: datetime) -> list[Exception]:
        """Hour records of the hours that are over and have none, of a day back at most."""
        over = (now - JUDGED_AFTER).replace(minute=0, second=0, microsecond=0)
        kept = self._hours_until or await self.store.newest_hour() or over - HOUR
        start, faults = max(kept, over - timedelta(days=1)), list[Exception]()
        while start < over:
            faults += await self._each(partial(self._keep_hours, start=start, end=start + HOUR))
            start = self._hours_until = start + HOUR
        return faults

    async def round(self) -> None:
        """What is due now: days that are over, the hours, alarms. What fails for an operator keeps no other waiting,
        and is raised after all that could be done."""
        faults = [*await self._hours_over(self.clock.now()), *await self._each(self._judge_due)]
        try:
            await self.look()
        except Exception as fault:
            faults.append(fault)
        if faults:
            raise faults[0]

    async def _each(self, work: Callable[[Watched], Awaitable[object]]) -> list[Exception]:
        """Do something for every operator; what failed."""
        faults = []
        for watched in self.operators.values():
            try:
                await work(watched)
            except Exception as fault:
                log.exception("operator_not_watched", extra={"operator": watched.operator_id})
                faults.append(fault)
        return faults

    async def _judge_due(self, watched: Watched) -> None:
        for day in await self._due(watched.operator_id, self.clock.now()):
            await self.judge(watched.operator_id, day)

    async def _due(self, operator_id: str, now: datetime) -> list[str]:
        """Days that are over and not judged, the oldest first: those of a time when the platform was down, too."""
        yesterday = following(local_day(now - JUDGED_AFTER), -1)
        first = await self.evidence.first_day(operator_id)
        if first is None:
            return []
        since = max(first, following(yesterday, -DAYS_LATE_MAX))
        judged = await self.store.judged(operator_id, since)
        count = (date.fromisoformat(yesterday) - date.fromisoformat(since)).days + 1
        days = [following(since, n) for n in range(count)]
        return [day for day in days if day not in judged]

    async def look(self) -> list[AlarmRow]:
        """Compare what is wrong with the alarms that stand; keep and tell what changed."""
        now = self.clock.now()
        known = await self.store.alarms_to_tend(OVER)
        standing = {(a.operator_id, a.name, a.subject): a for a in known if a.over_at is None}
        changed: list[AlarmRow] = []

        def see(name: str, found: Iterable[Sign]) -> None:
            for sign in found:
                changed.extend(_seen(standing.pop((name, sign.name, sign.subject), None), name, sign, now))

        async def look_at(watched: Watched) -> None:
            see(watched.operator_id, signs(await self._situation(watched, now)))
            unseen.discard(watched.operator_id)

        unseen = set(self.operators)
        faults = await self._each(look_at)
        see(PLATFORM, self.own())
        quiet = [alarm for alarm in standing.values() if alarm.operator_id not in unseen]
        changed += [alarm for alarm in quiet if _rises_or_ends(alarm, now)]
        await self.store.keep_alarms(changed)
        untold = [alarm for alarm in known if alarm not in changed]
        waiting = [alarm for alarm in (*changed, *untold) if alarm.told_level != _told(alarm)]
        await asyncio.gather(*map(self._tell, waiting))
        if faults:
            raise faults[0]
        return changed

    async def _tell(self, alarm: AlarmRow) -> None:
        """Tell every channel once; what a channel did not take is tried again in the next round."""
        level = _told(alarm)
        left = [n for n in range(len(self.tellers)) if (alarm.id, level, n) not in self._done]
        for number in left:
            if await self.tellers[number].tell(alarm):
                self._done.add((alarm.id, level, number))
        if all((alarm.id, level, n) in self._done for n in left):
            alarm.told_at, alarm.told_level = self.clock.now(), level
            await self.store.keep_alarms([alarm])
            self._done -= {(alarm.id, level, n) for n in range(len(self.tellers))}

    async def _situation(self, watched: Watched, now: datetime) -> Situation:
        operator_id = watched.operator_id
        rows = await self.store.calls(now - WINDOW, now, operator_id)
        calls = [_fact(row, watched.profile) for row in rows]
        today = await self.evidence.since(operator_id, now - WINDOW, now)
        charging, latest = await self.store.connectors(operator_id, CHARGING)

        def read() -> list[Decimal]:
            views = read_all(watched.profile, [observation_of(row) for row in today])
            return [Decimal((v.received_at - v.at).total_seconds()) for v in views.snapshots if v.at]

        late = await asyncio.to_thread(read)
        return Situation(
            operator_id,
            now,
            watched.rules,
            calls,
            late,
            charging > 0,
            max((call.at for call in calls if call.ok), default=latest),
            _classes_of(rows),
            await self._known_classes(watched, now),
        )

    async def _known_classes(self, watched: Watched, now: datetime) -> frozenset[str]:
        """Defect classes of the week before the window; read once an hour, a week is long."""
        stamp = now.strftime("%Y%m%d%H")
        known = self._classes.get(watched.operator_id)
        if known is None or known[0] != stamp:
            defects = await self.store.defects(watched.operator_id, now - WEEK, now - WINDOW)
            known = self._classes[watched.operator_id] = (stamp, _classes(defects))
        return known[1]

    def _watched(self, operator_id: str) -> Watched:
        try:
            return self.operators[operator_id]
        except KeyError:
            raise NotJudged(f"{operator_id} is not an operator of this platform") from None


def _told(alarm: AlarmRow) -> int:
    """The level that should have been told: that of the alarm, `OVER` when it is over."""
    return OVER if alarm.over_at else alarm.level


def _seen(alarm: AlarmRow | None, operator_id: str, sign: Sign, now: datetime) -> list[AlarmRow]:
    if alarm is None:
        return [AlarmRow(operator_id, sign.name, sign.subject, sign.detail, now, now)]
    alarm.seen_at, alarm.detail = now, sign.detail
    if alarm.acknowledged_at is None:
        alarm.level = level_at(alarm.raised_at, now)
    return [alarm]


def _rises_or_ends(alarm: AlarmRow, now: datetime) -> bool:
    """Whether an alarm whose reason is not there now changes: it ends when it was quiet for long enough."""
    if now - alarm.seen_at >= QUIET:
        alarm.over_at = now
        return True
    return False


def span_of(profile: PlatformProfile, day: str) -> tuple[datetime, datetime]:
    """A local day in UTC; raises ValueError for no day."""
    first = date.fromisoformat(day)
    start, end = (datetime.combine(d, time(), profile.zone).astimezone(UTC) for d in (first, first + timedelta(days=1)))
    return start, end


def observation_of(row: Row) -> Observation:
    """A record of the evidence log as what was seen. Raises InputsGone when retention has taken its content."""
    if not row.record:
        at = row.received_at.isoformat()
        raise InputsGone(f"the content of the message of {at} was deleted when its time was over ([retention])")
    record = strict_json.parse_object(row.record)
    return Observation(row.received_at, Kind(row.kind), record["body"])


def _refused(profile: PlatformProfile, rows: Sequence[CallRow]) -> list[Observation]:
    kinds = {interface.wire: kind for kind, interface in profile.interfaces.items()}
    found = []
    for row in rows:
        kind = kinds.get(row.interface)
        if kind is not None:
            body = strict_json.parse_object(strict_json.write(row.body))
            found.append(Observation(row.received_at, kind, body, conflict=row.review, refused=True))
    return found


def _fact(row: CallRow, profile: PlatformProfile) -> CallFact:
    ok = row.ret in (OK, profile.codes.duplicate_order)
    facts = (row.received_at, row.operator_id, row.interface, row.ret)
    return CallFact(*facts, ok, row.latency_us, row.size_bytes, row.duplicate)


def _states(profile: PlatformProfile, rows: Sequence[Row]) -> list[Status]:
    return read_all(profile, [observation_of(row) for row in rows]).statuses


def _classes_of(rows: Sequence[CallRow]) -> frozenset[str]:
    return _classes(defect for row in rows for defect in row.defects)


def _classes(defects: Iterable[str]) -> frozenset[str]:
    return frozenset(defect.split()[0] for defect in defects)


def published(document: str) -> dict[str, Any]:
    """A kept judgement as JSON."""
    found: dict[str, Any] = json.loads(document)
    return found
