"""What a cleared event becomes: a limit on its feeder, or a wish for more load that the plan heeds.

A limit enters by the one door for limits, so the lowest still counts; it leaves floors, base load and what cars of
drivers need who declined alone, and tells by how much it misses the target for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from csms.charging.feeder import FeederTree
from csms.model.limit import Block
from csms.model.response import Kind, Method, ResponseEvent
from csms.response.baseline import Baseline, TooFew
from csms.response.loads import QUARTER


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a limit: `code` is empty when it holds."""

    limit_id: str
    code: str = ""
    text: str = ""


class Limits(Protocol):
    """The one door for limits, as a source of its own (csms.grid.service, by way of csms.app)."""

    async def hold(self, event_id: str, feeder_id: str, blocks: Sequence[Block], until: datetime) -> Held:
        """Cap a feeder; raises StoreUnavailable."""
        ...

    async def release(self, event_id: str, feeder_id: str) -> None:
        """Take it back; raises StoreUnavailable."""
        ...


class Charging(Protocol):
    """What charging knows."""

    def floors_w(self, feeder_id: str) -> int:
        """What the stations under a feeder may draw whatever is ordered."""
        ...

    async def of_cars(self, event: ResponseEvent, apart: frozenset[int], least_w: float) -> tuple[float, float] | None:
        """(W, yuan per kWh) that the cars can change, but for sessions `apart`, and without going below `least_w` with
        all of the load; None when none is there or the plan does not reach so far.
        """
        ...

    async def kept_w(self, event: ResponseEvent, apart: frozenset[int]) -> Sequence[float]:
        """By quarter-hour of the event what sessions that take no part are to draw above their floors."""
        ...


class Dispatch:
    """Carries events out."""

    def __init__(self, tree: FeederTree, limits: Limits, charging: Charging) -> None:
        self._tree, self._limits, self._charging = tree, limits, charging

    def least_w(self, feeder_id: str, at: datetime) -> float:
        """What always remains: the base load with the floors of the stations, or the lowest cap of the contract."""
        kept_w = self._tree.base_load_w(feeder_id, at) + self._charging.floors_w(feeder_id)
        return float(max(self._tree.feeder(feeder_id).lowest_cap_w, kept_w, 0))

    def needs_baseline(self, event: ResponseEvent) -> bool:
        """Whether it cannot be carried out without one."""
        return event.invitation.kind is Kind.SHAVE and event.invitation.feeder_id in self._tree

    async def carry_out(
        self, event: ResponseEvent, found: Baseline | TooFew | None, now: datetime, apart: frozenset[int] = frozenset()
    ) -> Any:
        """What there is to say of it, plain; None: nothing yet. `apart`: sessions whose needs the limit leaves alone.
        Raises StoreUnavailable.
        """
        asked = event.invitation
        told: dict[str, Any] = {"at": now.isoformat(), "code": "", "text": "", "limit_id": "", "short_kw": 0.0}
        if asked.feeder_id not in self._tree:
            return told | {"code": "unknown_feeder", "text": f"there is no feeder {asked.feeder_id} any more"}
        if asked.kind is Kind.FILL:
            steered = asked.feeder_id in self._tree.roots
            return told | {"steered": steered}
        if not isinstance(found, Baseline):
            waits = isinstance(found, TooFew) and found.method is Method.PRE15MIN and now < asked.start + QUARTER
            return None if waits or found is None else told | {"code": "too_few_days", "text": too_few(found)}
        kept_w = await self._charging.kept_w(event, apart) if apart else ()
        blocks, short_w = self._blocks(event, found, kept_w)
        held = await self._limits.hold(asked.id, asked.feeder_id, blocks, asked.end)
        caps = [[block.start.isoformat(), block.power_w / 1000] for block in blocks]
        told |= {"code": held.code, "text": held.text, "limit_id": held.limit_id, "short_kw": round(short_w / 1000, 3)}
        return told | {"caps_kw": caps, "method": found.method.value}

    async def take_back(self, event_id: str, feeder_id: str, limit_id: str) -> None:
        """Its limit ends. Raises StoreUnavailable."""
        if limit_id:
            await self._limits.release(event_id, feeder_id)

    def _blocks(self, event: ResponseEvent, found: Baseline, kept_w: Sequence[float]) -> tuple[list[Block], float]:
        """Caps by quarter-hour, and by how much the target cannot be reached in the worst of them."""
        start, blocks, short_w = event.invitation.start, list[Block](), 0.0
        for n, usual_load_w in enumerate(found.load_w):
            wanted_w = usual_load_w - event.target_w
            kept = kept_w[n] if n < len(kept_w) else 0.0
            cap_w = max(wanted_w, self.least_w(event.invitation.feeder_id, start + QUARTER * n) + kept)
            short_w = max(short_w, cap_w - wanted_w)
            if not blocks or blocks[-1].power_w != int(cap_w):
                blocks.append(Block(start + QUARTER * n, int(cap_w)))
        return blocks, short_w


class Fills:
    """Events that ask for more load, as wishes for the planner (csms.charging.planner.Urges).

    In its hours the base load of the tree counts as lower by what is asked for, so charging is moved there as far as
    caps and cars allow; `share` on top, because the rest of the day comes down meanwhile.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._events: tuple[ResponseEvent, ...] = ()
        self._told: list[tuple[str, int, bool]] = []

    def take(self, events: Iterable[ResponseEvent], now: datetime) -> bool:
        """These are all; whether that changes anything for the plan: a new one, one that begins or that is over."""
        told = self._told
        alive = (one for one in events if one.taken and now < one.invitation.end)
        self._events = tuple(one for one in alive if one.invitation.kind is Kind.FILL)
        self._told = [(one.invitation.id, one.target_w, one.invitation.start <= now) for one in self._events]
        return told != self._told

    def urge_w(self, feeder_id: str, at: datetime) -> int:
        """How much more load is wanted at a root feeder at a moment."""
        wanted = (
            one.target_w
            for one in self._events
            if one.invitation.feeder_id == feeder_id and one.invitation.start <= at < one.invitation.end
        )
        return round(self._share * sum(wanted))


def too_few(found: TooFew) -> str:
    """In words, with the numbers."""
    if found.method is Method.PRE15MIN:
        return "the load of the quarter-hour before the event is not known"
    passed = f"; not known: {', '.join(day.isoformat() for day in found.passed[:10])}" if found.passed else ""
    return f"{found.method.value} needs {found.needed} days, {found.found} are known{passed}"
