"""An order's energy and money by tariff period, exact to the cent (sections 12.4 and 14.3). Pure.

Energy is split where the price changes, by the register between metered samples; pieces of the same price are joined,
also across midnight, but not across months. There is no deep-valley field: 深谷 counts as valley in the sums, and the
details keep both. At most 32 details: of more the shortest neighbours are joined at their mean price.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from csms.province.envelope import ZONE
from csms.province.records import PERIODS_MAX, ChargeDetail

STEP = Decimal("0.01")
PRICE_STEP = Decimal("0.0001")
ZERO = Decimal(0)
HOUR = timedelta(hours=1)
LEVELS = {"S": "sharp", "P": "peak", "F": "flat", "V": "valley", "D": "deep"}
HOURS_MAX = 24 * 400
"""A session is not split further back than this; none lasts so long."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a kWh costs, yuan. `level`: sharp, peak, flat, valley, deep, or empty; `book`: which month of which price
    list, as different ones are not joined."""

    elec: Decimal
    service: Decimal
    level: str = ""
    book: str = ""


class Prices(Protocol):
    """What a kWh costs when; prices change on the hour of local time."""

    @property
    def constant(self) -> bool:
        """Whether the price never changes."""
        ...

    @property
    def zone(self) -> ZoneInfo:
        """Local time."""
        ...

    def at(self, moment: datetime) -> Price:
        """The price at a moment."""
        ...


@dataclass(frozen=True, slots=True)
class FlatPrice:
    """One price for ever."""

    price: Price
    zone: ZoneInfo = ZONE
    constant: bool = True

    def at(self, moment: datetime) -> Price:
        """The price."""
        return self.price


@dataclass(frozen=True, slots=True)
class HourlyPrices:
    """Prices by level of the hour. `letters` gives the 24 letters of a day and raises ValueError outside the price
    list, where `otherwise` counts; `elec` is the price by letter."""

    name: str
    zone: ZoneInfo
    letters: Callable[[date], str]
    elec: Mapping[str, Decimal]
    service: Decimal
    otherwise: Price
    constant: bool = False

    def at(self, moment: datetime) -> Price:
        """The price of the hour."""
        local = moment.astimezone(self.zone)
        try:
            letter = self.letters(local.date())[local.hour]
        except ValueError:
            return self.otherwise
        return Price(self.elec[letter], self.service, LEVELS[letter], f"{self.name}/{local:%Y-%m}")


@dataclass(frozen=True, slots=True)
class Split:
    """An order by tariff period. `levels`: energy by level; `joined`: details at a mean price are among them."""

    details: tuple[ChargeDetail, ...]
    levels: Mapping[str, Decimal]
    joined: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    start: datetime
    end: datetime
    price: Price
    energy_kwh: Decimal

    @property
    def elec(self) -> Decimal:
        return self.energy_kwh * self.price.elec

    @property
    def service(self) -> Decimal:
        return self.energy_kwh * self.price.service


def split(
    start: datetime,
    end: datetime,
    energy_wh: float,
    prices: Prices,
    drawn: Sequence[tuple[datetime, float]] = (),
) -> Split:
    """`energy_wh` drawn from `start` to `end`; `drawn`: Wh since the start as metered at some moments between."""
    curve = _curve(start, end, energy_wh, drawn)
    pieces = [_piece(curve, since, until, price) for since, until, price in _periods(start, end, prices)]
    levels = _rounded_levels(pieces)
    joined = len(pieces) > PERIODS_MAX
    while len(pieces) > PERIODS_MAX:
        pieces = _join_shortest(pieces)
    return Split(_rounded(pieces), levels, joined)


def _periods(start: datetime, end: datetime, prices: Prices) -> list[tuple[datetime, datetime, Price]]:
    found = [(start, start, prices.at(start))]
    moment = start
    for _ in range(1 if prices.constant else HOURS_MAX):
        moment = end if prices.constant else min(_next_hour(moment, prices.zone), end)
        since, _, price = found[-1]
        found[-1] = (since, moment, price)
        if moment >= end:
            break
        if (later := prices.at(moment)) != price:
            found.append((moment, moment, later))
    since, _, price = found[-1]
    return [*found[:-1], (since, end, price)]


def _next_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """Local hours that begin off the whole UTC hour are right, too."""
    local = moment.astimezone(zone)
    passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment - passed + HOUR


@dataclass(frozen=True, slots=True)
class _Curve:
    times: Sequence[datetime]
    drawn_wh: Sequence[float]

    def at(self, moment: datetime) -> Decimal:
        place = min(max(bisect_right(self.times, moment), 1), len(self.times) - 1)
        before, after = self.times[place - 1], self.times[place]
        span_s = (after - before).total_seconds()
        share = (moment - before).total_seconds() / span_s if span_s else 1.0
        low, high = self.drawn_wh[place - 1], self.drawn_wh[place]
        return Decimal(repr(low + (high - low) * share)) / 1000


def _curve(start: datetime, end: datetime, energy_wh: float, drawn: Sequence[tuple[datetime, float]]) -> _Curve:
    """Never falling and never above the whole: a register that jumped does not make energy negative."""
    times, values = [start], [0.0]
    for moment, value in sorted(drawn):
        if start < moment < end:
            times.append(moment)
            values.append(min(max(value, values[-1]), energy_wh))
    return _Curve([*times, end], [*values, energy_wh])


def _piece(curve: _Curve, since: datetime, until: datetime, price: Price) -> _Piece:
    begun = ZERO if since == curve.times[0] else curve.at(since)
    ended = Decimal(repr(float(curve.drawn_wh[-1]))) / 1000 if until == curve.times[-1] else curve.at(until)
    return _Piece(since, until, price, max(ended - begun, ZERO))


def _join_shortest(pieces: list[_Piece]) -> list[_Piece]:
    """Join the two neighbours that last the shortest time together; energy and money stay exact."""
    spans = [pieces[n + 1].end - pieces[n].start for n in range(len(pieces) - 1)]
    at = spans.index(min(spans))
    one, other = pieces[at], pieces[at + 1]
    energy = one.energy_kwh + other.energy_kwh
    first, second = one.price, other.price
    price = Price(
        (one.elec + other.elec) / energy if energy else first.elec,
        (one.service + other.service) / energy if energy else first.service,
        first.level if first.level == second.level else "",
    )
    return [*pieces[:at], _Piece(one.start, other.end, price, energy), *pieces[at + 2 :]]


def _rounded(pieces: Sequence[_Piece]) -> tuple[ChargeDetail, ...]:
    """Money is that of the rounded energy, for whoever checks a detail has no other; the sums are the exact ones."""
    energies = to_cents([piece.energy_kwh for piece in pieces])
    priced = list(zip(energies, pieces, strict=True))
    elecs = to_cents([energy * piece.price.elec for energy, piece in priced], sum((p.elec for p in pieces), ZERO))
    services = to_cents(
        [energy * piece.price.service for energy, piece in priced], sum((p.service for p in pieces), ZERO)
    )
    return tuple(
        ChargeDetail(
            piece.start,
            piece.end,
            energy,
            piece.price.elec.quantize(PRICE_STEP, ROUND_HALF_UP),
            piece.price.service.quantize(PRICE_STEP, ROUND_HALF_UP),
            elec,
            service,
            piece.price.level,
        )
        for piece, energy, elec, service in zip(pieces, energies, elecs, services, strict=True)
    )


def to_cents(values: Sequence[Decimal], total: Decimal | None = None) -> list[Decimal]:
    """Each rounded to 0.01, down or up, so that they add up to the rounded `total` (their own sum without one): up
    where the most would be lost.
    """
    rounded = [value.quantize(STEP, ROUND_FLOOR) for value in values]
    whole = (sum(values, ZERO) if total is None else total).quantize(STEP, ROUND_HALF_UP)
    lacking = int((whole - sum(rounded, ZERO)) / STEP)
    order = sorted(range(len(values)), key=lambda n: rounded[n] - values[n], reverse=lacking < 0)
    for count in range(abs(lacking)):
        rounded[order[count % len(order)]] += STEP if lacking > 0 else -STEP
    return rounded


def _rounded_levels(pieces: Sequence[_Piece]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for piece in pieces:
        if piece.price.level:
            sums[piece.price.level] = sums.get(piece.price.level, ZERO) + piece.energy_kwh
    return dict(zip(sums, to_cents(list(sums.values())), strict=True)) if sums else {}


def folded(levels: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Without the deep valley, which counts as valley."""
    deep = levels.get("deep")
    rest = {name: value for name, value in levels.items() if name != "deep"}
    return rest if deep is None else rest | {"valley": rest.get("valley", ZERO) + deep}
