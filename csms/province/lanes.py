"""How many calls to one partner may be under way, and when none may begin. Pure: attempts and moments in, rights out.

One alone until the partner has answered, as all might fail alike; then as many as its profile allows, the last of them
kept for what is tried again: a ladder holds although calls hang. A partner that is too busy (Ret -1, HTTP 429 and 503)
halves them, once for all that were under way then; each round of answers without it opens one more. A call that hangs
takes a lane of its own beside them: a platform that answers one call in a hundred with nothing would soon get no other,
and eight lanes with thirty seconds for each such call would be done with 27 messages a second.

Silence is `SILENT_AFTER` attempts in a row with nothing; those are left alone for the probe time of the profile, and so
are partners that answer and give us no token. `Retry-After` is kept. A refused signature holds until `resume`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from csms.province.outbox import Outcome, Verdict

SILENT_AFTER = 2
"""One attempt that fails among others that do not is no outage."""
KEPT_FOR_RETRIES = 1
HANGING_S = 5.0
"""An answer takes a fraction of a second; a call without one after this will hardly get it before its time-out."""


class Lanes:
    """The lanes of one partner. `most`: calls at once by its profile; `probe_s`: how long it is left alone."""

    def __init__(self, most: int, probe_s: float) -> None:
        self.paused = ""
        self.barred = ""
        """Why the partner gives us no token, while it does not."""
        self.was_silent = False
        self._most = most
        self._probe_s = probe_s
        self._wide = float(most)
        self._answers = False
        self._missed = 0
        self._begun = 0
        self._heard = 0
        self._narrowed = 0
        self._silent_until: datetime | None = None
        self._asked_until: datetime | None = None

    @property
    def width(self) -> int:
        """How many calls may be under way."""
        return int(self._wide) if self._answers else 1

    @property
    def silent(self) -> bool:
        """Whether the partner does not answer any more."""
        return self._missed >= SILENT_AFTER

    @property
    def doubtful(self) -> bool:
        """Whether the last attempt brought no answer, or none has since the silence."""
        return self._missed > 0 or self.was_silent

    def free(self, ages_s: Sequence[float], *, again: bool) -> bool:
        """Whether one more may begin beside those that have been under way for so long; `again`: it was tried before.

        Calls that hang are no work for the partner: as many as the profile allows may do so beside the others.
        """
        if not self._answers:
            return not ages_s
        kept = 0 if again or self.width <= KEPT_FOR_RETRIES else KEPT_FOR_RETRIES
        working = sum(age_s < HANGING_S for age_s in ages_s)
        return len(ages_s) < 2 * self._most - kept and working < self.width - kept

    def held_until(self, now: datetime) -> datetime | None:
        """Until when none may begin, None if one may now. A pause has no end of its own."""
        ends = [end for end in (self._silent_until, self._asked_until) if end is not None and now < end]
        return max(ends, default=datetime.max.replace(tzinfo=now.tzinfo) if self.paused else None)

    def resume(self) -> None:
        """Keys, clock or field order were corrected: nothing holds any more."""
        self.paused = self.barred = ""
        self._silent_until = self._asked_until = None

    def begin(self) -> int:
        """An attempt begins; its number, for `ended`."""
        self._begun += 1
        return self._begun

    def ended(self, outcome: Outcome, number: int, now: datetime) -> datetime | None:
        """What an attempt came to. If it said nothing about its message, until when that waits."""
        if outcome.busy:
            self._narrow(number)
        elif outcome.verdict in (Verdict.ACKED, Verdict.DEAD):
            self._wide = min(self._most, self._wide + 1 / self._wide)
        if outcome.retry_after_s is not None:
            asked_until = now + timedelta(seconds=outcome.retry_after_s)
            self._asked_until = max(self._asked_until or asked_until, asked_until)
        if outcome.pause:
            self.paused = f"{outcome.code} {outcome.text}".strip()
        return self._listen(outcome, number, now)

    def _listen(self, outcome: Outcome, number: int, now: datetime) -> datetime | None:
        """One that began before another that was answered is no sign of silence, however late it ends."""
        if not outcome.unreachable:
            self._missed, self._heard = 0, max(self._heard, number)
        elif number > self._heard:
            self._missed += 1
        closed = self.silent or outcome.pause or outcome.barred
        self._answers = (self._answers or not outcome.unreachable) and not closed
        self.barred = outcome.text if outcome.barred else self.barred if outcome.unreachable else ""
        if self.silent or (outcome.barred and not outcome.pause):
            self.was_silent = self.was_silent or self.silent
            self._silent_until = now + timedelta(seconds=self._probe_s)
        elif not outcome.unreachable:
            self._silent_until = None
        unheard = outcome.barred or (outcome.unreachable and self._silent_until is not None)
        return (self._silent_until or now) if unheard else None

    def _narrow(self, number: int) -> None:
        if number > self._narrowed:
            self._wide, self._narrowed = max(1.0, self._wide / 2), self._begun
