"""A sound world for the rules of physics: sessions with registers, power, charge, states and money, as meters tell.

It knows nothing of the rules. What it does not idealise: coarse registers, noise of power, meters that disagree by
parts of a percent, jitter, lost samples, tapering, pauses, charge rounded and corrected by a point, fees rounded by
part.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.random import Generator

from monitor.governance.facts import Facts, Floats, Orders, Samples, Status, Statuses, facts, table

BEGIN_S = 1_767_196_800.0
DAY_S = 86_400.0
ORDER_COLUMNS = (
    "key", "operator", "station", "connector", "start_s", "end_s", "energy_wh", "meter_start_wh", "meter_stop_wh",
    "rated_w", "capacity_wh", "fee_yuan", "price_yuan_per_kwh", "periods",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pile:
    """One connector and its habits."""

    station: int
    connector: int
    direct: bool
    rated_w: float
    interval_s: float
    step_wh: float
    gain: float
    """Power reading / true power."""


@dataclass(slots=True)
class Session:
    """One order with its samples and states; the planter changes it. `label` names what was planted."""

    pile: Pile
    key: int
    start_s: float
    end_s: float
    at_s: Floats
    power_w: Floats
    register_wh: Floats
    soc_percent: Floats
    energy_wh: float
    meter_start_wh: float
    meter_stop_wh: float
    capacity_wh: float
    fee_yuan: float
    price_yuan_per_kwh: float
    periods: int
    states: list[tuple[float, Status]] = field(default_factory=list)
    label: str = ""
    size: float = 0.0
    effect: float = 0.0
    """In thresholds of the kind: 1 is at the threshold."""


def piles(rng: Generator, stations: int, each: int) -> list[Pile]:
    """Half of the stations direct current."""
    found = []
    for station in range(stations):
        direct = station % 2 == 0
        rated_w = float(rng.choice([60_000, 120_000, 180_000] if direct else [7_000, 11_000, 22_000]))
        for _ in range(each):
            found.append(
                Pile(
                    station,
                    len(found),
                    direct,
                    rated_w,
                    float(rng.choice([15, 30, 60] if direct else [30, 60, 300])),
                    float(rng.choice([1, 10, 100])),
                    1 + float(rng.normal(0, 0.004)),
                )
            )
    return found


def world(seed: int, stations: int = 16, each: int = 8, days: int = 30) -> list[Session]:
    """Sessions by connector and time; about 3 a day for each connector."""
    rng = np.random.default_rng(seed)
    sessions: list[Session] = []
    for pile in piles(rng, stations, each):
        at_s = BEGIN_S + float(rng.uniform(0, DAY_S / 4))
        register_wh = float(rng.integers(0, 1_000_000))
        while at_s < BEGIN_S + days * DAY_S:
            share = float(rng.uniform(0.45, 1.02))
            duration_s = float(rng.uniform(900, 4200) if pile.direct else rng.uniform(3600, 18_000))
            energy_wh = pile.rated_w * share * duration_s / 3600 * float(rng.uniform(0.55, 0.9))
            sessions.append(charge(rng, pile, len(sessions), at_s, duration_s, energy_wh, share, register_wh))
            register_wh = float(sessions[-1].register_wh[-1])
            at_s += duration_s + 120 + float(rng.exponential(DAY_S / 3.4))
    return sessions


def charge(
    rng: Generator,
    pile: Pile,
    key: int,
    start_s: float,
    duration_s: float,
    energy_wh: float,
    share: float,
    from_wh: float,
) -> Session:
    """A session: full power, perhaps a pause, a taper that ends when the energy is in the car, then nothing."""
    fine_s = np.linspace(0, duration_s, max(200, int(duration_s / 15)))
    top_w = pile.rated_w * share
    shape = np.minimum(1.0, fine_s / 20)
    if rng.random() < 0.05:
        begin = rng.uniform(0.2, 0.5) * duration_s
        shape[(fine_s > begin) & (fine_s < begin + 0.1 * duration_s)] = 0.0
    taper = rng.uniform(0.5, 1.0) * duration_s
    shape = shape * np.where(fine_s > taper, np.exp(-(fine_s - taper) / (0.25 * duration_s)), 1.0)
    power_w = top_w * shape
    gone_wh = np.r_[0, np.cumsum((power_w[1:] + power_w[:-1]) / 2 * np.diff(fine_s) / 3600)]
    power_w[gone_wh > energy_wh] = 0.0
    gone_wh = np.minimum(gone_wh, energy_wh)
    at = _moments(rng, pile.interval_s, duration_s)
    true_wh = from_wh + np.interp(at, fine_s, gone_wh)
    register_wh = np.floor(true_wh / pile.step_wh) * pile.step_wh
    read_w = np.interp(at, fine_s, power_w) * pile.gain * (1 + rng.normal(0, 0.005, len(at)))
    capacities_wh = np.array([40_000, 60_000, 80_000, 100_000, 160_000, 280_000])
    capacity_wh = float(rng.choice(capacities_wh[capacities_wh > 1.1 * min(energy_wh, 250_000)][:3]))
    soc = _charge_level(rng, pile, np.interp(at, fine_s, gone_wh), capacity_wh)
    begin_wh, end_wh = register_wh[0], register_wh[-1]
    told_wh = round(float(end_wh - begin_wh), -1)
    price = round(float(rng.uniform(0.4, 1.8)), 4)
    periods = int(rng.integers(1, 4))
    parts_yuan = rng.uniform(-0.005, 0.005, periods).sum()
    session = Session(
        pile, key, start_s, start_s + duration_s, start_s + at, read_w, register_wh, soc, told_wh, float(begin_wh),
        float(end_wh), capacity_wh if pile.direct and rng.random() < 0.7 else np.nan,
        round(told_wh / 1000 * price + float(parts_yuan), 2), price, periods,
    )  # fmt: skip
    session.states = _states(rng, session)
    return session


def _moments(rng: Generator, interval_s: float, duration_s: float) -> Floats:
    """Begin and end are told; single samples get lost, never two that follow each other."""
    inner = np.arange(interval_s, duration_s - interval_s / 4, interval_s)
    inner = inner + rng.uniform(-0.1, 0.1, len(inner)) * interval_s
    lost = rng.random(len(inner)) < 0.003
    lost[1:] &= ~lost[:-1]
    return np.r_[0.0, inner[~lost], duration_s]


def _charge_level(rng: Generator, pile: Pile, gone_wh: Floats, capacity_wh: float) -> Floats:
    if not pile.direct:
        return np.full(len(gone_wh), np.nan)
    rise = gone_wh * 0.93 / capacity_wh * 100
    first = rng.uniform(5, max(6.0, 100 - rise[-1])) if rise[-1] < 94 else 5.0
    level = np.floor(first + rise * min(1.0, 94 / max(rise[-1], 1e-9)))
    if rng.random() < 0.1:
        level[rng.integers(0, len(level)) :] -= 1
    return np.clip(level, 0, 100)


def _states(rng: Generator, session: Session) -> list[tuple[float, Status]]:
    start_s, end_s = session.start_s, session.end_s
    told = [(start_s, Status.CHARGING), (end_s, Status.FINISHING), (end_s + 30, Status.AVAILABLE)]
    return told if rng.random() < 0.2 else [(start_s - 25, Status.PREPARING), *told]


def recorded(folder: Path, files: int) -> list[Session]:
    """Real begins, ends and energies of ACN sessions by station; meters and states made for them (7 kW, 60 s)."""
    rows: list[tuple[str, float, float, float]] = []
    for path in sorted(folder.glob("acn_caltech_2019-*.csv.gz"))[:files]:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                begin_s, end_s = (datetime.fromisoformat(row[name]).timestamp() for name in ("arrival", "departure"))
                rows.append((row["station_id"], begin_s, end_s, 1000 * float(row["delivered_energy (kWh)"])))
    rng = np.random.default_rng(7)
    own: dict[str, Pile] = {}
    register_wh: dict[int, float] = {}
    sessions: list[Session] = []
    for name, begin_s, end_s, energy_wh in sorted(rows):
        pile = own.setdefault(
            name, Pile(len(own) // 8, len(own), False, 7_000.0, 60.0, 10.0, 1 + float(rng.normal(0, 0.004)))
        )
        share = float(np.clip(1.7 * energy_wh / (pile.rated_w * (end_s - begin_s) / 3600), 0.5, 1.02))
        from_wh = register_wh.get(pile.connector, 0.0)
        sessions.append(charge(rng, pile, len(sessions), begin_s, end_s - begin_s, energy_wh, share, from_wh))
        register_wh[pile.connector] = float(sessions[-1].register_wh[-1])
    return sessions


def packed(sessions: list[Session]) -> Facts:
    """The sessions as columns."""
    rows = [
        (s.key, s.pile.station // 4, s.pile.station, s.pile.connector, s.start_s, s.end_s, s.energy_wh,
         s.meter_start_wh, s.meter_stop_wh, s.pile.rated_w, s.capacity_wh, s.fee_yuan, s.price_yuan_per_kwh, s.periods)
        for s in sessions
    ]  # fmt: skip
    orders = table(Orders, **dict(zip(ORDER_COLUMNS, zip(*rows, strict=True), strict=True)))
    sizes = [len(s.at_s) for s in sessions]
    samples = table(
        Samples,
        order=np.repeat(np.arange(len(sessions)), sizes),
        connector=np.repeat([s.pile.connector for s in sessions], sizes),
        **{
            name: np.concatenate([getattr(s, name) for s in sessions])
            for name in ("at_s", "register_wh", "power_w", "soc_percent")
        },
    )
    told = [(s.pile.connector, at_s, state) for s in sessions for at_s, state in s.states]
    connector, at_s, state = zip(*told, strict=True)
    return facts(now_s(sessions), orders, samples, table(Statuses, connector=connector, at_s=at_s, status=state))


def now_s(sessions: list[Session]) -> float:
    """A moment after all sound sessions (a planted time in the future is none)."""
    return max(s.end_s for s in sessions if s.label not in ("Q13",)) + 3600
