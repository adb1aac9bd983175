"""A made city's charging market, by seed: sites, piles, users, sessions. Synthetic: no figure was measured in Rizhao.

What shapes it: kinds of sites with their hours and habits, weekends and public holidays, a summer at the sea, growth,
and users who move to cheap hours. An hour draws arrivals in proportion to habit x (price / mean price)^-response, with
the day's total kept: users shift in time, they do not charge more. All numbers of `KINDS` are assumptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Hours = NDArray[np.float64]
LABEL = "synthetic"
"""Begins every id that is written."""
CENTRE_DEG = (119.46, 35.42)
SPREAD_DEG = 0.06
SUMMER = (7, 8)
SESSIONS_A_DAY = 3.0
"""For each connector, in the first days."""
GROWTH_A_YEAR = 0.25
USERS_PER_CONNECTOR = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of site. `morning`, `noon`, `evening`, `night`: shares of its arrivals around 8, 13, 19 and 23 o'clock."""

    name: str
    share: float
    morning: float
    noon: float
    evening: float
    night: float
    weekend: float
    holiday: float
    summer: float
    rated_kw: tuple[float, ...]
    response: float


KINDS = (
    Kind("residential", 0.30, 0.10, 0.15, 0.35, 0.40, 1.10, 1.05, 1.0, (7.0, 7.0, 30.0), 0.5),
    Kind("office", 0.20, 0.50, 0.30, 0.15, 0.05, 0.35, 0.25, 1.0, (7.0, 60.0), 0.2),
    Kind("shopping", 0.20, 0.10, 0.40, 0.45, 0.05, 1.35, 1.40, 1.1, (60.0, 120.0), 0.2),
    Kind("taxi", 0.15, 0.15, 0.40, 0.20, 0.25, 1.00, 0.90, 1.0, (120.0, 180.0), 0.8),
    Kind("motorway", 0.08, 0.25, 0.40, 0.30, 0.05, 1.40, 2.20, 1.3, (120.0, 180.0), 0.0),
    Kind("seaside", 0.07, 0.15, 0.45, 0.35, 0.05, 1.60, 2.00, 2.5, (60.0, 120.0), 0.1),
)
BATTERIES_KWH = (32.0, 45.0, 60.0, 75.0, 100.0)


@dataclass(frozen=True, slots=True)
class Site:
    """One site of equal connectors; degrees WGS-84."""

    id: str
    kind: Kind
    longitude_deg: float
    latitude_deg: float
    connectors: int
    rated_kw: float


@dataclass(frozen=True, slots=True)
class User:
    """One driver, of one site's neighbourhood."""

    id: str
    battery_kwh: float


@dataclass(frozen=True, slots=True)
class MadeSession:
    """One session, times local and without a zone."""

    site: Site
    connector: int
    user: User
    start: datetime
    end: datetime
    energy_kwh: float
    fee_yuan: float


@dataclass(frozen=True, slots=True)
class Market:
    """What the city's energy costs and which days are worked."""

    prices: Callable[[date], Hours]
    """24 prices in yuan per kWh."""
    is_working_day: Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class City:
    """All of it, sessions by begin within each site."""

    first: date
    days: int
    sites: tuple[Site, ...]
    users: tuple[User, ...]
    sessions: tuple[MadeSession, ...]
    market: Market


def city(seed: int, first: date, days: int, sites: int, market: Market) -> City:
    """The same seed and arguments make the same city; raises ValueError for no days or no sites."""
    if days < 1 or sites < 1:
        raise ValueError("a city needs a day and a site at least")
    rng = np.random.default_rng(seed)
    made = tuple(_site(rng, number) for number in range(1, sites + 1))
    users: list[User] = []
    sessions: list[MadeSession] = []
    for site in made:
        own = [
            User(f"{LABEL}-user-{len(users) + place:06d}", float(rng.choice(BATTERIES_KWH)))
            for place in range(1, site.connectors * USERS_PER_CONNECTOR + 1)
        ]
        users += own
        sessions += _sessions(rng, site, own, first, days, market)
    return City(first, days, made, tuple(users), tuple(sessions), market)


def _site(rng: Generator, number: int) -> Site:
    kind = KINDS[int(rng.choice(len(KINDS), p=[kind.share for kind in KINDS]))]
    longitude_deg, latitude_deg = (float(rng.normal(centre, SPREAD_DEG)) for centre in CENTRE_DEG)
    connectors = int(rng.integers(4, 17))
    return Site(
        f"{LABEL}-{number:03d}", kind, longitude_deg, latitude_deg, connectors, float(rng.choice(kind.rated_kw))
    )


def arrivals(site: Site, day: date, first: date, market: Market) -> Hours:
    """The arrivals to be expected in each hour of a day."""
    kind = site.kind
    hours = np.arange(24)
    habit = np.full(24, 0.05 / 24)
    for at, share in ((8, kind.morning), (13, kind.noon), (19, kind.evening), (23, kind.night)):
        away = np.minimum(np.abs(hours - at), 24 - np.abs(hours - at))
        habit = habit + share * np.exp(-((away / 2.0) ** 2) / 2) / 5.0
    prices = market.prices(day)
    drawn = habit * (prices / prices.mean()) ** -kind.response
    total = SESSIONS_A_DAY * site.connectors * (1 + GROWTH_A_YEAR) ** ((day - first).days / 365)
    if not market.is_working_day(day):
        total *= kind.weekend if day.weekday() >= 5 else kind.holiday
    if day.month in SUMMER:
        total *= kind.summer
    expected: Hours = total * drawn / drawn.sum()
    return expected


def _sessions(
    rng: Generator, site: Site, users: list[User], first: date, days: int, market: Market
) -> list[MadeSession]:
    """Who finds every connector taken drives on."""
    midnight = datetime.combine(first, datetime.min.time())
    free_at = [midnight] * site.connectors
    found = []
    for day in (first + timedelta(days=n) for n in range(days)):
        prices = market.prices(day)
        counts = rng.poisson(arrivals(site, day, first, market))
        moments = np.sort(np.repeat(np.arange(24), counts) * 60 + rng.integers(0, 60, int(counts.sum())))
        for minute in moments:
            start = datetime.combine(day, datetime.min.time()) + timedelta(minutes=int(minute))
            user = users[int(len(users) * rng.random() ** 2)]
            energy_kwh = round(user.battery_kwh * float(rng.uniform(0.2, 0.7)), 2)
            power_kw = site.rated_kw * float(rng.uniform(0.5, 0.9))
            end = start + timedelta(minutes=int(np.ceil(energy_kwh / power_kw * 60)))
            connector = next((place for place, at in enumerate(free_at) if at <= start), None)
            if connector is None or end > midnight + timedelta(days=days):
                continue
            free_at[connector] = end
            fee_yuan = round(energy_kwh * float(prices[start.hour]), 2)
            found.append(MadeSession(site, connector + 1, user, start, end, energy_kwh, fee_yuan))
    return found


def hourly(made: City) -> tuple[Hours, Hours]:
    """kWh and charging hours by hour and site: each session spread evenly over its time."""
    place = {site.id: column for column, site in enumerate(made.sites)}
    energy_kwh = np.zeros((made.days * 24, len(made.sites)))
    busy_h = np.zeros_like(energy_kwh)
    midnight = datetime.combine(made.first, datetime.min.time())
    for session in made.sessions:
        begin = (session.start - midnight).total_seconds() / 3600
        end = (session.end - midnight).total_seconds() / 3600
        hours = np.arange(int(begin), int(np.ceil(end)))
        inside = np.minimum(hours + 1, end) - np.maximum(hours, begin)
        busy_h[hours, place[session.site.id]] += inside
        energy_kwh[hours, place[session.site.id]] += session.energy_kwh * inside / (end - begin)
    return energy_kwh, busy_h
