"""Where plans are solved: in a thread of the server, or outside of it in a pool."""

from __future__ import annotations

import logging
import os

from csms.app.sections import ChargingSection
from optimizer import Plan, Problem, solve
from optimizer.pool import Pool

log = logging.getLogger(__name__)

THREADS_MORE = 4
"""asyncio waits for solvers in so many threads more than there are processors; more plans at once would queue there."""


class Solvers:
    """`solve` for the planner: plans of `solver_from` sessions and more are solved by a pool, if there is one."""

    def __init__(self, section: ChargingSection, solve_wall_s: float) -> None:
        """Without an answer in half of the time that a plan may take, the pool counts as lost."""
        self._from = section.solver_from
        self._pool: Pool | None = None
        self.at_once = 1
        if section.solver_processes:
            self._pool = Pool.here_or_there(section.solver_processes, _lost, patience_s=solve_wall_s / 2)
            self.at_once = min(section.solver_processes, (os.cpu_count() or 1) + THREADS_MORE)

    def solve(self, problem: Problem) -> Plan:
        """The plan of least cost, with its proof."""
        if self._pool is None or len(problem.sessions) < self._from:
            return solve(problem)
        return self._pool.solve([problem])[0]

    def begin(self) -> None:
        """Starts the processes before the first plan needs them."""
        if self._pool is not None:
            self._pool.begin()

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.close()


def _lost(place: str, reason: str) -> None:
    """Its work is done by the next place, at last in the server; the plan is the same."""
    log.warning("solvers_lost", extra={"place": place, "reason": reason})
