"""From the live state of the stations to a problem for the optimiser: 96 quarter-hours from now on.

Objective: ½ L² + π L per slot, L in kWh per slot and π_t = tilt · C · t·Δt with C the highest cap in kWh per slot:
valley filling with a preference for earlier energy, so that cars yet to come find room. An hour later is worth a load
that is higher by `tilt` of the cap.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from csms.charging.account import Draw
from csms.charging.discretise import Ask, Outlet
from csms.charging.expectation import THERE, Coming, as_sessions, coming, counted_w, likely_loads_w
from csms.charging.feeder import QUARTER_HOUR, Caps, FeederTree, usable_w
from csms.charging.learning import Car
from csms.charging.ledger import Ledger
from csms.charging.lines import NOMINAL_V, NONE, plus
from csms.charging.traits import NOTHING_KNOWN
from csms.charging.traits import outlet as outlet_of
from csms.model.ids import EvseRef
from csms.model.outlook import Outlook
from csms.station.state import EvseState, OpenSession
from firmware_profiles import Limits
from optimizer.arrays import FloatArray
from optimizer.conductors import Conductors
from optimizer.problem import EvSession, Feeder, Problem
from optimizer.rounding import laxity_h

SLOTS = 96
SLOT_H = 0.25
KWH = SLOT_H / 1000
"""Of a watt in a slot."""
Reserved = tuple[Mapping[str, Draw], Mapping[str, Draw]]
"""By feeder, soon and later."""

SATISFIED_WH = 50.0
"""A session that lacks less than this has what it wanted."""
REST_H = 1.0
"""What the least power delivers in this time is a small rest."""
OVERDUE_STAY = timedelta(hours=1)
"""A car that stays past its departure is planned as if it left in an hour, again and again."""


class Firsts(Protocol):
    """Who is served before the others (csms.response.driver_desk)."""

    def first(self, session_id: int) -> bool:
        """Whether this session is."""
        ...


class Urges(Protocol):
    """Who wishes for more load at times (csms.response.dispatch.Fills)."""

    def urge_w(self, feeder_id: str, at: datetime) -> int:
        """By how much more load is wanted at a root feeder at a moment."""
        ...


@dataclass(frozen=True, slots=True)
class NeedsPolicy:
    """What to assume of a driver who said nothing; a car of unknown need always lacks `unknown_rest_wh` at least."""

    energy_wh: float = 40_000.0
    stay_s: float = 4 * 3600.0
    unknown_rest_wh: float = 3_000.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One running session as planning sees it; powers in W as they count against caps."""

    ref: EvseRef
    session_id: int
    transaction_id: str
    outlet: Outlet
    path: tuple[str, ...]
    remaining_wh: float
    departure: datetime
    power_max_w: float
    idle: bool = False

    @property
    def wants(self) -> bool:
        """Whether it lacks energy."""
        return self.remaining_wh > SATISFIED_WH


def visit(
    evse: EvseState,
    session: OpenSession,
    car: Car,
    path: tuple[str, ...],
    floor_w: int,
    policy: NeedsPolicy,
    now: datetime,
    limits: Limits = NOTHING_KNOWN,
) -> Visit:
    """A session with what its driver said, else what the policy assumes, and what metering told of its car."""
    outlet = outlet_of(evse.rating, min(car.phases or evse.rating.phases, evse.rating.phases), floor_w, limits)
    known_max_w = car.power_max_w if car.power_max_w is not None else math.inf
    return Visit(
        ref=evse.ref,
        session_id=session.session_id,
        transaction_id=session.transaction_id,
        outlet=outlet,
        path=path,
        remaining_wh=_remaining_wh(evse, session, policy),
        departure=_departure(evse, session, policy, now),
        power_max_w=min(known_max_w, float(outlet.most_w)),
        idle=car.idle,
    )


def _remaining_wh(evse: EvseState, session: OpenSession, policy: NeedsPolicy) -> float:
    if evse.needs.energy_wh is not None:
        return max(evse.needs.energy_wh - session.energy_wh, 0.0)
    return max(policy.energy_wh - session.energy_wh, policy.unknown_rest_wh)


def _departure(evse: EvseState, session: OpenSession, policy: NeedsPolicy, now: datetime) -> datetime:
    departure = evse.needs.departure or session.started_at + timedelta(seconds=policy.stay_s)
    return departure if departure > now else now + OVERDUE_STAY


def problem(
    visits: Sequence[Visit],
    tree: FeederTree,
    caps: Caps,
    root: str,
    now: datetime,
    reserved: Reserved,
    reserve_share: float,
    lead_s: float,
    tilt_per_h: float,
    urges: Urges | None = None,
    outlook: Outlook | None = None,
    firsts: Firsts | None = None,
) -> Problem:
    """The valley-filling problem of one root feeder; visits that want nothing are left out.

    `outlook`: what is expected (see `expectation`). The higher load counts against caps, the likely one says where the
    valleys are: the price takes the difference back.

    `urges`: where more load is wanted the base load counts as lower by so much, so charging is drawn there.
    `firsts`: who is served before the others when there is not enough for all.
    `reserved`: what other outlets may draw at each feeder, soon and later; it stands beside the base load. Of the
    feeders below the root those are part of it that the visits could overload.
    """
    slots = [now + QUARTER_HOUR * n for n in range(SLOTS)]
    known_w = [tree.base_loads_w(tree.below(root), at) for at in slots]
    likely_w = known_w if outlook is None else likely_loads_w(outlook, tree, tree.below(root), slots, known_w)
    loads_w = known_w if outlook is None else counted_w(known_w, likely_w)
    to_come = [] if outlook is None else coming(outlook, tree, root, now, SLOTS)

    def cap_kw(feeder_id: str) -> FloatArray:
        return np.array([usable_w(w, reserve_share) for w in _caps_w(tree, caps, feeder_id, slots, lead_s)]) / 1000

    def base_kw(feeder_id: str) -> FloatArray:
        more_w = [part[feeder_id].value_w if feeder_id in part else 0 for part in reserved]
        return np.array([all_w[feeder_id] + more_w[min(n, 1)] for n, all_w in enumerate(loads_w)]) / 1000

    def conductors(feeder_id: str) -> Conductors | None:
        carried_a = tree.feeder(feeder_id).phase_a
        if carried_a is None:
            return None
        more_ma = [part[feeder_id].on_ma if feeder_id in part else NONE for part in reserved]
        even_a = np.array([all_w[feeder_id] for all_w in loads_w]) / (3 * NOMINAL_V)
        base_a = [even_a + [more_ma[min(n, 1)][line] / 1000 for n in range(SLOTS)] for line in range(3)]
        return Conductors(carried_a * (1 - reserve_share), base_a=np.array(base_a), neutral_v=float(NOMINAL_V))

    wanting = [visit for visit in visits if visit.wants]
    tight: dict[str, Feeder] = {}
    for feeder_id, most in _most(wanting, to_come, tree, root).items():
        feeder_cap_kw, feeder_base_kw = cap_kw(feeder_id), base_kw(feeder_id)
        lines = conductors(feeder_id)
        if (feeder_base_kw + most.value_w / 1000 > feeder_cap_kw).any() or _may_overload(lines, most):
            tight[feeder_id] = Feeder(feeder_id, feeder_cap_kw, base_load_kw=feeder_base_kw, conductors=lines)
    caps_kw, rank = cap_kw(root), THERE if to_come else 0
    price = tilt_per_h * float(caps_kw.max()) * SLOT_H * SLOT_H * np.arange(SLOTS, dtype=np.float64)
    price += np.array([likely[root] - counted[root] for likely, counted in zip(likely_w, loads_w, strict=True)]) * KWH
    if urges is not None:
        price -= np.array([urges.urge_w(root, at) for at in slots]) * KWH
    return Problem(
        slot_h=SLOT_H,
        base_load_kw=base_kw(root),
        cap_kw=caps_kw,
        sessions=(
            *(ev_session(visit, now, _first_of(visit.path, tight), rank + _ahead(visit, firsts)) for visit in wanting),
            *as_sessions(to_come, lambda id_: _first_of(tree.path(id_), tight)),
        ),
        price=price,
        feeders=tuple(replace(feeder, parent=_first_of(tree.path(id_)[1:], tight)) for id_, feeder in tight.items()),
        conductors=conductors(root),
    )


def _ahead(visit: Visit, firsts: Firsts | None) -> int:
    return int(firsts is not None and firsts.first(visit.session_id))


def _may_overload(lines: Conductors | None, most: Draw) -> bool:
    if lines is None or lines.base_a is None:
        return False
    most_a = np.asarray(lines.base_a) + np.array(most.on_ma)[:, None] / 1000
    return bool((most_a > np.asarray(lines.cap_a)).any())


def _most(visits: Iterable[Visit], to_come: Iterable[Coming], tree: FeederTree, root: str) -> dict[str, Draw]:
    """What the visits and the cars to come may draw together at each feeder below the root."""
    found: dict[str, Draw] = {}
    for visit in visits:
        most_w = math.ceil(visit.power_max_w)
        for id_ in visit.path[: visit.path.index(root)]:
            _add(found, id_, Draw(most_w, visit.outlet.on_lines(most_w)))
    for one in to_come:
        for id_ in tree.path(one.feeder_id)[:-1]:
            _add(found, id_, one.draw())
    return found


def _first_of(path: Iterable[str], tight: Container[str]) -> str:
    """The nearest feeder that is part of the problem; empty for the root."""
    return next((id_ for id_ in path if id_ in tight), "")


def _caps_w(tree: FeederTree, caps: Caps, feeder_id: str, slots: Sequence[datetime], lead_s: float) -> list[int]:
    """The cap at the beginning of each quarter-hour; a lower one that begins within the lead time counts already."""
    lead = timedelta(seconds=lead_s)
    begins = [slots[0], *sorted(caps.edges(feeder_id, slots[0], slots[-1] + lead))]
    caps_w = [tree.cap_w(feeder_id, caps, at) for at in begins]
    return [min(caps_w[bisect_right(begins, at) - 1 : bisect_right(begins, at + lead)]) for at in slots]


def ev_session(visit: Visit, now: datetime, feeder_id: str = "", priority: int = 0) -> EvSession:
    """Whole quarter-hours until the departure (rounded down, at least one), so that the energy is in before it."""
    slots = math.floor((visit.departure - now) / QUARTER_HOUR)
    return EvSession(
        id=str(visit.ref),
        arrival_slot=0,
        departure_slot=min(max(slots, 1), SLOTS),
        power_max_kw=visit.power_max_w / 1000,
        energy_kwh=visit.remaining_wh / 1000,
        priority=priority,
        power_min_kw=min(visit.outlet.least_w, visit.power_max_w) / 1000,
        feeder=feeder_id,
        lines=visit.outlet.lines,
    )


def asks(
    visits: Iterable[Visit], first_slot_kw: Mapping[str, float], carries_w: Mapping[EvseRef, float], now: datetime
) -> list[Ask]:
    """What goes into the rounding; sessions that can wait for less than one slot must run.

    Who leaves before the first slot is over may take the energy of that slot in the time that is left; a small rest is
    not stretched below the least power, which no pile can give.
    """
    found = []
    for v in visits:
        hours = (v.departure - now) / timedelta(hours=1)
        slack_h = laxity_h(hours, v.remaining_wh / 1000, v.power_max_w / 1000)
        planned_w = first_slot_kw.get(str(v.ref), 0.0) * 1000
        if 0 < hours < SLOT_H:
            planned_w = max(planned_w, v.remaining_wh / hours)
        if v.wants and v.remaining_wh <= v.outlet.least_w * REST_H:
            planned_w = max(planned_w, v.outlet.least_w)
        must_run, carry_w = slack_h < SLOT_H, carries_w.get(v.ref, 0.0)
        found.append(
            Ask(
                ref=v.ref,
                outlet=v.outlet,
                path=v.path,
                planned_w=planned_w,
                power_max_w=v.power_max_w,
                must_run=must_run,
                laxity_h=slack_h,
                # Who must run needs all of its target, whatever it got too much before.
                carry_w=max(carry_w, 0.0) if must_run else carry_w,
                wants=v.wants,
                idle=v.idle,
            )
        )
    return found


def reserved(ledger: Ledger, planned: Iterable[EvseRef], reachable: Callable[[str], bool], now: datetime) -> Reserved:
    """What outlets without a place in the plan may draw at each feeder: soon (ramps over) and later (floors, and the
    rating of those that do not obey)."""
    soon: dict[str, Draw] = {}
    later: dict[str, Draw] = {}
    within = set(planned)
    for account in ledger.accounts:
        ref = account.ref
        if ref in within:
            continue
        settled, lasting = ledger.settled(ref, now, reachable(ref.station_id)), ledger.lasting(ref, now)
        for id_ in account.places:
            _add(soon, id_, settled)
            _add(later, id_, lasting)
    return soon, later


def _add(sums: dict[str, Draw], feeder_id: str, more: Draw) -> None:
    known = sums.get(feeder_id)
    sums[feeder_id] = more if known is None else Draw(known.value_w + more.value_w, plus(known.on_ma, more.on_ma))
