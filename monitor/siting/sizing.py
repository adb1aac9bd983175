"""How many plugs of which power a site needs: Erlang's waiting formula (M/M/n) in its busiest hour. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

PLUGS_MAX = 200
DC_KW = (20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0, 180.0, 240.0, 360.0, 480.0)
"""Powers that DC piles are sold with."""
AC_KW = (3.5, 7.0, 11.0, 22.0)
AC_MAX_KW = 22.0
"""What an AC plug can give at most: a stay that needs more wants DC."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes in the busiest hour: arrivals an hour, hours that a plug is taken by each."""

    arrivals_per_h: float
    stay_h: float

    @property
    def erlang(self) -> float:
        """Plugs in use if nobody had to wait."""
        return self.arrivals_per_h * self.stay_h


@dataclass(frozen=True, slots=True)
class Size:
    """A site as it would be built. `wait_min`: mean of all who come in the busiest hour (infinite: it overflows);
    `short`: the room at the transformer is less than what the wait asks for."""

    kind: str
    power_kw: float
    plugs: int
    utilisation: float
    wait_min: float
    short: bool

    @property
    def at_limit(self) -> bool:
        """Whether more plugs than are looked at would be needed."""
        return self.plugs >= PLUGS_MAX

    @property
    def load_kw(self) -> float:
        """All plugs at once."""
        return self.plugs * self.power_kw


def waits(plugs: int, erlang: float) -> float:
    """Erlang C: the probability that who comes has to wait; 1 where more comes than can be served."""
    if erlang >= plugs:
        return 1.0
    blocked = 1.0
    for number in range(1, plugs + 1):
        blocked = erlang * blocked / (number + erlang * blocked)
    return plugs * blocked / (plugs - erlang * (1.0 - blocked))


def wait_h(plugs: int, traffic: Traffic) -> float:
    """Mean hours of waiting of all who come."""
    load = traffic.erlang
    return math.inf if load >= plugs else waits(plugs, load) * traffic.stay_h / (plugs - load)


def plugs_for(traffic: Traffic, wait_h_max: float) -> int:
    """The fewest plugs with a mean wait of no more than that; PLUGS_MAX where even those do not do."""
    begin = max(int(traffic.erlang) + 1, 1)
    return next((n for n in range(begin, PLUGS_MAX) if wait_h(n, traffic) <= wait_h_max), PLUGS_MAX)


def standard_power(kind: str, wanted_kw: float) -> float:
    """The nearest power by ratio that piles of a kind are sold with."""
    return min(AC_KW if kind == "ac" else DC_KW, key=lambda power: abs(math.log(power / max(wanted_kw, 0.1))))


def traffic_of(energy_kwh_per_day: float, session_kwh: float, power_kw: float, busiest_share: float) -> Traffic:
    """The busiest hour of a site: its share of the day's energy in sessions that last what their energy takes."""
    return Traffic(energy_kwh_per_day * busiest_share / session_kwh, session_kwh / power_kw)


def size_of(
    energy_kwh_per_day: float,
    kind: str,
    power_kw: float,
    session_kwh: float,
    busiest_share: float,
    wait_h_max: float,
    room_kw: float | None = None,
) -> Size | None:
    """The site for so much energy, cut to the room at the transformer (None: not known); None if no plug fits."""
    traffic = traffic_of(energy_kwh_per_day, session_kwh, power_kw, busiest_share)
    wanted = plugs_for(traffic, wait_h_max)
    fitting = wanted if room_kw is None else min(wanted, int(room_kw / power_kw + 1e-9))
    if fitting < 1:
        return None
    utilisation = min(energy_kwh_per_day / (24.0 * power_kw * fitting), 1.0)
    return Size(kind, power_kw, fitting, utilisation, 60.0 * wait_h(fitting, traffic), fitting < wanted)
