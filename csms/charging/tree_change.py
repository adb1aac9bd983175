"""Whether the supply tree may become another one. Refusals carry a code and the numbers behind it. Pure.

The promise to keep is I7: at every feeder the floors of all outlets fit under the lowest cap that may ever be ordered.
What does not fit already is no reason to refuse a change that does not make it worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.lines import NONE, Triple, plus
from csms.model.errors import CsmsError
from csms.model.ids import EvseRef


class TreeRefused(CsmsError):
    """The supply tree cannot be changed like this; `numbers` are what the refusal rests on."""

    code = "tree_refused"

    def __init__(self, code: str, text: str, **numbers: object) -> None:
        super().__init__(text)
        self.code, self.numbers = code, numbers


class UnknownFeeder(TreeRefused):
    """There is no such feeder."""

    def __init__(self, feeder_id: str) -> None:
        super().__init__("unknown_feeder", f"there is no feeder {feeder_id[:64]!r}", feeder_id=feeder_id[:64])


class FeederInUse(TreeRefused):
    """Something still hangs on the feeder, or counts on it."""


@dataclass(frozen=True, slots=True)
class Hanging:
    """An outlet and where it hangs. `floor_w`: the floor that it may be at now, with `on_ma` on each phase; `least_w`:
    the lowest it can have."""

    ref: EvseRef
    feeder_id: str
    floor_w: int
    least_w: int = 0
    on_ma: Triple = NONE

    @property
    def lowered(self) -> Hanging:
        """At the lowest floor that it can have."""
        share = self.least_w / self.floor_w if self.floor_w else 1.0
        first, second, third = (math.ceil(current_ma * share) for current_ma in self.on_ma)
        return replace(self, floor_w=self.least_w, on_ma=(first, second, third))


@dataclass(frozen=True, slots=True)
class Failsafe:
    """What a source's silence leaves for a feeder."""

    source: str
    feeder_id: str
    power_w: int


@dataclass(frozen=True, slots=True)
class Floors:
    """The floors at one feeder against the lowest cap that may be ordered, beside base load and reserve; where currents
    are counted those on its fullest phase, too."""

    feeder_id: str
    floors_w: int
    lowest_cap_w: int
    room_w: int
    stations: tuple[str, ...]
    on_ma: int = 0
    room_ma: int = 0

    @property
    def excess_w(self) -> int:
        """By how much they do not fit."""
        return max(self.floors_w - self.room_w, 0)

    @property
    def excess_ma(self) -> int:
        """By how much they do not fit on one of the phases."""
        return max(self.on_ma - self.room_ma, 0)


@dataclass(frozen=True, slots=True)
class House:
    """The tree with what hangs on it and what is promised."""

    tree: FeederTree
    outlets: Sequence[Hanging]
    failsafes: Sequence[Failsafe]
    reserve_share: float

    def floors(self) -> dict[str, Floors]:
        """How the floors fit at every feeder, parents before children."""
        sums_w = dict.fromkeys(self.tree.ids, 0)
        stations: dict[str, set[str]] = {id_: set() for id_ in sums_w}
        on_ma = dict.fromkeys(self.tree.ids, NONE)
        for outlet in self.outlets:
            for id_ in self.tree.place(outlet.feeder_id) if outlet.floor_w else ():
                sums_w[id_] += outlet.floor_w
                stations[id_].add(outlet.ref.station_id)
                on_ma[id_] = plus(on_ma[id_], outlet.on_ma)
        lowest_w = {id_: self.lowest_cap_w(id_) for id_ in sums_w}
        room_w = {id_: self.tree.lowest_room_w(id_, self.reserve_share, lowest_w[id_]) for id_ in sums_w}
        room_ma = self.tree.lowest_lines_ma(self.reserve_share)
        return {
            id_: Floors(
                id_,
                sums_w[id_],
                lowest_w[id_],
                room_w[id_],
                tuple(sorted(stations[id_])),
                max(on_ma[id_]) if id_ in room_ma else 0,
                room_ma[id_][0] if id_ in room_ma else 0,
            )
            for id_ in sums_w
        }

    def lowest_cap_w(self, feeder_id: str) -> int:
        """The lowest cap that may ever be ordered: by contract, or by a source's silence."""
        agreed_w = self.tree.feeder(feeder_id).lowest_cap_w
        return min([agreed_w, *(one.power_w for one in self.failsafes if one.feeder_id == feeder_id)])

    def above_failsafe(self) -> list[Failsafe]:
        """Values of sources that may go below what is agreed as lowest, and did."""
        return [one for one in self.failsafes if one.power_w < self.tree.feeder(one.feeder_id).lowest_cap_w]


def with_feeder(tree: FeederTree, feeder: Feeder) -> FeederTree:
    """The tree with this feeder new or changed. Raises TreeRefused."""
    feeders = {known.id: known for known in tree.feeders} | {feeder.id: feeder}
    if feeder.parent and feeder.parent not in feeders:
        raise TreeRefused(
            "unknown_parent", f"feeder {feeder.id}: there is no feeder {feeder.parent!r}", parent_id=feeder.parent
        )
    above: list[str] = [feeder.id]
    while parent := feeders[above[-1]].parent:
        if parent in above:
            circle = [*above, parent]
            raise TreeRefused("circle", f"feeders cannot hang in a circle: {' < '.join(circle)}", circle=circle)
        above.append(parent)
    _check_ratings(feeder, feeders)
    return _of(feeders.values(), tree)


def without_feeder(tree: FeederTree, feeder_id: str) -> FeederTree:
    """The tree without a feeder on which nothing hangs. Raises TreeRefused."""
    if feeder_id not in tree:
        raise UnknownFeeder(feeder_id)
    below = [id_ for id_ in tree.below(feeder_id) if id_ != feeder_id]
    if below:
        text = f"feeder {feeder_id}: {', '.join(below)} hang below it; move or remove them first"
        raise FeederInUse("feeder_in_use", text, feeder_id=feeder_id, feeders=below)
    if feeder_id == tree.feeders[0].id:
        text = f"feeder {feeder_id} is where stations count that nobody put anywhere; it stays"
        raise FeederInUse("first_feeder", text, feeder_id=feeder_id)
    return _of((known for known in tree.feeders if known.id != feeder_id), tree)


def check(before: House, after: House) -> None:
    """Raises TreeRefused for what `after` breaks and `before` did not."""
    for failsafe in after.failsafes:
        if failsafe not in before.above_failsafe():
            _check_failsafe(failsafe, after.tree)
    known = before.floors()
    for feeder_id, found in after.floors().items():
        if found.excess_w > (known[feeder_id].excess_w if feeder_id in known else 0):
            raise _too_much(found)
        if found.excess_ma > (known[feeder_id].excess_ma if feeder_id in known else 0):
            raise _too_much_on_a_phase(found)


def _of(feeders: Iterable[Feeder], tree: FeederTree) -> FeederTree:
    made = FeederTree(feeders)
    made.base_loads = tree.base_loads
    return made


def _check_ratings(feeder: Feeder, feeders: Mapping[str, Feeder]) -> None:
    """No feeder is rated above the one that it hangs on."""
    pairs = [(feeder, feeders[feeder.parent])] if feeder.parent else []
    pairs += [(child, feeder) for child in feeders.values() if child.parent == feeder.id]
    for child, parent in pairs:
        if child.rating_w > parent.rating_w:
            text = f"feeder {child.id} is rated {child.rating_w} W, above the {parent.rating_w} W of {parent.id}"
            numbers = {"rating_w": child.rating_w, "parent_id": parent.id, "parent_rating_w": parent.rating_w}
            raise TreeRefused("rating_above_parent", text, feeder_id=child.id, **numbers)


def _check_failsafe(failsafe: Failsafe, tree: FeederTree) -> None:
    feeder = tree.feeder(failsafe.feeder_id)
    if failsafe.power_w < feeder.lowest_cap_w:
        text = (
            f"feeder {feeder.id}: its lowest cap of {feeder.lowest_cap_w} W would be above the {failsafe.power_w} W "
            f"that the silence of {failsafe.source} leaves"
        )
        numbers = {"lowest_cap_w": feeder.lowest_cap_w, "failsafe_w": failsafe.power_w, "source": failsafe.source}
        raise TreeRefused("failsafe_below_lowest_cap", text, feeder_id=feeder.id, **numbers)


def _too_much_on_a_phase(found: Floors) -> TreeRefused:
    floors_a, room_a = found.on_ma / 1000, found.room_ma / 1000
    text = (
        f"feeder {found.feeder_id}: the floors of {', '.join(found.stations[:10])} put {floors_a:g} A on one phase, "
        f"which carries {room_a:g} A beside its base load"
    )
    numbers = {"floors_a": floors_a, "room_a": room_a, "stations": list(found.stations)}
    return TreeRefused("floors_exceed_phase", text, feeder_id=found.feeder_id, **numbers)


def _too_much(found: Floors) -> TreeRefused:
    shown = ", ".join(found.stations[:10]) + (" and others" if len(found.stations) > 10 else "")
    text = (
        f"feeder {found.feeder_id}: the floors of {shown} take {found.floors_w} W together, and the lowest cap that "
        f"may be ordered, {found.lowest_cap_w} W, leaves {found.room_w} W beside its base load"
    )
    return TreeRefused(
        "floors_do_not_fit",
        text,
        feeder_id=found.feeder_id,
        floors_w=found.floors_w,
        lowest_cap_w=found.lowest_cap_w,
        room_w=found.room_w,
        stations=list(found.stations),
    )
