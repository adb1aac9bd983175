"""Our verdict on a frame beside the package's, and the count of how they agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from csms.model.errors import PeerError
from csms.model.station import Protocol
from csms.wire.frames import Call, FrameError, decode
from csms.wire.schemas import Deviation, Validator
from tests.support.constraints import Reach
from tests.support.deliberate import reason
from tests.support.frame_mutations import Data, damaged, valid
from tests.support.stock import Stage, Stock, Verdict

FULL = 10_000
"""Damaged messages of a request from which on each constraint of its schema must have been broken."""
MORE_MAX = 5
"""So many times as many again, where that takes more."""


@dataclass(slots=True)
class Tally:
    """Messages of one action by outcome; `messages` counts damaged ones, the valid ones are apart.

    messages = accepted_by_both + refused_by_both + tolerated + deliberate; `other_code` says of how many of those with
    several faults the package named another one first.
    """

    action: str
    valid: int = 0
    messages: int = 0
    distinct: int = 0
    accepted_by_both: int = 0
    refused_by_both: int = 0
    tolerated: int = 0
    deliberate: Counter[str] = field(default_factory=Counter)
    other_code: int = 0
    deviations: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return asdict(self) | {"deliberate": dict(self.deliberate), "deviations": dict(self.deviations)}


@dataclass(frozen=True, slots=True)
class Ours:
    """Strict verdict, lenient verdict, and what the latter let pass."""

    strict: Verdict
    lenient: Verdict
    deviations: tuple[Deviation, ...] = ()


class Disagreement(AssertionError):
    """A difference that nobody meant."""


class Comparison:
    """Both judges of one version."""

    def __init__(self, protocol: Protocol) -> None:
        self._stock, self.validator = Stock(protocol), Validator(protocol)

    def damaged(self, tally: Tally, messages: Iterable[tuple[str, Data]]) -> None:
        """Compare all; raises Disagreement at the first that differs without a name for it."""
        seen = set()
        for kind, data in messages:
            try:
                self._count(tally, data)
            except Disagreement as fault:
                raise Disagreement(f"{tally.action}, {kind} damage: {fault}\n{data[:2000]!r}") from None
            tally.messages += 1
            seen.add(hash(data))
        tally.distinct += len(seen)

    def valid(self, tally: Tally, messages: Iterable[Data]) -> None:
        """Undamaged messages: both accept each of them."""
        for data in messages:
            stock, ours = self._stock.judge(data), self.ours(data)
            if not (stock.stage is ours.strict.stage is ours.lenient.stage is Stage.ACCEPTED) or ours.deviations:
                raise Disagreement(f"{tally.action}, not damaged: stock {stock}, ours {ours}\n{data[:2000]!r}")
            tally.valid += 1

    def _count(self, tally: Tally, data: Data) -> None:
        stock, ours = self._stock.judge(data), self.ours(data)
        self._hold_lenient_to_strict(ours)
        if not self._agree(tally, data, stock, ours.strict):
            name = reason(data, stock, ours.strict)
            if name is None:
                raise Disagreement(f"stock {stock}, ours {ours.strict}")
            tally.deliberate[name] += 1
        elif ours.strict.passes:
            tally.accepted_by_both += 1
        elif not ours.lenient.passes:
            tally.refused_by_both += 1
        else:
            tally.tolerated += 1
            tally.deviations.update({deviation.keyword for deviation in ours.deviations})

    def _hold_lenient_to_strict(self, ours: Ours) -> None:
        """What is good passes without a deviation; what is not passes with one or not at all."""
        if ours.strict.passes and (not ours.lenient.passes or ours.deviations):
            raise Disagreement(f"good strictly, not so leniently: {ours}")
        if not ours.strict.passes and ours.lenient.passes and not ours.deviations:
            raise Disagreement(f"bad strictly, let pass without a word: {ours}")

    def _agree(self, tally: Tally, data: Data, stock: Verdict, ours: Verdict) -> bool:
        """Same effect, and for a refused request a code that the package could have answered."""
        if stock.stage is Stage.CRASHED:
            return False
        if stock.passes or ours.passes:
            return stock.stage is ours.stage
        if stock.stage is Stage.UNREADABLE or stock.code == ours.code:
            return True
        items = json.loads(data)
        if ours.stage is Stage.UNREADABLE or "Not" in stock.code or ours.code not in self._stock.codes(*items[2:]):
            return False
        tally.other_code += 1
        return True

    def ours(self, data: Data) -> Ours:
        """What the wire room says; any exception but its own two is a bug and goes through."""
        try:
            frame = decode(data)
        except FrameError as fault:
            verdict = Verdict(Stage.UNREADABLE, fault.code)
            return Ours(verdict, verdict)
        if not isinstance(frame, Call):
            return Ours(Verdict(Stage.REPLY), Verdict(Stage.REPLY))
        strict, _ = self._check(frame, lenient=False)
        lenient, deviations = self._check(frame, lenient=True)
        return Ours(strict, lenient, deviations)

    def _check(self, call: Call, *, lenient: bool) -> tuple[Verdict, tuple[Deviation, ...]]:
        try:
            deviations = self.validator.check_call(call.action, call.payload, lenient=lenient)
        except PeerError as fault:
            return Verdict(Stage.REFUSED, fault.code), ()
        return Verdict(Stage.ACCEPTED), deviations


_COMPARISONS: dict[Protocol, Comparison] = {}


def compare(protocol: Protocol, action: str, volume: int) -> dict[str, Any]:
    """The proof for one request: `volume` damaged messages, and a tenth as many valid ones; the row of a report.

    The full proof goes on until each constraint of the schema was broken: there may be hundreds, deep inside.
    """
    judges = _COMPARISONS.setdefault(protocol, Comparison(protocol))
    tally = Tally(action)
    judges.valid(tally, valid(protocol, action, max(volume // 10, 10)))
    reach = Reach(protocol, action)
    judges.damaged(tally, _noted(reach, damaged(protocol, action, volume)))
    for more in range(MORE_MAX):
        if volume < FULL or not reach.missed:
            break
        judges.damaged(tally, _noted(reach, damaged(protocol, action, volume, f"more {more}")))
    return {"version": protocol.value, **tally.row(), "constraints": len(reach.all), "missed": reach.missed}


def _noted(reach: Reach, messages: Iterable[tuple[str, Data]]) -> Iterator[tuple[str, Data]]:
    """The messages, while the reach of those with a damaged payload is noted."""
    for kind, data in messages:
        if kind == "payload":
            reach.add(json.loads(data)[3])
        yield kind, data
