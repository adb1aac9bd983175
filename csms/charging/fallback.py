"""The proportional rule: what everybody gets when there is no plan, or when a cap falls faster than a plan is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csms.model.ids import EvseRef


@dataclass(frozen=True, slots=True)
class Wish:
    """What an outlet would like to draw, and the floor it keeps in any case, in W."""

    wanted_w: int
    floor_w: int
    path: tuple[str, ...]


def proportional(wishes: Mapping[EvseRef, Wish], room_w: Mapping[str, int]) -> dict[EvseRef, int]:
    """Scale what lies above the floors by the tightest ancestor: floor + (wish − floor) · min(1, room / Σ wish) (B6).

    `room_w` per feeder is what these outlets together may draw. Floors are kept even where the room is smaller.
    """
    factor = {id_: _factor([w for w in wishes.values() if id_ in w.path], room) for id_, room in room_w.items()}
    return {ref: _scaled(wish, [factor[id_] for id_ in wish.path if id_ in factor]) for ref, wish in wishes.items()}


def _factor(wishes: Sequence[Wish], room_w: int) -> float:
    floors_w = sum(wish.floor_w for wish in wishes)
    above_w = sum(max(wish.wanted_w - wish.floor_w, 0) for wish in wishes)
    return 1.0 if above_w == 0 else min(1.0, max(room_w - floors_w, 0) / above_w)


def _scaled(wish: Wish, factors: Sequence[float]) -> int:
    return wish.floor_w + int(max(wish.wanted_w - wish.floor_w, 0) * min(factors))
