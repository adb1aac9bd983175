"""Our verdict on a frame beside the package's, and the count of how they agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from csms.model.errors import PeerError
from csms.model.station import Protocol
from csms.wire.frames import Call, FrameError, decode
from csms.wire.schemas import Deviation, Validator
from tests.support.deliberate import reason
from tests.support.stock import Stage, Stock, Verdict

Data = str | bytes


@dataclass(slots=True)
class Tally:
    """Messages of one action by outcome; `messages` is the sum of the four that follow it."""

    action: str
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
        names = ("action", "messages", "distinct", "accepted_by_both", "refused_by_both", "tolerated", "other_code")
        tables = {"deliberate": dict(self.deliberate), "deviations": dict(self.deviations)}
        return {name: getattr(self, name) for name in names} | tables


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
        self._stock, self._validator = Stock(protocol), Validator(protocol)

    def tally(self, action: str, messages: Iterable[tuple[str, Data]]) -> Tally:
        """Compare all; raises Disagreement at the first that differs without a name for it."""
        tally, seen = Tally(action), set()
        for kind, data in messages:
            try:
                self._count(tally, data)
            except Disagreement as fault:
                raise Disagreement(f"{action}, {kind} damage: {fault}\n{data[:2000]!r}") from None
            tally.messages += 1
            seen.add(hash(data))
        tally.distinct = len(seen)
        return tally

    def _count(self, tally: Tally, data: Data) -> None:
        stock, ours = self._stock.judge(data), self.ours(data)
        if not self._agree(tally, data, stock, ours.strict):
            name = reason(data, stock, ours.strict)
            if name is None:
                raise Disagreement(f"stock {stock}, ours {ours.strict}")
            tally.deliberate[name] += 1
        elif ours.strict.passes:
            self._same_leniently(ours)
            tally.accepted_by_both += 1
        elif not ours.lenient.passes:
            tally.refused_by_both += 1
        elif not ours.deviations:
            raise Disagreement(f"stock {stock}, ours let it pass without a word")
        else:
            tally.tolerated += 1
            tally.deviations.update({deviation.keyword for deviation in ours.deviations})

    def _same_leniently(self, ours: Ours) -> None:
        if not ours.lenient.passes or ours.deviations:
            raise Disagreement(f"both accept it strictly, ours leniently: {ours}")

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
            deviations = self._validator.check_call(call.action, call.payload, lenient=lenient)
        except PeerError as fault:
            return Verdict(Stage.REFUSED, fault.code), ()
        return Verdict(Stage.ACCEPTED), deviations
