"""One act of planning for one root feeder: look, solve off the loop, round, aim the dispatcher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from csms.charging.counters import Counters
from csms.charging.discretise import Setpoint, Step, discretise, steady
from csms.charging.dispatcher import Dispatcher
from csms.charging.fallback import Wish, proportional
from csms.charging.feeder import Caps, FeederTree
from csms.charging.ledger import Ledger
from csms.charging.lines import LinesOf, minus
from csms.charging.outlets import Outlets
from csms.charging.planner import Firsts, Urges, Visit, asks, problem, reserved
from csms.charging.plans import CurrentPlan, Solved, adopted
from csms.charging.ports import Forecasts, Solver
from csms.charging.rounds import Target
from csms.charging.settings import ChargingSettings
from csms.model.clock import Clock
from csms.model.ids import EvseRef
from csms.model.outlook import Outlook
from optimizer.problem import Plan, Problem

log = logging.getLogger(__name__)

CARRY_SHARE = 0.5
"""Remainders are carried on when this share of the planning period has passed since the last time."""


class Planning:
    """Keeps the plans in force and the remainders of rounding between them."""

    def __init__(
        self,
        clock: Clock,
        dispatcher: Dispatcher,
        outlets: Outlets,
        ledger: Ledger,
        tree: FeederTree,
        caps: Caps,
        solver: Solver,
        settings: ChargingSettings,
        counters: Counters,
    ) -> None:
        self._clock, self._dispatcher, self._outlets, self._ledger = clock, dispatcher, outlets, ledger
        self._tree, self._caps, self._solver = tree, caps, solver
        self._settings, self._counters = settings, counters
        self._carries_w: dict[EvseRef, float] = {}
        self._carried_at: dict[str, datetime] = {}
        self.plans: dict[str, CurrentPlan] = {}
        self.urges: Urges | None = None
        self.firsts: Firsts | None = None
        self.forecasts: Forecasts | None = None

    async def plan(self, root: str, cause: str) -> CurrentPlan | None:
        """Plan and aim; None when no session runs under this root (nothing to decide), and when the tree changed
        meanwhile (whoever changed it has a plan made again)."""
        now, version = self._clock.now(), self._tree.version
        self._outlets.refresh()
        visits = self._outlets.visits(root, self._settings.needs, now)
        if not visits:
            self._dispatcher.aim(root, {})
            return None
        outlook = self._outlook(now)
        solved = await self._solve(self._problem(root, visits, now, self._caps, outlook))
        if version != self._tree.version:
            return None
        now = self._clock.now()
        visits = [visit for visit in visits if self._still_there(visit)]
        steps = self._steps(visits, solved, now)
        self._carry(root, steps, now)
        self._dispatcher.aim(root, _targets(visits, steps, now))
        self._counters.plans += 1
        plan = self.plans[root] = adopted(root, now, cause, solved, visits, steps, outlook, self._floors_w(root))
        return plan

    def _floors_w(self, root: str) -> int:
        accounts = map(self._ledger.account, self._ledger.refs)
        return sum(account.floor_counted_w for account in accounts if root in account.path)

    async def foresee(self, root: str, caps: Caps) -> Solved | None:
        """What would be planned now for the cars that are there under other caps; nobody is told. None when no session
        runs under this root."""
        now = self._clock.now()
        visits, outlook = self._outlets.visits(root, self._settings.needs, now), self._outlook(now)
        loads = None if outlook is None else replace(outlook, cars=())
        return await self._solve(self._problem(root, visits, now, caps, loads)) if visits else None

    def _outlook(self, now: datetime) -> Outlook | None:
        return None if self.forecasts is None else self.forecasts.outlook(now)

    def _problem(
        self, root: str, visits: Sequence[Visit], now: datetime, caps: Caps, outlook: Outlook | None
    ) -> Problem:
        return problem(
            visits,
            self._tree,
            caps,
            root,
            now,
            reserved(self._ledger, [v.ref for v in visits], self._dispatcher.reachable, now),
            self._settings.reserve_share,
            self._settings.lead_s,
            self._settings.tilt_per_h,
            self.urges,
            outlook,
            self.firsts,
        )

    async def _solve(self, asked: Problem) -> Solved:
        """The solver in a thread; None as plan when it is late or fails, so that the proportional rule takes over."""
        started_s = asyncio.get_running_loop().time()
        plan: Plan | None = None
        try:
            async with asyncio.timeout(self._settings.solve_wall_s):
                plan = await asyncio.to_thread(self._solver, asked)
        except TimeoutError:
            log.error("solver_late", extra={"sessions": len(asked.sessions)})
        except Exception:
            log.exception("solver_failed")
        self._counters.fallbacks += plan is None
        return Solved(asked, plan, asyncio.get_running_loop().time() - started_s)

    def _still_there(self, visit: Visit) -> bool:
        session = self._outlets.session(visit.ref)
        return session is not None and session.session_id == visit.session_id

    def _steps(self, visits: Sequence[Visit], solved: Solved, now: datetime) -> dict[EvseRef, Step]:
        room_w, lines_ma = self._dispatcher.room_w(), self._dispatcher.lines_ma()
        soon, _ = reserved(self._ledger, [v.ref for v in visits], self._dispatcher.reachable, now)
        room_w = {id_: room - soon[id_].value_w if id_ in soon else room for id_, room in room_w.items()}
        lines_ma = {id_: minus(left, soon[id_].on_ma) if id_ in soon else left for id_, left in lines_ma.items()}
        wished_kw = solved.first_slot_kw() if solved.plan is not None else _proportional_kw(visits, room_w, lines_ma)
        asked = asks(visits, wished_kw, self._carries_w, now)
        return steady(discretise(asked, room_w, lines_ma), self._setpoints(visits), asked, room_w, lines_ma)

    def _setpoints(self, visits: Sequence[Visit]) -> dict[EvseRef, Setpoint]:
        """What the same sessions are aimed at until now."""
        before = {visit.ref: self._dispatcher.targets.get(visit.ref) for visit in visits}
        same = {visit.ref: visit.session_id for visit in visits}
        return {ref: target.setpoint for ref, target in before.items() if target and target.session_id == same[ref]}

    def _carry(self, root: str, steps: Mapping[EvseRef, Step], now: datetime) -> None:
        before = self._carried_at.get(root)
        if before is not None and (now - before).total_seconds() < CARRY_SHARE * self._settings.replan_s:
            return
        self._carried_at[root] = now
        self._carries_w = {r: c for r, c in self._carries_w.items() if root not in self._ledger.account(r).path}
        self._carries_w |= {ref: step.carry_w for ref, step in steps.items()}


def _proportional_kw(visits: Sequence[Visit], room_w: Mapping[str, int], lines_ma: LinesOf) -> dict[str, float]:
    wishes = {
        v.ref: Wish(int(v.power_max_w), v.outlet.floor_w, v.path, v.outlet.drawn_on, v.outlet.lines)
        for v in visits
        if v.wants
    }
    return {str(ref): watts / 1000 for ref, watts in proportional(wishes, room_w, lines_ma).items()}


def _targets(visits: Sequence[Visit], steps: Mapping[EvseRef, Step], now: datetime) -> dict[EvseRef, Target]:
    """In the order of departure: who leaves first is raised first."""
    by_departure = sorted(visits, key=lambda v: (v.departure, v.ref))
    return {
        v.ref: Target(v.session_id, v.transaction_id, v.outlet, steps[v.ref].setpoint, rank)
        for rank, v in enumerate(by_departure)
    }
