"""What a limit would do to the plan of the hours to come: cap, load and energy by quarter-hour, and who loses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.charging.drill import Loss, losses
from csms.charging.feeder import Caps, FeederTree
from csms.charging.plans import Solved


@dataclass(frozen=True, slots=True)
class SimulatedSlot:
    """A quarter-hour of the plan, from `begins_at`. kW at the feeder: its cap under the limit, its base load, charging
    without and with the limit; kWh of charging with it.
    """

    begins_at: str
    cap_kw: float
    base_kw: float
    without_kw: float
    with_kw: float
    with_kwh: float


@dataclass(frozen=True, slots=True)
class Simulation:
    """`planned` False: no car is there, or the solver was late; then the rows tell caps and base loads alone."""

    planned: bool
    rows: list[SimulatedSlot]
    losses: list[Loss]


def simulation(
    without: Solved | None,
    under: Solved | None,
    below: Callable[[str], bool],
    tree: FeederTree,
    caps: Caps,
    feeder_id: str,
    starts: Sequence[datetime],
) -> Simulation:
    """`below`: whether a session of the problems draws through the feeder; `starts`: beginnings of the first slots."""
    before, after = (_charging_kw(solved, below, len(starts)) for solved in (without, under))
    rows = [
        _row(tree, caps, feeder_id, at, kw, limited_kw)
        for at, kw, limited_kw in zip(starts, before or _nothing(starts), after or _nothing(starts), strict=True)
    ]
    planned = before is not None and after is not None
    return Simulation(planned, rows, losses(without, under) if planned else [])


def _row(
    tree: FeederTree, caps: Caps, feeder_id: str, at: datetime, without_kw: float, with_kw: float
) -> SimulatedSlot:
    cap_w, base_w = tree.cap_w(feeder_id, caps, at), tree.base_load_w(feeder_id, at)
    hours = timedelta(minutes=15) / timedelta(hours=1)
    return SimulatedSlot(
        at.isoformat(), cap_w / 1000, base_w / 1000, round(without_kw, 3), round(with_kw, 3), round(with_kw * hours, 3)
    )


def _nothing(starts: Iterable[datetime]) -> list[float]:
    return [0.0 for _ in starts]


def _charging_kw(solved: Solved | None, below: Callable[[str], bool], slots: int) -> list[float] | None:
    if solved is None or solved.plan is None:
        return None
    through = [n for n, session in enumerate(solved.problem.sessions) if below(session.id)]
    return [float(solved.plan.power_kw[through, slot].sum()) for slot in range(slots)]
