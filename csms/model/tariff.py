"""Tariffs that a station calculates with by itself (OCPP 2.1 block I): the structure and its commands.

Prices are in `currency` per kWh, minute or session without tax; dates and times of day are the station's local ones.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from csms.model.charging_profile import Moment
from csms.model.command import Command, EvseNumber
from csms.model.v2x import Transaction

TariffName = Annotated[str, Meta(min_length=1, max_length=60)]
Price = Annotated[float, Meta(gt=-1e9, lt=1e9)]
"""May be negative: there are hours in which a grid pays for being relieved."""
Bound = Annotated[float, Meta(ge=0, lt=1e12)]
Seconds = Annotated[int, Meta(ge=0, lt=2**31)]
TimeOfDay = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: nothing that is not known."""


class TaxRate(_Part, frozen=True):
    """A tax in percent; a higher `stack` is a tax on those below it."""

    type: Annotated[str, Meta(min_length=1, max_length=20)]
    tax: Annotated[float, Meta(ge=0, le=1000)]
    stack: Annotated[int, Meta(ge=0, le=100)] | None = None


TaxRates = Annotated[tuple[TaxRate, ...], Meta(min_length=1, max_length=5)]


class _When(_Part, frozen=True):
    start_time_of_day: TimeOfDay | None = None
    end_time_of_day: TimeOfDay | None = None
    day_of_week: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)] | None = None
    valid_from_date: Day | None = None
    valid_to_date: Day | None = None
    evse_kind: Literal["AC", "DC"] | None = None


class Conditions(_When, frozen=True):
    """When a price counts: all that is given must hold."""

    min_energy_wh: Bound | None = None
    max_energy_wh: Bound | None = None
    min_current_a: Bound | None = None
    max_current_a: Bound | None = None
    min_power_w: Bound | None = None
    max_power_w: Bound | None = None
    min_time_s: Seconds | None = None
    max_time_s: Seconds | None = None
    min_charging_time_s: Seconds | None = None
    max_charging_time_s: Seconds | None = None
    min_idle_time_s: Seconds | None = None
    max_idle_time_s: Seconds | None = None


class FixedConditions(_When, frozen=True):
    """When a fixed fee counts."""

    payment_brand: Annotated[str, Meta(max_length=20)] | None = None
    payment_recognition: Annotated[str, Meta(max_length=20)] | None = None


class EnergyPrice(_Part, frozen=True):
    """For each kWh."""

    price_kwh: Price
    conditions: Conditions | None = None


class TimePrice(_Part, frozen=True):
    """For each minute."""

    price_minute: Price
    conditions: Conditions | None = None


class FixedPrice(_Part, frozen=True):
    """Once."""

    price_fixed: Price
    conditions: FixedConditions | None = None


class EnergyPrices(_Part, frozen=True):
    """Prices of energy; the first whose conditions hold counts."""

    prices: Annotated[tuple[EnergyPrice, ...], Meta(min_length=1, max_length=100)]
    tax_rates: TaxRates | None = None


class TimePrices(_Part, frozen=True):
    """Prices of time."""

    prices: Annotated[tuple[TimePrice, ...], Meta(min_length=1, max_length=100)]
    tax_rates: TaxRates | None = None


class FixedPrices(_Part, frozen=True):
    """Fixed fees."""

    prices: Annotated[tuple[FixedPrice, ...], Meta(min_length=1, max_length=100)]
    tax_rates: TaxRates | None = None


class Cost(_Part, frozen=True):
    """An amount without and with tax."""

    excl_tax: Price | None = None
    incl_tax: Price | None = None
    tax_rates: TaxRates | None = None


class Description(_Part, frozen=True):
    """What the driver reads."""

    content: Annotated[str, Meta(min_length=1, max_length=1024)]
    language: Annotated[str, Meta(max_length=8)] | None = None
    format: Literal["ASCII", "HTML", "URI", "UTF8", "QRCODE"] = "UTF8"


class Tariff(_Part, frozen=True):
    """A tariff; another content gets another `tariff_id`, so that old costs can still be explained (I08.FR.08)."""

    tariff_id: TariffName
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    description: Annotated[tuple[Description, ...], Meta(min_length=1, max_length=10)] | None = None
    valid_from: Moment | None = None
    energy: EnergyPrices | None = None
    charging_time: TimePrices | None = None
    idle_time: TimePrices | None = None
    fixed_fee: FixedPrices | None = None
    reservation_time: TimePrices | None = None
    reservation_fixed: FixedPrices | None = None
    min_cost: Cost | None = None
    max_cost: Cost | None = None


class SetDefaultTariff(Command, frozen=True):
    """Install a tariff for sessions without one of their own, at an EVSE or at all (0)."""

    tariff: Tariff
    evse_id: EvseNumber = 0


class GetTariffs(Command, frozen=True):
    """Ask which tariffs are installed at an EVSE, or at all (0)."""

    evse_id: EvseNumber = 0


class ClearTariffs(Command, frozen=True):
    """Remove the tariffs that match what is given; all, if nothing is."""

    tariff_ids: Annotated[tuple[TariffName, ...], Meta(max_length=100)] = ()
    evse_id: EvseNumber | None = None


class ChangeTransactionTariff(Command, frozen=True):
    """Let a running session go on under another tariff."""

    transaction_id: Transaction
    tariff: Tariff
