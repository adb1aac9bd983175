"""A day at a site, planned anew each quarter-hour as the server does: who expects the evening's cars serves them.

Six cars stay from 8 to 20 h; from 17 h on the site may draw little, and three more come that leave at 20 h. The
forecast is learned from three weeks of such days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.expectation import is_expected
from csms.charging.feeder import QUARTER_HOUR, Feeder, FeederTree
from csms.charging.learning import Car
from csms.charging.planner import NeedsPolicy, Visit, problem, visit
from csms.model.ids import EvseRef
from csms.model.outlook import Outlook
from csms.model.station import CurrentKind, EvseRating
from csms.station.state import EvseState, Needs, OpenSession
from monitor.forecast.coming import coming_cars
from optimizer import solve

DAY = datetime(2026, 3, 23, tzinfo=UTC)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
TREE = FeederTree([Feeder("T", 40_000)])
EVENING_W = 12_000


@dataclass(frozen=True)
class Stay:
    """A car's day; as a session of the past, too."""

    station_id: str
    started_at: datetime
    ended_at: datetime
    energy_wh: float
    evse_id: int = 1


class Evening:
    """Little from 17 h to 20 h."""

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        return EVENING_W if 17 <= at.hour < 20 else None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        moments = [DAY + timedelta(days=n, hours=hour) for n in (0, 1) for hour in (17, 20)]
        return [moment for moment in moments if since < moment <= until]

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        return EVENING_W


def cars(day: datetime) -> list[Stay]:
    early = [Stay(f"M{n}", day + timedelta(hours=8), day + timedelta(hours=20), 24_000.0) for n in range(6)]
    late = [Stay(f"E{n}", day + timedelta(hours=17), day + timedelta(hours=20), 11_000.0) for n in range(3)]
    return [*early, *late]


def outlook(now: datetime) -> Outlook:
    past = [stay for n in range(1, 22) for stay in cars(DAY - timedelta(days=n))]
    stations = {stay.station_id for stay in past}
    power_w = {(station, 1): 7_360.0 for station in stations}
    told = coming_cars(past, dict.fromkeys(stations, "T"), power_w, now, 132, UTC, lambda _: "day")
    return Outlook(now, now, cars=told)


def served_kwh(forecast: bool) -> dict[str, float]:
    """By first letter of the stations."""
    got = {stay.station_id: 0.0 for stay in cars(DAY)}
    for slot in range(8 * 4, 20 * 4):
        now = DAY + QUARTER_HOUR * slot
        visits = [_visit(stay, got[stay.station_id], now) for stay in cars(DAY) if stay.started_at <= now]
        told = outlook(now) if forecast else None
        asked = problem(visits, TREE, Evening(), "T", now, ({}, {}), 0.02, 0, 0.05, None, told)
        plan = solve(asked)
        for session, kw in zip(asked.sessions, plan.power_kw[:, 0].tolist(), strict=True):
            if is_expected(session.id):
                assert kw == pytest.approx(0.0, abs=1e-6)
            else:
                got[session.id.split("/")[0]] += kw * 0.25
    return {first: sum(kwh for station, kwh in got.items() if station.startswith(first)) for first in "ME"}


def _visit(stay: Stay, got_kwh: float, now: datetime) -> Visit:
    ref = EvseRef(stay.station_id, 1)
    session = OpenSession(1, "tx", ref, 1, stay.started_at, energy_wh=got_kwh * 1000)
    state = EvseState(ref, AC1, session=session, needs=Needs(stay.energy_wh, stay.ended_at))
    return visit(state, session, Car(1), ("T",), 0, NeedsPolicy(), now)


def test_who_expects_the_evening_serves_it() -> None:
    with_it, without = served_kwh(forecast=True), served_kwh(forecast=False)
    assert sum(with_it.values()) > sum(without.values()) + 1.0
    assert with_it["M"] == pytest.approx(6 * 24.0, abs=0.5), "nobody who is there loses by it"
    assert with_it["E"] == pytest.approx(3 * 11.0, abs=0.5)
