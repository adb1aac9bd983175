"""The supply tree: feeders with their ratings, base loads and caps, and the room they leave for charging.

Caps hold at every ancestor. Powers are integer watts so that sums are exact; the base curve is by local quarter-hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from typing import Protocol

from csms.charging.base_load import BaseLoads
from csms.charging.lines import ALL, Triple, minus, on_lines

QUARTER_HOUR = timedelta(minutes=15)
QUARTER_HOURS_A_DAY = 96


class Caps(Protocol):
    """Caps from outside on feeders (grid limits)."""

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest cap in force at `at` in watts, None when nobody limits the feeder."""
        ...

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When the cap may change, in (since, until]."""
        ...

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest cap that is ordered for `at` or later, None when nobody limits the feeder."""
        ...


class NoCaps:
    """Nobody limits anything."""

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """None."""
        return None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """None at all."""
        return ()

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Feeder:
    """One node of the supply tree.

    `base_load_w`: other loads right at this node, one value or 96 by quarter-hour of the local day. `lowest_cap_w`: the
    lowest cap that anybody may ever set by contract; 0 when nothing is agreed (then no floor can be promised).
    `phase_a`: what each of its three phases can carry, in ampere; None: currents are not counted here.
    """

    id: str
    rating_w: int
    parent: str = ""
    base_load_w: tuple[int, ...] = (0,)
    lowest_cap_w: int = 0
    phase_a: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a rating that is not positive, a negative load or a curve of another length."""
        if self.rating_w <= 0 or not 0 <= self.lowest_cap_w <= self.rating_w:
            raise ValueError(f"feeder {self.id}: needs a rating above 0 W and a lowest cap between 0 and the rating")
        if len(self.base_load_w) not in (1, QUARTER_HOURS_A_DAY) or min(self.base_load_w) < 0:
            raise ValueError(f"feeder {self.id}: the base load is 1 or {QUARTER_HOURS_A_DAY} values, none negative")
        if self.phase_a is not None and not 0 < self.phase_a < math.inf:
            raise ValueError(f"feeder {self.id}: a phase carries more than 0 A")


class FeederTree:
    """All feeders of the house. Stations without a known feeder hang on the first one, so that they always count.

    Whoever holds the tree sees its changes; a shallow copy stays as it was. `version` counts the changes.
    `other_times`: how far the time was behind before somebody set the clock; curves count by the highest of all.
    """

    def __init__(self, feeders: Iterable[Feeder], zone: tzinfo = UTC) -> None:
        """Raises ValueError for no feeder, a repeated id, an unknown parent or a circle."""
        self.base_loads = BaseLoads()
        self.version = 0
        self.other_times: Sequence[timedelta] = ()
        self._zone = zone
        self._left: dict[str, frozenset[str]] = {}
        self._left_until = datetime.min.replace(tzinfo=UTC)
        self._take(feeders)

    def _take(self, feeders: Iterable[Feeder]) -> None:
        listed = list(feeders)
        known = {feeder.id: feeder for feeder in listed}
        if not listed or len(listed) != len(known):
            raise ValueError("feeders: at least one is needed, each with its own id")
        paths = {feeder.id: _path_of(feeder, known) for feeder in listed}
        self._feeders, self._paths = known, paths
        self.ids = tuple(sorted(known, key=lambda id_: len(paths[id_])))
        """All feeders, parents before children."""
        self.counting = tuple(id_ for id_ in self.ids if known[id_].phase_a is not None)
        """Those that count currents."""
        self._below = {id_: tuple(f for f in known if id_ in paths[f]) for id_ in known}

    def replace(self, feeders: Iterable[Feeder], now: datetime, settle: timedelta) -> None:
        """Other feeders from now on. The base load of what hangs elsewhere now counts for `settle` in both places.

        Raises ValueError as the constructor does; then nothing has changed.
        """
        before, counting = self._below, self._left if now < self._left_until else {}
        self._take(feeders)
        self._left = {
            id_: frozenset(before.get(id_, ())) - set(below) | counting.get(id_, frozenset())
            for id_, below in self._below.items()
        }
        self._left_until = max(self._left_until, now + settle)
        self.version += 1

    def move(self, step: timedelta) -> None:
        """The clock was set on by `step`: what counts in both places does so for as long as before."""
        self.base_loads.move(step)
        if self._left:
            self._left_until = max(self._left_until, self._left_until + step)

    def __contains__(self, feeder_id: object) -> bool:
        return feeder_id in self._feeders

    @property
    def roots(self) -> tuple[str, ...]:
        """Feeders without a parent."""
        return tuple(id_ for id_ in self._feeders if len(self._paths[id_]) == 1)

    @property
    def feeders(self) -> tuple[Feeder, ...]:
        """All nodes in the order they were given in; the first is where stations without a known feeder count."""
        return tuple(self._feeders.values())

    def below(self, feeder_id: str) -> tuple[str, ...]:
        """The feeder and all that hang below it."""
        return self._below[feeder_id]

    def feeder(self, feeder_id: str) -> Feeder:
        """The node; KeyError when there is none."""
        return self._feeders[feeder_id]

    def path(self, feeder_id: str) -> tuple[str, ...]:
        """From the feeder up to its root; KeyError when there is none."""
        return self._paths[feeder_id]

    def place(self, feeder_id: str) -> tuple[str, ...]:
        """The path of a station that says it hangs there; the first feeder's for an unknown id, so that it counts."""
        return self._paths.get(feeder_id) or next(iter(self._paths.values()))

    def base_load_w(self, feeder_id: str, at: datetime) -> int:
        """Base load through this feeder, its own and that of all feeders below: as metered, else by the curve."""
        quarter = self._quarter(at)
        return sum(self._own_w(id_, at, quarter) for id_ in self._through(feeder_id, at))

    def base_loads_w(self, feeder_ids: Iterable[str], at: datetime) -> dict[str, int]:
        """The same through each of several feeders."""
        quarter = self._quarter(at)
        return self.through_w(feeder_ids, at, lambda id_: self._own_w(id_, at, quarter))

    def through_w(self, feeder_ids: Iterable[str], at: datetime, own_w: Callable[[str], int]) -> dict[str, int]:
        """What comes through each of several feeders, if `own_w` is what is drawn right at one."""
        through = {id_: self._through(id_, at) for id_ in feeder_ids}
        right_at = {id_: own_w(id_) for id_ in {*chain.from_iterable(through.values())}}
        return {id_: sum([right_at[below] for below in those]) for id_, those in through.items()}

    def own_load_w(self, feeder_id: str, at: datetime) -> int:
        """Base load right at this feeder: as metered, else by the curve."""
        return self._own_w(feeder_id, at, self._quarter(at))

    def _through(self, feeder_id: str, at: datetime) -> Iterable[str]:
        """Feeders whose own loads come through this one."""
        below = self._below[feeder_id]
        if at < self._left_until and (left := self._left.get(feeder_id)):
            return left.union(below) & self._feeders.keys()
        return below

    def _own_w(self, feeder_id: str, at: datetime, quarter: int) -> int:
        feeder = self._feeders[feeder_id]
        curve_w = _at_quarter(feeder, quarter)
        if self.other_times:
            curve_w = max(curve_w, *(_at_quarter(feeder, self._quarter(at - by)) for by in self.other_times))
        return self.base_loads.own_w(feeder_id, at, curve_w)

    def _quarter(self, at: datetime) -> int:
        local = at.astimezone(self._zone)
        return local.hour * 4 + local.minute // 15

    def base_load_metered(self, feeder_id: str, at: datetime) -> bool:
        """Whether what `base_load_w` says was metered just now: all of it that the curves do not put at nothing or that
        was ever metered.
        """
        loads, below = self.base_loads, (self._feeders[id_] for id_ in self._below[feeder_id])
        loaded = (feeder.id for feeder in below if any(feeder.base_load_w) or loads.metered(feeder.id))
        return all(loads.reading(id_, at) is not None for id_ in loaded)

    def base_load_peak_w(self, feeder_id: str) -> int:
        """The highest base load of the day through this feeder, by the curve."""
        below = [self._feeders[id_] for id_ in self._below[feeder_id]]
        return max(sum(_at_quarter(feeder, q) for feeder in below) for q in range(QUARTER_HOURS_A_DAY))

    def curve_w(self, feeder_id: str, at: datetime) -> int:
        """What the curve says of the load right at this feeder, whatever is metered."""
        return _at_quarter(self._feeders[feeder_id], self._quarter(at))

    def cap_w(self, feeder_id: str, caps: Caps, at: datetime) -> int:
        """Minimum of the rating and whatever caps from outside are in force (grid-limits A3)."""
        rating_w, limit_w = self._feeders[feeder_id].rating_w, caps.cap_w(feeder_id, at)
        return rating_w if limit_w is None else min(rating_w, limit_w)

    def rooms_w(self, caps: Caps, now: datetime, lead_s: float, reserve_share: float) -> dict[str, int]:
        """Per feeder: watts for charging such that cap × (1 − reserve) − base load holds now and for `lead_s` seconds.

        The lead makes a lower cap or a higher base load count before it begins, so that there is time to come down.
        """
        until = now + timedelta(seconds=lead_s)
        loads_w = {at: self.base_loads_w(self.ids, at) for at in [now, *quarter_hours(now, until)]}
        found = {}
        for id_ in self.ids:
            through_w = [(at, all_w[id_]) for at, all_w in loads_w.items()]
            through_w += [(at, self.base_load_w(id_, at)) for at in caps.edges(id_, now, until)]
            found[id_] = min([usable_w(self.cap_w(id_, caps, at), reserve_share) - load_w for at, load_w in through_w])
        return found

    def lines_ma(self, now: datetime, lead_s: float, reserve_share: float) -> dict[str, Triple]:
        """Per feeder that counts currents: milliampere for charging on each phase, now and for `lead_s` seconds.

        The base load is taken to be spread evenly.
        """
        until = now + timedelta(seconds=lead_s)
        return {id_: self._lines_ma(id_, now, until, reserve_share) for id_ in self.counting}

    def _lines_ma(self, feeder_id: str, since: datetime, until: datetime, reserve_share: float) -> Triple:
        base_w = max(self.base_load_w(feeder_id, at) for at in [since, *quarter_hours(since, until)])
        return minus(self._carried_ma(feeder_id, reserve_share), on_lines(base_w, 3, ALL))

    def _carried_ma(self, feeder_id: str, reserve_share: float) -> Triple:
        carried_ma = math.floor((self._feeders[feeder_id].phase_a or 0.0) * 1000 * (1 - reserve_share))
        return carried_ma, carried_ma, carried_ma

    def lowest_lines_ma(self, reserve_share: float, share: float = 1.0) -> dict[str, Triple]:
        """The same beside the highest base load of the day; never negative. `share`: of it."""
        found = {}
        for id_ in self.counting:
            left = minus(self._carried_ma(id_, reserve_share), on_lines(self.base_load_peak_w(id_), 3, ALL))
            shared = int(max(left[0], 0) * share)
            found[id_] = shared, shared, shared
        return found

    def lowest_cap_w(self, feeder_id: str, caps: Caps, now: datetime) -> int:
        """The lowest cap that counts from now on: by contract, or what was ordered below it in an emergency."""
        agreed_w, ordered_w = self._feeders[feeder_id].lowest_cap_w, caps.lowest_w(feeder_id, now)
        return agreed_w if ordered_w is None else min(agreed_w, ordered_w)

    def lowest_room_w(self, feeder_id: str, reserve_share: float, cap_w: int | None = None) -> int:
        """What the lowest cap (of the contract, or `cap_w`) leaves beside the highest base load; never negative."""
        lowest_w = usable_w(self._feeders[feeder_id].lowest_cap_w if cap_w is None else cap_w, reserve_share)
        return max(lowest_w - self.base_load_peak_w(feeder_id), 0)


def _path_of(feeder: Feeder, known: Mapping[str, Feeder]) -> tuple[str, ...]:
    path = [feeder.id]
    while parent := known[path[-1]].parent:
        if parent not in known or parent in path:
            raise ValueError(f"feeder {path[-1]}: its parent {parent!r} is unknown or lies below it")
        path.append(parent)
    return tuple(path)


def _at_quarter(feeder: Feeder, quarter: int) -> int:
    return feeder.base_load_w[quarter % len(feeder.base_load_w)]


def usable_w(cap_w: int, reserve_share: float) -> int:
    """A cap without the share reserved for metering error (grid-limits B8)."""
    return math.floor(cap_w * (1 - reserve_share))


def quarter_hours(since: datetime, until: datetime) -> list[datetime]:
    """The quarter-hours of the clock in (since, until]."""
    first = since - timedelta(minutes=since.minute % 15, seconds=since.second, microseconds=since.microsecond)
    count = (until - first) // QUARTER_HOUR
    return [first + QUARTER_HOUR * n for n in range(1, count + 1)]


def fits(added_w: int, path: Sequence[str], used_w: Mapping[str, int], room_w: Mapping[str, int]) -> bool:
    """Whether `added_w` more fits at every feeder of the path. Nothing added always fits."""
    return added_w <= 0 or all(used_w.get(id_, 0) + added_w <= room_w[id_] for id_ in path)
