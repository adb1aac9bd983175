"""Floors: what an outlet may draw when nobody speaks to it (grid-limits B2).

Every floor, also that of an idle outlet, is room that no other car can have, because a car may plug in at any moment.
So floors are 6 A or 0, never less than 6 A, and take at most a share of the room at the lowest cap by contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csms.charging.feeder import FeederTree, fits
from csms.charging.lines import ALL, NOMINAL_V, connection_of, minus, on_lines, spare_ma
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

AC_MINIMUM_A = 6.0
"""IEC 61851: a car is offered 0 or at least 6 A."""


@dataclass(frozen=True, slots=True)
class FloorRule:
    """`floor_a` per phase for AC outlets (0 switches floors off); all take at most `share` of the lowest room."""

    floor_a: float = AC_MINIMUM_A
    share: float = 0.25
    reserve_share: float = 0.02

    def __post_init__(self) -> None:
        """Raises ValueError for a floor between 0 and 6 A and for a share outside [0, 1]."""
        if self.floor_a != 0 and self.floor_a < AC_MINIMUM_A:
            raise ValueError(f"a floor is 0 or at least {AC_MINIMUM_A:g} A, not {self.floor_a:g} A")
        if not 0 <= self.share <= 1:
            raise ValueError("floors take a share of the room between 0 and 1")


def assign_floors(
    outlets: Mapping[EvseRef, tuple[EvseRating, str]],
    tree: FeederTree,
    rule: FloorRule,
    kept_w: Mapping[EvseRef, int] | None = None,
    least_w: Mapping[EvseRef, int] | None = None,
    caps_w: Mapping[str, int] | None = None,
) -> dict[EvseRef, int]:
    """Floor per outlet in W, all phases: those in `kept_w` first, then by station and EVSE number while they fit.

    Outlets in `least_w` cannot be told 0, so they get at least that in any case. `caps_w`: the lowest cap of feeders
    where it is another one than in the contract. Invariant I7: at every feeder the sum of all others fits under the
    lowest cap beside the highest base load.
    """
    lowest = caps_w or {}
    left_ma = tree.lowest_lines_ma(rule.reserve_share, rule.share)
    rooms = {id_: tree.lowest_room_w(id_, rule.reserve_share, lowest.get(id_)) for id_ in tree.ids}
    budget = {id_: int(room_w * rule.share) for id_, room_w in rooms.items()}
    used_w: dict[str, int] = dict.fromkeys(tree.ids, 0)
    kept, least = kept_w or {}, least_w or {}
    floors: dict[EvseRef, int] = {}
    for ref in sorted(outlets, key=lambda r: (r not in least, kept.get(r, 0) == 0, r)):
        rating, feeder_id = outlets[ref]
        path = tree.place(feeder_id)
        wanted_w = floor_w(rating, rule.floor_a)
        lines = connection_of(rating, rating.phases)
        spare = spare_ma(lines, path, left_ma)
        light = spare is None or on_lines(wanted_w, rating.phases, ALL)[0] <= max(spare, 0)
        floors[ref] = least.get(ref) or (wanted_w if light and fits(wanted_w, path, used_w, budget) else 0)
        _take(used_w, path, floors[ref])
        for id_ in left_ma.keys() & set(path):
            left_ma[id_] = minus(left_ma[id_], on_lines(floors[ref], rating.phases, lines))
    return floors


def _take(used_w: dict[str, int], path: Sequence[str], watts: int) -> None:
    for id_ in path:
        used_w[id_] += watts


def floor_w(rating: EvseRating, floor_a: float) -> int:
    """The floor of one outlet in W: 0 for DC and for AC outlets that cannot give as much."""
    if rating.kind is CurrentKind.DC or rating.current_max_a < floor_a:
        return 0
    return round(floor_a * NOMINAL_V * rating.phases)
