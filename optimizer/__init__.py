"""Smart charging as mathematics: exact power plans with a proof of quality, yardsticks and rounding to what piles
accept.

Pure numpy and scipy; it proposes, it never switches anything. `solve` is a `Solver`: any function from Problem to
Plan may take its place.
"""

from optimizer.check import PlanCheck, check_plan, lower_bound, plan_objective, unserved_price
from optimizer.conductors import Conductors, CurrentLimit, lines_of
from optimizer.deliverable import Deliverable, deliverable
from optimizer.line_rooms import LineRoom
from optimizer.most_energy import Shares, share_now
from optimizer.problem import CapSoft, EvSession, Feeder, Plan, Problem, Shortfall, Solver
from optimizer.rounding import Grant, Levels, Request, amp_levels, laxity_h, round_targets, table_levels, watt_levels
from optimizer.solver import solve

__all__ = [
    "CapSoft",
    "Conductors",
    "CurrentLimit",
    "Deliverable",
    "EvSession",
    "Feeder",
    "Grant",
    "Levels",
    "LineRoom",
    "Plan",
    "PlanCheck",
    "Problem",
    "Request",
    "Shares",
    "Shortfall",
    "Solver",
    "amp_levels",
    "check_plan",
    "deliverable",
    "laxity_h",
    "lines_of",
    "lower_bound",
    "plan_objective",
    "round_targets",
    "share_now",
    "solve",
    "table_levels",
    "unserved_price",
    "watt_levels",
]
