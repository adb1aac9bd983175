"""How a station shows that it obeys when its composite schedule does not: two low limits, and power that follows them.

Until limits are known to act an outlet counts with its rating (or at its floor, if that is known to act), so the plan
has no say: the outlet is told a low limit, then a somewhat higher one. When nothing has come of it for a while (no
meter, a car that takes less) it is told its rating, which is counted anyway. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.account import Account
from csms.charging.discretise import Outlet, Setpoint
from csms.charging.ladder import Rung
from csms.charging.proof import MOVED, Follower, Verdict
from csms.model.ids import EvseRef

PATIENCE = timedelta(minutes=10)
"""How long one session is used for a trial."""


@dataclass(slots=True)
class Trial:
    """What one session has shown so far; `rungs` on which the sampled limits were told, by value in W."""

    session_id: int
    begun_at: datetime
    follower: Follower = field(default_factory=Follower)
    rungs: dict[int, Rung] = field(default_factory=dict)

    def sample(self, told: Setpoint, rung: Rung, power_w: float) -> tuple[Verdict, set[Rung]]:
        """A settled sample; the verdict, and the rungs that it is about."""
        verdict = self.follower.sample(told, power_w)
        if verdict is not Verdict.SHOWN:
            self.rungs[told.value_w] = rung
            return verdict, {rung}
        shown = {rung, *(self.rungs[limit_w] for limit_w in self.follower.followed if limit_w in self.rungs)}
        self.rungs[told.value_w] = rung
        return verdict, shown


class Trials:
    """The trials of all outlets, one for each session."""

    def __init__(self) -> None:
        self._trials: dict[EvseRef, Trial] = {}

    def trial(self, ref: EvseRef, session_id: int, begun_at: datetime) -> Trial:
        """The trial of this session; another session begins anew."""
        known = self._trials.get(ref)
        if known is None or known.session_id != session_id:
            known = self._trials[ref] = Trial(session_id, begun_at)
        return known

    def forget(self, ref: EvseRef) -> None:
        """The session is over, or its station stands on another rung."""
        self._trials.pop(ref, None)


def floor_open(account: Account) -> bool:
    """Whether limits are known to act and the floor is not, although it was taken."""
    return account.limit_acts and account.floor_taken and not account.floor_acts and not account.away


def floor_first(trial: Trial, floor: Setpoint, now: datetime) -> bool:
    """Whether to say nothing yet, so that an open floor can be seen to act."""
    return not trial.follower.has_point(floor) and now < trial.begun_at + PATIENCE


def level(trial: Trial, account: Account, outlet: Outlet, now: datetime, room_w: Mapping[str, int]) -> Setpoint:
    """What an outlet is told whose limits are not known to act. `room_w`: what is left at each feeder, or missing."""
    if now >= trial.begun_at + PATIENCE and all(room_w[id_] >= 0 for id_ in account.path):
        return outlet.at_most(outlet.most_w)
    low = outlet.at_most(account.floor_w if account.floor_known else outlet.least_w)
    if not trial.follower.has_point(low):
        return low
    return outlet.at_least(max(low.value_w * MOVED, outlet.least_w))
