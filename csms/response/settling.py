"""What an event came to, and what is said against it. Whatever is computed stays; a later figure stands beside it."""

from __future__ import annotations

from typing import Any

import msgspec

from csms.model.clock import Clock
from csms.model.response import Method
from csms.response import rules, words
from csms.response.baseline import TooFew
from csms.response.book import EventBook
from csms.response.dispatch import too_few
from csms.response.evaluate import Band, evaluate, intervals
from csms.response.figures import Baselines
from csms.response.rules import Party
from csms.response.views import content_of, event_of
from csms.response.words import Refused
from csms.store import changes
from csms.store.response_tables import ResponseAppeal, ResponseEvaluation, ResponseRow


class Settling:
    """Evaluations and appeals. Every method raises Refused and StoreUnavailable."""

    def __init__(self, clock: Clock, book: EventBook, baselines: Baselines, band: Band) -> None:
        self._clock, self._book, self._baselines, self._band = clock, book, baselines, band

    async def evaluate(
        self, party: Party, event_id: str, cause: str = "asked", method: Method | None = None
    ) -> ResponseEvaluation:
        """Compute what an event came to, from all that is known now."""
        async with self._book.turn:
            row, new = await self._evaluated(party, event_id, cause, method, None)
            told = {"ratio": round(new.content["ratio"], 4), "credited_kwh": new.content["credited_kwh"]}
            told |= {"pay": new.content["pay"], "number": new.number, "cause": cause}
            await self._book.write("evaluate", party, (event_id, row.feeder_id), None, told, [changes.add_row(new)])
            return new

    async def _evaluated(
        self, party: Party, event_id: str, cause: str, method: Method | None, appeal: int | None
    ) -> tuple[ResponseRow, ResponseEvaluation]:
        row = await self._book.known(event_id, party)
        event, now = event_of(row), self._clock.now()
        rules.check_over(event, now)
        method = method or self._baselines.method(event)
        found = await self._baselines.of(event, await self._book.others(event), now, method)
        if isinstance(found, TooFew):
            raise Refused("too_few_days", too_few(found))
        rows = intervals(event, found.load_w, await self._baselines.load(event))
        result = evaluate(event, rows, self._band)
        if result is None:
            gone = sum(one.actual_w is None for one in rows)
            raise Refused("not_metered", f"the load of {gone} of {len(rows)} quarter-hours is not known")
        new = ResponseEvaluation(
            event_id=event_id,
            number=len(await self._book.evaluations(event_id)) + 1,
            made_at=now,
            cause=cause,
            method=method.value,
            appeal=appeal,
            content=content_of(result, found, rows),
        )
        return row, new

    async def appeal(self, raw: bytes, party: Party, event_id: str) -> ResponseAppeal:
        """Say that an evaluation is wrong."""
        async with self._book.turn:
            body, row = words.read(raw, words.AppealBody), await self._book.known(event_id, party)
            if not await self._book.evaluations(event_id):
                raise Refused("not_evaluated", "there is no evaluation yet")
            earlier = await self._book.appeals(event_id)
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
            told, detail = {"number": new.number, "reason": body.reason}, msgspec.to_builtins(body)
            await self._book.write("appeal", party, (event_id, row.feeder_id), detail, told, [changes.add_row(new)])
            return new

    async def answer(self, raw: bytes, party: Party, event_id: str, number: int) -> ResponseAppeal:
        """The operator's answer; upheld, the event is computed again beside the old figures."""
        async with self._book.turn:
            body, row = words.read(raw, words.AnswerBody), await self._book.known(event_id, party)
            rules.check_owner(party, event_of(row))
            await self._check_open(event_id, number)
            said = {"answered_at": self._clock.now(), "answered_by": party.name or party.source}
            said |= {"answer": body.note, "upheld": body.upheld}
            beside = [changes.set_columns(ResponseAppeal, {"event_id": event_id, "number": number}, **said)]
            told: dict[str, Any] = {"number": number, "upheld": body.upheld}
            if body.upheld:
                _, new = await self._evaluated(party, event_id, "appeal", body.method, number)
                beside.append(changes.add_row(new))
                told["evaluation"] = new.number
            detail = msgspec.to_builtins(body)
            await self._book.write("answer appeal", party, (event_id, row.feeder_id), detail, told, beside)
            (found,) = (one for one in await self._book.appeals(event_id) if one.number == number)
            return found

    async def _check_open(self, event_id: str, number: int) -> None:
        listed = {one.number: one for one in await self._book.appeals(event_id)}
        if number not in listed:
            raise Refused("unknown_appeal", "there is no such appeal")
        if listed[number].upheld is not None:
            raise Refused("appeal_answered", "it was answered before")
