"""Demand-response events: what is said about them is decided, made durable with its record, then answered.

Refusals stand in the record like what is taken. What an event asks for becomes a limit like any other: the lowest still
counts, and floors of stations stay.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from csms.charging.feeder import FeederTree
from csms.model.audit import AuditEntry
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.limit import Block
from csms.model.response import Bid, Kind, Method, ResponseEvent, Status
from csms.response import rules, words
from csms.response.baseline import Baseline, TooFew
from csms.response.evaluate import Band, Interval, evaluate, intervals
from csms.response.figures import Baselines
from csms.response.loads import QUARTER
from csms.response.offers import Offer, OfferRule, offer, usual_w
from csms.response.rules import Party
from csms.response.views import content_of, event_of
from csms.response.words import Refused
from csms.store import changes
from csms.store.change import Change
from csms.store.response_tables import ResponseAppeal, ResponseEvaluation, ResponseRow
from optimizer.response import BAND

log = logging.getLogger(__name__)

OURSELVES = Party("csms", "csms", "csms")
NOT_DISPATCHED = "ResponseNotDispatched"
"""The alert of an event that is on and has no limit, or not the one it needs."""


class Store(Protocol):
    """The store, as far as events need it."""

    @property
    def reader(self) -> Reader:
        """To read rows."""
        ...


class Reader(Protocol):
    """The reading side."""

    async def response_events(
        self, *, feeder_ids: Sequence[str] | None = None, ends_after: datetime | None = None, limit: int | None = None
    ) -> Sequence[ResponseRow]:
        """Events, the latest first."""
        ...

    async def find(self, model: Any, *, newest: int | None = None, **given: Any) -> Sequence[Any]:
        """Rows by their columns."""
        ...


class Record(Protocol):
    """The hash-chained log (csms.access.audit.AuditLog)."""

    async def write(self, entry: AuditEntry, beside: Sequence[Change] = ()) -> None:
        """Wait until both are durable; raises StoreUnavailable."""
        ...


class Alerts(Protocol):
    """What a person should look at."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        """Open an alert."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a limit: `code` is empty when it holds."""

    limit_id: str
    code: str = ""
    text: str = ""


class Limits(Protocol):
    """The one door for limits, as a source of its own (csms.grid.service, by way of csms.app)."""

    async def hold(self, event_id: str, feeder_id: str, blocks: Sequence[Block], until: datetime) -> Held:
        """Cap a feeder; raises StoreUnavailable."""
        ...

    async def release(self, event_id: str, feeder_id: str) -> None:
        """Take it back; raises StoreUnavailable."""
        ...


class Charging(Protocol):
    """What charging knows."""

    def floors_w(self, feeder_id: str) -> int:
        """What the stations under a feeder may draw whatever is ordered."""
        ...

    async def of_cars(self, event: ResponseEvent) -> tuple[float, float] | None:
        """(W, yuan per kWh) that the cars can change; None when none is there or the plan does not reach so far."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """What is agreed for all events. `automatic`: bid by the rule as soon as an event is told."""

    band: Band = BAND
    automatic: bool = False
    offer: OfferRule = field(default_factory=OfferRule)


class ResponseService:
    """All events of all channels."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        record: Record,
        tree: FeederTree,
        baselines: Baselines,
        limits: Limits,
        charging: Charging,
        alerts: Alerts,
        agreed: ResponseRules | None = None,
    ) -> None:
        self._clock, self._store, self._record, self._tree = clock, store, record, tree
        self._baselines, self._limits, self._charging, self._alerts = baselines, limits, charging, alerts
        self._agreed = agreed or ResponseRules()
        self._turn = asyncio.Lock()

    @property
    def tree(self) -> FeederTree:
        """The supply tree."""
        return self._tree

    def now(self) -> datetime:
        """The time events are judged by."""
        return self._clock.now()

    async def invite(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """Take an invitation; the same once more changes nothing. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.InvitationBody)
            rules.check_feeder(party, body.feeder, self._tree)
            known = await self._row(event_id)
            asked = words.invitation(body, event_id, party.source, known.received_at if known else now)
            if known is not None:
                if event_of(known).invitation != asked:
                    raise Refused("event_known", "this event is known with other words; cancel it, send a new one")
                return known
            if asked.reply_by < now:
                raise Refused("reply_late", "reply_by lies in the past")
            return _row(ResponseEvent(asked, now, party.channel))

        row = await self._said("invite", raw, party, event_id, decide)
        if self._agreed.automatic and event_of(row).status(self.now()) is Status.INVITED:
            await self._bid_alone(event_id)
        return await self._known(event_id)

    async def bid(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """Bid, or bid anew. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.BidBody)
            event = event_of(await self._known(event_id, party))
            offered = await self._offered(event, now) if body.automatic else words.bid(body, now)
            if event.bid is not None and replace(event.bid, at=now, automatic=offered.automatic) == offered:
                return await self._known(event_id)
            await self._check_baseline(event, now)
            return _row(rules.with_bid(event, offered, await self._others(event), now))

        return await self._said("bid", raw, party, event_id, decide)

    async def clear(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """The operator's result; what it takes is dispatched. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.ClearingBody)
            row = await self._known(event_id, party)
            event = event_of(row)
            rules.check_owner(party, event)
            offered = event.bid or Bid(0, 0.0, now)
            changed = rules.with_clearing(event, words.clearing(body, offered, now), now)
            return row if changed is event else _row(changed, row.dispatch)

        row = await self._said("clear", raw, party, event_id, decide)
        try:
            await self.dispatch(event_id)
        except StoreUnavailable as fault:
            log.warning("response_not_dispatched", extra={"event": event_id, "code": fault.code})
        return await self._row(event_id) or row

    async def cancel(self, party: Party, event_id: str) -> ResponseRow:
        """The event is off, and so is its limit. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            row = await self._known(event_id, party)
            event = event_of(row)
            rules.check_owner(party, event)
            return _row(rules.cancelled(event, now), row.dispatch)

        row = await self._said("cancel", b"", party, event_id, decide)
        if row.dispatch is not None:
            await self._limits.release(event_id, row.feeder_id)
        return row

    async def dispatch(self, event_id: str) -> None:
        """Bring the limit of an event in line with it. A baseline that is not known yet waits; `tend` comes again."""
        async with self._turn:
            row = await self._known(event_id)
            event, now = event_of(row), self._clock.now()
            if not event.taken or now >= event.invitation.end or (row.dispatch and not row.dispatch["code"]):
                return
            told = await self._carried_out(event, now)
            before = row.dispatch or {}
            if told is None or {**told, "at": before.get("at")} == before:
                return
            facts: dict[str, Any] = {
                name: told[name] for name in ("code", "limit_id", "short_kw", "method") if name in told
            }
            await self._write("dispatch", OURSELVES, event_id, row.feeder_id, None, facts, [_put(row, told)])
        if told["code"]:
            await self._alerts.raise_(NOT_DISPATCHED, "", f"event {event_id}: {told['code']}: {told['text']}")

    async def _carried_out(self, event: ResponseEvent, now: datetime) -> dict[str, Any] | None:
        """None: nothing can be said yet."""
        asked = event.invitation
        told: dict[str, Any] = {"at": now.isoformat(), "code": "", "text": "", "short_kw": 0.0}
        if asked.kind is Kind.FILL:
            return told | {"limit_id": ""}
        found = await self._baselines.of(event, await self._others(event), now)
        if isinstance(found, TooFew):
            waits = found.method is Method.PRE15MIN and now < asked.start + QUARTER
            return None if waits else told | {"code": "too_few_days", "text": too_few(found)}
        blocks, short_w = self._blocks(event, found)
        held = await self._limits.hold(asked.id, asked.feeder_id, blocks, asked.end)
        caps = [[block.start.isoformat(), block.power_w / 1000] for block in blocks]
        told |= {"code": held.code, "text": held.text, "limit_id": held.limit_id, "short_kw": round(short_w / 1000, 3)}
        return told | {"caps_kw": caps, "method": found.method.value}

    def _blocks(self, event: ResponseEvent, found: Baseline) -> tuple[list[Block], float]:
        """Caps by quarter-hour, and by how much the target cannot be reached in the worst of them."""
        start, blocks, short_w = event.invitation.start, list[Block](), 0.0
        for n, usual_load_w in enumerate(found.load_w):
            wanted_w = usual_load_w - event.target_w
            cap_w = max(wanted_w, self._least_w(event, start + QUARTER * n))
            short_w = max(short_w, cap_w - wanted_w)
            if not blocks or blocks[-1].power_w != int(cap_w):
                blocks.append(Block(start + QUARTER * n, int(cap_w)))
        return blocks, short_w

    def _least_w(self, event: ResponseEvent, at: datetime) -> float:
        """What always remains: the base load with the floors of the stations, or the lowest cap of the contract."""
        feeder_id = event.invitation.feeder_id
        kept_w = self._tree.base_load_w(feeder_id, at) + self._charging.floors_w(feeder_id)
        return float(max(self._tree.feeder(feeder_id).lowest_cap_w, kept_w, 0))

    async def offer(self, party: Party, event_id: str) -> Offer:
        """What an automatic bid would be now. Raises Refused, StoreUnavailable."""
        return await self._offer(event_of(await self._known(event_id, party)), self._clock.now())

    async def _offer(self, event: ResponseEvent, now: datetime) -> Offer:
        asked = event.invitation
        found = await self._baselines.of(event, await self._others(event), now)
        known = found.load_w if isinstance(found, Baseline) else None
        least = [self._least_w(event, asked.start + QUARTER * n) for n in range(len(known or ()))]
        usual = usual_w(asked.kind, known, least)
        unused = "no_cars" if asked.kind is Kind.FILL or not isinstance(found, TooFew) else "too_few_days"
        return offer(asked, self._agreed.offer, usual, await self._charging.of_cars(event), unused)

    async def _offered(self, event: ResponseEvent, now: datetime) -> Bid:
        found = await self._offer(event, now)
        if found.why:
            raise Refused(found.why, f"the rule for automatic bids offers nothing: {found.why}")
        return Bid(found.power_w, found.price, now, automatic=True)

    async def _bid_alone(self, event_id: str) -> None:
        try:
            await self.bid(b'{"automatic": true}', OURSELVES, event_id)
        except Refused as fault:
            log.info("response_no_bid", extra={"event": event_id, "code": fault.code})

    async def _check_baseline(self, event: ResponseEvent, now: datetime) -> None:
        """What could never be settled is not bid on. Raises Refused: too_few_days."""
        if self._baselines.method(event) is Method.PRE15MIN:
            return
        found = await self._baselines.of(event, await self._others(event), now)
        if isinstance(found, TooFew):
            raise Refused("too_few_days", too_few(found))

    async def baseline(self, party: Party, event_id: str, method: Method | None = None) -> Baseline | TooFew:
        """As it is now, or would be by another method. Raises Refused, StoreUnavailable."""
        event = event_of(await self._known(event_id, party))
        return await self._baselines.of(event, await self._others(event), self._clock.now(), method)

    async def report(self, party: Party, event_id: str) -> list[Interval]:
        """Quarter-hour by quarter-hour, as far as it is known; none without a baseline. Raises Refused."""
        event = event_of(await self._known(event_id, party))
        return await self._rows(event, None)

    async def _rows(self, event: ResponseEvent, method: Method | None) -> list[Interval]:
        now = self._clock.now()
        found = await self._baselines.of(event, await self._others(event), now, method)
        if isinstance(found, TooFew):
            return []
        return intervals(event, found.load_w, await self._baselines.load(event))

    async def evaluate(
        self, party: Party, event_id: str, cause: str = "asked", method: Method | None = None, appeal: int | None = None
    ) -> ResponseEvaluation:
        """Compute what an event came to, and keep it beside what was computed before. Raises Refused."""
        async with self._turn:
            row, new = await self._evaluated(party, event_id, cause, method, appeal)
            told = {"ratio": round(new.content["ratio"], 4), "credited_kwh": new.content["credited_kwh"]}
            told |= {"pay": new.content["pay"], "number": new.number, "cause": cause}
            await self._write("evaluate", party, event_id, row.feeder_id, None, told, [changes.add_row(new)])
            return new

    async def _evaluated(
        self, party: Party, event_id: str, cause: str, method: Method | None, appeal: int | None
    ) -> tuple[ResponseRow, ResponseEvaluation]:
        row = await self._known(event_id, party)
        event, now = event_of(row), self._clock.now()
        rules.check_over(event, now)
        method = method or self._baselines.method(event)
        found = await self._baselines.of(event, await self._others(event), now, method)
        if isinstance(found, TooFew):
            raise Refused("too_few_days", too_few(found))
        rows = intervals(event, found.load_w, await self._baselines.load(event))
        result = evaluate(event, rows, self._agreed.band)
        if result is None:
            gone = sum(one.actual_w is None for one in rows)
            raise Refused("not_metered", f"the load of {gone} of {len(rows)} quarter-hours is not known")
        before = await self.evaluations(event_id)
        content = content_of(result, found, rows)
        new = ResponseEvaluation(
            event_id=event_id,
            number=len(before) + 1,
            made_at=now,
            cause=cause,
            method=method.value,
            appeal=appeal,
            content=content,
        )
        return row, new

    async def appeal(self, raw: bytes, party: Party, event_id: str) -> ResponseAppeal:
        """Raises Refused: not_evaluated, appeal_open."""
        async with self._turn:
            body, row = words.read(raw, words.AppealBody), await self._known(event_id, party)
            if not await self.evaluations(event_id):
                raise Refused("not_evaluated", "there is no evaluation yet")
            earlier = await self.appeals(event_id)
            if any(one.upheld is None for one in earlier):
                raise Refused("appeal_open", "an appeal waits for its answer")
            new = ResponseAppeal(
                event_id=event_id,
                number=len(earlier) + 1,
                filed_at=self._clock.now(),
                filed_by=party.name or party.source,
                reason=body.reason,
                note=body.note,
            )
            told = {"number": new.number, "reason": body.reason}
            detail = msgspec.to_builtins(body)
            await self._write("appeal", party, event_id, row.feeder_id, detail, told, [changes.add_row(new)])
            return new

    async def answer(self, raw: bytes, party: Party, event_id: str, number: int) -> ResponseAppeal:
        """The operator's answer; upheld, the event is computed again beside the old figures. Raises Refused."""
        async with self._turn:
            body, row = words.read(raw, words.AnswerBody), await self._known(event_id, party)
            rules.check_owner(party, event_of(row))
            listed = {one.number: one for one in await self.appeals(event_id)}
            if number not in listed:
                raise Refused("unknown_appeal", "there is no such appeal")
            if listed[number].upheld is not None:
                raise Refused("appeal_answered", "it was answered before")
            said = {"answered_at": self._clock.now(), "answered_by": party.name or party.source}
            said |= {"answer": body.note, "upheld": body.upheld}
            beside = [changes.set_columns(ResponseAppeal, {"event_id": event_id, "number": number}, **said)]
            told: dict[str, Any] = {"number": number, "upheld": body.upheld}
            if body.upheld:
                _, new = await self._evaluated(party, event_id, "appeal", body.method, number)
                beside.append(changes.add_row(new))
                told["evaluation"] = new.number
            detail = msgspec.to_builtins(body)
            await self._write("answer appeal", party, event_id, row.feeder_id, detail, told, beside)
            (found,) = (one for one in await self.appeals(event_id) if one.number == number)
            return found

    async def evaluations(self, event_id: str) -> Sequence[ResponseEvaluation]:
        """Oldest first."""
        found: Sequence[ResponseEvaluation] = await self._store.reader.find(ResponseEvaluation, event_id=event_id)
        return found

    async def appeals(self, event_id: str) -> Sequence[ResponseAppeal]:
        """Oldest first."""
        found: Sequence[ResponseAppeal] = await self._store.reader.find(ResponseAppeal, event_id=event_id)
        return found

    async def events(self, party: Party, limit: int) -> list[ResponseRow]:
        """Those that a party may see, the latest first."""
        rows = await self._store.reader.response_events(feeder_ids=None if party.feeders is None else self._seen(party))
        return list(rows[:limit])

    async def near(self, ended_after: datetime) -> Sequence[ResponseRow]:
        """Events that are not over for longer."""
        return await self._store.reader.response_events(ends_after=ended_after)

    async def alert(self, kind: str, info: str) -> None:
        """Tell a person. Raises StoreUnavailable."""
        await self._alerts.raise_(kind, "", info)

    async def event(self, party: Party, event_id: str) -> ResponseRow:
        """One. Raises Refused: unknown_event."""
        return await self._known(event_id, party)

    def _seen(self, party: Party) -> list[str]:
        return [id_ for id_ in self._tree.ids if party.sees(id_, self._tree)]

    async def _others(self, event: ResponseEvent) -> list[ResponseEvent]:
        """Events about the same load: on this feeder, above it and below it."""
        feeder_id = event.invitation.feeder_id
        near = {*self._tree.path(feeder_id), *self._tree.below(feeder_id)}
        rows = await self._store.reader.response_events(feeder_ids=sorted(near))
        return [one for one in map(event_of, rows) if one.invitation.id != event.invitation.id]

    async def _row(self, event_id: str) -> ResponseRow | None:
        found = await self._store.reader.find(ResponseRow, id=event_id)
        return found[0] if found else None

    async def _known(self, event_id: str, party: Party | None = None) -> ResponseRow:
        """A bound party hears of no event but those of its feeders."""
        row = await self._row(event_id)
        if row is None or (party is not None and not party.sees(row.feeder_id, self._tree)):
            raise Refused("unknown_event", f"there is no event {event_id[:64]!r}")
        return row

    async def _said(
        self,
        action: str,
        raw: bytes,
        party: Party,
        event_id: str,
        decide: Callable[[datetime], Awaitable[ResponseRow]],
    ) -> ResponseRow:
        """Decide, then make the event durable with its record; a refusal is recorded, too."""
        async with self._turn:
            try:
                row = await decide(self._clock.now())
            except Refused as fault:
                told = {"accepted": False, "code": fault.code}
                await self._write(action, party, event_id, "", _detail(raw), told)
                raise
            told = {"accepted": True, "code": ""}
            await self._write(action, party, event_id, row.feeder_id, _detail(raw), told, [changes.put_row(row)])
            log.info("response_said", extra={"event": event_id, "action": action, "source": party.source})
            return row

    async def _write(
        self,
        action: str,
        party: Party,
        event_id: str,
        feeder_id: str,
        detail: Any,
        result: Mapping[str, Any],
        beside: Sequence[Change] = (),
    ) -> None:
        on = {"event": _plain(event_id)} | ({"feeder": feeder_id} if feeder_id else {})
        entry = AuditEntry("response", action, who=party.who, on=on, detail=detail, result=result)
        await self._record.write(entry, beside)


def too_few(found: TooFew) -> str:
    """In words, with the numbers."""
    if found.method is Method.PRE15MIN:
        return "the load of the quarter-hour before the event is not known"
    passed = f"; not known: {', '.join(day.isoformat() for day in found.passed[:10])}" if found.passed else ""
    return f"{found.method.value} needs {found.needed} days, {found.found} are known{passed}"


def _row(event: ResponseEvent, dispatch: dict[str, Any] | None = None) -> ResponseRow:
    asked = event.invitation
    return ResponseRow(
        id=asked.id,
        source=asked.source,
        feeder_id=asked.feeder_id,
        starts_at=asked.start,
        ends_at=asked.end,
        received_at=event.received_at,
        content=msgspec.to_builtins(event),
        dispatch=dispatch,
    )


def _put(row: ResponseRow, dispatch: dict[str, Any]) -> Change:
    return changes.set_columns(ResponseRow, {"id": row.id}, dispatch=dispatch)


def _detail(raw: bytes) -> Any:
    return {"said": words.plain(raw), "raw_sha256": hashlib.sha256(raw).hexdigest()} if raw else None


def _plain(text: str) -> str:
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")[:64]
