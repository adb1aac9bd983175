"""Our end node at an OpenADR 3 VTN: asks for its events again and again, brings limits in line with them, reports.

A poll that succeeds is the VTN's heartbeat; one whose events agree with what is known here is its statement. What it
cannot be asked, or says in a way that cannot be read, changes no limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any
from urllib.parse import quote

from csms.grid.listed import Listed, Outcome
from csms.grid.openadr3 import PREFIX, Agreed, Reading, group_of, limit_group, read_event
from csms.grid.openadr3_calls import Call, calls_for_load, read_call
from csms.grid.openadr3_notifier import wake_up
from csms.grid.openadr3_reports import BID, METERED, Told, metered_report, response_reports, state_report, ven_body
from csms.grid.peer import Peer
from csms.grid.plug import LimitDesk
from csms.grid.responses import ResponseBook
from csms.grid.ven_responses import VenResponses
from csms.grid.vtn import Vtn, VtnUnavailable
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.limit import Limit

log = logging.getLogger(__name__)

JITTER = 0.15
REGISTER_AGAIN_S = 3600.0
WOKEN_S = 1.0
"""However often it is woken, it asks at most once in this time."""
REPORTS_KEPT = 500
TAKEN_AMISS = (400, 403, 404, 409, 422)
"""How a VTN answers a report that it will not take however often it is sent."""

_chance = SystemRandom()


@dataclass(frozen=True, slots=True)
class VenRule:
    """`programs`: ids or names; none: all that the VTN shows us. `report_s` 0: nothing metered is reported.

    `notifier`: the VTN may wake us over MQTT.
    """

    agreed: Agreed
    programs: tuple[str, ...] = ()
    poll_s: float = 20.0
    report_s: float = 300.0
    notifier: bool = False


class Ven:
    """One VTN. Fits csms.grid.plug.LimitPlug. `metered_w`: what a feeder draws, base load and charging.

    `responses`: where events that call for another load go; without it they mean nothing here. `counts`: polls and
    reports by what became of them; `polled_at`: when the VTN answered last.
    """

    def __init__(
        self,
        rule: VenRule,
        vtn: Vtn,
        peer: Peer,
        clock: Clock,
        metered_w: Callable[[str], int],
        responses: ResponseBook | None = None,
    ) -> None:
        self._rule, self._vtn, self._clock, self._metered_w = rule, vtn, clock, metered_w
        self._responses = VenResponses(peer, responses, rule.agreed) if responses is not None else None
        self._list = Listed(peer, lambda limit_id: limit_id.startswith(PREFIX))
        self._name, self.source = peer.name, peer.source
        self._wake, self._polled = asyncio.Event(), asyncio.Event()
        self._gone: frozenset[tuple[str, str]] = frozenset()
        self._owed: deque[Told] = deque(maxlen=REPORTS_KEPT)
        self._remarked: dict[str, datetime] = {}
        self._reports: dict[tuple[str, str], str] = {}
        self._register_at_s = self._report_at_s = -1.0
        self._fault = ""
        self.counts: Counter[str] = Counter()
        self.polled_at: datetime | None = None
        self.ven_id = ""
        self.program_ids: tuple[str, ...] = ()

    @property
    def reports_owed(self) -> int:
        """Reports about events that the VTN has not taken yet."""
        return len(self._owed)

    def wake(self) -> None:
        """Something may have changed: ask now."""
        self._wake.set()

    async def run(self, desk: LimitDesk) -> None:
        """Until cancelled; then its connections end, too."""
        notified = asyncio.create_task(self._notified()) if self._rule.notifier else None
        try:
            await self._poll_for_ever(desk)
        except asyncio.CancelledError:
            if notified is not None:
                notified.cancel()
            await self._vtn.close()
            raise
        finally:
            if notified is not None:
                notified.cancel()

    async def _poll_for_ever(self, desk: LimitDesk) -> None:
        while True:
            wait_s = max(self._rule.poll_s * _chance.uniform(1 - JITTER, 1 + JITTER), await self.poll(desk))
            self._polled.set()
            await asyncio.sleep(self._clock.wall_s(WOKEN_S))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._clock.wall_s(wait_s - WOKEN_S)):
                    await self._wake.wait()

    async def _notified(self) -> None:
        """After the first poll, which tells who we are there and which programs are ours."""
        await self._polled.wait()
        vtn = self._vtn
        await wake_up(vtn, vtn.client_id, vtn.tls, lambda: (self.ven_id, self.program_ids), self.wake)

    async def poll(self, desk: LimitDesk) -> float:
        """Ask once. How many seconds the VTN wants to be left alone."""
        self._wake.clear()
        try:
            await self._register()
            readings, calls, complete = await self._read(desk.now())
            await self._settle(desk, readings, complete)
            if self._responses is not None:
                self._owed += await self._responses.settle(calls, complete, desk.now())
        except VtnUnavailable as fault:
            self.counts["polls_unavailable"] += 1
            self._note(str(fault))
            return fault.wait_s
        except StoreUnavailable as fault:
            self.counts["polls_not_stored"] += 1
            self._note(f"not stored, so not taken: {fault}")
            await self._list.beat(desk, None)
            return 0.0
        self.counts["polls_ok" if complete else "polls_incomplete"] += 1
        self.polled_at = desk.now()
        self._note("" if complete else "a program that the settings name is not there")
        await self._tell(desk, readings)
        return 0.0

    async def _settle(self, desk: LimitDesk, readings: Sequence[Reading], complete: bool) -> None:
        """What is missing once may have been turned over between two pages: it is gone when it is missing twice."""
        wishes = [wish for reading in readings for wish in reading.wishes]
        groups = {limit_group(reading.event_id): reading for reading in readings if reading.event_id}
        missing = self._list.missing(desk, wishes)
        unsaid = {_key(one) for one in missing if group_of(one.limit_id) not in groups}
        kept = [
            one
            for one in missing
            if (_key(one) in unsaid - self._gone or (_key(one) in unsaid and not complete))
            or ((reading := groups.get(group_of(one.limit_id))) is not None and reading.unreadable)
        ]
        outcome = await self._list.bring(desk, wishes, self._clock.monotonic_s(), kept)
        self._gone = frozenset(unsaid) if complete else frozenset()
        clear = complete and not kept and outcome.clear and not any(one.unreadable for one in readings)
        await self._list.beat(desk, outcome.held if clear else None)
        self._remember(groups, readings, outcome)

    def _remember(self, groups: dict[str, Reading], readings: Sequence[Reading], outcome: Outcome) -> None:
        """What is to be reported."""
        states: dict[str, dict[str, str]] = {}
        for wish, code in outcome.changed:
            by_feeder = states.setdefault(wish.group, {})
            by_feeder[wish.feeder_id] = by_feeder.get(wish.feeder_id) or code
        for limit in outcome.cancelled:
            if group_of(limit.limit_id) in groups:
                states.setdefault(group_of(limit.limit_id), {}).setdefault(limit.feeder_id, "cancelled")
        for reading in readings:
            if reading.remarks and self._remarked.get(reading.event_id) != reading.modified:
                states.setdefault(limit_group(reading.event_id), {})[""] = reading.remarks[0]
                log.warning(
                    "event_not_taken", extra={"vtn": self._name, "event": reading.event_id, "why": reading.remarks}
                )
        self._remarked = {one.event_id: one.modified for one in readings if one.remarks}
        for group, by_feeder in states.items():
            reading = groups[group]
            told = {feeder_id: code or "accepted" for feeder_id, code in by_feeder.items()}
            self._owed.append(Told(reading.event_id, reading.program_id, told))

    async def _read(self, now: datetime) -> tuple[list[Reading], list[Call], bool]:
        """Events of our programs that limit, those that call for another load, and whether every program was found."""
        programs = {str(one.get("id")): one for one in await self._vtn.every("/programs") if isinstance(one, dict)}
        wanted = self._rule.programs
        ours = {
            id_: one for id_, one in programs.items() if not wanted or id_ in wanted or one.get("programName") in wanted
        }
        self.program_ids = tuple(ours)
        named = {name for id_, one in ours.items() for name in (id_, one.get("programName"))}
        events: list[Any] = []
        for asked in [{"programID": id_} for id_ in ours] if wanted else [{}]:
            events += await self._vtn.every("/events", asked)
        readings: dict[str, Reading | Call] = {}
        for event in events:
            program_id = event.get("programID") if isinstance(event, dict) else None
            if wanted and isinstance(program_id, str) and program_id not in ours:
                continue
            reading = self._read_one(event, programs.get(str(program_id), {}).get("payloadDescriptors") or (), now)
            other = readings.get(reading.event_id)
            if other is None or other.modified <= reading.modified:
                readings[reading.event_id] = reading
        limiting = [one for one in readings.values() if isinstance(one, Reading)]
        return limiting, [one for one in readings.values() if isinstance(one, Call)], named.issuperset(wanted)

    def _read_one(self, event: Any, descriptors: Sequence[Any], now: datetime) -> Reading | Call:
        """An event that calls for another load limits nothing by itself."""
        called = self._responses is not None and calls_for_load(event)
        call = read_call(event, descriptors, self._rule.agreed, now) if called else None
        return call or read_event(event, descriptors, self._rule.agreed, now)

    async def _register(self) -> None:
        """Many VTNs are told of their VENs by people: being refused here is no reason not to ask for events."""
        now_s = self._clock.monotonic_s()
        if now_s < self._register_at_s:
            return
        agreed = self._rule.agreed
        try:
            listed = await self._vtn.every("/vens", {"venName": agreed.ven_name})
            found = next(
                (one for one in listed if isinstance(one, dict) and one.get("venName") == agreed.ven_name), None
            )
            path = f"/vens/{quote(str(found['id']), safe='')}" if found and found.get("id") else "/vens"
            said = await self._vtn.send("POST" if path == "/vens" else "PUT", path, ven_body(agreed, found))
            self.ven_id = str((said if isinstance(said, dict) else found or {}).get("id") or "")
            self._register_at_s = float("inf")
        except VtnUnavailable as fault:
            if fault.status in (0, 401, 429, 503):
                raise
            self._register_at_s = now_s + REGISTER_AGAIN_S
            log.warning("ven_not_registered", extra={"vtn": self._name, "fault": str(fault)})

    async def _tell(self, desk: LimitDesk, readings: Sequence[Reading]) -> None:
        """Reports are owed until they are taken; that they are not holds nothing else up."""
        agreed, now = self._rule.agreed, desk.now()
        try:
            while self._owed:
                await self._vtn.send("POST", "/reports", state_report(self._owed[0], agreed, now))
                self._owed.popleft()
                self.counts["reports_taken"] += 1
            now_s = self._clock.monotonic_s()
            if self._rule.report_s and now_s >= self._report_at_s:
                self._report_at_s = now_s + self._rule.report_s
                await self._tell_metered(desk, readings, now)
        except VtnUnavailable as fault:
            self.counts["reports_not_taken"] += 1
            if self._owed and fault.status in TAKEN_AMISS:
                self._owed.popleft()
            log.warning("report_not_taken", extra={"vtn": self._name, "fault": str(fault)})

    async def _tell_metered(self, desk: LimitDesk, readings: Sequence[Reading], now: datetime) -> None:
        for reading in readings:
            held = [self._list.before(desk, wish) for wish in reading.wishes]
            feeders = [limit.feeder_id for limit in held if limit is not None and limit.in_force(now)]
            if feeders:
                metered = {feeder_id: self._metered_w(feeder_id) for feeder_id in dict.fromkeys(feeders)}
                await self._put(metered_report(reading.event_id, reading.program_id, metered, self._rule.agreed, now))
        known = {reading.event_id for reading in readings}
        self._reports = {
            key: id_ for key, id_ in list(self._reports.items())[-REPORTS_KEPT:] if key[0] in known or key[1] != METERED
        }

    async def say_response(self, view: Mapping[str, Any]) -> None:
        """Tell how an event of demand response stands. Raises OSError: then it is to be told again."""
        place = self._responses.place(view["id"]) if self._responses is not None else None
        if place is None:
            log.info("report_not_sent", extra={"vtn": self._name, "event": view["id"]})
            return
        for report in response_reports(view, *place, self._rule.agreed):
            if report["reportName"] == BID and view["bid"] is None and (place[0], BID) not in self._reports:
                continue
            try:
                await self._put(report)
            except VtnUnavailable as fault:
                self.counts["reports_not_taken"] += 1
                if fault.status not in TAKEN_AMISS:
                    raise ConnectionError(str(fault)) from None
                log.warning("report_not_taken", extra={"vtn": self._name, "fault": str(fault)})

    async def _put(self, report: dict[str, Any]) -> None:
        """One report of a name for each event, brought up to date."""
        key = str(report["eventID"]), str(report["reportName"])
        known = self._reports.pop(key, "")
        path = f"/reports/{quote(known, safe='')}" if known else "/reports"
        said = await self._vtn.send("PUT" if known else "POST", path, report)
        self.counts["reports_taken"] += 1
        id_ = said.get("id") if isinstance(said, dict) else None
        if isinstance(id_, str):
            self._reports[key] = id_

    def _note(self, fault: str) -> None:
        """The log has a line when a trouble begins, and when it is over."""
        if fault and not self._fault:
            log.warning("vtn_unavailable", extra={"vtn": self._name, "fault": fault})
        elif self._fault and not fault:
            log.info("vtn_answers", extra={"vtn": self._name})
        self._fault = fault


def _key(limit: Limit) -> tuple[str, str]:
    return limit.feeder_id, limit.limit_id
