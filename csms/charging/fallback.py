"""The proportional rule: what everybody gets when there is no plan, or when a cap falls faster than a plan is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from csms.charging.lines import ALL, LinesOf, on_lines, used
from csms.model.ids import EvseRef


class Wish(NamedTuple):
    """What an outlet would like to draw, and the floor it keeps in any case, in W; on so many phases, which are these
    conductors of the feeder."""

    wanted_w: int
    floor_w: int
    path: tuple[str, ...]
    phases: int = 3
    lines: str = ALL

    @property
    def above_w(self) -> int:
        """What it would like above its floor."""
        return max(self.wanted_w - self.floor_w, 0)

    def on_line(self, value_w: int, line: int) -> int:
        """Milliampere of a value on a conductor."""
        return on_lines(value_w, self.phases, self.lines)[line]


def proportional(
    wishes: Mapping[EvseRef, Wish], room_w: Mapping[str, int], lines_ma: LinesOf | None = None
) -> dict[EvseRef, int]:
    """Scale what lies above the floors by the tightest ancestor: floor + (wish − floor) · min(1, room / Σ wish) (B6).

    `room_w` per feeder is what these outlets together may draw, `lines_ma` what they may on each of its conductors.
    Floors are kept even where the room is smaller.
    """
    factor = {id_: _factor([w for w in wishes.values() if id_ in w.path], room) for id_, room in room_w.items()}
    lines = {
        (id_, line): _line_factor([w for w in wishes.values() if id_ in w.path], line, left_ma)
        for id_, triple in (lines_ma or {}).items()
        for line, left_ma in enumerate(triple)
    }
    return {
        ref: _scaled(
            wish,
            [factor[id_] for id_ in wish.path if id_ in factor]
            + [lines[id_, n] for id_ in wish.path if (id_, 0) in lines for n in used(wish.lines)],
        )
        for ref, wish in wishes.items()
    }


def _factor(wishes: Sequence[Wish], room_w: int) -> float:
    return _share(room_w, sum(wish.floor_w for wish in wishes), sum(wish.above_w for wish in wishes))


def _line_factor(wishes: Sequence[Wish], line: int, left_ma: int) -> float:
    floors_ma = sum(wish.on_line(wish.floor_w, line) for wish in wishes)
    return _share(left_ma, floors_ma, sum(wish.on_line(wish.above_w, line) for wish in wishes))


def _share(room: int, floors: int, above: int) -> float:
    return 1.0 if above == 0 else min(1.0, max(room - floors, 0) / above)


def _scaled(wish: Wish, factors: Sequence[float]) -> int:
    return wish.floor_w + int(wish.above_w * min(factors))
