"""Faults planted into sound sessions, written from a list of what goes wrong in the field and not from the rules' code.

Each planter changes one session by a size (a share, 0.005 to 0.2) and returns the effect in thresholds of the
specification (1.0 is at the threshold), or 0 when the session does not lend itself to it. The kinds are named by the
rule that has to find them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np
from numpy.random import Generator

from benchmarks.rules_world import Session

Planter = Callable[[Generator, list[Session], int, float], float]
SURE = 99.0
"""The effect of a fault that has no size."""


def plant(sessions: list[Session], seed: int, sizes: tuple[float, ...], each: int) -> list[Session]:
    """`each` faults of every kind and size, none on a session that has one or whose neighbour has one."""
    rng = np.random.default_rng(seed)
    free = set(range(len(sessions)))
    copies: list[Session] = []
    for kind, planter in KINDS.items():
        for size in sizes:
            wanted = each
            for row in map(int, rng.permutation(sorted(free))):
                if not wanted:
                    break
                if {row - 1, row, row + 1} - free:
                    continue
                found = duplicate(rng, sessions, row, copies) if kind == "Q10" else planter(rng, sessions, row, size)
                if found:
                    _label(sessions[row] if kind != "Q10" else copies[-1], kind, size, found)
                    if kind == "Q08":  # nobody can say which of two is wrong
                        _label(sessions[row - 1], kind, size, found)
                    free -= {row - 1, row, row + 1}
                    wanted -= 1
    return sessions + copies


def _label(session: Session, kind: str, size: float, effect: float) -> None:
    session.label, session.size, session.effect = kind, size, effect


def _sign(rng: Generator) -> float:
    return float(rng.choice([-1, 1]))


def _later(sessions: list[Session], row: int, by_wh: float) -> None:
    """Move the register of all sessions after this one on its connector."""
    for session in sessions[row + 1 :]:
        if session.pile is not sessions[row].pile:
            return
        session.register_wh = session.register_wh + by_wh
        session.meter_start_wh += by_wh
        session.meter_stop_wh += by_wh


def _steps(session: Session, wh: float) -> float:
    return round(wh / session.pile.step_wh) * session.pile.step_wh


def energy(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The order tells another energy than the register; half of the fees follow it."""
    session = sessions[row]
    before_wh = session.energy_wh
    session.energy_wh = round(before_wh * (1 + _sign(rng) * size), -1)
    if rng.random() < 0.5:
        session.fee_yuan = round(session.energy_wh / 1000 * session.price_yuan_per_kwh, 2)
    rise_wh = session.meter_stop_wh - session.meter_start_wh
    return abs(session.energy_wh - rise_wh) / max(300.0, 0.025 * rise_wh)


def power(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """A power sensor that is off; the threshold is 5 %, or what a register of 0.1 kWh and the samples can tell.

    Each sudden change of power (begin, end, both ends of a pause) is known to half an interval.
    """
    session = sessions[row]
    if session.meter_stop_wh - session.meter_start_wh < 3000:
        return 0.0
    top_w = session.power_w.max()
    sudden = np.abs(np.diff(session.power_w)) > 0.5 * top_w
    unseen_wh = 100 + np.count_nonzero(sudden) * top_w * session.pile.interval_s / 7200
    session.power_w = session.power_w * (1 + _sign(rng) * size)
    return float(size / max(0.05, unseen_wh / session.energy_wh))


def charge_level(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The state of charge falls by 100 x size points and goes on from there."""
    session = sessions[row]
    points = round(100 * size)
    usable = np.flatnonzero((session.power_w[1:] > 1000) & (session.soc_percent[1:] > 30)) + 1
    if points < 1 or len(usable) < 3:
        return 0.0
    at = int(rng.choice(usable))
    level = session.soc_percent.copy()
    level[at:] -= points
    session.soc_percent = np.maximum(level, 0)
    return float(session.soc_percent[:at].max() - session.soc_percent[at]) / 2.0


def backward(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The register falls by a share of the session's energy: once, or for good."""
    session = sessions[row]
    if len(session.at_s) < 8:
        return 0.0
    by_wh = _steps(session, size * session.energy_wh)
    at = int(rng.integers(2, len(session.at_s) - 2))
    for_good = rng.random() < 0.5
    session.register_wh = session.register_wh.copy()
    rise_wh = session.register_wh[at] - session.register_wh[at - 1]
    session.register_wh[slice(at, None) if for_good else slice(at, at + 1)] -= by_wh
    if for_good:
        session.meter_stop_wh -= by_wh
        session.energy_wh = max(0.0, session.energy_wh - by_wh)
        session.fee_yuan = round(session.energy_wh / 1000 * session.price_yuan_per_kwh, 2)
        _later(sessions, row, -by_wh)
    return max(0.01, (by_wh - rise_wh) / 50.0)


def stuck(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The register stands still for a share of the session; it makes up for it, or the energy is lost."""
    session = sessions[row]
    count = len(session.at_s)
    length = max(1, round(size * count))
    usable = [at for at in range(1, count - length - 1) if session.power_w[at - 1 : at + length + 1].min() > 1000]
    if not usable:
        return 0.0
    at = int(rng.choice(usable))
    register_wh = session.register_wh.copy()
    lost_wh = float(register_wh[at + length - 1] - register_wh[at - 1])
    register_wh[at : at + length] = register_wh[at - 1]
    if rng.random() < 0.5:
        register_wh[at + length :] -= lost_wh
        session.meter_stop_wh -= lost_wh
        session.energy_wh -= lost_wh
        session.fee_yuan = round(session.energy_wh / 1000 * session.price_yuan_per_kwh, 2)
        _later(sessions, row, -lost_wh)
    session.register_wh = register_wh
    power_wh = np.diff(session.at_s) * (session.power_w[1:] + session.power_w[:-1]) / 2 / 3600
    return float(power_wh[at - 1 : at + length - 1].sum()) / 200.0


def nameplate(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """One to three readings above the rated power, or a whole session that really draws it."""
    session = sessions[row]
    count = len(session.at_s)
    if count < 12:
        return 0.0
    target_w = session.pile.rated_w * (1 + size)
    session.power_w = session.power_w.copy()
    if rng.random() < 0.5:
        for at in rng.choice(np.arange(1, count - 1), int(rng.integers(1, 4)), replace=False):
            session.power_w[at] = target_w
        return size / 0.1
    scale = target_w / session.power_w.max()
    more_wh = session.register_wh - session.register_wh[0]
    session.power_w = session.power_w * scale
    session.register_wh = (
        session.register_wh[0] + np.floor(more_wh * scale / session.pile.step_wh) * session.pile.step_wh
    )
    before_wh, session.meter_stop_wh = session.meter_stop_wh, float(session.register_wh[-1])
    session.energy_wh = round(session.meter_stop_wh - session.meter_start_wh, -1)
    session.capacity_wh = np.nan
    session.fee_yuan = round(session.energy_wh / 1000 * session.price_yuan_per_kwh, 2)
    _later(sessions, row, session.meter_stop_wh - before_wh)
    return size / 0.1


def gap(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """Samples in the middle are lost."""
    session = sessions[row]
    count = len(session.at_s)
    length = max(1, round(size * count))
    if count < length + 6:
        return 0.0
    at = int(rng.integers(2, count - length - 2))
    span_s = session.at_s[at + length] - session.at_s[at - 1]
    _keep(session, np.r_[0:at, at + length : count])
    return float(span_s / session.pile.interval_s) / 2.0


def _keep(session: Session, rows: np.ndarray) -> None:
    for name in ("at_s", "power_w", "register_wh", "soc_percent"):
        setattr(session, name, getattr(session, name)[rows])


def overlap(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """An order moved into the one before it."""
    session, before = sessions[row], sessions[row - 1]
    if before.pile is not session.pile or before.label:
        return 0.0
    common_s = size * min(session.end_s - session.start_s, before.end_s - before.start_s)
    by_s = session.start_s - (before.end_s - common_s)
    session.start_s -= by_s
    session.end_s -= by_s
    session.at_s = session.at_s - by_s
    session.states = []
    return common_s


def clock(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The samples' clock is off by 2 h x size."""
    session = sessions[row]
    by_s = 7200 * size
    session.at_s = session.at_s + _sign(rng) * by_s
    return by_s / 360.0


def duplicate(rng: Generator, sessions: list[Session], row: int, copies: list[Session]) -> float:
    """The order arrives twice, the second time with or without samples, sometimes with another end."""
    twin = copy(sessions[row])
    twin.states = []
    if rng.random() < 0.5:
        _keep(twin, np.arange(0))
    if rng.random() < 0.3:
        twin.end_s += 60
    copies.append(twin)
    return SURE


def missing(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """The first or last samples never came; or none did."""
    session = sessions[row]
    count = len(session.at_s)
    length = max(1, round(size * count))
    if count < length + 6:
        return 0.0
    if rng.random() < 0.2:
        _keep(session, np.arange(0))
        return (session.end_s - session.start_s) / session.pile.interval_s / 2
    _keep(session, np.arange(length, count) if rng.random() < 0.5 else np.arange(0, count - length))
    silent_s = max(session.at_s[0] - session.start_s, session.end_s - session.at_s[-1])
    return float(silent_s / session.pile.interval_s) / 2.0


def impossible(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """A clock that fell back to 1970, or one that runs ahead by a day x size."""
    session = sessions[row]
    if rng.random() < 0.5:
        session.end_s = float(rng.uniform(0, 86_400))
        return SURE
    begin_s = max(s.end_s for s in sessions if s.label != "Q13") + 3600 + 86_400 * size - session.end_s
    session.start_s += begin_s
    session.end_s += begin_s
    session.at_s = session.at_s + begin_s
    session.states = []
    return 86_400 * size / 300.0


def orderless(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """20 kWh x size flow before this order without one."""
    session = sessions[row]
    if sessions[row - 1].pile is not session.pile:
        return 0.0
    by_wh = _steps(session, 20_000 * size)
    _later(sessions, row - 1, by_wh)
    return by_wh / 300.0


def money(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """A fee that is off."""
    session = sessions[row]
    by_yuan = round(size * session.fee_yuan, 2)
    session.fee_yuan = round(session.fee_yuan + _sign(rng) * by_yuan, 2)
    return max(0.01, by_yuan / (0.01 * (session.periods + 1) + 0.00005 * session.energy_wh / 1000))


def battery(rng: Generator, sessions: list[Session], row: int, size: float) -> float:
    """A capacity that is not the car's."""
    session = sessions[row]
    rise = session.soc_percent[-1] - session.soc_percent[0]
    if not np.isfinite(session.capacity_wh) or not 15 <= rise < 90:
        return 0.0
    session.capacity_wh *= float(rng.choice([0.5, 2.0]))
    return SURE


KINDS: dict[str, Planter] = {
    "Q01": energy, "Q02": power, "Q03": charge_level, "Q04": backward, "Q05": stuck, "Q06": nameplate, "Q07": gap,
    "Q08": overlap, "Q09": clock, "Q10": lambda *_: SURE, "Q12": missing, "Q13": impossible, "Q14": orderless,
    "Q15": money, "Q16": battery,
}  # fmt: skip
