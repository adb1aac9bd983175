"""Delivery of the outbox, one task per partner (section 15).

A pass takes what is due, orders first, and makes one attempt for each. `calls_at_once` are under way, never two about
the same thing, and none waits for another; one alone until the partner has taken one, as all might fail alike. There
are no inner retries: the ladder in the entry and the period of the loop are the retry.

`csms.province.lanes` says how many may be under way, and when none may begin. An attempt at a silent partner says
nothing about its message, which climbs no ladder by it; the next attempt is made with another one, for it may be this
message that the partner has no answer to. When the partner is back and nothing is due, a full status re-sync is asked
for. A retry goes at its moment, before what is new. Partners share nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province.client import Partner, PlatformClient, Probe
from csms.province.envelope import SYSTEM_ERROR
from csms.province.lanes import HANGING_S, Lanes
from csms.province.outbox import Outcome, Step, Verdict, lost_at, sending_order, step
from csms.province.personal import Personal
from csms.province.ports import OPEN_STATES, OutboxEntry, OutboxStore
from csms.province.profile import PUSHED, Kind
from csms.province.refusals import Refusals, RefusalTold
from csms.security.sealing import SealBroken

BATCH = 50
PERIOD_S = 60.0
NEVER = datetime.max.replace(tzinfo=UTC)
FULL_S = 0.5
"""How often to look whether a call hangs by now and has left its lane, when something waits for one."""
DRAIN_POLL_WALL_S = 0.02
LOOK_WALL_S_MIN = 0.02
"""However near the next moment is."""
RANK = {str(kind): place for place, kind in enumerate(PUSHED)}

log = logging.getLogger(__name__)

Resync = Callable[[str], Awaitable[None]]
Answered = Callable[[OutboxEntry, Mapping[str, Any]], Awaitable[None]]
"""Hears the body of each acknowledgement, before the entry is marked."""


async def _no_resync(partner_id: str) -> None:
    """Nobody keeps a status to send again."""


async def _not_heard(entry: OutboxEntry, answer: Mapping[str, Any]) -> None:
    """Nobody wants to know."""


About = tuple[str, str]
"""What an entry says something of."""


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt under way."""

    about: About
    began_at: datetime


Flights = dict[asyncio.Task[None], Flight]


def _about(entry: OutboxEntry) -> About:
    return entry.interface, entry.business_key


async def _cancelled(tasks: Flights) -> None:
    """End attempts with the pass; what they came to is found by the next start or by the ladder."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class PartnerForwarder:
    """The delivery task of one partner."""

    def __init__(
        self,
        partner: Partner,
        clock: Clock,
        outbox: OutboxStore,
        resync: Resync = _no_resync,
        trust: ssl.SSLContext | None = None,
        answered: Answered = _not_heard,
        personal: Personal | None = None,
        refused: RefusalTold | None = None,
    ) -> None:
        self.partner = partner
        self._personal = personal or Personal()
        self._answered = answered
        self._clock = clock
        self._outbox = outbox
        self._resync = resync
        self._client = PlatformClient(partner, clock, trust)
        self._signal = asyncio.Event()
        profile = partner.profile
        self._lanes = Lanes(profile.transport.calls_at_once, profile.timeliness.outage_probe_s)
        self._waiting: deque[OutboxEntry] = deque()
        self._ripe_at: datetime | None = None
        self._refused = refused or Refusals().told
        self._refusal: str | None = None  # before the first answer nobody knows
        self._last_error = ""
        self._attempts = 0
        self._recovered = False

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._signal.set()

    def resume(self) -> None:
        """Keys, clock or field order were corrected: try again."""
        self._lanes.resume()
        self.wake()

    async def probe(self) -> Probe:
        """Whether the partner gives us a token now."""
        return await self._client.probe()

    async def run(self) -> None:
        """Deliver until cancelled. A store that fails is tried again after a period."""
        self._warn_of_the_profile()
        while True:
            self._signal.clear()
            delay_s = PERIOD_S
            try:
                delay_s = await self.step()
            except CsmsError as fault:
                log.warning("province_pass_failed", extra={"partner": self.partner.id, "code": fault.code})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(self._clock.wall_s(delay_s), LOOK_WALL_S_MIN)):
                    await self._signal.wait()

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.close()

    async def step(self) -> float:
        """One pass over what is due; returns in how many seconds to look again (sooner on `wake`)."""
        if not self._recovered:
            await self._outbox.recover(self.partner.id, self._clock.now())
            self._recovered = True
        await self._deliver_all()
        return await self._look_again_s()

    async def status(self) -> dict[str, Any]:
        """Counts by state, the last error, the token and whether the partner is held, with the profile's standing."""
        return {
            "partner": self.partner.id,
            "profile": self.partner.profile.id,
            "profile_state": self.partner.profile.state,
            **await self._outbox.counts(self.partner.id),
            "attempts": self._attempts,
            "last_error": self._last_error,
            "token": self._client.token_state,
            "paused": self._lanes.paused,
            "barred": self._lanes.barred,
            "lanes": self._lanes.width,
            "unreachable": self._lanes.doubtful,
        }

    async def open_count(self) -> int:
        """Entries that are neither acknowledged nor dead."""
        counts = await self._outbox.counts(self.partner.id)
        return sum(counts[state] for state in OPEN_STATES)

    def _warn_of_the_profile(self) -> None:
        profile = self.partner.profile
        if profile.flagged:
            standing = {"partner": self.partner.id, "profile": profile.id, "state": profile.state, "note": profile.note}
            log.warning("province_profile_unconfirmed", extra=standing)

    async def _deliver_all(self) -> None:
        """Until nothing is due, or the partner is held."""
        flying: Flights = {}
        try:
            while True:
                if self._signal.is_set():
                    self._signal.clear()
                    self._waiting.clear()  # what goes first may have come
                while (entry := await self._next(flying)) is not None:
                    flying[asyncio.create_task(self._deliver(entry))] = Flight(_about(entry), self._clock.now())
                if not flying:
                    return
                await self._landed(flying)
        finally:
            self._waiting.clear()
            await _cancelled(flying)

    async def _landed(self, flying: Flights) -> None:
        """When one came to its end, or something else becomes due. A fault of ours ends the pass."""
        called = asyncio.create_task(self._signal.wait())
        left_s = (self._ripe_at - self._clock.now()).total_seconds() if self._ripe_at else HANGING_S
        left_s = min(left_s, HANGING_S) if left_s > 0 else FULL_S  # ripe already: no lane was free
        look_s = max(self._clock.wall_s(left_s), LOOK_WALL_S_MIN)
        try:
            done, _ = await asyncio.wait({*flying, called}, timeout=look_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            called.cancel()
        if not done:
            self._waiting.clear()
        for task in [task for task in flying if task.done()]:
            flying.pop(task)
            task.result()

    async def _next(self, flying: Flights) -> OutboxEntry | None:
        """What to send now: nothing about what is under way already."""
        now = self._clock.now()
        ages_s = [(now - flight.began_at).total_seconds() for flight in flying.values()]
        if self._lanes.held_until(now) is not None or not self._lanes.free(ages_s, again=True):
            return None
        if self._lanes.silent:
            return await self._outbox.longest_due(self.partner.id, now)
        if self._ripe_at is not None and self._ripe_at <= now:
            self._waiting.clear()  # a retry goes first
        if not self._waiting:
            await self._look(flying, now)
        if not self._waiting or RANK[self._waiting[0].interface] > RANK[Kind.CHARGE_ORDER]:
            await self._greet_after_silence()
        if not self._waiting or not self._lanes.free(ages_s, again=self._waiting[0].attempts > 0):
            return None
        return self._waiting.popleft()

    async def _look(self, flying: Flights, now: datetime) -> None:
        """For what is due, and for when something else will be: both as of one moment, or what ripens between two would
        be seen by neither."""
        unknown = self._ripe_at is None or self._ripe_at <= now
        if unknown:
            self._ripe_at = NEVER  # what is marked meanwhile brings its own moment
        self._waiting.extend(await self._due(flying, now))
        if unknown:
            self._ripens(await self._outbox.next_due_after(self.partner.id, now) or NEVER)

    def _ripens(self, at: datetime) -> None:
        if self._ripe_at is not None:
            self._ripe_at = min(self._ripe_at, at)

    async def _due(self, flying: Flights, now: datetime) -> list[OutboxEntry]:
        """Of the first kind that has any; of several about the same thing the first."""
        order, busy = sending_order(), {flight.about for flight in flying.values()}
        while order:
            batch = await self._outbox.due(self.partner.id, order, now, BATCH)
            first = {_about(entry): entry for entry in reversed(batch)}
            free = [entry for entry in batch if first[_about(entry)] is entry and _about(entry) not in busy]
            if free or not batch:
                return free
            del order[: order.index(batch[0].interface) + 1]
        return []

    async def _deliver(self, entry: OutboxEntry) -> None:
        started_at, attempts = self._clock.now(), entry.attempts + 1
        kind = Kind(entry.interface)
        number = self._lanes.begin()
        await self._outbox.mark_sent(entry.id, lost_at(self.partner.profile, kind, attempts, started_at))
        outcome = await self._push(kind, entry)
        self._attempts += 1
        self._log_attempt(entry, attempts, outcome, (self._clock.now() - started_at).total_seconds())
        if outcome.verdict is Verdict.ACKED and outcome.answer:
            await self._answered(entry, outcome.answer)
        now = self._clock.now()
        unheard_until = await self._notice(outcome, number, now)
        if unheard_until is not None:
            await self._outbox.mark_unheard(entry.id, unheard_until, outcome.code, outcome.text)
            self._ripens(unheard_until)
        else:
            await self._write(entry, step(self.partner.profile, kind, attempts, outcome, now))

    async def _push(self, kind: Kind, entry: OutboxEntry) -> Outcome:
        try:
            body = self._personal.opened(self.partner.profile, entry)
        except SealBroken as fault:
            return Outcome(Verdict.DEAD, SYSTEM_ERROR, str(fault))
        return await self._client.push(kind, body)

    async def _write(self, entry: OutboxEntry, result: Step) -> None:
        if result.next_at is not None:
            await self._outbox.mark_retry(entry.id, result.next_at, result.code, result.text)
            self._ripens(result.next_at)
        elif result.verdict is Verdict.DEAD:
            await self._outbox.mark_dead(entry.id, result.code, result.text)
        else:
            ordered = entry.interface == Kind.CHARGE_ORDER
            snapshots = [(self.partner.id, Kind.CHARGE_STATUS.value, entry.business_key)] if ordered else []
            await self._outbox.mark_acked(entry.id, self._clock.now(), result.code, result.text, snapshots)

    async def _notice(self, outcome: Outcome, number: int, now: datetime) -> datetime | None:
        """What an attempt says of the partner; until when its message waits, if it said nothing about that."""
        if outcome.verdict is not Verdict.ACKED:
            self._last_error = f"{outcome.code} {outcome.text}".strip()
        unheard_until = self._lanes.ended(outcome, number, now)
        refusal = self._lanes.paused or self._lanes.barred
        if refusal != self._refusal and not outcome.unreachable:
            self._refusal = refusal
            await self._refused(self.partner.id, refusal)
        return unheard_until

    async def _greet_after_silence(self) -> None:
        if self._lanes.was_silent and not self._lanes.silent:
            await self._resync(self.partner.id)
            self._lanes.was_silent = False

    async def _look_again_s(self) -> float:
        now = self._clock.now()
        due_at = self._lanes.held_until(now) or await self._outbox.next_due_at(self.partner.id)
        wait_s = PERIOD_S if due_at is None else (due_at - now).total_seconds()
        return min(max(wait_s, 0.0), PERIOD_S)

    def _log_attempt(self, entry: OutboxEntry, attempt: int, outcome: Outcome, latency_s: float) -> None:
        log.info(
            "province_attempt",
            extra={
                "partner": self.partner.id,
                "interface": entry.interface,
                "business_id": entry.business_key,
                "attempt": attempt,
                "ret": outcome.code,
                "verdict": outcome.verdict.value,
                "detail": outcome.text,
                "latency_s": round(latency_s, 3),
            },
        )


class Forwarder:
    """All partners, each ring-fenced in a task of its own: a slow or broken one delays nobody else."""

    def __init__(
        self,
        partners: Sequence[Partner],
        clock: Clock,
        outbox: OutboxStore,
        resync: Resync = _no_resync,
        trust: ssl.SSLContext | None = None,
        answered: Answered = _not_heard,
        personal: Personal | None = None,
        refused: RefusalTold | None = None,
    ) -> None:
        self._clock = clock
        self.partners = {
            p.id: PartnerForwarder(p, clock, outbox, resync, trust, answered, personal, refused) for p in partners
        }

    def wake(self) -> None:
        """Something was put into the outbox."""
        for partner in self.partners.values():
            partner.wake()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for partner in self.partners.values():
                    tasks.create_task(self._fenced(partner), name=f"province-{partner.partner.id}")
        finally:
            for partner in self.partners.values():
                await partner.close()

    async def status(self) -> dict[str, Any]:
        """Status by partner id."""
        return {name: await partner.status() for name, partner in self.partners.items()}

    async def drain(self, deadline: datetime) -> bool:
        """Wait, while `run` works, until nothing is open; False if the clock passes `deadline` first."""
        while any([await partner.open_count() for partner in self.partners.values()]):
            if self._clock.now() >= deadline:
                return False
            self.wake()
            await asyncio.sleep(DRAIN_POLL_WALL_S)
        return True

    async def _fenced(self, partner: PartnerForwarder) -> None:
        while True:
            try:
                await partner.run()
            except Exception:
                log.exception("province_task_failed", extra={"partner": partner.partner.id})
                await asyncio.sleep(max(self._clock.wall_s(PERIOD_S), 1.0))
