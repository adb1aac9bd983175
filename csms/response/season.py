"""A season simulated three ways: charging on arrival, drivers answering the time-of-use tariff, and responses on top.

Each way charges the same cars; what differs is when. Events are bid from the potential of the cars that take part; each
bid is dispatched by the optimiser, measured against the `high5of10` baseline of the season's own earlier days, settled
by the band, and the drivers get the incentive of `optimizer.incentive.best_incentive` for what they moved. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np

from csms.model.response import Method
from csms.response.baseline import Baseline, Calendar, candidates, of_days
from csms.response.season_day import (
    BEGIN_H,
    SLOT_H,
    SLOTS,
    Day,
    base_of,
    by_hour,
    cars_of,
    dispatched,
    on_arrival,
    planned,
    promise_kw,
    takes_part,
)
from csms.response.season_scenario import Scenario, ScenarioInvalid
from optimizer.arrays import FloatArray
from optimizer.incentive import Design, Response, best_incentive
from optimizer.models.tariff import Tariff
from optimizer.response import settlement

WAYS = ("on_arrival", "tariff", "response")
BID_MIN_KW = 1.0
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Tally:
    """Sums of one way. `unserved_kwh`: what the cap took from cars; `over_cap_h`: hours above it."""

    energy_kwh: float = 0.0
    unserved_kwh: float = 0.0
    cost: float = 0.0
    carbon_kg: float = 0.0
    peak_kw: float = 0.0
    event_hours_kwh: float = 0.0
    over_cap_h: float = 0.0
    daily_peaks_kw: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """An event. `promised_kw`: potential; `delivered_kw`: least fall against the plan without the event; `ratio` and
    what follows: as measured against the baseline. `why`: it was not held.
    """

    day: date
    why: str = ""
    promised_kw: float = 0.0
    bid_kw: float = 0.0
    delivered_kw: float = 0.0
    moved_kwh: float = 0.0
    incentive: float = 0.0
    taking_part: float = 0.0
    ratio: float = 0.0
    credited_kwh: float = 0.0
    pay: float = 0.0
    paid_to_drivers: float = 0.0


@dataclass(frozen=True, slots=True)
class Gains:
    """Who gains, in money: drivers by the tariff, drivers by responses (incentives less dearer hours), the operator
    (pay less incentives). Together they are the saved cost and the pay.
    """

    drivers_tariff: float
    drivers_response: float
    operator: float


@dataclass(frozen=True, slots=True)
class Season:
    """All of it. `wanted_kwh`: what the cars came for; `balance_error`: largest share that energy fails to close by."""

    scenario: Scenario
    ways: dict[str, Tally]
    events: tuple[EventOutcome, ...]
    wanted_kwh: float
    balance_error: float

    @property
    def gains(self) -> Gains:
        """By whom."""
        paid = sum(event.paid_to_drivers for event in self.events)
        cost = {name: tally.cost for name, tally in self.ways.items()}
        return Gains(
            cost["on_arrival"] - cost["tariff"],
            cost["tariff"] - cost["response"] + paid,
            sum(event.pay for event in self.events) - paid,
        )


@dataclass(slots=True)
class _Run:
    """What a season carries from day to day."""

    scenario: Scenario
    tariff: Tariff
    cap_kw: FloatArray
    response: Response
    event: slice
    loads: dict[date, tuple[float, ...]] = field(default_factory=dict)
    held: set[date] = field(default_factory=set)


def simulate(scenario: Scenario, tariff: Tariff, progress: Progress | None = None) -> Season:
    """The season; the same scenario gives the same one. Raises ScenarioInvalid for days outside the tariff."""
    run = _run(scenario, tariff)
    rng = np.random.default_rng(scenario.seed)
    ways = {name: Tally() for name in WAYS}
    events: list[EventOutcome] = []
    wanted, error = 0.0, 0.0
    for number in range(scenario.days):
        today = scenario.first_day + timedelta(days=number)
        day = _day(run, today, rng)
        arrival = on_arrival(day.cars)
        by_tariff = planned(day, arrival, takes_part(day.cars, _share(run, day)), run.cap_kw)
        power = by_tariff
        if today.weekday() in scenario.events.weekdays and number >= scenario.events.first_after_days:
            outcome, power = _event(run, today, day, by_tariff)
            events.append(outcome)
        asked = sum(car.energy_kwh for car in day.cars)
        for name, drawn in zip(WAYS, (arrival, by_tariff, power), strict=True):
            error = max(error, _add(ways[name], run, day, drawn))
        wanted += asked
        run.loads[today] = tuple(1000.0 * (day.base_kw + power.sum(axis=0))[run.event])
        if progress is not None:
            progress(number + 1, scenario.days)
    return Season(scenario, ways, tuple(events), wanted, error)


def _run(scenario: Scenario, tariff: Tariff) -> _Run:
    last = scenario.first_day + timedelta(days=scenario.days)
    if not (tariff.valid_from <= scenario.first_day and last <= tariff.valid_to):
        raise ScenarioInvalid(f"tariff {tariff.id} holds from {tariff.valid_from} to {tariff.valid_to}")
    first = round((scenario.events.start_h - BEGIN_H) / SLOT_H)
    event = slice(first, first + round(scenario.events.hours / SLOT_H))
    drivers = scenario.drivers
    response = Response(drivers.elasticity, drivers.reference, drivers.most)
    return _Run(scenario, tariff, np.full(SLOTS, scenario.site.cap_kw), response, event)


def _day(run: _Run, today: date, rng: np.random.Generator) -> Day:
    begin = datetime.combine(today, time(int(BEGIN_H)), run.tariff.zone)
    price = run.tariff.prices(begin, SLOTS, SLOT_H)
    carbon = by_hour(run.scenario.carbon.kg_per_kwh)
    return Day(cars_of(run.scenario.fleets, rng), base_of(run.scenario, rng), price, carbon)


def _share(run: _Run, day: Day) -> float:
    """Drivers who answer the tariff: what a kWh moved from the dearest to the cheapest hour saves them."""
    return float(run.response.share(float(day.price.max() - day.price.min())))


def _add(tally: Tally, run: _Run, day: Day, power_kw: FloatArray) -> float:
    """Add a day; the share by which what was drawn and what was not served miss what was wanted."""
    charging = power_kw.sum(axis=0) * SLOT_H
    load = day.base_kw + power_kw.sum(axis=0)
    wanted = np.array([car.energy_kwh for car in day.cars])
    missing = np.maximum(wanted - power_kw.sum(axis=1) * SLOT_H, 0.0)
    unserved = float(missing.sum())
    tally.energy_kwh += float(charging.sum())
    tally.unserved_kwh += unserved
    tally.cost += float(charging @ day.price)
    tally.carbon_kg += float(charging @ day.kg_per_kwh)
    tally.peak_kw = max(tally.peak_kw, float(load.max()))
    tally.daily_peaks_kw.append(float(load.max()))
    tally.event_hours_kwh += float(load[run.event].sum()) * SLOT_H
    tally.over_cap_h += float(np.count_nonzero(load > run.cap_kw + 1e-6)) * SLOT_H
    total = float(wanted.sum())
    return abs(float(charging.sum()) + unserved - total) / max(total, 1.0)


def _event(run: _Run, today: date, day: Day, usual_kw: FloatArray) -> tuple[EventOutcome, FloatArray]:
    """What an event comes to, and what the cars then draw."""
    asked, event = run.scenario.events, run.event
    baseline = _baseline(run, today)
    if not isinstance(baseline, Baseline):
        return EventOutcome(today, why="no_baseline"), usual_kw
    design, part = _offer(run, day, usual_kw)
    promised = promise_kw(day, usual_kw, part, run.cap_kw, event)
    bid = np.floor(1000.0 * promised * asked.share) / 1000.0
    if bid < BID_MIN_KW:
        return EventOutcome(today, why="too_little", promised_kw=promised), usual_kw
    power = dispatched(day, usual_kw, part, run.cap_kw, event, bid)
    fall = (usual_kw - power).sum(axis=0)[event]
    moved = float(np.maximum(usual_kw - power, 0.0)[part][:, event].sum()) * SLOT_H
    actual = (day.base_kw + power.sum(axis=0))[event]
    found = settlement(np.array(baseline.load_w) / 1000.0, actual, bid, asked.price, SLOT_H)
    run.held.add(today)
    outcome = EventOutcome(
        today,
        promised_kw=promised,
        bid_kw=float(bid),
        delivered_kw=float(fall.min()),
        moved_kwh=moved,
        incentive=design.incentive,
        taking_part=float(part.mean()) if len(part) else 0.0,
        ratio=float(found.reached),
        credited_kwh=float(found.credited_kwh),
        pay=float(found.payment),
        paid_to_drivers=design.incentive * moved,
    )
    return outcome, power


def _offer(run: _Run, day: Day, usual_kw: FloatArray) -> tuple[Design, np.ndarray]:
    """The incentive that pays best, and who takes part with it; nobody leaves who answers the tariff anyway."""
    movable = float(usual_kw[:, run.event].sum()) * SLOT_H
    spread = max(float(day.price[run.event].mean() - day.price.min()), 0.0)
    design = best_incentive(movable, run.scenario.events.price, spread, run.response)
    share = float(run.response.share(spread + design.incentive))
    return design, takes_part(day.cars, max(share, _share(run, day)))


def _baseline(run: _Run, today: date) -> object:
    calendar = Calendar(run.tariff.days_off, run.tariff.days_worked, frozenset(run.held))
    days: Iterable[date] = candidates(Method.HIGH5OF10, today - timedelta(days=1), today, calendar)
    return of_days(Method.HIGH5OF10, [day for day in days if day in run.loads], run.loads)
