"""A plan as adopted: what is kept of it, shown and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from csms.charging.discretise import Step
from csms.charging.expectation import is_expected
from csms.charging.planner import SLOT_H, Visit
from csms.model.ids import EvseRef
from csms.model.outlook import Outlook
from csms.store.tables import PlanRow
from optimizer.json_format import problem_document
from optimizer.problem import EvSession, Plan, Problem

FALLBACK = "proportional rule"
LIMITS = ("price", "feeders", "conductors")


@dataclass(frozen=True, slots=True)
class Solved:
    """The solver's answer with the problem and the wall seconds it took; `plan` is None when there was none in time."""

    problem: Problem
    plan: Plan | None
    solve_s: float

    def first_slot_kw(self) -> dict[str, float]:
        """Power per session in the first quarter-hour; empty without a plan."""
        if self.plan is None:
            return {}
        return {s.id: float(p) for s, p in zip(self.problem.sessions, self.plan.power_kw[:, 0], strict=True)}


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """The plan in force of a root feeder. `content` is what the store keeps (kW by quarter-hour, sessions)."""

    feeder_id: str
    made_at: datetime
    cause: str
    method: str
    objective: float
    lower_bound: float
    gap: float
    solve_s: float
    content: Mapping[str, Any]

    def row(self) -> PlanRow:
        """For the store."""
        return PlanRow(
            feeder_id=self.feeder_id,
            made_at=self.made_at,
            cause=self.cause,
            method=self.method,
            objective=self.objective,
            lower_bound=self.lower_bound,
            gap=self.gap,
            solve_s=self.solve_s,
            content=dict(self.content),
        )


def adopted(
    feeder_id: str,
    at: datetime,
    cause: str,
    solved: Solved,
    visits: Sequence[Visit],
    steps: Mapping[EvseRef, Step],
    outlook: Outlook | None = None,
    floors_w: int = 0,
) -> CurrentPlan:
    """What is kept of a plan; without one, the proportional rule with an unknown gap written as 1. `outlook`: the
    forecast that it was made with; `floors_w`: what the stations may draw whatever is ordered."""
    plan = solved.plan
    return CurrentPlan(
        feeder_id=feeder_id,
        made_at=at,
        cause=cause,
        method=plan.method if plan is not None else FALLBACK,
        objective=plan.objective if plan is not None else 0.0,
        lower_bound=plan.lower_bound if plan is not None else 0.0,
        gap=plan.gap if plan is not None else 1.0,
        solve_s=solved.solve_s,
        content=_content(solved, visits, steps) | {"floors_kw": floors_w / 1000} | _forecast(solved, outlook),
    )


def _content(solved: Solved, visits: Sequence[Visit], steps: Mapping[EvseRef, Step]) -> dict[str, Any]:
    problem, plan = solved.problem, solved.plan
    first = solved.first_slot_kw()
    wishes = {session.id: _wish(session) for session in problem.sessions}
    there = [n for n, session in enumerate(problem.sessions) if not is_expected(session.id)]
    charging = plan.power_kw[there].sum(axis=0) if plan is not None else []
    shortfalls = [s for s in plan.shortfalls if not is_expected(s.session_id)] if plan is not None else []
    return {
        "slot_h": SLOT_H,
        "cap_kw": [round(float(value), 2) for value in problem.cap_kw],
        "base_kw": [round(float(value), 2) for value in problem.base_load_kw],
        "charging_kw": [round(float(value), 2) for value in charging],
        "sessions": [
            _session(v, first.get(str(v.ref), 0.0), steps[v.ref]) | wishes.get(str(v.ref), {})
            for v in visits
            if v.ref in steps
        ],
        "limits": _limits(problem),
        "shortfalls": [{"evse": s.session_id, "kwh": round(s.energy_kwh, 3), "reason": s.reason} for s in shortfalls],
    }


def _forecast(solved: Solved, outlook: Outlook | None) -> dict[str, Any]:
    """Which forecast the plan was made with, and what it keeps room for; nothing without one."""
    if outlook is None:
        return {}
    rows = [n for n, session in enumerate(solved.problem.sessions) if is_expected(session.id)]
    kept = solved.plan.power_kw[rows].sum(axis=0) if solved.plan is not None else []
    told = {
        "made_at": outlook.made_at.isoformat(timespec="seconds"),
        "expected": [{"id": (one := solved.problem.sessions[n]).id, **_wish(one)} for n in rows],
        "expected_kw": [round(float(value), 2) for value in kept],
    }
    return {"forecast": told}


def _limits(problem: Problem) -> dict[str, Any]:
    """The rest of what the solver was asked: prices, feeders below the root, conductors."""
    document = problem_document(problem)
    found = {name: document[name] for name in LIMITS if name in document}
    return cast(dict[str, Any], _rounded(found))


def _rounded(value: Any) -> Any:
    """Numbers to a hundredth of what matters: watts, milliamperes."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def _wish(session: EvSession) -> dict[str, Any]:
    """What the solver was asked for: with it the plan can be solved anew (`csms optimize solve --site`)."""
    return {
        "arrival_slot": session.arrival_slot,
        "departure_slot": session.departure_slot,
        "power_max_kw": round(session.power_max_kw, 3),
        "energy_kwh": round(session.energy_kwh, 3),
        "priority": session.priority,
        "feeder": session.feeder,
        "lines": session.lines,
    }


def _session(visit: Visit, planned_kw: float, step: Step) -> dict[str, Any]:
    return {
        "evse": str(visit.ref),
        "session_id": visit.session_id,
        "remaining_kwh": round(visit.remaining_wh / 1000, 3),
        "departure": visit.departure.isoformat(timespec="seconds"),
        "planned_kw": round(planned_kw, 3),
        "limit_kw": round(step.setpoint.value_w / 1000, 3),
        "limit_a": round(step.setpoint.limit_a, 1),
        "phases": step.setpoint.phases,
    }
