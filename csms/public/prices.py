"""What a kWh costs in the coming hours, and when it costs least. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

HOURS = 24
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourPrice:
    """From `begins_at` on, for an hour: electricity and service together, yuan per kWh. `level`: sharp, peak, flat,
    valley, deep; empty where there is one price at all hours.
    """

    begins_at: datetime
    per_kwh: Decimal
    level: str


PriceAt = Callable[[datetime], tuple[Decimal, str]]
"""A moment → (yuan per kWh, level)."""


def coming_hours(price_at: PriceAt, now: datetime, hours: int = HOURS) -> list[HourPrice]:
    """The running hour and those after it."""
    begin = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [HourPrice(at, *price_at(at)) for at in (begin + HOUR * number for number in range(hours))]
