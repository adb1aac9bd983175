"""What goes on by itself: feeders are watched, events are carried out and evaluated, reports go back.

It works from what is stored and from the clock alone, so a start after a crash is no special case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.response import ResponseEvent
from csms.response.loads import QUARTER, Recorder, quarter_of
from csms.response.service import OURSELVES, ResponseService
from csms.response.views import evaluation_view, event_of, event_view, row_view
from csms.response.words import Refused
from csms.store import changes
from csms.store.change import Change
from csms.store.response_tables import ResponseRow

log = logging.getLogger(__name__)

LOOK_S = 15.0
SETTLE = timedelta(minutes=20)
"""After the end of an event the next quarter-hour is rolled up, too: it has the register behind the edge."""
TRY_FOR = timedelta(days=2)
"""So long stations that were out of reach may still deliver; then a person has to ask for the evaluation."""
NOT_EVALUATED = "ResponseNotEvaluated"

Report = Callable[[ResponseEvent, Mapping[str, Any]], Awaitable[None]]
"""Carries a report back by the channel that an event came by."""


class Writer(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class ResponseWork:
    """`charging_w`: what the stations under each feeder draw now; `plan_again`: the planner should look at `fills`.
    `reports`: ways back by channel; HTTP is asked, not told.
    """

    def __init__(
        self,
        clock: Clock,
        service: ResponseService,
        writer: Writer,
        charging_w: Callable[[], Mapping[str, float]],
        plan_again: Callable[[], None],
    ) -> None:
        self._clock, self._service, self._writer = clock, service, writer
        self._charging_w, self._plan_again = charging_w, plan_again
        service.plan_again = plan_again
        self.reports: dict[str, Report] = {}
        self._recorder = Recorder(service.tree)
        self._reported: dict[str, object] = {}
        self._tried: dict[str, datetime | None] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    async def look(self) -> None:
        """Once. What cannot be stored now is done at the next look."""
        now = self._clock.now()
        self._recorder.look(self._charging_w(), now)
        try:
            await self._keep()
            rows = await self._service.book.near(now - TRY_FOR)
            events = [event_of(row) for row in rows]
            filled, first = self._service.fills.take(events, now), await self._service.drivers.look(events)
            if filled or first:
                self._plan_again()
            for row in rows:
                await self._guarded(row)
            self._reported = {row.id: self._reported.get(row.id) for row in rows}
            self._tried = {row.id: self._tried.get(row.id) for row in rows}
        except StoreUnavailable as fault:
            log.warning("response_waits", extra={"code": fault.code})

    async def _keep(self) -> None:
        over = self._recorder.over(self._clock.now())
        if over:
            await self._writer.commit([changes.put_row(row) for row in over])
            self._recorder.drop(over)

    async def _guarded(self, row: ResponseRow) -> None:
        """A fault of ours about one event holds up no other one."""
        try:
            await self._tend(row)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("response_failed", extra={"event": row.id})

    async def _tend(self, row: ResponseRow) -> None:
        event, now = event_of(row), self._clock.now()
        asked = event.invitation
        if event.cancelled_at is not None and now < asked.end:
            await self._service.take_back(row)
        if event.taken and now < asked.end:
            await self._carry_out(row)
        elif event.taken and now >= asked.end + SETTLE:
            await self._service.drivers.settle(event)
            if not await self._service.book.evaluations(row.id):
                await self._evaluate(row)
        await self._report(row.id, event)

    def _again(self, row: ResponseRow) -> bool:
        """Whether what failed may be tried once more: in each quarter-hour once, for it takes a look at many days."""
        quarter = quarter_of(self._clock.now())
        before, self._tried[row.id] = self._tried.get(row.id), quarter
        return before != quarter

    async def _carry_out(self, row: ResponseRow) -> None:
        """An event that is carried out is looked at again, for drivers may have declined since."""
        failed = row.dispatch is not None and bool(row.dispatch["code"])
        if not failed or self._again(row):
            await self._service.dispatch(row.id)

    async def _evaluate(self, row: ResponseRow) -> None:
        if not self._again(row):
            return
        try:
            await self._service.settling.evaluate(OURSELVES, row.id, "over")
        except Refused as fault:
            if self._clock.now() >= event_of(row).invitation.end + TRY_FOR - QUARTER:
                await self._service.alert(NOT_EVALUATED, f"event {row.id}: {fault}")

    async def _report(self, event_id: str, event: ResponseEvent) -> None:
        """When something was said, each quarter-hour while it runs, when it is evaluated. What was not taken is told
        again, and after a start all that is near.
        """
        send, now = self.reports.get(event.channel), self._clock.now()
        if send is None:
            return
        row, results = await self._service.book.known(event_id), await self._service.book.evaluations(event_id)
        runs = event.taken and event.invitation.start <= now and not results
        mark = (row.content, row.dispatch, event.status(now), len(results), quarter_of(now) if runs else None)
        if self._reported.get(event_id) == mark:
            return
        begun = event.taken and event.invitation.start <= now
        rows = [row_view(one) for one in await self._service.report(OURSELVES, event_id)] if begun else []
        told = event_view(row, now) | {"rows": rows}
        told["evaluation"] = evaluation_view(results[-1]) if results else None
        try:
            await send(event, told)
        except OSError as fault:
            log.warning("response_report_not_taken", extra={"event": event_id, "fault": str(fault)})
        else:
            self._reported[event_id] = mark
